// What identity files hold: certificates, bundles, CRLs and a key, each fault a diagnostic with file and
// line.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { Diagnostic, Position } from '../core/errors.ts';
import type { TrustDomain } from '../core/spiffe-id.ts';
import { BUNDLE_CERTIFICATES_MAX } from './limits.ts';
import { signingFindings, signingTrustDomain } from './svid.ts';
import { createTrustBundle, type TrustBundle } from './trust-bundle.ts';
import type { Certificate } from './x509/certificate.ts';
import { parseCertificate } from './x509/certificate.ts';
import type { Crl } from './x509/crl.ts';
import { parseCrl } from './x509/crl.ts';
import { DerError } from './x509/der.ts';
import { distinguishedNameText } from './x509/names.ts';
import { readPem, writePem } from './x509/pem.ts';

/** The content of one file. */
export interface FileContent {
  readonly file: string;
  readonly bytes: Buffer;
}

/** Collects diagnostics; `errors` counts those that refuse everything. */
export class Findings {
  readonly list: Diagnostic[] = [];
  /** Foreign trust domains that are not taken as they came. */
  readonly refused = new Set<TrustDomain>();
  errors = 0;
  readonly #about: Pick<Diagnostic, 'trustDomain'>;

  /** `foreign`: everything that is found is about this trust domain, which is not the own one. */
  constructor(foreign?: TrustDomain) {
    this.#about = foreign === undefined ? {} : { trustDomain: foreign };
  }

  error(code: string, at: Position | undefined, message: string, hint: string): void {
    this.errors++;
    this.#push({ severity: 'error', code, message, hint }, at);
  }

  warn(code: string, at: Position | undefined, message: string, hint: string): void {
    this.#push({ severity: 'warning', code, message, hint }, at);
  }

  /** Everything of `found`. */
  add(found: Findings): void {
    this.list.push(...found.list);
    for (const trustDomain of found.refused) this.refused.add(trustDomain);
    this.errors += found.errors;
  }

  /** What is wrong with a foreign trust domain refuses that one only. */
  refuse(trustDomain: TrustDomain, found: Findings): void {
    this.list.push(...found.list);
    this.refused.add(trustDomain);
  }

