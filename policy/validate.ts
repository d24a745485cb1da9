// What is wrong with a readable policy because of the workload's listeners: HTTP fields on TCP, not-fields on
// plaintext.
import type { Position } from '../core/errors.ts';
import type { Fault } from './document-reader.ts';
import type { Clause, Condition, Field, Policy, PolicyOptions, Rule } from './model.ts';

const HTTP_FIELDS: ReadonlySet<Field> = new Set<Field>([
  ...(['hosts', 'methods', 'paths', 'request.headers', 'requestPrincipals'] as const),
]);

/** Fields that say who the caller is; a plaintext peer has none of them. */
const IDENTITY_FIELDS: ReadonlySet<Field> = new Set<Field>([
  ...(['principals', 'namespaces', 'serviceAccounts', 'trustDomains', 'source.namespace'] as const),
  ...(['source.principal', 'source.serviceAccount', 'source.trustDomain'] as const),
]);

/** Reports what cannot be enforced on the listeners that `options` describe. */
export function validatePolicy(
  policy: Policy,
  options: PolicyOptions,
  report: (at: Position, fault: Fault) => void,
): void {
  for (const rule of policy.rules) {
    const field = options.tcpPorts.length > 0 ? unknowableOnTcp(rule, options.tcpPorts) : null;
    if (field !== null)
      report(rule.at, {
        code: 'ERR_POLICY_TCP_FIELD',
        message: `${rule.id} tests \`${field.name}\`, which cannot be known on TCP port ${options.tcpPorts.join(', ')}`,
        hint: 'add `ports` to every operation of the rule, with the HTTP ports only',
      });
    if (options.acceptsPlaintext && allowsByAbsence(policy, rule))
      report(rule.at, {
        code: 'ERR_POLICY_PLAINTEXT',
        message: `${rule.id} allows by not-fields alone, and a listener accepts plaintext: every stranger passes`,
        hint: 'add `principals: ["*"]` to the source, or set mtls: strict',
      });
  }
}

/**
 * True when some source of an ALLOW rule names callers only by who they are not: a peer without any identity
 * satisfies it. Positive identity conditions in `when` close it again.
 */
export function allowsByAbsence(policy: Policy, rule: Rule): boolean {
  if (policy.action !== 'ALLOW') return false;
  const positive = (condition: Condition): boolean =>
    IDENTITY_FIELDS.has(condition.field) && condition.values.length > 0;
  if (rule.when.some(positive)) return false;
  const absent = (clause: Clause): boolean =>
    clause.some((c) => IDENTITY_FIELDS.has(c.field) && c.notValues.length > 0) && !clause.some(positive);
  // Source addresses do not tell who calls, yet they are positive source fields: the page speaks of *only*
  // not-fields.
  const onlyNot = (clause: Clause): boolean => absent(clause) && clause.every((c) => c.values.length === 0);
  if (rule.from !== null)
    return rule.from.some((clause) => onlyNot([...clause, ...sourceConditions(rule.when)]));
  return onlyNot(sourceConditions(rule.when));
}

function sourceConditions(when: Clause): Clause {
  return when.filter((c) => c.field.startsWith('source.') || c.field === 'remote.ip');
}

/** The first HTTP condition that a connection to one of `tcpPorts` would have to answer, or null. */
function unknowableOnTcp(rule: Rule, tcpPorts: readonly number[]): Condition | null {
  const http = (clause: Clause): Condition | undefined => clause.find((c) => HTTP_FIELDS.has(c.field));
  const avoids = (clause: Clause): boolean =>
    clause.some(
      (c) =>
        (c.field === 'ports' || c.field === 'destination.port') &&
        c.values.length > 0 &&
        c.values.every((m) => m.kind === 'exact' && !tcpPorts.includes(Number(m.value))),
    );
  if (avoids(rule.when)) return null;
  const header = http(rule.when);
  if (rule.to === null) return header ?? null;
  for (const operation of rule.to) {
    const found = http(operation) ?? header;
    if (found !== undefined && !avoids(operation)) return found;
  }
  return null;
}
