// The verdict on a peer's certificate chain: is it an X509-SVID, and does it lead to the bundle of its own
// trust domain? Called once per handshake; node's own `authorized` flag is never the verdict.
import type { SpiffeId, TrustDomain } from '../core/spiffe-id.ts';
import {
  CHAIN_BYTES_MAX,
  CHAIN_CERTIFICATES_MAX,
  KNOWN_INTERMEDIATES_MAX,
  VERIFIED_LEAVES_MAX,
} from './limits.ts';
import type { PeerPurpose } from './svid.ts';
import { allowsPurpose, leafFindings } from './svid.ts';
import type { TrustBundle } from './trust-bundle.ts';
import type { Certificate } from './x509/certificate.ts';
import { fingerprintOf, parseCertificate } from './x509/certificate.ts';
import type { Crl } from './x509/crl.ts';
import { DerError } from './x509/der.ts';
import type { CertificateFault, CertificateReason, PathRequest } from './x509/path.ts';
import { findPath } from './x509/path.ts';
import { createSignatureMemo, type SignatureMemo } from './x509/signed-by.ts';

/** What is known about a verified peer. */
export interface PeerIdentity {
  readonly spiffeId: SpiffeId;
  /** Lower-case hex SHA-256 of the leaf's DER. */
  readonly fingerprintSha256: string;
  /** Lower-case hex. */
  readonly serial: string;
  /** The latest notBefore and the earliest notAfter of the whole path. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** The verdict. `message` is for logs: lower case, without control characters, never sent to the peer. */
export type PeerVerdict = { readonly ok: true; readonly identity: PeerIdentity } | CertificateFault;

/** What peers are verified against: the part of an IdentityState that matters here. */
export interface TrustState {
  readonly bundles: ReadonlyMap<TrustDomain, TrustBundle>;
  /** CRLs by the trust domain that they were configured for. */
  readonly crls: ReadonlyMap<TrustDomain, readonly Crl[]>;
}

/** Verifies peers against one generation of bundles and CRLs; a new generation takes a new verifier. */
export interface PeerVerifier {
  /**
   * `chain`: DER as sent, leaf first. The buffers must not change afterwards. Never throws on peer input.
   * `leafGraceMs`: how long an expired leaf is still accepted (fail-open); its CAs and CRLs must hold.
   */
  verify(chain: readonly Buffer[], nowMs: number, leafGraceMs?: number): PeerVerdict;
}

/** Makes a verifier for peers that act as `purpose`. */
export function createPeerVerifier(
  state: TrustState,
  options: { readonly purpose: PeerPurpose },
): PeerVerifier {
  const verified = new Map<string, VerifiedLeaf>();
  const context: Context = {
    state,
    purpose: options.purpose,
    memo: createSignatureMemo(),
    intermediates: new Map(),
    anchors: anchorsOf(state),
  };
  return {
    verify(chain, nowMs, leafGraceMs = 0) {
      const leaf = chain[0];
      if (leaf === undefined) return refuse('no-certificate', 'the peer sent no certificate', RULE.svid);
      // What only the grace lets through is not remembered: the next call may come without it.
      const key = leaf.length > CHAIN_BYTES_MAX ? '' : fingerprintOf(leaf);
      if (leafGraceMs > 0) {
        const graced = verifyChain(chain, key, { nowMs, leafGraceMs }, context);
        return 'verdict' in graced ? graced.verdict : graced;
      }
      const known = verified.get(key);
      if (known !== undefined) {
        verified.delete(key);
        if (nowMs >= known.identity.notBeforeMs && nowMs < known.validUntilMs) {
          verified.set(key, known); // at the end again: the map's order is the order of use
          return known.verdict;
        }
      }
      const result = verifyChain(chain, key, { nowMs, leafGraceMs }, context);
      if (!('verdict' in result)) return result;
      if (verified.size >= VERIFIED_LEAVES_MAX) verified.delete(verified.keys().next().value ?? '');
      verified.set(key, result);
      return result.verdict;
    },
  };
}

interface Context {
  readonly state: TrustState;
  readonly purpose: PeerPurpose;
  readonly memo: SignatureMemo;
  /** Intermediates of paths that held, by fingerprint. Only saves work: each path is validated in full. */
  readonly intermediates: Map<string, Certificate>;
  /** By length: many peers send their root too. The same holds: as sent, it is one more intermediate. */
  readonly anchors: ReadonlyMap<number, readonly Certificate[]>;
}

interface VerifiedLeaf {
  readonly identity: PeerIdentity;
  readonly verdict: PeerVerdict;
  readonly validUntilMs: number;
}

function verifyChain(
  chain: readonly Buffer[],
  leafFingerprint: string,
  times: Pick<PathRequest, 'nowMs' | 'leafGraceMs'>,
  context: Context,
): VerifiedLeaf | CertificateFault {
  const certificates = parseChain(chain, leafFingerprint, context);
  if ('reason' in certificates) return certificates;
  const [leaf, ...intermediates] = certificates;
  const { spiffeId, findings } = leafFindings(leaf);
  const broken = findings.find((finding) => finding.severity === 'error');
  if (spiffeId === null || broken !== undefined) {
    const { message, rule } = broken ?? { message: 'no SPIFFE ID', rule: RULE.svid };
    return refuse('invalid-svid', `${message} (${rule})`, rule);
  }
  if (!allowsPurpose(leaf, context.purpose))
    return refuse(
      'invalid-svid',
      `extended key usage lacks ${context.purpose}Auth (${RULE.purpose})`,
      RULE.purpose,
    );
  const bundle = context.state.bundles.get(spiffeId.trustDomain);
  if (bundle === undefined)
    return refuse(
      'wrong-trust-domain',
      `there is no bundle for trust domain \`${spiffeId.trustDomain}\``,
      RULE.bundle,
    );
  const request = {
    leaf,
    intermediates,
    bundle,
    crls: context.state.crls.get(spiffeId.trustDomain) ?? [],
    purpose: context.purpose,
    ...times,
  };
  const path = findPath(request, context.memo);
  if (!path.ok) return foreignSigner(request, path, context) ?? path;
  for (const ca of path.intermediates) remember(context.intermediates, ca);
  const identity: PeerIdentity = {
    spiffeId,
    fingerprintSha256: leaf.fingerprintSha256,
    serial: leaf.serial,
    notBeforeMs: path.notBeforeMs,
    notAfterMs: path.notAfterMs,
  };
  return { identity, verdict: { ok: true, identity }, validUntilMs: path.validUntilMs };
}

/** One that is known already is not parsed again. */
function issuerOf(der: Buffer, { intermediates, anchors }: Context): Certificate {
  const anchor = anchors.get(der.length)?.find((one) => one.der.equals(der));
  if (anchor !== undefined) return anchor;
  const fingerprint = fingerprintOf(der);
  return intermediates.get(fingerprint) ?? parseCertificate(der, fingerprint);
}

const anchorsOf = ({ bundles }: TrustState): Context['anchors'] =>
  Map.groupBy(
    [...bundles.values()].flatMap((bundle) => bundle.anchors),
    ({ der }) => der.length,
  );

function remember(known: Map<string, Certificate>, ca: Certificate): void {
  if (known.has(ca.fingerprintSha256)) return;
  if (known.size >= KNOWN_INTERMEDIATES_MAX) known.delete(known.keys().next().value ?? '');
  known.set(ca.fingerprintSha256, ca);
}

function parseChain(
  chain: readonly Buffer[],
  leafFingerprint: string,
  context: Context,
): [Certificate, ...Certificate[]] | CertificateFault {
  if (chain.length > CHAIN_CERTIFICATES_MAX)
    return refuse(
      'untrusted-certificate',
      `the chain has more than ${CHAIN_CERTIFICATES_MAX} certificates`,
      RULE.limits,
    );
  if (chain.reduce((sum, der) => sum + der.length, 0) > CHAIN_BYTES_MAX)
    return refuse('untrusted-certificate', `the chain is larger than ${CHAIN_BYTES_MAX} bytes`, RULE.limits);
  const parsed: Certificate[] = [];
  for (const [i, der] of chain.entries()) {
    try {
      parsed.push(i === 0 ? parseCertificate(der, leafFingerprint) : issuerOf(der, context));
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      return refuse(
        'invalid-svid',
        `certificate ${i + 1} of the chain cannot be read: ${error.message}`,
        RULE.encoding,
      );
    }
  }
  const [leaf, ...rest] = parsed;
  return leaf === undefined
    ? refuse('no-certificate', 'the peer sent no certificate', RULE.svid)
    : [leaf, ...rest];
}

/**
 * Names the trust domain whose CA signed for a foreign ID: the mistake, or the attack, that an operator must
 * see.
 */
function foreignSigner(
  request: PathRequest,
  failed: CertificateFault,
  context: Context,
): CertificateFault | null {
  if (failed.reason !== 'untrusted-certificate') return null;
  const own = request.bundle.trustDomain;
  for (const bundle of context.state.bundles.values()) {
    if (bundle === request.bundle) continue;
    if (findPath({ ...request, bundle, crls: [] }, context.memo).ok)
      return refuse(
        'wrong-trust-domain',
        `an ID of trust domain \`${own}\` is signed by the bundle of \`${bundle.trustDomain}\``,
        RULE.bundle,
      );
  }
  return null;
}

const RULE = {
  svid: 'X509-SVID section 2',
  purpose: 'X509-SVID section 4.4',
  bundle: 'X509-SVID section 5.1',
  encoding: 'RFC 5280 section 4.1, X.690',
  limits: 'a limit of sallyport',
} as const;

const refuse = (reason: CertificateReason, message: string, rule: string): CertificateFault => ({
  ok: false,
  reason,
  message,
  rule,
});
