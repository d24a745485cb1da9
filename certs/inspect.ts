// What a certificate is, in words: for `certs inspect`, which shows everything that `verify` would only
// refuse by.
import { formatIp } from '../core/ip.ts';
import { leafFindings, type SvidFinding, signingFindings } from './svid.ts';
import type { Certificate } from './x509/certificate.ts';
import { PURPOSE } from './x509/extensions.ts';
import { distinguishedNameText, printable } from './x509/names.ts';

/** A certificate as shown. */
export interface Inspection {
  readonly kind: 'leaf' | 'ca';
  /** No finding is an error. Says nothing about who signed it. */
  readonly valid: boolean;
  readonly spiffeId: string | null;
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly key: string;
  readonly signature: string;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly keyUsage: readonly string[];
  readonly extendedKeyUsage: readonly string[];
  readonly pathLength: number | null;
  readonly fingerprintSha256: string;
  readonly findings: readonly SvidFinding[];
}

/**
 * Describes `certificate` and judges it at `nowMs`, as a signing certificate if it is a CA, else as a leaf.
 */
export function inspectCertificate(certificate: Certificate, nowMs: number): Inspection {
  const { extensions } = certificate;
  const names = extensions.subjectAltName?.names;
  const ca = extensions.basicConstraints?.ca === true;
  const leaf = ca ? null : leafFindings(certificate);
  const findings = [...(leaf?.findings ?? signingFindings(certificate)), ...timeFindings(certificate, nowMs)];
  return {
    kind: ca ? 'ca' : 'leaf',
    valid: findings.every((finding) => finding.severity !== 'error'),
    spiffeId: leaf?.spiffeId?.uri ?? null,
    subject: distinguishedNameText(Buffer.from(certificate.subject, 'latin1')),
    issuer: distinguishedNameText(Buffer.from(certificate.issuer, 'latin1')),
    serial: certificate.serial,
    notBefore: new Date(certificate.notBeforeMs).toISOString(),
    notAfter: new Date(certificate.notAfterMs).toISOString(),
    key: certificate.publicKey.text,
    signature: certificate.signatureAlgorithm?.name ?? certificate.signatureOid,
    uris: (names?.uris ?? []).map(printable),
    dnsNames: (names?.dnsNames ?? []).map(printable),
    ipAddresses: (names?.ipAddresses ?? []).map(formatIp),
    keyUsage: [...(extensions.keyUsage?.usages ?? [])],
    extendedKeyUsage: (extensions.extendedKeyUsage ?? []).map((oid) => PURPOSE_NAMES.get(oid) ?? oid),
    pathLength: extensions.basicConstraints?.pathLength ?? null,
    fingerprintSha256: certificate.fingerprintSha256,
    findings,
  };
}

const PURPOSE_NAMES: ReadonlyMap<string, string> = new Map([
  [PURPOSE.server, 'serverAuth'],
  [PURPOSE.client, 'clientAuth'],
  [PURPOSE.any, 'any'],
]);

function timeFindings(certificate: Certificate, nowMs: number): readonly SvidFinding[] {
  const rule = 'RFC 5280 section 4.1.2.5';
  if (nowMs < certificate.notBeforeMs) return [{ severity: 'error', message: 'it is not valid yet', rule }];
  // As in the verifier: the last second counts
  if (nowMs >= certificate.notAfterMs + 1000) return [{ severity: 'error', message: 'it has expired', rule }];
  return [];
}
