// What workloads are called in views. A caller is known by its SPIFFE ID, a destination by namespace and
// account only: both are one workload when the caller's ID is `/ns/X/sa/Y` of the own trust domain. A caller
// of another trust domain never is, whatever it calls itself.
import { parseSpiffeId } from '../../core/spiffe-id.ts';
import type { Edge } from './edges.ts';
import type { FlowCaller } from './record.ts';

/** The own trust domain, and whether the records leave a choice. */
export interface TrustDomainGuess {
  readonly trustDomain: string | null;
  /** All that callers are of. */
  readonly others: readonly string[];
}

/** Names callers and destinations. */
export class Names {
  readonly trustDomain: string | null;

  constructor(trustDomain: string | null) {
    this.trustDomain = trustDomain;
  }

  /** `shop/web` for one of the own trust domain, else the whole ID or address. */
  caller(caller: FlowCaller | null): string {
    if (caller === null) return '(other callers)';
    const { principal, ip } = caller;
    if (principal === null) return ip === '' || ip === null ? '(other plaintext peers)' : `plaintext ${ip}`;
    const id = parseSpiffeId(principal);
    if (id.trustDomain !== this.trustDomain || id.namespace === null) return principal;
    return `${id.namespace}/${id.serviceAccount}`;
  }

  /** `shop/cart`, or the host that an outbound listener was told. */
  destination({ namespace, workload }: { namespace: string; workload: string }): string {
    return namespace === '' ? workload : `${namespace}/${workload === '' ? '(no account)' : workload}`;
  }
}

/**
 * The own trust domain as the records suggest it: callers of outbound listeners are workloads of ours;
 * without any, the one that most callers are of.
 */
export function guessTrustDomain(edges: Iterable<Edge>): TrustDomainGuess {
  const counts = new Map<string, { own: number; all: number }>();
  for (const { caller, sides } of edges) {
    if (caller === null || caller.principal === null) continue;
    const { trustDomain } = parseSpiffeId(caller.principal);
    const count = counts.get(trustDomain) ?? { own: 0, all: 0 };
    counts.set(trustDomain, count);
    count.all++;
    if (sides.outbound !== null) count.own++;
  }
  const [first, ...others] = [...counts]
    .sort(([a, x], [b, y]) => y.own - x.own || y.all - x.all || (a < b ? -1 : 1))
    .map(([trustDomain]) => trustDomain);
  return { trustDomain: first ?? null, others };
}
