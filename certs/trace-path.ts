// The path by which a chain was accepted, certificate by certificate: for `certs verify`, which names what
// the verdict of a handshake has no use for.
import type { PeerPurpose } from './svid.ts';
import { leafFindings } from './svid.ts';
import type { TrustState } from './verify.ts';
import { type Certificate, parseCertificate } from './x509/certificate.ts';
import { findPath } from './x509/path.ts';
import { createSignatureMemo } from './x509/signed-by.ts';

/** From the leaf to the anchor; null unless a verifier with the same state accepts `chain`. */
export function tracePath(
  chain: readonly Buffer[],
  state: TrustState,
  at: { readonly purpose: PeerPurpose; readonly nowMs: number },
): readonly Certificate[] | null {
  const [leaf, ...intermediates] = chain.map((der) => parseCertificate(der));
  const trustDomain = leaf === undefined ? undefined : leafFindings(leaf).spiffeId?.trustDomain;
  const bundle = trustDomain === undefined ? undefined : state.bundles.get(trustDomain);
  if (leaf === undefined || bundle === undefined) return null;
  const crls = state.crls.get(bundle.trustDomain) ?? [];
  const request = { leaf, intermediates, bundle, crls, leafGraceMs: 0, ...at };
  const path = findPath(request, createSignatureMemo());
  return path.ok ? [leaf, ...[...path.intermediates].reverse(), path.anchor] : null;
}
