// The public key and signature algorithms that X509-SVIDs may use here. What is not in these tables is
// refused: SHA-1, MD5, DSA, RSA-PSS, explicit curves and keys of unusual size have no row.
import type { KeyObject } from 'node:crypto';
import { verify } from 'node:crypto';
import { RSA_BITS_MAX, RSA_BITS_MIN } from '../limits.ts';
import { CURVES, type Curve, isOnCurve } from './curves.ts';
import { DerError, DerReader, TAG } from './der.ts';

/** A signature algorithm that is accepted. `digest` is null where the key fixes it (Ed25519). */
export interface SignatureAlgorithm {
  readonly name: string;
  readonly keyKind: 'ec' | 'rsa' | 'ed25519';
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null;
}

/** A subject public key: what it is in words, and why it may not be used, if so. */
export interface PublicKeyInfo {
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  readonly kind: 'ec' | 'rsa' | 'ed25519' | 'other';
  /** For display, e.g. `EC P-256`. */
  readonly text: string;
  /** Null when the key is acceptable. */
  readonly fault: string | null;
}

const SIGNATURE_ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['1.2.840.10045.4.3.2', { name: 'ecdsa-sha256', keyKind: 'ec', digest: 'sha256' }],
  ['1.2.840.10045.4.3.3', { name: 'ecdsa-sha384', keyKind: 'ec', digest: 'sha384' }],
  ['1.2.840.10045.4.3.4', { name: 'ecdsa-sha512', keyKind: 'ec', digest: 'sha512' }],
  ['1.2.840.113549.1.1.11', { name: 'rsa-sha256', keyKind: 'rsa', digest: 'sha256' }],
  ['1.2.840.113549.1.1.12', { name: 'rsa-sha384', keyKind: 'rsa', digest: 'sha384' }],
  ['1.2.840.113549.1.1.13', { name: 'rsa-sha512', keyKind: 'rsa', digest: 'sha512' }],
  ['1.3.101.112', { name: 'ed25519', keyKind: 'ed25519', digest: null }],
]);

const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';
const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const ED25519 = '1.3.101.112';
// A public exponent above 32 bits only makes verification slow, up to 100 times. One below 2^16 is below what
// FIPS 186-5 section 5.1 (e) allows; with 1, everybody signs for the key.
const RSA_EXPONENT_BYTES = { min: 3, max: 5 };

/** Reads an AlgorithmIdentifier of a signature; `algorithm` is null when it is not accepted. */
export function readSignatureAlgorithm(reader: DerReader): {
  oid: string;
  algorithm: SignatureAlgorithm | null;
} {
  const fields = reader.enter(TAG.sequence);
  const oid = fields.oid();
  const algorithm = SIGNATURE_ALGORITHMS.get(oid) ?? null;
  // RFC 4055 section 5: RSA has NULL parameters; RFC 5758 section 3.2 and RFC 8410 section 3: the others have
  // none.
  if (algorithm?.keyKind === 'rsa' && fields.content(TAG.null).length !== 0)
    throw new DerError('a NULL with content');
  if (algorithm !== null) fields.finish();
  return { oid, algorithm };
}

/** Reads a SubjectPublicKeyInfo. */
export function readPublicKey(spki: Buffer): PublicKeyInfo {
  const outer = new DerReader(spki).enter(TAG.sequence);
  const identifier = outer.enter(TAG.sequence);
  const oid = identifier.oid();
  if (oid === EC_PUBLIC_KEY) {
    if (identifier.peek() !== TAG.oid) return refused(spki, 'an EC key with explicit parameters');
    const curve = CURVES.get(identifier.oid());
    identifier.finish();
    if (curve === undefined) return refused(spki, 'an EC key on a curve other than P-256, P-384 and P-521');
    return readEcKey(spki, curve, finishKey(outer));
  }
  if (oid === ED25519) {
    identifier.finish();
    if (finishKey(outer).length !== 32) throw new DerError('an Ed25519 key is not 32 bytes');
    return { spki, kind: 'ed25519', text: 'Ed25519', fault: null };
  }
  if (oid === RSA_ENCRYPTION) {
    // RFC 3279 section 2.3.1: the parameters are NULL
    if (identifier.content(TAG.null).length !== 0) throw new DerError('a NULL with content');
    identifier.finish();
    return readRsaKey(spki, finishKey(outer));
  }
  return refused(spki, `a public key of algorithm ${oid}`);
}

function finishKey(outer: DerReader): Buffer {
  const key = outer.octetAlignedBits();
  outer.finish();
  return key;
}

/** RFC 5480 section 2.2: an uncompressed point. The compressed, left to us, are not read by Go either. */
function readEcKey(spki: Buffer, curve: Curve, point: Buffer): PublicKeyInfo {
  const text = `EC ${curve.name}`;
  const fault = isOnCurve(curve, point) ? null : `an EC key that is no uncompressed point of ${curve.name}`;
  return { spki, kind: 'ec', text, fault };
}

function readRsaKey(spki: Buffer, key: Buffer): PublicKeyInfo {
  const outer = new DerReader(key);
  const fields = outer.enter(TAG.sequence);
  const modulus = fields.integer();
  const exponent = fields.integer();
  fields.finish();
  outer.finish();
  const lead = modulus[0] === 0 ? 1 : 0;
  const bits = (modulus.length - lead) * 8 - Math.clz32(modulus[lead] ?? 0) + 24;
  let fault: string | null = null;
  if (bits < RSA_BITS_MIN) fault = `an RSA key of ${bits} bits, fewer than ${RSA_BITS_MIN}`;
  else if (bits > RSA_BITS_MAX) fault = `an RSA key of ${bits} bits, more than ${RSA_BITS_MAX}`;
  else if (isNegative(modulus) || isEven(modulus)) fault = 'an RSA key with an even or negative modulus';
  else if (isNegative(exponent) || isEven(exponent) || exponent.length < RSA_EXPONENT_BYTES.min)
    fault = 'an RSA key with an even exponent or one below 65537';
  else if (exponent.length > RSA_EXPONENT_BYTES.max) fault = 'an RSA key with an exponent above 32 bits';
  return { spki, kind: 'rsa', text: `RSA ${bits}`, fault };
}

const isNegative = (integer: Buffer): boolean => (integer[0] ?? 0) >= 0x80;
const isEven = (integer: Buffer): boolean => ((integer[integer.length - 1] ?? 0) & 1) === 0;

const refused = (spki: Buffer, fault: string): PublicKeyInfo => ({ spki, kind: 'other', text: fault, fault });

/**
 * True when `signature` over `data` is by `key`. An unusable key or signature is false, never an exception.
 */
export function verifySignature(
  signed: { readonly data: Buffer; readonly signature: Buffer },
  algorithm: SignatureAlgorithm,
  key: KeyObject,
): boolean {
  if (key.asymmetricKeyType !== algorithm.keyKind) return false;
  try {
    return verify(algorithm.digest, signed.data, key, signed.signature);
  } catch {
    return false; // OpenSSL throws on signatures that are not even DER
  }
}
