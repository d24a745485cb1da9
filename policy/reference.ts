// The reference evaluator: policy-semantics read aloud, slow on purpose. The compiled table must agree with
// it on every policy and request (test/conformance, test/property); nothing here is shared with it but the
// vocabulary and limits.
import { ipInCidr, parseIp } from '../core/ip.ts';
import { parseSpiffeId, type SpiffeId } from '../core/spiffe-id.ts';
import { DECISION_RULES_MAX } from './limits.ts';
import type {
  Action,
  Clause,
  Condition,
  Field,
  Matcher,
  Policy,
  PolicyOptions,
  Rule,
  Workload,
} from './model.ts';
import type { ConnectionFacts, Decision, HttpFacts, RequestFacts } from './request.ts';
import { selectPolicies } from './select.ts';

/** A decision without what only a compiled table has. */
export type ReferenceDecision = Omit<Decision, 'ruleIndexes'>;

/** Everything one evaluation is about. */
interface Case {
  readonly options: PolicyOptions;
  readonly facts: ConnectionFacts;
  readonly peer: SpiffeId | null;
  readonly remoteIp: string | null;
  readonly http: HttpFacts | null;
}

/** Decides one request. Only those of `policies` that select `workload` count. */
export function referenceEvaluate(
  policies: readonly Policy[],
  workload: Workload,
  options: PolicyOptions,
  facts: ConnectionFacts,
  request: RequestFacts,
  nowMs: number,
): ReferenceDecision {
  const it: Case = {
    options,
    facts,
    peer: facts.principal === null ? null : parseSpiffeId(facts.principal),
    remoteIp: facts.remoteIp === undefined ? request.remoteIp : facts.remoteIp,
    http: request.http,
  };
  const selected = selectPolicies(policies, workload, options);
  const matching = (action: Action, among: readonly Policy[]): string[] =>
    among
      .filter((policy) => policy.action === action && !isExpired(policy, nowMs))
      .flatMap((policy) => policy.rules)
      .filter((rule) => ruleMatches(rule, action, it))
      .map((rule) => rule.id)
      .slice(0, DECISION_RULES_MAX);

  // An expired ALLOW still counts as selecting the workload, a dry-run ALLOW never does.
  const hasAllow = selected.some((policy) => policy.action === 'ALLOW' && !policy.dryRun);
  const decide = (among: readonly Policy[]): Pick<Decision, 'verdict' | 'reason' | 'rules'> => {
    const denying = matching('DENY', among);
    if (denying.length > 0) return { verdict: 'deny', reason: 'deny-rule', rules: denying };
    const allowing = matching('ALLOW', among);
    if (allowing.length > 0) return { verdict: 'allow', reason: 'allow-rule', rules: allowing };
    if (!hasAllow && options.defaultVerdict === 'allow-when-unselected')
      return { verdict: 'allow', reason: 'allow-unselected', rules: [] };
    return { verdict: 'deny', reason: 'default-deny', rules: [] };
  };

  const enforced = selected.filter((policy) => !policy.dryRun);
  const decision = decide(enforced);
  return {
    ...decision,
    audit: matching('AUDIT', selected),
    dryRun: enforced.length === selected.length ? null : decide(selected),
    denyStatus: decision.reason === 'deny-rule' ? denyStatusOf(decision.rules[0], enforced) : 403,
  };
}

function isExpired(policy: Policy, nowMs: number): boolean {
  return policy.expiresAtMs !== null && nowMs >= policy.expiresAtMs;
}

/** `sallyport.dev/deny-status` of the policy of the first matching DENY rule. */
function denyStatusOf(ruleId: string | undefined, policies: readonly Policy[]): 403 | 404 {
  return policies.find((policy) => policy.rules.some((rule) => rule.id === ruleId))?.denyStatus ?? 403;
}

/** (OR of `from`) AND (OR of `to`) AND (AND of `when`). */
function ruleMatches(rule: Rule, action: Action, it: Case): boolean {
  const clauseHolds = (clause: Clause): boolean => clause.every((condition) => holds(condition, action, it));
  return (
    (rule.from === null || rule.from.some(clauseHolds)) &&
    (rule.to === null || rule.to.some(clauseHolds)) &&
    clauseHolds(rule.when)
  );
}

function holds(condition: Condition, action: Action, it: Case): boolean {
  const { field } = condition;
  // No JWT is verified yet, so its claims are as unknown as HTTP on TCP.
  if (field === 'requestPrincipals') return action !== 'ALLOW';
  if (field === 'hosts' || field === 'methods' || field === 'paths' || field === 'request.headers') {
    // What cannot be known on TCP lets no ALLOW match and every DENY.
    if (it.http === null) return action !== 'ALLOW';
    if (field === 'request.headers') return headerHolds(condition, action, it.http);
  }
  // A match widens access as a positive of ALLOW or a not-value of DENY; there only trusted
  // trust domains count.
  const widensByValue = action === 'ALLOW';
  const { values, notValues } = condition;
  const oneOf = (matchers: readonly Matcher[], widens: boolean): boolean =>
    matchers.some((matcher) => valueMatches(matcher, field, it, widens));
  return (values.length === 0 || oneOf(values, widensByValue)) && !oneOf(notValues, !widensByValue);
}

/**
 * ALLOW needs P for all values, DENY (and AUDIT, which marks what DENY would) for any, members of a list
 * included.
 */
