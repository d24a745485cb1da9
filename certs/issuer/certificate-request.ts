// PKCS#10 certificate requests (RFC 2986), strictly: what a caller sends to have its key certified. Only the
// key is taken from it; the identity comes from the attestation.
import { createPublicKey } from 'node:crypto';
import { CSR_ATTRIBUTES_MAX, CSR_BYTES_MAX } from '../limits.ts';
import {
  type PublicKeyInfo,
  readPublicKey,
  readSignatureAlgorithm,
  type SignatureAlgorithm,
  verifySignature,
} from '../x509/algorithms.ts';
import { DerError, DerReader, TAG } from '../x509/der.ts';
import { type Extensions, readExtensions } from '../x509/extensions.ts';
import { readPem } from '../x509/pem.ts';
import { IssuerError } from './issuer-error.ts';

/** A request whose signature was verified: the sender holds the key. */
export interface CertificateRequest {
  /** The key to certify; acceptable by certs/x509/algorithms.ts. */
  readonly publicKey: PublicKeyInfo;
  /** The one URI that it asks for, or null. The issuer refuses any but the attested ID. */
  readonly uri: string | null;
}

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'; // RFC 2985 section 5.4.2

/** Reads what an HTTP body carries: PEM, or DER in base64. @throws ERR_ISSUER_CSR */
export function readCertificateRequest(text: string): CertificateRequest {
  if (text.length > CSR_BYTES_MAX * 2) throw bad(`is longer than ${CSR_BYTES_MAX * 2} characters`);
  const { blocks, fault } = readPem(text);
  const [block] = blocks;
  if (fault !== null) throw bad(`is not PEM: line ${fault.line}: ${fault.message}`);
  if (block === undefined) return parseCertificateRequest(fromBase64(text));
  if (blocks.length > 1) throw bad('comes with other PEM blocks');
  // RFC 7468 section 7: `NEW CERTIFICATE REQUEST` is what some older programs write
  if (block.label !== 'CERTIFICATE REQUEST' && block.label !== 'NEW CERTIFICATE REQUEST')
    throw bad('is a PEM block of another kind');
  return parseCertificateRequest(block.der);
}

/** Reads DER and verifies the signature. @throws ERR_ISSUER_CSR */
export function parseCertificateRequest(der: Buffer): CertificateRequest {
  if (der.length > CSR_BYTES_MAX) throw bad(`is larger than ${CSR_BYTES_MAX} bytes`);
  try {
    return read(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw bad(`is not valid DER: ${error.message}`);
  }
}

/** A request without a signature, for a key of this process: only for `local` attestation. */
export function localCertificateRequest(publicKeySpki: Buffer): CertificateRequest {
  const publicKey = readPublicKey(publicKeySpki);
  if (publicKey.fault !== null) throw bad(`has ${publicKey.fault}`);
  return { publicKey, uri: null };
}

function read(der: Buffer): CertificateRequest {
  const file = new DerReader(der);
  const request = file.enter(TAG.sequence);
  file.finish();
  const info = request.raw(TAG.sequence);
  const { oid, algorithm } = readSignatureAlgorithm(request);
  const signature = request.octetAlignedBits();
  request.finish();
  if (algorithm === null) throw bad(`is signed with algorithm ${oid}, which is not accepted`);

  const fields = new DerReader(info).enter(TAG.sequence);
  if (fields.smallInteger() !== 0) throw bad('is of unknown version'); // section 4.1: v1(0)
  fields.raw(TAG.sequence); // the subject: names come from the attestation
  const publicKey = readPublicKey(fields.raw(TAG.sequence));
  const extensions = readAttributes(fields.enter(0xa0));
  fields.finish();
  if (publicKey.fault !== null) throw bad(`has ${publicKey.fault}`);
  verifyPossession({ info, signature }, algorithm, publicKey);
  return { publicKey, uri: extensions === null ? null : askedUri(extensions) };
}

function verifyPossession(
  signed: { readonly info: Buffer; readonly signature: Buffer },
  algorithm: SignatureAlgorithm,
  publicKey: PublicKeyInfo,
): void {
  let key: ReturnType<typeof createPublicKey>;
  try {
    key = createPublicKey({ key: publicKey.spki, format: 'der', type: 'spki' });
  } catch {
    throw bad('has a public key that is not one'); // e.g. a point that is not on the curve
  }
  if (!verifySignature({ data: signed.info, signature: signed.signature }, algorithm, key))
    throw bad('is not signed by its own key');
}

/** RFC 2986 section 4.1: `[0] IMPLICIT SET OF Attribute`; only the requested extensions matter. */
function readAttributes(attributes: DerReader): Extensions | null {
  const seen = new Set<string>();
  let extensions: Extensions | null = null;
  while (attributes.peek() >= 0) {
    const attribute = attributes.enter(TAG.sequence);
    const oid = attribute.oid();
    const values = attribute.enter(TAG.set);
    attribute.finish();
    if (seen.has(oid)) throw bad(`has attribute ${oid} twice`);
    if (seen.add(oid).size > CSR_ATTRIBUTES_MAX) throw bad(`has more than ${CSR_ATTRIBUTES_MAX} attributes`);
    if (oid !== EXTENSION_REQUEST) continue;
    // readExtensionList wants nothing after the sequence: the attribute is single-valued
    extensions = readExtensions(values);
  }
  return extensions;
}

/** Refuses what would make the certificate more than a leaf; the rest of the wishes has no effect. */
function askedUri(extensions: Extensions): string | null {
  if (extensions.basicConstraints?.ca === true) throw bad('asks for a CA certificate');
  if (extensions.nameConstraints !== null) throw bad('asks for name constraints');
  const usages = extensions.keyUsage?.usages;
  if (usages?.has('keyCertSign') === true || usages?.has('cRLSign') === true)
    throw bad('asks for the key usage of a CA');
  const [unknown] = extensions.unknownCritical;
  if (unknown !== undefined) throw bad(`asks for critical extension ${unknown}, which is not known`);
  const uris = extensions.subjectAltName?.names.uris ?? [];
  if (uris.length > 1) throw bad('asks for more than one URI');
  return uris[0] ?? null;
}

function fromBase64(text: string): Buffer {
  const body = text.trim();
  const der = Buffer.from(body, 'base64');
  // Buffer.from skips what it does not know; only a faithful copy is accepted.
  if (body === '' || der.toString('base64') !== body) throw bad('is neither PEM nor base64');
  return der;
}

const bad = (fault: string): IssuerError =>
  new IssuerError('ERR_ISSUER_CSR', `the certificate request ${fault}`);
