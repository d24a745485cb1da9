// Two trust domains with their CAs, and everything that one can make in the name of the other.
import { type Authority, createAuthority, type IssuedSvid } from '../../certs/authority/authority.ts';
import {
  basicConstraints,
  buildCrl,
  type CertificateSpec,
  crlNumber,
  keyUsage,
  nameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../certs/authority/build-certificate.ts';
import { type IssueRequest, keyId } from '../../certs/authority/certificate-profile.ts';
import { createTrustBundle } from '../../certs/trust-bundle.ts';
import type { TrustState } from '../../certs/verify.ts';
import { type Certificate, parseCertificate } from '../../certs/x509/certificate.ts';
import { type Crl, parseCrl } from '../../certs/x509/crl.ts';
import { all, withExtension } from '../unit/certs/make-certificate.ts';

export const A = 'a.example';
export const B = 'b.example';
export const ID_A = `spiffe://${A}/ns/shop/sa/web`;
export const ID_B = `spiffe://${B}/ns/shop/sa/web`;
export const AKI = '2.5.29.35';

/** Two trust domains; the proxy is of `a`, and `b` is federated. */
export interface World {
  readonly a: Authority;
  readonly b: Authority;
  /** Below `a` and `b`. */
  readonly a1: Authority;
  readonly b1: Authority;
  /** A CA of nobody, which says it is of `a`. */
  readonly stranger: Authority;
  /** A root of `a` with name and key identifier of the root of `b`. */
  readonly alike: Authority;
}
export type Adjust = NonNullable<IssueRequest['adjust']>;

/** Makes the world anew. */
export async function createWorld(): Promise<World> {
  const [a, b] = [await createAuthority({ trustDomain: A }), await createAuthority({ trustDomain: B })];
  return {
    a,
    b,
    a1: await a.createIntermediate(),
    b1: await b.createIntermediate(),
    stranger: await createAuthority({ trustDomain: A }),
    alike: await createAuthority({ trustDomain: A, adjust: lookingLike(b.certificate) }),
  };
}

/** A peer: what it sends, and its key. */
export interface Peer {
  readonly chainDer: readonly Buffer[];
  readonly privateKeyPem: string;
}

export const uri = (...uris: string[]): Adjust => withExtension((e) => subjectAltName(e, { uris }));
export const peer = (svid: IssuedSvid, ...more: readonly Buffer[]): Peer => ({
  chainDer: [...svid.chainDer, ...more],
  privateKeyPem: svid.privateKeyPem ?? '',
});
/** A leaf of `issuer` with any ID, and what is sent behind its chain. */
export async function leaf(
  issuer: Authority,
  id: string,
  more: readonly Buffer[] = [],
  adjust?: Adjust,
): Promise<Peer> {
  const change = adjust === undefined ? uri(id) : all(uri(id), adjust);
  return peer(await issuer.issue({ spiffeId: `spiffe://${issuer.trustDomain}/x`, adjust: change }), ...more);
}
export const permitted = (...uris: string[]): Adjust =>
  withExtension((e) => nameConstraints(e, { permitted: { uris } }));
export const excluded = (...uris: string[]): Adjust =>
  withExtension((e) => nameConstraints(e, { excluded: { uris } }));

/** The name and key of `subject` in a certificate by `issuer`: a cross-signed twin. */
export function crossSign(subject: Authority, issuer: Authority, ...constraints: string[]): Buffer {
  const { certificate } = subject;
  const e = issuer.encoder;
  return issuer.sign({
    serial: Buffer.of(7),
    issuer: Buffer.from(issuer.certificate.subject, 'latin1'),
    subject: Buffer.from(certificate.subject, 'latin1'),
    notBeforeMs: certificate.notBeforeMs,
    notAfterMs: certificate.notAfterMs,
    publicKeySpki: certificate.publicKey.spki,
    extensions: [
      basicConstraints(e, true, null),
      keyUsage(e, ['keyCertSign']),
      subjectKeyIdentifier(e, keyId(certificate.publicKey.spki)),
      ...(constraints.length === 0 ? [] : [nameConstraints(e, { permitted: { uris: constraints } })]),
    ],
  });
}

/** A CA that looks like `other`: its name and key identifier on another key. */
export const lookingLike =
  (other: Certificate): Adjust =>
  (spec, e) =>
    withExtension(() => subjectKeyIdentifier(e, keyId(other.publicKey.spki)))(
      { ...spec, subject: Buffer.from(other.subject, 'latin1') },
      e,
    );

/** Another certificate of a CA's name and key: renewed, constrained, or expired. */
export function variant(ca: Authority, change: Partial<CertificateSpec> = {}, adjust?: Adjust): Certificate {
  const { certificate } = ca;
  const spec: CertificateSpec = {
    serial: Buffer.of(9),
    issuer: Buffer.from(certificate.issuer, 'latin1'),
    subject: Buffer.from(certificate.subject, 'latin1'),
    notBeforeMs: certificate.notBeforeMs,
    notAfterMs: certificate.notAfterMs,
    publicKeySpki: certificate.publicKey.spki,
    extensions: [
      basicConstraints(ca.encoder, true, null),
      keyUsage(ca.encoder, ['keyCertSign', 'cRLSign']),
      subjectKeyIdentifier(ca.encoder, keyId(certificate.publicKey.spki)),
    ],
    ...change,
  };
  return parseCertificate(ca.sign(adjust?.(spec, ca.encoder) ?? spec));
}

export const bundles = (a: readonly Certificate[], b: readonly Certificate[]): TrustState => ({
  bundles: new Map([
    [A, createTrustBundle(A, a)],
    [B, createTrustBundle(B, b)],
  ]),
  crls: new Map(),
});
export const serial =
  (number: number): Adjust =>
  (spec) => ({ ...spec, serial: Buffer.of(number) });
export const crlOf = (ca: Authority): Crl => parseCrl(ca.issueCrl({ revokedSerials: ['4d'] }));
/** A list in the name of `of`, signed by `by`. */
export const forgedCrl = (of: Authority, by: Authority): Crl => {
  const times = { thisUpdateMs: Date.now() - 60_000, nextUpdateMs: Date.now() + 3_600_000 };
  const issuer = Buffer.from(of.certificate.subject, 'latin1');
  return parseCrl(
    buildCrl(
      by.encoder,
      { issuer, ...times, revoked: [], extensions: [crlNumber(by.encoder, 1)] },
      by.signer,
    ),
  );
};
export const past = { notBeforeMs: Date.now() - 7_200_000, notAfterMs: Date.now() - 3_600_000 };
