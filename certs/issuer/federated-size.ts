// Which foreign bundles the issuer tells when they do not all fit into one message to a workload: that one
// partner's bundle grows is nothing that another one, or the own SVIDs, may suffer from.
import type { Diagnostic } from '../../core/errors.ts';
import type { TrustDomain } from '../../core/spiffe-id.ts';
import { FEDERATED_BYTES_MAX } from '../limits.ts';

/** DER of the CA certificates by trust domain. */
export type FederatedBundles = ReadonlyMap<TrustDomain, readonly Buffer[]>;

/** What is told, and why the rest is not. */
export interface FittingBundles {
  readonly bundles: FederatedBundles;
  readonly refused: readonly Diagnostic[];
}

/**
 * Of `wanted`, which is in the order of the configuration, as much as fits; the others stay as they are in
 * `published`. What does not grow is always taken: a partner that withdraws a CA is never refused.
 */
export function fitBundles(wanted: FederatedBundles, published: FederatedBundles): FittingBundles {
  const taken = new Map<TrustDomain, readonly Buffer[]>();
  for (const [trustDomain, next] of wanted) {
    const before = published.get(trustDomain) ?? [];
    const grows = bytesOf(trustDomain, next) > bytesOf(trustDomain, before);
    taken.set(trustDomain, grows ? before : next);
  }
  let total = [...taken].reduce((sum, [trustDomain, ders]) => sum + bytesOf(trustDomain, ders), 0);
  const refused: Diagnostic[] = [];
  for (const [trustDomain, next] of wanted) {
    const before = taken.get(trustDomain) ?? [];
    const totalWith = total - bytesOf(trustDomain, before) + bytesOf(trustDomain, next);
    if (before === next) continue;
    if (totalWith > FEDERATED_BYTES_MAX) {
      refused.push(tooLarge(trustDomain, { next, totalWith, stays: before.length > 0 }));
      continue;
    }
    taken.set(trustDomain, next);
    total = totalWith;
  }
  const bundles = new Map([...taken].filter(([, ders]) => ders.length > 0));
  return { bundles, refused };
}

/** A trust domain without certificates is not told of. */
const bytesOf = (trustDomain: TrustDomain, ders: readonly Buffer[]): number =>
  ders.length === 0 ? 0 : ders.reduce((sum, der) => sum + der.length, trustDomain.length);

function tooLarge(
  trustDomain: TrustDomain,
  { next, totalWith, stays }: { next: readonly Buffer[]; totalWith: number; stays: boolean },
): Diagnostic {
  const size = `${bytesOf(trustDomain, next)} bytes in ${next.length} certificates`;
  const then = stays ? 'its last good one stays' : 'it is left out, and nobody of it is accepted';
  return {
    severity: 'error',
    code: 'ERR_FEDERATION_TOO_LARGE',
    message: `the bundle of \`${trustDomain}\` has ${size}: all foreign bundles would have ${totalWith} bytes, more than ${FEDERATED_BYTES_MAX}; ${then}`,
    hint: 'ask that partner to withdraw CAs it no longer uses, remove a partner from `federation`, or give this one to the proxies that need it, as `identity.federation`',
    trustDomain,
  };
}
