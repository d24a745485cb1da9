// Certification paths (RFC 5280 section 6): a bounded search from the leaf to a trust anchor by name and key
// identifier, then validation from the anchor down, so that no key is used before something trusted has
// vouched for it.
import assert from 'node:assert/strict';
import type { Reason } from '../../core/reasons.ts';
import { NAME_COMPARISONS_MAX, PATH_ATTEMPTS_MAX, PATH_DEPTH_MAX } from '../limits.ts';
import type { PeerPurpose } from '../svid.ts';
import { allowsPurpose, signingFindings } from '../svid.ts';
import type { TrustBundle } from '../trust-bundle.ts';
import type { Certificate } from './certificate.ts';
import type { Crl } from './crl.ts';
import type { NameConstraints } from './extensions.ts';
import { nameConstraintFault } from './name-constraints.ts';
import { distinguishedNameText } from './names.ts';
import { crlSignedBy, type SignatureMemo, signedBy } from './signed-by.ts';

/** The reasons for which a peer's certificate is refused. */
export type CertificateReason = Extract<
  Reason,
  | 'no-certificate'
  | 'untrusted-certificate'
  | 'wrong-trust-domain'
  | 'invalid-svid'
  | 'expired-certificate'
  | 'revoked-certificate'
>;

export interface CertificateFault {
  readonly ok: false;
  readonly reason: CertificateReason;
  readonly message: string;
  /** The rule that is broken, e.g. `RFC 5280 section 6.1.3 (a)`. */
  readonly rule: string;
}

/** The time for which a whole path holds: `validUntilMs` also ends with the CRLs that were consulted. */
export interface ValidPath {
  readonly ok: true;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly validUntilMs: number;
  readonly anchor: Certificate;
  /** The intermediates that the path uses. */
  readonly intermediates: readonly Certificate[];
}

/** What one path search works on. */
export interface PathRequest {
  readonly leaf: Certificate;
  /** As sent, in any order; none of them is trusted. */
  readonly intermediates: readonly Certificate[];
  readonly bundle: TrustBundle;
  readonly crls: readonly Crl[];
  readonly purpose: PeerPurpose;
  readonly nowMs: number;
  /** Milliseconds after its end for which the leaf, and only the leaf, counts as valid. */
  readonly leafGraceMs: number;
}

/** The first path that holds, or the most telling reason why none does. */
export function findPath(request: PathRequest, memo: SignatureMemo): ValidPath | CertificateFault {
  const search: Search = {
    request,
    memo,
    stepsLeft: PATH_ATTEMPTS_MAX,
    comparisons: { left: NAME_COMPARISONS_MAX },
    fault: null,
  };
  return extend(search, [request.leaf]) ?? search.fault ?? noIssuer(request);
}

interface Search {
  readonly request: PathRequest;
  readonly memo: SignatureMemo;
  stepsLeft: number;
  readonly comparisons: { left: number };
  /** The most telling one so far; null while no issuer was found at all. */
  fault: CertificateFault | null;
}

/**
 * Tries every continuation of `path` (leaf first). Depth is bounded by PATH_DEPTH_MAX, breadth by the steps
 * left.
 */
function extend(search: Search, path: readonly Certificate[]): ValidPath | null {
  const child = path[path.length - 1];
  if (child === undefined || path.length >= PATH_DEPTH_MAX) return null;
  const { bundle, intermediates } = search.request;
  for (const anchor of bundle.bySubject.get(child.issuer) ?? []) {
    if (!mayIssue(anchor, child)) continue;
    if (!takeStep(search)) return null;
    const result = validatePath(search, [...path, anchor].reverse());
    if (result.ok) return result;
    if (search.fault === null || TELLING.indexOf(result.reason) >= TELLING.indexOf(search.fault.reason))
      search.fault = result;
  }
  for (const ca of intermediates) {
    if (ca.subject !== child.issuer || !mayIssue(ca, child)) continue;
    // The same CA twice is a loop, also in another, cross-signed certificate.
    if (path.some((c) => c.subject === ca.subject && c.publicKey.spki.equals(ca.publicKey.spki))) continue;
    if (!takeStep(search)) return null;
    const result = extend(search, [...path, ca]);
    if (result !== null) return result;
  }
  return null;
}