  #push(found: Diagnostic, at: Position | undefined): void {
    this.list.push({ ...found, ...(at ? { at } : {}), ...this.#about });
  }
}

/** The CA certificates of one bundle file; null when it has none that can be used. */
export function readBundle(
  trustDomain: TrustDomain,
  content: FileContent,
  nowMs: number,
  findings: Findings,
): TrustBundle | null {
  const anchors: Certificate[] = [];
  const certificates = readCertificates(content, findings);
  for (const ca of certificates) {
    const name = `\`${distinguishedNameText(Buffer.from(ca.subject, 'latin1'))}\``;
    const hint = 'a bundle holds the CA certificates of one trust domain';
    for (const { severity, message, rule } of signingFindings(ca)) {
      if (severity === 'error')
        findings.error('ERR_BUNDLE_CERTIFICATE', place(content), `${name}: ${message} (${rule})`, hint);
      else findings.warn('LINT_BUNDLE_CERTIFICATE', place(content), `${name}: ${message} (${rule})`, hint);
    }
    const named = signingTrustDomain(ca);
    if (named !== null && named !== trustDomain)
      findings.warn(
        'LINT_BUNDLE_TRUST_DOMAIN',
        place(content),
        `${name} says that it is of \`${named}\`, and the bundle is taken for \`${trustDomain}\``,
        'SVIDs are verified by the bundle of the trust domain in their ID: is the name right?',
      );
    if (nowMs >= ca.notAfterMs)
      findings.warn(
        'LINT_BUNDLE_EXPIRED',
        place(content),
        `${name} expired at ${new Date(ca.notAfterMs).toISOString()}`,
        'it is kept and verifies nothing; remove it from the bundle',
      );
    anchors.push(ca);
  }
  if (anchors.length > BUNDLE_CERTIFICATES_MAX)
    findings.error(
      'ERR_BUNDLE_TOO_LARGE',
      place(content),
      `${anchors.length} certificates in one bundle`,
      `a bundle has at most ${BUNDLE_CERTIFICATES_MAX}; a system-wide CA list is not the bundle of a trust domain`,
    );
  return anchors.length === 0 ? null : createTrustBundle(trustDomain, anchors);
}

const HINT_JSON =
  'a SPIFFE bundle document is read from its URL, as `endpoint`; docs/federation.md has a command that makes PEM of it';

/** The certificates of a PEM file; at least one, or there is an error. */
export function readCertificates(content: FileContent, findings: Findings): readonly Certificate[] {
  const { blocks, fault } = readPem(content.bytes.toString('latin1'));
  if (fault !== null)
    findings.error(
      'ERR_PEM_MALFORMED',
      place(content, fault.line),
      fault.message,
      'the file may be cut short or still being written',
    );
  const certificates: Certificate[] = [];
  let found = false;
  for (const block of blocks) {
    if (block.label !== 'CERTIFICATE' && block.label !== 'X509 CERTIFICATE') continue;
    found = true;
    try {
      certificates.push(parseCertificate(block.der));
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      const message = `the certificate cannot be read: ${error.message}`;
      findings.error(
        'ERR_CERTIFICATE_MALFORMED',
        place(content, block.line),
        message,
        'see `openssl x509 -text -in`',
      );
    }
  }
  if (!found && fault === null) {
    const labels = blocks.map((block) => `\`${block.label}\``).join(', ');
    const json = isJsonObject(content.bytes);
    findings.error(
      'ERR_CERTIFICATE_MISSING',
      place(content),
      blocks.length === 0
        ? `the file is ${json ? 'JSON, ' : ''}not PEM`
        : `the file has no certificate, only ${labels}`,
      json
        ? HINT_JSON
        : 'expected `-----BEGIN CERTIFICATE-----`; for DER: `openssl x509 -inform der -outform pem`',
    );
  }
  return certificates;
}

/** True for what can be a JSON object, such as a SPIFFE bundle document, and neither PEM nor DER. */
export const isJsonObject = (bytes: Buffer): boolean => bytes.toString('latin1').trimStart().startsWith('{');

/** The CRLs of a file, PEM or DER. */
export function readCrls(content: FileContent, nowMs: number, findings: Findings): readonly Crl[] {
  const { blocks, fault } = readPem(content.bytes.toString('latin1'));
  const lists = blocks.filter((block) => block.label === 'X509 CRL');
  const crls: Crl[] = [];
  if (fault !== null)
    findings.error(
      'ERR_PEM_MALFORMED',
      place(content, fault.line),
      fault.message,
      'the file may be cut short',
    );
  for (const { der, line } of blocks.length === 0 ? [{ der: content.bytes, line: 1 }] : lists) {
    try {
      crls.push(parseCrl(der));
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      const message = `the CRL cannot be read: ${error.message}`;
      findings.error(
        'ERR_CRL_MALFORMED',
        place(content, line),
        message,
        'complete, direct CRLs of version 2 are read',
      );
    }
  }
  if (blocks.length > 0 && lists.length === 0)
    findings.error(
      'ERR_CRL_MISSING',
      place(content),
      'the file has no CRL',
      'expected `-----BEGIN X509 CRL-----`',
    );
  for (const crl of crls) {
    if (nowMs < crl.nextUpdateMs) continue;
    const message = `the CRL ended at ${new Date(crl.nextUpdateMs).toISOString()}`;
    findings.warn(
      'LINT_CRL_STALE',
      place(content),
      message,
      'every peer of its issuer is refused until it is renewed',
    );
  }
  return crls;
}

/** The private key of a PEM file. */
export function readPrivateKey(content: FileContent, findings: Findings): KeyObject | null {
  const text = content.bytes.toString('latin1');
  const { blocks, fault } = readPem(text);
  // `EC PARAMETERS`, which OpenSSL writes before an EC key, is not a key.
  const keys = blocks.filter((block) => block.label.endsWith('PRIVATE KEY'));
  const [block] = keys;
  if (block === undefined) {
    const line = fault?.line ?? 1;
    const message = fault?.message ?? 'the file holds no private key';
    findings.error(
      'ERR_KEY_MISSING',
      place(content, line),
      message,
      'expected `-----BEGIN PRIVATE KEY-----`, PEM',
    );
    return null;
  }
  if (block.label.startsWith('ENCRYPTED') || block.der.length === 0) {
    const hint = 'decrypt it with `openssl pkey -in KEY -out NEW`; protect the file by its mode and owner';
    findings.error('ERR_KEY_ENCRYPTED', place(content, block.line), 'the private key is encrypted', hint);
    return null;
  }
  try {
    return createPrivateKey(writePem(block.label, block.der));
  } catch {
    const hint = 'PKCS#8, SEC1 (EC) or PKCS#1 (RSA) in PEM';
    findings.error('ERR_KEY_MALFORMED', place(content, block.line), 'the private key cannot be read', hint);
    return null;
  }
}

/** A position in `content`. */
export function place({ file }: FileContent, line?: number): Position {
  return line === undefined ? { file } : { file, line, column: 1 };
}
