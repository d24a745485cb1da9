// What a certificate is, in words: for `certs inspect`, which shows everything that `verify` would only
// refuse by.
import { formatIp } from '../core/ip.ts';
import { leafFindings, type SvidFinding, signingFindings } from './svid.ts';
import type { Certificate } from './x509/certificate.ts';
import type { Crl } from './x509/crl.ts';
import { PURPOSE } from './x509/extensions.ts';
import { distinguishedNameText, printable } from './x509/names.ts';

/** Where a moment is in a period: `late` in its last third, when a short-lived SVID is renewed already. */
export interface Validity {
  readonly state: 'valid' | 'late' | 'expired' | 'not-yet-valid';
  /** How much of the period is over, 0 to 100. */
  readonly percent: number;
  /** To the end; negative after it. */
  readonly secondsLeft: number;
  readonly secondsTotal: number;
}

/** A CRL as shown. */
export interface CrlInspection {
  /** Says nothing about who signed it. */
  readonly valid: boolean;
  readonly issuer: string;
  readonly thisUpdate: string;
  readonly nextUpdate: string;
  readonly validity: Validity;
  readonly signature: string;
  readonly revoked: number;
}

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
  readonly validity: Validity;
  readonly key: string;
  readonly signature: string;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emails: readonly string[];
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
    validity: validityAt(certificate, nowMs),
    key: certificate.publicKey.text,
    signature: certificate.signatureAlgorithm?.name ?? certificate.signatureOid,
    uris: (names?.uris ?? []).map(printable),
    dnsNames: (names?.dnsNames ?? []).map(printable),
    ipAddresses: (names?.ipAddresses ?? []).map(formatIp),
    emails: (names?.emails ?? []).map(printable),
    keyUsage: [...(extensions.keyUsage?.usages ?? [])],
    extendedKeyUsage: (extensions.extendedKeyUsage ?? []).map((oid) => PURPOSE_NAMES.get(oid) ?? oid),
    pathLength: extensions.basicConstraints?.pathLength ?? null,
    fingerprintSha256: certificate.fingerprintSha256,
    findings,
  };
}

/** Describes `crl` and judges it at `nowMs`. */
export function inspectCrl(crl: Crl, nowMs: number): CrlInspection {
  const validity = validityAt({ notBeforeMs: crl.thisUpdateMs, notAfterMs: crl.nextUpdateMs }, nowMs);
  return {
    valid: validity.state === 'valid' || validity.state === 'late',
    issuer: distinguishedNameText(Buffer.from(crl.issuer, 'latin1')),
    thisUpdate: new Date(crl.thisUpdateMs).toISOString(),
    nextUpdate: new Date(crl.nextUpdateMs).toISOString(),
    validity,
    signature: crl.signatureAlgorithm.name,
    revoked: crl.revoked.size,
  };
}

/** Where `nowMs` is in a period. */
export function validityAt(
  { notBeforeMs, notAfterMs }: { readonly notBeforeMs: number; readonly notAfterMs: number },
  nowMs: number,
): Validity {
  const total = Math.max(notAfterMs - notBeforeMs, 0);
  const done = total === 0 ? 1 : Math.min(Math.max((nowMs - notBeforeMs) / total, 0), 1);
  const state =
    nowMs < notBeforeMs
      ? 'not-yet-valid'
      : nowMs >= notAfterMs + 1000
        ? 'expired'
        : done > LATE_PART
          ? 'late'
          : 'valid';
  return {
    state,
    percent: Math.floor(done * 100),
    secondsLeft: Math.floor((notAfterMs - nowMs) / 1000),
    secondsTotal: Math.floor(total / 1000),
  };
}

const LATE_PART = 2 / 3;

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
