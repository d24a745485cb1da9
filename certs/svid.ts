// What makes a certificate an X509-SVID: the rules of the SPIFFE X509-SVID standard, one finding for each
// broken one. The verifier refuses on the first error; `certs inspect` shows all of them.
import { SallyportError } from '../core/errors.ts';
import type { SpiffeId, TrustDomain } from '../core/spiffe-id.ts';
import { parseSpiffeId } from '../core/spiffe-id.ts';
import type { Certificate } from './x509/certificate.ts';
import { EMPTY_NAME } from './x509/certificate.ts';
import { PURPOSE } from './x509/extensions.ts';

/** One broken rule. Warnings do not refuse. */
export interface SvidFinding {
  readonly severity: 'error' | 'warning';
  readonly message: string;
  /** E.g. `X509-SVID section 4.3`. */
  readonly rule: string;
}

/** The SPIFFE ID of a leaf and every rule of a leaf that it breaks. */
export interface LeafFindings {
  /** Null when it has no valid one. */
  readonly spiffeId: SpiffeId | null;
  readonly findings: readonly SvidFinding[];
}

/** Which side of a TLS connection the certificate authenticates. */
export type PeerPurpose = 'client' | 'server';

/** Checks everything about a leaf but its signature, path and time. */
export function leafFindings(leaf: Certificate): LeafFindings {
  const findings: SvidFinding[] = [];
  const error = (section: string, message: string): void => {
    findings.push({ severity: 'error', message, rule: `X509-SVID section ${section}` });
  };
  const spiffeId = readLeafId(leaf, error);
  const { basicConstraints, keyUsage, extendedKeyUsage } = leaf.extensions;
  if (leaf.subject === EMPTY_NAME && leaf.extensions.subjectAltName?.critical === false)
    error('3.1', 'the subject is empty and subjectAltName is not critical');
  if (leaf.extensions.nameConstraints !== null)
    error('4.2', 'it has name constraints; only signing certificates may');
  if (basicConstraints?.ca) error('4.1', 'it is a CA; a leaf has cA set to false');
  if (keyUsage === null) error('4.3', 'it has no key usage');
  else {
    if (!keyUsage.critical) error('4.3', 'key usage is not critical');
    if (!keyUsage.usages.has('digitalSignature')) error('4.3', 'key usage lacks digitalSignature');
    if (keyUsage.usages.has('keyCertSign')) error('4.3', 'key usage of a leaf has keyCertSign');
    if (keyUsage.usages.has('cRLSign')) error('4.3', 'key usage of a leaf has cRLSign');
  }
  for (const purpose of ['server', 'client'] as const) {
    if (extendedKeyUsage === null || allowsPurpose(leaf, purpose)) continue;
    // The standard wants both or none. A one-sided leaf is refused only on the side that it lacks: the
    // verifier asks.
    findings.push({
      severity: 'warning',
      message: `extended key usage lacks ${purpose}Auth: it cannot act as a ${purpose}`,
      rule: 'X509-SVID section 4.4',
    });
  }
  findings.push(...serialFindings(leaf, 'error'), ...algorithmFindings(leaf, 'error'));
  return { spiffeId, findings };
}

/**
 * Every rule of a signing certificate (a CA) that `ca` breaks. A warning refuses an intermediate but not a
 * trust anchor, which somebody configured.
 */
export function signingFindings(ca: Certificate): readonly SvidFinding[] {
  const findings: SvidFinding[] = [];
  const add = (severity: 'error' | 'warning', section: string, message: string): void => {
    findings.push({ severity, message, rule: `X509-SVID section ${section}` });
  };
  const { basicConstraints, keyUsage } = ca.extensions;
  if (ca.subject === EMPTY_NAME)
    findings.push({
      severity: 'error',
      message: 'it is a CA without a name',
      rule: 'RFC 5280 section 4.1.2.6',
    });
  if (!basicConstraints?.ca) add('error', '4.1', 'it is not a CA');
  else if (!basicConstraints.critical)
    findings.push({
      severity: 'warning',
      message: 'its basic constraints are not critical',
      rule: 'RFC 5280 section 4.2.1.9',
    });
  // RFC 5280 section 6.1.4 (n) lets a CA without key usage sign; the SPIFFE standard does not. Roots made by
  // plain `openssl req -x509` have none.
  if (keyUsage === null) add('warning', '4.3', 'it has no key usage');
  else if (!keyUsage.usages.has('keyCertSign')) add('error', '4.3', 'key usage lacks keyCertSign');
  else if (!keyUsage.critical) add('warning', '4.3', 'key usage is not critical');
  const idFault = signingIdFault(ca);
  if (idFault !== null) add('error', '3.2', idFault);
  // An anchor's own signature proves nothing: an old self-signed root may have SHA-1 there.
  return [...findings, ...serialFindings(ca, 'warning'), ...algorithmFindings(ca, 'warning')];
}

