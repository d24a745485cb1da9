// Values that no caller or request can have: on a DENY they are a hole.
import type { Diagnostic } from '../../core/errors.ts';
import { parseSpiffeId } from '../../core/spiffe-id.ts';
import type { Condition, Matcher, PolicyOptions, Rule } from '../model.ts';
import { isToken } from '../parse-value.ts';
import type { LintName } from './codes.ts';
import { conditionsOf } from './conditions.ts';
import { finding } from './finding.ts';

/** A finding for each value of `rule` that never matches, or not what it seems to. */
export function neverMatching(rule: Rule, options: PolicyOptions): Diagnostic[] {
  const out: Diagnostic[] = [];
  for (const condition of conditionsOf(rule)) {
    for (const matcher of [...condition.values, ...condition.notValues]) {
      if (!('value' in matcher)) continue;
      const why = neverReason(condition, matcher, options);
      if (why === null) continue;
      const written = `${matcher.value}${matcher.kind === 'prefix' ? '*' : ''}`;
      const message = `\`${written}\` in ${condition.name} ${why.message}`;
      out.push(finding(why.code, rule.at, message, { hint: why.hint }));
    }
  }
  return out;
}

interface Why {
  readonly code: LintName;
  readonly message: string;
  readonly hint: string;
}

type TextMatcher = Extract<Matcher, { value: string }>;

function neverReason(condition: Condition, matcher: TextMatcher, options: PolicyOptions): Why | null {
  const never = (message: string, hint: string): Why => ({
    code: 'LINT_POLICY_NEVER_MATCHES',
    message,
    hint,
  });
  const { field } = condition;
  if (field === 'principals' || field === 'source.principal') {
    if (!isPartOfSpiffeId(matcher))
      return never('is part of no SPIFFE ID', 'write `trust-domain/ns/NAMESPACE/sa/ACCOUNT`');
    return shortAliasPrefix(matcher, options);
  }
  if (field === 'trustDomains' || field === 'source.trustDomain')
    return isPartOfSpiffeId({ kind: 'exact', value: matcher.value }) && !matcher.value.includes('/')
      ? null
      : never('is part of no trust domain', 'lower-case letters, digits, `.`, `-` and `_`');
  if (field === 'methods' && !isToken(matcher.value))
    return never('is part of no HTTP method', 'write GET, POST, …');
  if (field === 'hosts' && /[/?#@\s\\]/.test(matcher.value))
    return never('is part of no host', 'write the host alone, or host:port');
  return null;
}

function isPartOfSpiffeId(matcher: TextMatcher): boolean {
  if (matcher.kind === 'prefix') return isSpiffeId(`${matcher.value}x`);
  if (matcher.kind === 'suffix') return isSpiffeId(`x${matcher.value}`);
  return isSpiffeId(matcher.value);
}

function isSpiffeId(text: string): boolean {
  try {
    parseSpiffeId(`spiffe://${text}`);
    return true;
  } catch {
    return false; // the only thing it throws is ERR_SPIFFE_ID
  }
}

/** `cluster.local/ns/x/*` has too few segments to stand for the local trust domain, in Istio as here. */
function shortAliasPrefix(matcher: TextMatcher, options: PolicyOptions): Why | null {
  if (matcher.kind !== 'prefix' || matcher.value.split('/').length === 5) return null;
  const slash = matcher.value.indexOf('/');
  const trustDomain = slash < 0 ? '' : matcher.value.slice(0, slash);
  const stands = trustDomain === 'cluster.local' || options.trustDomainAliases.includes(trustDomain);
  if (!stands || trustDomain === options.localTrustDomain) return null;
  return {
    code: 'LINT_POLICY_ALIAS_PREFIX',
    message: `does not stand for ${options.localTrustDomain}: only an ID of five segments does`,
    hint: `write \`${options.localTrustDomain}${matcher.value.slice(slash)}*\`, or five segments`,
  };
}
