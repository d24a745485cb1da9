// Certificates for tests, good and bad, made when they are needed: nothing is stored, nothing expires.
import type { Authority } from '../../../certs/authority/authority.ts';
import type { CertificateSpec, ExtensionSpec } from '../../../certs/authority/build-certificate.ts';
import type { DerEncoder } from '../../../certs/authority/encode-der.ts';
import type { PeerPurpose } from '../../../certs/svid.ts';
import { createTrustBundle } from '../../../certs/trust-bundle.ts';
import {
  createPeerVerifier,
  type PeerVerdict,
  type PeerVerifier,
  type TrustState,
} from '../../../certs/verify.ts';
import { parseCrl } from '../../../certs/x509/crl.ts';

export const ID = 'spiffe://example.org/ns/shop/sa/web';
export const TRUST_DOMAIN = 'example.org';

type Adjust = (spec: CertificateSpec, encoder: DerEncoder) => CertificateSpec;

/** Replaces the extension of the same OID, or adds it. */
export function withExtension(make: (encoder: DerEncoder) => ExtensionSpec): Adjust {
  return (spec, encoder) => {
    const extension = make(encoder);
    return { ...spec, extensions: [...spec.extensions.filter((x) => x.oid !== extension.oid), extension] };
  };
}

/** Leaves an extension out. */
export function withoutExtension(oid: string): Adjust {
  return (spec) => ({ ...spec, extensions: spec.extensions.filter((x) => x.oid !== oid) });
}

/** Several changes, one after another. */
export function all(...adjusts: readonly Adjust[]): Adjust {
  return (spec, encoder) => adjusts.reduce((s, adjust) => adjust(s, encoder), spec);
}

/** Trust in the given authorities, each for its own trust domain unless one is named. */
export function trust(
  ...entries: readonly (Authority | readonly [string, readonly Authority[]])[]
): TrustState {
  const bundles = entries.map((entry) => {
    const [trustDomain, authorities] = 'trustDomain' in entry ? [entry.trustDomain, [entry]] : entry;
    return createTrustBundle(
      trustDomain,
      authorities.map((authority) => authority.certificate),
    );
  });
  return { bundles: new Map(bundles.map((b) => [b.trustDomain, b])), crls: new Map() };
}

/** `state` with CRLs for the trust domain of the tests. */
export function withCrls(state: TrustState, ...ders: readonly Buffer[]): TrustState {
  return { ...state, crls: new Map([[TRUST_DOMAIN, ders.map(parseCrl)]]) };
}

export function verifierFor(state: TrustState, purpose: PeerPurpose = 'client'): PeerVerifier {
  return createPeerVerifier(state, { purpose });
}

/** `ok`, or `reason: message`. */
export function said(verdict: PeerVerdict): string {
  return verdict.ok ? 'ok' : `${verdict.reason}: ${verdict.message}`;
}