/**
 * True when the extended key usage, if there is one, allows `purpose`. `anyExtendedKeyUsage` alone does not,
 * which RFC 5280 section 4.2.1.12 leaves to us: X509-SVID section 4.4 wants the purposes, OpenSSL as well.
 */
export function allowsPurpose(certificate: Certificate, purpose: PeerPurpose): boolean {
  const usages = certificate.extensions.extendedKeyUsage;
  return usages === null || usages.includes(PURPOSE[purpose]);
}

function readLeafId(leaf: Certificate, error: (section: string, message: string) => void): SpiffeId | null {
  const uris = leaf.extensions.subjectAltName?.names.uris ?? [];
  const [uri] = uris;
  if (uri === undefined) {
    error('2', 'it has no URI SAN, so no SPIFFE ID');
    return null;
  }
  if (uris.length > 1) {
    error('2', `it has ${uris.length} URI SANs, a leaf has exactly one`);
    return null;
  }
  const parsed = tryParse(uri);
  if (typeof parsed === 'string') {
    error('5.2', parsed);
    return null;
  }
  if (parsed.path === '') {
    error('3.1', `SPIFFE ID \`${uri}\` has no path: it names a trust domain, not a workload`);
    return null;
  }
  return parsed;
}

/** The trust domain that a signing certificate names as its own (section 3.2); null when it names none. */
export function signingTrustDomain(ca: Certificate): TrustDomain | null {
  const [uri, ...more] = ca.extensions.subjectAltName?.names.uris ?? [];
  const parsed = uri === undefined || more.length > 0 ? '' : tryParse(uri);
  return typeof parsed === 'string' ? null : parsed.trustDomain;
}

/** Section 3.2: the SPIFFE ID of a signing certificate, if there is one, has no path. */
function signingIdFault(ca: Certificate): string | null {
  const uris = ca.extensions.subjectAltName?.names.uris ?? [];
  const [uri] = uris;
  // A CA with other URIs only is not an SVID itself, which is allowed.
  if (uri === undefined || !uris.some((u) => u.toLowerCase().startsWith('spiffe:'))) return null;
  if (uris.length > 1) return 'a signing certificate with a SPIFFE ID and a second URI SAN';
  const parsed = tryParse(uri);
  if (typeof parsed === 'string') return parsed;
  return parsed.path === '' ? null : `SPIFFE ID \`${uri}\` of a signing certificate has a path`;
}

function tryParse(uri: string): SpiffeId | string {
  try {
    return parseSpiffeId(uri);
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    return error.message;
  }
}

/** RFC 5280 section 4.1.2.2: a serial number is positive. Old roots have 0. */
function serialFindings({ serial }: Certificate, severity: 'error' | 'warning'): readonly SvidFinding[] {
  const rule = 'RFC 5280 section 4.1.2.2';
  return serial === '00' ? [{ severity, message: 'its serial number is 0', rule }] : [];
}

function algorithmFindings(certificate: Certificate, signature: 'error' | 'warning'): readonly SvidFinding[] {
  const findings: SvidFinding[] = [];
  const add = (message: string, rule: string, severity: 'error' | 'warning' = 'error'): void => {
    findings.push({ severity, message, rule });
  };
  const [unknown] = certificate.extensions.unknownCritical;
  if (unknown !== undefined) add(`critical extension ${unknown} is not known`, 'RFC 5280 section 4.2');
  if (certificate.publicKey.fault !== null)
    add(`it has ${certificate.publicKey.fault}`, 'accepted algorithms');
  if (certificate.signatureAlgorithm === null)
    add(
      `it is signed with algorithm ${certificate.signatureOid}, which is not accepted`,
      'accepted algorithms',
      signature,
    );
  return findings;
}
