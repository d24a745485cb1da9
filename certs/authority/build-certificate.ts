// Certificates and CRLs from their parts (RFC 5280 sections 4.1 and 5.1): encodes and signs exactly what it
// is told, so that tests can make what no authority should. authority.ts decides what is sensible.
import { type KeyObject, sign } from 'node:crypto';
import { TAG } from '../x509/der.ts';
import { EXTENSION, KEY_USAGES, type KeyUsage } from '../x509/extensions.ts';
import { element } from '../x509/write-der.ts';
import type { Asn1, DerEncoder } from './encode-der.ts';

/** One extension; `value` is the DER inside the OCTET STRING. */
export interface ExtensionSpec {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer;
}

/** Everything that is in a certificate but its signature. */
export interface CertificateSpec {
  /** Two's complement bytes. */
  readonly serial: Buffer;
  /** DER of a Name. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** DER of SubjectPublicKeyInfo. */
  readonly publicKeySpki: Buffer;
  readonly extensions: readonly ExtensionSpec[];
}

/** Everything that is in a CRL but its signature. */
export interface CrlSpec {
  readonly issuer: Buffer;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  readonly revoked: readonly { readonly serial: Buffer; readonly revokedAtMs: number }[];
  readonly extensions: readonly ExtensionSpec[];
}

/** A key to sign with. `digest` only matters for EC and RSA keys; SHA-1 is there to be refused by tests. */
export interface Signer {
  readonly key: KeyObject;
  readonly digest?: 'sha1' | 'sha256' | 'sha384' | 'sha512';
}

/** DER of a signed certificate. */
export function buildCertificate(encoder: DerEncoder, spec: CertificateSpec, signer: Signer): Buffer {
  const e = encoder;
  const algorithm = signatureAlgorithm(e, signer);
  const tbs = e.sequence([
    e.tagged(0, [e.smallInteger(2)]),
    e.integer(spec.serial),
    algorithm,
    e.raw(spec.issuer),
    e.sequence([e.time(spec.notBeforeMs), e.time(spec.notAfterMs)]),
    e.raw(spec.subject),
    e.raw(spec.publicKeySpki),
    ...(spec.extensions.length === 0 ? [] : [e.tagged(3, [encodeExtensions(e, spec.extensions)])]),
  ]);
  return signed(e, tbs, algorithm, signer);
}

/** DER of a signed CRL. */
export function buildCrl(encoder: DerEncoder, spec: CrlSpec, signer: Signer): Buffer {
  const e = encoder;
  const algorithm = signatureAlgorithm(e, signer);
  const revoked = spec.revoked.map(({ serial, revokedAtMs }) =>
    e.sequence([e.integer(serial), e.time(revokedAtMs)]),
  );
  const tbs = e.sequence([
    e.smallInteger(1),
    algorithm,
    e.raw(spec.issuer),
    e.time(spec.thisUpdateMs),
    e.time(spec.nextUpdateMs),
    ...(revoked.length === 0 ? [] : [e.sequence(revoked)]),
    e.tagged(0, [encodeExtensions(e, spec.extensions)]),
  ]);
  return signed(e, tbs, algorithm, signer);
}

function signed(e: DerEncoder, tbs: Asn1, algorithm: Asn1, { key, digest = 'sha256' }: Signer): Buffer {
  const tbsDer = e.encode(tbs);
  const signature = sign(key.asymmetricKeyType === 'ed25519' ? null : digest, tbsDer, key);
  return element(TAG.sequence, tbsDer, e.encode(algorithm), e.encode(e.bits(signature)));
}

const ECDSA = { sha1: '1', sha256: '3.2', sha384: '3.3', sha512: '3.4' } as const;
const RSA = { sha1: '5', sha256: '11', sha384: '12', sha512: '13' } as const;

function signatureAlgorithm(e: DerEncoder, { key, digest = 'sha256' }: Signer): Asn1 {
  if (key.asymmetricKeyType === 'ed25519') return e.sequence([e.oid('1.3.101.112')]);
  if (key.asymmetricKeyType === 'rsa')
    return e.sequence([e.oid(`1.2.840.113549.1.1.${RSA[digest]}`), e.null()]);
  return e.sequence([e.oid(`1.2.840.10045.4.${ECDSA[digest]}`)]);
}