// Of several failed paths the one that came furthest is reported.
const TELLING: readonly CertificateReason[] = [
  'untrusted-certificate',
  'expired-certificate',
  'revoked-certificate',
];

function takeStep(search: Search): boolean {
  if (search.stepsLeft-- > 0) return true;
  search.fault = fault(
    'untrusted-certificate',
    `the path search stopped after ${PATH_ATTEMPTS_MAX} steps`,
    RULE.limits,
  );
  return false;
}

/** Key identifiers, when both are there, tell CAs of one name apart (RFC 5280 section 4.2.1.1). */
export function mayIssue(issuer: Certificate, child: Certificate): boolean {
  return sameKeyId(issuer.extensions.subjectKeyId, child.extensions.authorityKeyId);
}

const sameKeyId = (subjectKeyId: string | null, authorityKeyId: string | null): boolean =>
  subjectKeyId === null || authorityKeyId === null || subjectKeyId === authorityKeyId;

/**
 * RFC 5280 section 6.1.3 to 6.1.5 on a path with the anchor first, whose own constraints count (RFC 5937).
 */
function validatePath(search: Search, path: readonly Certificate[]): ValidPath | CertificateFault {
  let [notBeforeMs, notAfterMs, crlsUntilMs] = [0, Infinity, Infinity];
  let pathLength = PATH_DEPTH_MAX;
  const { nowMs, leafGraceMs } = search.request;
  const constraints: NameConstraints[] = [];
  for (const [i, certificate] of path.entries()) {
    const issuer = path[i - 1];
    const isLeaf = i === path.length - 1;
    const selfIssued = certificate.subject === certificate.issuer;
    if (issuer !== undefined && !signedBy(search.memo, certificate, issuer)) {
      const message = `${nameOf(certificate)} is not signed by ${nameOf(issuer)}`;
      return fault('untrusted-certificate', message, RULE.signature);
    }
    const timeFault = validityFault(certificate, { nowMs, graceMs: isLeaf ? leafGraceMs : 0, isLeaf });
    if (timeFault !== null) return timeFault;
    notBeforeMs = Math.max(notBeforeMs, certificate.notBeforeMs);
    notAfterMs = Math.min(notAfterMs, certificate.notAfterMs);
    if (issuer !== undefined) {
      const revocation = checkRevocation(search, certificate, issuer);
      if (typeof revocation !== 'number') return revocation;
      crlsUntilMs = Math.min(crlsUntilMs, revocation);
    }
    // Section 6.1.3 (b) and (c): self-issued CAs in the middle are exempt
    if (!selfIssued || isLeaf) {
      for (const constraint of constraints) {
        const outside = nameConstraintFault(constraint, certificate, search.comparisons);
        if (outside !== null) return fault('untrusted-certificate', outside, RULE.names);
      }
    }
    if (isLeaf) break;
    const caFault = signingFault(certificate, issuer === undefined, search.request.purpose);
    if (caFault !== null)
      return fault('untrusted-certificate', `${nameOf(certificate)}: ${caFault.message}`, caFault.rule);
    // Section 6.1.4 (l) and (m); the anchor itself is not counted
    if (issuer !== undefined && !selfIssued && pathLength-- <= 0)
      return fault(
        'untrusted-certificate',
        `${nameOf(certificate)} exceeds the path length of a CA above it`,
        RULE.pathLength,
      );
    pathLength = Math.min(pathLength, certificate.extensions.basicConstraints?.pathLength ?? pathLength);
    if (certificate.extensions.nameConstraints) constraints.push(certificate.extensions.nameConstraints);
  }
  const validUntilMs = Math.min(notAfterMs, crlsUntilMs);
  const [anchor] = path;
  assert(anchor !== undefined, 'a path begins with its anchor');
  return { ok: true, notBeforeMs, notAfterMs, validUntilMs, anchor, intermediates: path.slice(1, -1) };
}

