// Certificates as the Workload API sends them: DER, one after another in one field.
import { parseCertificate } from '../x509/certificate.ts';
import { DerError, DerReader, TAG } from '../x509/der.ts';

/** The elements of `certificates`; the last one is what is not DER, for the parser to say so. */
export function splitDer(certificates: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  const reader = new DerReader(certificates);
  for (let at = 0; at < certificates.length; ) {
    const length = tryDer(() => reader.raw(TAG.sequence).length) ?? certificates.length - at;
    parts.push(certificates.subarray(at, at + length));
    at += length;
  }
  return parts;
}

/** Name and key of a CA, as its CRLs refer to it; null when `der` is no certificate. */
export function authorityOf(der: Buffer): { subject: string; keyId: string | null } | null {
  const certificate = tryDer(() => parseCertificate(der));
  if (certificate === null) return null;
  return { subject: certificate.subject, keyId: certificate.extensions.subjectKeyId };
}

/** What `read` returns, or null when the input is malformed. */
export function tryDer<Result>(read: () => Result): Result | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return null;
  }
}
