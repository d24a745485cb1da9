// An X.509 certificate, read once from DER (RFC 5280 section 4.1) into a value that nothing downstream parses
// again.
import { hash } from 'node:crypto';
import type { PublicKeyInfo, SignatureAlgorithm } from './algorithms.ts';
import { readPublicKey, readSignatureAlgorithm } from './algorithms.ts';
import { DerError, DerReader, TAG } from './der.ts';
import type { Extensions } from './extensions.ts';
import { readExtensions } from './extensions.ts';
import { checkDistinguishedName } from './names.ts';

export interface Certificate {
  readonly der: Buffer;
  /** Lower-case hex SHA-256 of `der`. */
  readonly fingerprintSha256: string;
  /** The signed part. */
  readonly tbs: Buffer;
  readonly signature: Buffer;
  /** Null when the algorithm is not accepted; its OID is in `signatureOid`. */
  readonly signatureAlgorithm: SignatureAlgorithm | null;
  readonly signatureOid: string;
  /** Lower-case hex, without sign byte. */
  readonly serial: string;
  /** DER of the distinguished names as latin1 text: compared byte for byte, like Go does. */
  readonly issuer: string;
  readonly subject: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: PublicKeyInfo;
  readonly extensions: Extensions;
}

/** DER of an empty distinguished name. */
export const EMPTY_NAME = '\x30\x00';

const SERIAL_BYTES_MAX = 20; // RFC 5280 section 4.1.2.2

/** Lower-case hex SHA-256 of `der`. */
export const fingerprintOf = (der: Buffer): string => hash('sha256', der, 'hex');

/**
 * Parses one certificate. `der` must not change afterwards; `fingerprintSha256`: its own, when known.
 * @throws DerError
 */
export function parseCertificate(der: Buffer, fingerprintSha256 = fingerprintOf(der)): Certificate {
  const file = new DerReader(der);
  const certificate = file.enter(TAG.sequence);
  file.finish();
  const tbs = certificate.raw(TAG.sequence);
  const outerAlgorithm = certificate.raw(TAG.sequence);
  const signature = certificate.octetAlignedBits();
  certificate.finish();

  const fields = new DerReader(tbs).enter(TAG.sequence);
  const version = fields.peek() === 0xa0 ? readVersion(fields.enter(0xa0)) : 1;
  const serial = readSerial(fields.integer());
  const innerAlgorithm = fields.raw(TAG.sequence);
  // RFC 5280 section 4.1.1.2: the two fields are the same
  if (!innerAlgorithm.equals(outerAlgorithm)) throw new DerError('the two signature algorithms differ');
  const { oid, algorithm } = readSignatureAlgorithm(new DerReader(innerAlgorithm));
  const issuer = readName(fields);
  const validity = fields.enter(TAG.sequence);
  const notBeforeMs = validity.time();
  const notAfterMs = validity.time();
  validity.finish();
  const subject = readName(fields);
  const publicKey = readPublicKey(fields.raw(TAG.sequence));
  // issuerUniqueID and subjectUniqueID are not read: conforming CAs do not write them (section 4.1.2.8)
  const extensions = fields.peek() === 0xa3 ? fields.enter(0xa3) : null;
  fields.finish();
  if (extensions !== null && version !== 3)
    throw new DerError('extensions in a certificate before version 3');

  return {
    der,
    fingerprintSha256,
    tbs,
    signature,
    signatureAlgorithm: algorithm,
    signatureOid: oid,
    serial,
    issuer,
    subject,
    notBeforeMs,
    notAfterMs,
    publicKey,
    extensions: readExtensions(extensions),
  };
}

function readName(fields: DerReader): string {
  const name = fields.raw(TAG.sequence);
  checkDistinguishedName(name);
  return name.toString('latin1');
}

function readVersion(reader: DerReader): number {
  const version = reader.smallInteger() + 1;
  reader.finish();
  if (version !== 2 && version !== 3) throw new DerError('a certificate of unknown version');
  return version;
}

/** Hex of a serial number; negative and overlong ones are refused. */
export function readSerial(integer: Buffer): string {
  if ((integer[0] ?? 0) >= 0x80) throw new DerError('a negative serial number');
  const magnitude = integer.length > 1 && integer[0] === 0 ? integer.subarray(1) : integer;
  if (magnitude.length > SERIAL_BYTES_MAX) throw new DerError('a serial number of more than 20 bytes');
  return magnitude.toString('hex');
}