function headerHolds({ key, values, notValues }: Condition, action: Action, http: HttpFacts): boolean {
  // An absent header is one value that matches no positive, not even `*`.
  const satisfies = (value: string | null): boolean =>
    (values.length === 0 || values.some((matcher) => textMatches(matcher, value))) &&
    !notValues.some((matcher) => textMatches(matcher, value));
  const lines = http.headerValues(key ?? '') ?? [];
  if (lines.length === 0) return satisfies(null);
  if (action === 'ALLOW') return lines.every(satisfies);
  return lines.some(
    (line) => satisfies(line) || line.split(',').some((member) => satisfies(trimBlanks(member))),
  );
}

// RFC 9110 section 5.6.3: optional whitespace is spaces and tabs.
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && (text[start] === ' ' || text[start] === '\t')) start++;
  while (end > start && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--;
  return text.slice(start, end);
}

function valueMatches(matcher: Matcher, field: Field, it: Case, widens: boolean): boolean {
  const { facts, peer, http } = it;
  switch (field) {
    case 'principals':
    case 'source.principal':
      return peer !== null && principalMatches(matcher, peer, it.options);
    case 'namespaces':
    case 'source.namespace':
      return textMatches(matcher, counts(peer, it.options, widens) ? peer.namespace : null);
    case 'serviceAccounts':
    case 'source.serviceAccount':
      return textMatches(matcher, counts(peer, it.options, widens) ? accountOf(peer) : null);
    case 'trustDomains':
    case 'source.trustDomain':
      return textMatches(matcher, peer === null ? null : peer.trustDomain);
    case 'ipBlocks':
    case 'source.ip':
      return blockMatches(matcher, facts.sourceIp);
    case 'remoteIpBlocks':
    case 'remote.ip':
      return blockMatches(matcher, it.remoteIp);
    case 'destination.ip':
      return blockMatches(matcher, facts.destinationIp);
    case 'ports':
    case 'destination.port':
      return textMatches(matcher, facts.destinationPort === null ? null : String(facts.destinationPort));
    case 'connection.sni':
      return textMatches(matcher, facts.sni);
    case 'hosts':
      return http !== null && hostMatches(matcher, http.host);
    case 'methods':
      return textMatches(matcher, http === null ? null : http.method);
    case 'paths':
      return http !== null && pathMatches(matcher, http.path);
    case 'request.headers':
    case 'requestPrincipals':
      return false; // answered in `holds`
  }
}

/** The local trust domain, `cluster.local` and the aliases stand for each other in five-segment IDs. */
function principalMatches(matcher: Matcher, peer: SpiffeId, options: PolicyOptions): boolean {
  if (textMatches(matcher, peer.trustDomain + peer.path)) return true;
  if (matcher.kind !== 'exact') return false;
  const [trustDomain = '', ...rest] = matcher.value.split('/');
  const same = [options.localTrustDomain, 'cluster.local', ...options.trustDomainAliases];
  if (rest.length !== 4 || !same.includes(trustDomain) || !same.includes(peer.trustDomain)) return false;
  return `/${rest.join('/')}` === peer.path;
}

/**
 * True when the peer's namespace and account count: where they restrict always, where they widen if trusted.
 */
function counts(peer: SpiffeId | null, options: PolicyOptions, widens: boolean): peer is SpiffeId {
  if (peer === null) return false;
  if (!widens || peer.trustDomain === options.localTrustDomain) return true;
  return options.trustDomains.some((trusted) => trusted === '*' || trusted === peer.trustDomain);
}

function accountOf(peer: SpiffeId): string | null {
  return peer.namespace === null ? null : `${peer.namespace}/${peer.serviceAccount}`;
}

/** A value without a port is compared with the name alone, one with a port with the whole. */
function hostMatches(matcher: Matcher, host: string): boolean {
  const hasPort = (text: string): boolean => text.lastIndexOf(':') > text.lastIndexOf(']');
  const whole = 'value' in matcher && hasPort(matcher.value);
  return textMatches(matcher, whole || !hasPort(host) ? host : host.slice(0, host.lastIndexOf(':')));
}

function pathMatches(matcher: Matcher, path: string): boolean {
  return matcher.kind === 'template' ? templateMatches(matcher.value, path) : textMatches(matcher, path);
}

/**
 * By segments: `{*}` is one that is not empty, `{**}` is one or more, and what follows it are the last ones.
 */
function templateMatches(template: string, path: string): boolean {
  const wanted = template.split('/');
  const given = path.split('/');
  const segmentMatches = (want: string, got: string | undefined): boolean =>
    got !== undefined && (want === '{*}' ? got !== '' : want === got);
  const rest = wanted.indexOf('{**}');
  if (rest < 0)
    return wanted.length === given.length && wanted.every((want, i) => segmentMatches(want, given[i]));
  const tail = wanted.slice(rest + 1);
  return (
    given.length >= wanted.length &&
    wanted.slice(0, rest).every((want, i) => segmentMatches(want, given[i])) &&
    tail.every((want, i) => segmentMatches(want, given[given.length - tail.length + i]))
  );
}

function textMatches(matcher: Matcher, text: string | null): boolean {
  if (text === null) return false;
  switch (matcher.kind) {
    case 'exact':
      return text === matcher.value;
    case 'prefix':
      return text.startsWith(matcher.value);
    case 'suffix':
      return text.endsWith(matcher.value);
    case 'presence':
      return text !== '';
    case 'template':
    case 'cidr':
      return false;
  }
}

function blockMatches(matcher: Matcher, ip: string | null): boolean {
  const bytes = ip === null ? null : parseIp(ip);
  return bytes !== null && matcher.kind === 'cidr' && ipInCidr(bytes, matcher);
}