/** Why this CA may not stand in a path, or null. */
function signingFault(ca: Certificate, isAnchor: boolean, purpose: PeerPurpose): BrokenRule | null {
  for (const finding of signingFindings(ca)) {
    if (isAnchor && finding.severity === 'warning') continue;
    return finding;
  }
  // Not asked by RFC 5280, but by OpenSSL, Go and browsers: a CA's extended key usage binds what is below it.
  return allowsPurpose(ca, purpose)
    ? null
    : { message: `extended key usage does not allow ${purpose}Auth`, rule: RULE.purpose };
}

function validityFault(
  certificate: Certificate,
  at: { readonly nowMs: number; readonly graceMs: number; readonly isLeaf: boolean },
): CertificateFault | null {
  const { nowMs, graceMs, isLeaf } = at;
  // Made when it is needed: every handshake comes this way.
  const what = (): string => (isLeaf ? 'the certificate' : nameOf(certificate));
  if (nowMs < certificate.notBeforeMs)
    return fault(
      'expired-certificate',
      `${what()} is not valid before ${isoTime(certificate.notBeforeMs)}`,
      RULE.validity,
    );
  // RFC 5280 section 4.1.2.5: the period includes notAfter, which counts whole seconds
  if (nowMs >= certificate.notAfterMs + 1000 + graceMs)
    return fault(
      'expired-certificate',
      `${what()} expired at ${isoTime(certificate.notAfterMs)}`,
      RULE.validity,
    );
  return null;
}

/**
 * Looks `certificate` up in the CRLs of `issuer`. Only an issuer that has a CRL is asked; then a stale,
 * unreadable or foreign-signed list refuses. The number is when the consulted lists end, Infinity without
 * any.
 */
function checkRevocation(
  search: Search,
  certificate: Certificate,
  issuer: Certificate,
): number | CertificateFault {
  const { crls, nowMs } = search.request;
  const revoked = (message: string): CertificateFault =>
    fault('revoked-certificate', message, RULE.revocation);
  let untilMs = Infinity;
  for (const crl of crls) {
    if (crl.issuer !== issuer.subject || !sameKeyId(issuer.extensions.subjectKeyId, crl.authorityKeyId))
      continue;
    // RFC 5280 section 6.3.3 (f)
    if (issuer.extensions.keyUsage && !issuer.extensions.keyUsage.usages.has('cRLSign'))
      return revoked(`${nameOf(issuer)} has a CRL but lacks key usage cRLSign`);
    if (!crlSignedBy(search.memo, crl, issuer))
      return revoked(`the CRL of ${nameOf(issuer)} has a bad signature`);
    if (nowMs < crl.thisUpdateMs || nowMs >= crl.nextUpdateMs)
      return revoked(`the CRL of ${nameOf(issuer)} is stale: nextUpdate was ${isoTime(crl.nextUpdateMs)}`);
    if (crl.revoked.has(certificate.serial))
      return revoked(`serial ${certificate.serial} is revoked by ${nameOf(issuer)}`);
    untilMs = Math.min(untilMs, crl.nextUpdateMs);
  }
  return untilMs;
}

function noIssuer({ leaf, bundle }: PathRequest): CertificateFault {
  const issuer = distinguishedNameText(Buffer.from(leaf.issuer, 'latin1'));
  return fault(
    'untrusted-certificate',
    `no path from the certificate (issuer \`${issuer}\`) to the bundle of \`${bundle.trustDomain}\``,
    RULE.path,
  );
}

const RULE = {
  path: 'RFC 5280 section 6.1',
  signature: 'RFC 5280 section 6.1.3 (a) (1)',
  validity: 'RFC 5280 section 4.1.2.5',
  pathLength: 'RFC 5280 section 4.2.1.9',
  names: 'RFC 5280 section 4.2.1.10',
  purpose: 'RFC 5280 section 4.2.1.12',
  revocation: 'RFC 5280 section 6.3.3',
  limits: 'a limit of sallyport',
} as const;

type BrokenRule = Pick<CertificateFault, 'message' | 'rule'>;

const fault = (reason: CertificateReason, message: string, rule: string): CertificateFault => ({
  ok: false,
  reason,
  message,
  rule,
});

const nameOf = (certificate: Certificate): string =>
  `\`${distinguishedNameText(Buffer.from(certificate.subject, 'latin1'))}\``;

const isoTime = (ms: number): string => new Date(ms).toISOString();
