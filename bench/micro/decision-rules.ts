// Realistic rules and requests for the decision bench, the same for every run.
import type { Condition, Field, Matcher, Policy, PolicyOptions, Rule, Workload } from '../../policy/model.ts';
import type { ConnectionFacts, RequestFacts } from '../../policy/request.ts';

export const WORKLOAD: Workload = { namespace: 'shop', serviceAccount: 'cart', labels: { app: 'cart' } };

export const OPTIONS: PolicyOptions = {
  rootNamespace: 'istio-system',
  defaultVerdict: 'deny',
  localTrustDomain: 'example.org',
  trustDomains: [],
  trustDomainAliases: [],
  emergencyMaxMs: 86_400_000,
  acceptsPlaintext: false,
  tcpPorts: [],
};

/** `callers`: rules of many principals, five each. `paths`: all rules of one caller, told apart by path. */
export type Shape = 'callers' | 'paths';

const RULES_PER_CALLER = 5;
const RULES_PER_POLICY = 500;

/** `count` ALLOW rules, and a DENY for one of a hundred. */
export function policiesOf(shape: Shape, count: number): Policy[] {
  const policies: Policy[] = [];
  for (let from = 0; from < count; from += RULES_PER_POLICY) {
    const size = Math.min(RULES_PER_POLICY, count - from);
    const name = `allow-${policies.length}`;
    policies.push(
      policyOf(
        name,
        'ALLOW',
        rulesOf(name, size, (i) => allowRule(shape, from + i)),
      ),
    );
  }
  const denies = Math.ceil(count / 100);
  policies.push(
    policyOf(
      'deny',
      'DENY',
      rulesOf('deny', denies, (i) => denyRule(i)),
    ),
  );
  return policies;
}

/** The connection of the caller whom rule `i` names. */
export function connectionOf(shape: Shape, i: number): ConnectionFacts {
  return {
    principal: `spiffe://${principalOf(shape, i)}`,
    sourceIp: `10.1.${i & 0xff}.7`,
    remoteIp: `10.1.${i & 0xff}.7`,
    destinationIp: '10.2.0.9',
    destinationPort: 8080,
    sni: 'cart.shop',
  };
}

/** A request that rule `i` allows, or one of the same caller that no rule does. */
export function requestOf(i: number, allowed: boolean): RequestFacts {
  const path = examplePath(i, allowed);
  const method = allowed ? 'GET' : i % 3 === 0 ? 'DELETE' : 'GET';
  // As in the data path, the strings are pieces of the received head.
  const text = `${method} ${path} HTTP/1.1\r\nHost: cart.shop:8080\r\nUser-Agent: bench\r\nX-User: u${i}\r\n`;
  const start = method.length + 1;
  const host = text.indexOf('Host: ') + 6;
  const http = {
    method,
    path: text.slice(start, start + path.length),
    host: text.slice(host, text.indexOf('\r', host)),
    headerValues: () => undefined,
  };
  return { http, remoteIp: null };
}

function principalOf(shape: Shape, i: number): string {
  const caller = shape === 'paths' ? 0 : Math.floor(i / RULES_PER_CALLER);
  return `example.org/ns/team-${caller % 97}/sa/service-${caller}`;
}

// Of ten rules five have an exact path, three a template, two a prefix.
function allowRule(shape: Shape, i: number): Omit<Rule, 'id'> {
  const kind = i % 10;
  const path: Matcher =
    kind < 5
      ? { kind: 'exact', value: `/api/v1/resource-${i}/list` }
      : kind < 8
        ? { kind: 'template', value: `/api/v1/resource-${i}/{*}/items/{*}` }
        : { kind: 'prefix', value: `/api/v2/resource-${i}/` };
  const methods = i % 4 === 0 ? ['GET', 'POST'] : ['GET'];
  return {
    from: [[condition('from.source', 'principals', [exact(principalOf(shape, i))])]],
    to: [
      [
        condition('to.operation', 'methods', methods.map(exact)),
        condition('to.operation', 'paths', [path]),
        ...(i % 7 === 0 ? [condition('to.operation', 'hosts', [exact('cart.shop')])] : []),
      ],
    ],
    when: [],
    at: { file: 'bench.yaml' },
  };
}

function denyRule(i: number): Omit<Rule, 'id'> {
  return {
    from: null,
    to: [[condition('to.operation', 'paths', [{ kind: 'prefix', value: `/internal/zone-${i}/` }])]],
    when: [],
    at: { file: 'bench.yaml' },
  };
}

function examplePath(i: number, allowed: boolean): string {
  const kind = i % 10;
  if (!allowed) return `/api/v1/resource-${i}/unknown/${i}`;
  if (kind < 5) return `/api/v1/resource-${i}/list`;
  if (kind < 8) return `/api/v1/resource-${i}/a${i}/items/42`;
  return `/api/v2/resource-${i}/anything/below`;
}

function rulesOf(name: string, count: number, make: (i: number) => Omit<Rule, 'id'>): Rule[] {
  return Array.from({ length: count }, (_, i) => ({ ...make(i), id: `ns[shop]-policy[${name}]-rule[${i}]` }));
}

function policyOf(name: string, action: 'ALLOW' | 'DENY', rules: readonly Rule[]): Policy {
  return {
    namespace: 'shop',
    name,
    action,
    selector: null,
    targetRefs: null,
    rules,
    dryRun: false,
    expiresAtMs: null,
    emergency: null,
    denyStatus: null,
    owner: null,
    at: { file: 'bench.yaml' },
  };
}

function condition(place: string, field: Field, values: readonly Matcher[]): Condition {
  return { field, name: `${place}.${field}`, values, notValues: [] };
}

function exact(value: string): Matcher {
  return { kind: 'exact', value };
}
