// An emergency policy: one rule, an end, a reason and an author. It has no precedence of its own: isolating
// is one DENY, letting in is one ALLOW.
import { formatDuration } from '../../core/config/values.ts';
import { SallyportError } from '../../core/errors.ts';
import { isSpiffeIdPattern } from '../../core/spiffe-id.ts';
import { ANNOTATION_CHARACTERS_MAX } from '../limits.ts';
import { parseCallers } from '../new/callers.ts';
import type { OperationDraft, PolicyDraft, RuleDraft } from '../new/draft.ts';
import { type Scope, scopeText } from '../new/new-policy.ts';
import { secondsText } from '../new/starters.ts';

/** What every emergency policy has. */
export interface EmergencyTerms {
  readonly ttlMs: number;
  /** `policy.emergencyMax`, milliseconds. */
  readonly ttlMsMax: number;
  readonly reason: string;
  readonly author: string;
  readonly nowMs: number;
  /** Hexadecimal digits that make the name unique. */
  readonly unique: string;
}

/** Isolates workloads: everybody is denied, peers without identity too, but the few of `except`. */
export function isolation(
  to: Scope,
  except: readonly string[],
  terms: EmergencyTerms & { readonly trustDomain: string },
): PolicyDraft {
  const principals = except.map((caller) => principalOf(caller, terms.trustDomain));
  const rule: RuleDraft = {
    from: principals.length === 0 ? [] : [{ notPrincipals: [...new Set(principals)] }],
    to: [],
  };
  return emergency(terms, {
    to,
    action: 'DENY',
    verb: 'isolate',
    rule,
    comments: [
      `Isolates ${scopeText(to)}.`,
      principals.length === 0
        ? 'Everybody is denied, peers without identity too, whatever is allowed elsewhere.'
        : `Everybody is denied, peers without identity too, but ${except.join(', ')}: what others let them.`,
    ],
  });
}

/** Lets callers in. */
export function admission(
  to: Scope,
  callers: string,
  operation: OperationDraft,
  terms: EmergencyTerms & { readonly trustDomain: string },
): PolicyDraft {
  const { sources, text } = parseCallers(callers, terms.trustDomain);
  if (sources.length === 0)
    throw new SallyportError('ERR_POLICY_EMERGENCY', 'an emergency lets nobody in without a name', {
      hint: 'name the callers: NAMESPACE/ACCOUNT, a SPIFFE ID or an IP block',
    });
  return emergency(terms, {
    to,
    action: 'ALLOW',
    verb: 'allow',
    rule: { from: sources, to: Object.keys(operation).length === 0 ? [] : [operation] },
    comments: [`Lets in: ${text}.`, `To: ${scopeText(to)}.`, 'A DENY that matches wins over this.'],
  });
}

interface Parts {
  readonly to: Scope;
  readonly action: 'ALLOW' | 'DENY';
  readonly verb: string;
  readonly rule: RuleDraft;
  readonly comments: readonly string[];
}

function emergency(terms: EmergencyTerms, { to, action, verb, rule, comments }: Parts): PolicyDraft {
  const { ttlMs, ttlMsMax, nowMs, unique } = terms;
  if (ttlMs > ttlMsMax)
    throw refused(
      `it would last longer than ${formatDuration(ttlMsMax)}`,
      'shorten --ttl, or raise policy.emergencyMax',
    );
  const [reason, author] = [told('reason', terms.reason), told('author', terms.author)];
  const ends = secondsText(nowMs + ttlMs);
  // Sorted by name is sorted by time; the digits keep two of one second apart.
  const stamp = secondsText(nowMs).replaceAll(/[-:]/g, '').toLowerCase();
  return {
    comments: [...comments, `Ends by itself at ${ends}.`],
    name: `emergency-${stamp}-${verb}-${unique}`,
    namespace: to.namespace,
    // So that kubectl finds them: -l sallyport.dev/emergency=true.
    labels: { 'sallyport.dev/emergency': 'true' },
    annotations: {
      'sallyport.dev/emergency': 'true',
      'sallyport.dev/expires-at': ends,
      'sallyport.dev/reason': reason,
      'sallyport.dev/author': author,
    },
    action,
    selector: to.labels,
    rules: [rule],
  };
}

function told(what: string, text: string): string {
  if (text.trim() === '') throw refused(`its ${what} is empty`, 'others will ask, at night');
  if (text.length > ANNOTATION_CHARACTERS_MAX)
    throw refused(
      `its ${what} is longer than ${ANNOTATION_CHARACTERS_MAX} characters`,
      'it is logged: shorten it',
    );
  return text;
}

/** Who may still call is named one by one: a pattern would be a hole in the isolation. */
function principalOf(caller: string, trustDomain: string): string {
  const id = caller.startsWith('spiffe://') ? caller : spiffeIdOf(caller, trustDomain);
  if (id === null || id.includes('*') || !isSpiffeIdPattern(id))
    throw refused(`\`${caller}\` is no exact caller`, 'write NAMESPACE/ACCOUNT or a SPIFFE ID, without `*`');
  return id.slice('spiffe://'.length);
}

function spiffeIdOf(caller: string, trustDomain: string): string | null {
  const parts = caller.split('/');
  return parts.length === 2 ? `spiffe://${trustDomain}/ns/${parts[0]}/sa/${parts[1]}` : null;
}

const refused = (message: string, hint: string): SallyportError =>
  new SallyportError('ERR_POLICY_EMERGENCY', message, { hint });
