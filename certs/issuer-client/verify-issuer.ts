// Is the server that answered the issuer? By its exact SPIFFE ID, against the bundle that is kept, or, for
// the first time, against the one root whose hash came with the join token. Before that nothing is sent.
import { X509Certificate } from 'node:crypto';
import type { TrustDomain } from '../../core/spiffe-id.ts';
import { createTrustBundle } from '../trust-bundle.ts';
import { createPeerVerifier, type PeerVerifier } from '../verify.ts';
import { verifyPeer } from '../verify-peer.ts';
import { type Certificate, fingerprintOf, parseCertificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import { DerError } from '../x509/der.ts';

/** What the issuer is verified against. Either may be empty: then nobody is the issuer by it. */
export interface IssuerTrust {
  readonly trustDomain: TrustDomain;
  /** CA certificates of the own trust domain: the kept bundle, and the one that was configured. */
  readonly anchors: readonly Certificate[];
  readonly crls: readonly Crl[];
  /** Lower-case hex SHA-256 of the DER of a root, out of a join token. */
  readonly pin: string | null;
}

/** The SPIFFE ID under which the issuer of `trustDomain` serves. */
export const issuerId = (trustDomain: TrustDomain): string => `spiffe://${trustDomain}/sallyport/issuer`;

/** What OpenSSL says of a chain that ends in a self-signed root that it was not told of. */
const UNKNOWN_ROOT = 'SELF_SIGNED_CERT_IN_CHAIN';

/**
 * Null when the server with `chain`, DER as sent, is the issuer; else why it is not. `opensslError`: its
 * verdict on `trust.anchors`.
 */
export function issuerFault(
  chain: readonly Buffer[],
  opensslError: string | null,
  trust: IssuerTrust,
  nowMs: number,
): string | null {
  const { trustDomain, anchors, pin } = trust;
  const crls = freshCrls(trust.crls, nowMs);
  let fault = 'there is no bundle to verify it with';
  if (anchors.length > 0) {
    const byBundle = verifierOf(trustDomain, anchors, crls);
    const found = faultOf(chain, opensslError, byBundle, trustDomain, nowMs);
    if (found === null) return null;
    fault = found;
  }
  if (pin === null) return fault;
  const root = pinnedRoot(chain, pin);
  if (root === null) return `${fault}; and no certificate that it sent is the root that the join token names`;
  // OpenSSL stops at a root that it does not know, and says so when all else is well.
  const error = opensslError === UNKNOWN_ROOT ? null : opensslError;
  // INVARIANT: a pin says which root to believe, not whom to believe that the root has revoked.
  return faultOf(chain, error, verifierOf(trustDomain, [root], crls), trustDomain, nowMs);
}

/**
 * Without the lists that ended: a workload that was off for long has only such, and could never again reach
 * the issuer, who has the new ones. The issuer's SVID is short-lived.
 */
const freshCrls = (crls: readonly Crl[], nowMs: number): readonly Crl[] =>
  crls.filter(({ nextUpdateMs }) => nowMs < nextUpdateMs);

function verifierOf(
  trustDomain: TrustDomain,
  anchors: readonly Certificate[],
  crls: readonly Crl[],
): PeerVerifier {
  const bundles = new Map([[trustDomain, createTrustBundle(trustDomain, anchors)]]);
  return createPeerVerifier({ bundles, crls: new Map([[trustDomain, crls]]) }, { purpose: 'server' });
}

function faultOf(
  chain: readonly Buffer[],
  opensslError: string | null,
  verifier: PeerVerifier,
  trustDomain: TrustDomain,
  nowMs: number,
): string | null {
  const verdict = verifyPeer(verifier, chain, opensslError, { nowMs, graceAfterExpiryMs: 0 });
  if (!verdict.ok) return `${verdict.reason}: ${verdict.message}`;
  const { uri } = verdict.identity.spiffeId;
  return uri === issuerId(trustDomain) ? null : `it is \`${uri}\``;
}

/** The root of the chain with the hash `pin`, self-signed; null when there is none. */
function pinnedRoot(chain: readonly Buffer[], pin: string): Certificate | null {
  const der = chain.find((certificate) => fingerprintOf(certificate) === pin);
  if (der === undefined) return null;
  try {
    const root = parseCertificate(der);
    const own = new X509Certificate(der);
    return root.issuer === root.subject && own.verify(own.publicKey) ? root : null;
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}