function encodeExtensions(e: DerEncoder, extensions: readonly ExtensionSpec[]): Asn1 {
  return e.sequence(
    extensions.map(({ oid, critical, value }) =>
      e.sequence([e.oid(oid), ...(critical ? [e.boolean(true)] : []), e.octets(value)]),
    ),
  );
}

const ATTRIBUTE_OIDS = { O: '2.5.4.10', CN: '2.5.4.3' } as const;

/** DER of a distinguished name, in the order given. */
export function encodeName(
  e: DerEncoder,
  attributes: readonly (readonly [keyof typeof ATTRIBUTE_OIDS, string])[],
): Buffer {
  const sets = attributes.map(([type, text]) =>
    e.set([e.sequence([e.oid(ATTRIBUTE_OIDS[type]), e.utf8(text)])]),
  );
  return e.encode(e.sequence(sets));
}

/** Names of one kind each. IP addresses are bytes; in name constraints address and mask. */
export interface NamesSpec {
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly Buffer[];
}

export function subjectAltName(e: DerEncoder, names: NamesSpec, critical = false): ExtensionSpec {
  const value = e.encode(e.sequence(generalNames(e, names)));
  return { oid: EXTENSION.subjectAltName, critical, value };
}

/** X509-SVID section 4.2, RFC 5280 section 4.2.1.10. */
export function nameConstraints(
  e: DerEncoder,
  constraints: { readonly permitted?: NamesSpec; readonly excluded?: NamesSpec },
): ExtensionSpec {
  const subtrees = (names: NamesSpec): Asn1[] => generalNames(e, names).map((name) => e.sequence([name]));
  const value = e.sequence([
    ...(constraints.permitted ? [e.tagged(0, subtrees(constraints.permitted))] : []),
    ...(constraints.excluded ? [e.tagged(1, subtrees(constraints.excluded))] : []),
  ]);
  return { oid: EXTENSION.nameConstraints, critical: true, value: e.encode(value) };
}

export function keyUsage(e: DerEncoder, usages: readonly KeyUsage[], critical = true): ExtensionSpec {
  const bits = usages.map((usage) => KEY_USAGES.indexOf(usage));
  const highest = Math.max(...bits, 0);
  const bytes = Buffer.alloc((highest >> 3) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return { oid: EXTENSION.keyUsage, critical, value: e.encode(e.bits(bytes, 7 - (highest & 7))) };
}

export function extendedKeyUsage(e: DerEncoder, oids: readonly string[]): ExtensionSpec {
  const value = e.encode(e.sequence(oids.map((oid) => e.oid(oid))));
  return { oid: EXTENSION.extendedKeyUsage, critical: false, value };
}

/** `pathLength` null = no limit; only for a CA. */
export function basicConstraints(e: DerEncoder, ca: boolean, pathLength: number | null): ExtensionSpec {
  const fields = [
    ...(ca ? [e.boolean(true)] : []),
    ...(pathLength === null ? [] : [e.smallInteger(pathLength)]),
  ];
  return { oid: EXTENSION.basicConstraints, critical: true, value: e.encode(e.sequence(fields)) };
}

export function subjectKeyIdentifier(e: DerEncoder, keyId: Buffer): ExtensionSpec {
  return { oid: EXTENSION.subjectKeyIdentifier, critical: false, value: e.encode(e.octets(keyId)) };
}

export function authorityKeyIdentifier(e: DerEncoder, keyId: Buffer): ExtensionSpec {
  const value = e.encode(e.sequence([e.taggedBytes(0, keyId)]));
  return { oid: EXTENSION.authorityKeyIdentifier, critical: false, value };
}

/** RFC 5280 section 5.2.3. */
export function crlNumber(e: DerEncoder, number: number): ExtensionSpec {
  return { oid: '2.5.29.20', critical: false, value: e.encode(e.smallInteger(number)) };
}

function generalNames(e: DerEncoder, { uris = [], dnsNames = [], ipAddresses = [] }: NamesSpec): Asn1[] {
  return [
    ...uris.map((uri) => e.taggedBytes(6, Buffer.from(uri, 'latin1'))),
    ...dnsNames.map((name) => e.taggedBytes(2, Buffer.from(name, 'latin1'))),
    ...ipAddresses.map((ip) => e.taggedBytes(7, ip)),
  ];
}
