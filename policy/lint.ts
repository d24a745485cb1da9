// Findings about policies that are valid and probably not meant: small and sound, each with a fix.
// A warning fails `policy check --strict`; a notice never does.
import type { Diagnostic, Position } from '../core/errors.ts';
import { parseSpiffeId } from '../core/spiffe-id.ts';
import { UNINDEXED_RULES_MAX } from './limits.ts';
import type { Clause, Condition, Matcher, Policy, PolicyOptions, Rule } from './model.ts';
import { isToken } from './parse-value.ts';
import { allowsByAbsence } from './validate.ts';

/** Lints policies that parsed without errors. `nowMs` is Unix time. */
export function lintPolicies(
  policies: readonly Policy[],
  options: PolicyOptions,
  nowMs: number,
): Diagnostic[] {
  return [
    ...policies.flatMap((policy) => [
      ...lintPolicy(policy, nowMs),
      ...duplicates(policy),
      ...policy.rules.flatMap((rule) => [...lintRule(policy, rule), ...neverMatching(rule, options)]),
    ]),
    ...unindexed(policies),
  ];
}

function finding(
  at: Position,
  code: string,
  message: string,
  hint: string,
  severity: 'warning' | 'notice' = 'warning',
): Diagnostic {
  return { severity, code, message, hint, at };
}

function lintPolicy(policy: Policy, nowMs: number): Diagnostic[] {
  const name = `${policy.namespace}/${policy.name}`;
  const out: Diagnostic[] = [];
  if (policy.targetRefs !== null)
    out.push(
      finding(
        policy.at,
        'LINT_POLICY_TARGET_REFS',
        `${name} attaches to ${policy.targetRefs.map((ref) => `${ref.kind} ${ref.name}`).join(', ')} and so selects no workload here`,
        'use `selector` for what a workload’s own proxy must enforce',
      ),
    );
  const expired = policy.expiresAtMs !== null && policy.expiresAtMs <= nowMs;
  if (expired && policy.action === 'DENY' && policy.emergency === null)
    out.push(
      finding(
        policy.at,
        'LINT_POLICY_EXPIRED_DENY',
        `DENY policy ${name} has expired: what it denied is open again`,
        'remove it, or renew `sallyport.dev/expires-at`',
      ),
    );
  return out;
}

function lintRule(policy: Policy, rule: Rule): Diagnostic[] {
  const out: Diagnostic[] = [];
  if (allowsByAbsence(policy, rule))
    out.push(
      finding(
        rule.at,
        'LINT_POLICY_ALLOW_BY_ABSENCE',
        `${rule.id} allows callers only by who they are not; a peer without identity is none of them`,
        'add `principals: ["*"]` to the source',
      ),
    );
  if (policy.action !== 'ALLOW' || rule.to !== null) return out;
  if (rule.from === null && rule.when.length === 0)
    out.push(
      finding(
        rule.at,
        'LINT_POLICY_OVER_BROAD',
        `${rule.id} allows everything to everyone, strangers without identity included`,
        'name callers in `from` or operations in `to`',
      ),
    );
  else if (rule.from?.some(isAnyPrincipal) === true && rule.when.length === 0)
    out.push(
      finding(
        rule.at,
        'LINT_POLICY_ANY_PRINCIPAL',
        `${rule.id} allows every authenticated peer to do everything`,
        'fine for a public service; otherwise name callers or operations',
        'notice',
      ),
    );
  return out;
}

function isAnyPrincipal(source: Clause): boolean {
  const [only] = source;
  return (
    source.length === 1 &&
    only?.field === 'principals' &&
    only.values.some((matcher) => matcher.kind === 'presence') &&
    only.notValues.length === 0
  );
}

/** Rules of one policy that say the same as an earlier one, or stand beside one that always matches. */
function duplicates(policy: Policy): Diagnostic[] {
  const seen = new Map<string, string>();
  const always = policy.rules.find(
    (rule) => rule.from === null && rule.to === null && rule.when.length === 0,
  );
  return policy.rules.flatMap((rule) => {
    const content = JSON.stringify([rule.from, rule.to, rule.when]);
    const earlier = seen.get(content) ?? (always === rule ? undefined : always?.id);
    if (!seen.has(content)) seen.set(content, rule.id);
    if (earlier === undefined) return [];
    return [
      finding(
        rule.at,
        'LINT_POLICY_SHADOWED',
        `${rule.id} decides nothing: ${earlier} covers it`,
        'remove one of them',
      ),
    ];
  });
}

function conditionsOf(rule: Rule): Condition[] {
  return [...(rule.from ?? []).flat(), ...(rule.to ?? []).flat(), ...rule.when];
}

/** Values that no caller or request can have: on a DENY they are a hole. */
function neverMatching(rule: Rule, options: PolicyOptions): Diagnostic[] {
  const out: Diagnostic[] = [];
  for (const condition of conditionsOf(rule)) {
    for (const matcher of [...condition.values, ...condition.notValues]) {
      if (!('value' in matcher)) continue;
      const why = neverReason(condition, matcher, options);
      if (why === null) continue;
      out.push(
        finding(
          rule.at,
          why.code,
          `\`${matcher.value}${matcher.kind === 'prefix' ? '*' : ''}\` in ${condition.name} ${why.message}`,
          why.hint,
        ),
      );
    }
  }
  return out;
}

interface Why {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

function neverReason(
  condition: Condition,
  matcher: Extract<Matcher, { value: string }>,
  options: PolicyOptions,
): Why | null {
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

function isPartOfSpiffeId(matcher: Extract<Matcher, { value: string }>): boolean {
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
function shortAliasPrefix(matcher: Extract<Matcher, { value: string }>, options: PolicyOptions): Why | null {
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

/** Operations that no index covers are tried one by one, by every request of a caller they apply to. */
function unindexed(policies: readonly Policy[]): Diagnostic[] {
  const rules = policies
    .flatMap((policy) => policy.rules)
    .filter((rule) => rule.to?.some(isUnindexed) ?? rule.when.some((c) => c.field === 'request.headers'));
  const first = rules[UNINDEXED_RULES_MAX];
  if (first === undefined) return [];
  return [
    finding(
      first.at,
      'LINT_POLICY_UNINDEXED',
      `${rules.length} rules have only suffix paths, headers or not-fields; more than ${UNINDEXED_RULES_MAX} slow every request down`,
      'give them an exact method or host, or a path that begins with `/`',
    ),
  ];
}

function isUnindexed(operation: Clause): boolean {
  const http = operation.filter((c) => c.field !== 'ports');
  return http.length > 0 && !http.some(isIndexed);
}

function isIndexed({ field, values }: Condition): boolean {
  const kinds = values.map((matcher) => matcher.kind);
  if (kinds.length === 0) return false;
  if (field !== 'paths') return kinds.every((kind) => kind === 'exact');
  return kinds.every((kind) => kind === 'exact' || kind === 'prefix' || kind === 'template');
}
