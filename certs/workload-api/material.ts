// From a message of the Workload API to the material of verifyIdentity and readTrust, which judge it as they
// judge files: DER becomes PEM that names where it came from.
import { SallyportError } from '../../core/errors.ts';
import { parseSpiffeId, parseTrustDomain, type TrustDomain } from '../../core/spiffe-id.ts';
import type { IdentityMaterial } from '../identity-material.ts';
import { type FileContent, Findings } from '../read-files.ts';
import type { TrustMaterial } from '../read-trust.ts';
import { writePem } from '../x509/pem.ts';
import { type AuthoritiesByDomain, crlsByOwner } from './crl-owners.ts';
import type { BundlesMessage, X509BundlesResponse, X509SvidMessage, X509SvidResponse } from './messages.ts';
import { splitDer } from './split-der.ts';

/** Who reads, and from where. */
export interface Reader {
  readonly trustDomain: TrustDomain;
  /** Of the SVID to use; the first one without. */
  readonly hint?: string | undefined;
  /** URI of the socket, for diagnostics. */
  readonly uri: string;
}

/** An identity as received. */
export interface ReceivedIdentity {
  readonly material: IdentityMaterial;
  /** What the agent says that the SVID is. */
  readonly spiffeId: string;
}

/** The identity in `response`; null when `findings` has errors. */
export function identityMaterial(
  response: X509SvidResponse,
  reader: Reader,
  findings: Findings,
): ReceivedIdentity | null {
  if (!isComplete(response, reader, findings)) return null;
  const svid = chosen(response.svids, reader, findings);
  const bundles = new Map<TrustDomain, readonly Buffer[]>();
  // Further identities are of trust domains that this workload belongs to as well.
  for (const { spiffeId, bundle } of response.svids) {
    const trustDomain = attempt(() => parseSpiffeId(spiffeId).trustDomain, reader, findings);
    if (trustDomain !== null) bundles.set(trustDomain, splitDer(bundle));
  }
  for (const [name, certificates] of readBundles(response.federatedBundles, reader, findings))
    bundles.set(name, certificates);
  if (svid === null || findings.errors > 0) return null;
  // INVARIANT: the bundle of the own trust domain is the one that came with the SVID, whatever else names it.
  bundles.set(parseSpiffeId(svid.spiffeId).trustDomain, splitDer(svid.bundle));
  const { uri, trustDomain } = reader;
  return {
    spiffeId: svid.spiffeId,
    material: {
      trustDomain,
      certificate: pemContent('CERTIFICATE', splitDer(svid.x509Svid), `${uri} (x509_svid)`),
      key: pemContent('PRIVATE KEY', [svid.x509SvidKey], `${uri} (x509_svid_key)`),
      ...trustOf(response.crls, bundles, reader),
    },
  };
}

/** The bundles in `response`; null when `findings` has errors. */
export function trustMaterial(
  response: X509BundlesResponse,
  reader: Reader,
  findings: Findings,
): TrustMaterial | null {
  if (response.bundles.size === 0) empty('no bundle', reader, findings);
  const bundles = readBundles(response.bundles, reader, findings);
  return findings.errors > 0 ? null : trustOf(response.crls, bundles, reader);
}

/** SPIFFE Workload API section 4.5: an answer that lacks a mandatory field is reported and discarded. */
function isComplete({ svids }: X509SvidResponse, reader: Reader, findings: Findings): boolean {
  if (svids.length === 0) empty('no SVID', reader, findings);
  for (const { spiffeId, x509Svid, x509SvidKey, bundle } of svids) {
    if (spiffeId === '') empty('an SVID without `spiffe_id`', reader, findings);
    if (x509Svid.length === 0) empty('an SVID without `x509_svid`', reader, findings);
    if (x509SvidKey.length === 0) empty('an SVID without `x509_svid_key`', reader, findings);
    if (bundle.length === 0) empty('an SVID without `bundle`', reader, findings);
  }
  return findings.errors === 0;
}

function empty(what: string, { uri }: Reader, findings: Findings): void {
  const hint = 'SPIFFE Workload API section 4.5 wants it; the log of the agent may say more';
  findings.error('ERR_WORKLOAD_API_EMPTY', { file: uri }, `the answer has ${what}`, hint);
}

/** Section 5.3: the first one is the default; section 5.2.1: of several with one hint, the first. */
function chosen(
  svids: readonly X509SvidMessage[],
  { hint, uri }: Reader,
  findings: Findings,
): X509SvidMessage | null {
  const found = hint === undefined ? svids[0] : svids.find((svid) => svid.hint === hint);
  if (found !== undefined) return found;
  const hints = svids.map((svid) => `\`${svid.hint}\``).join(', ');
  const message = `no SVID has the hint \`${hint}\`; there are ${hints}`;
  const advice = 'the hint comes from the registration entry; without one the first SVID is used';
  findings.error('ERR_WORKLOAD_API_HINT', { file: uri }, message, advice);
  return null;
}

function readBundles(named: BundlesMessage, reader: Reader, findings: Findings): AuthoritiesByDomain {
  const bundles = new Map<TrustDomain, readonly Buffer[]>();
  for (const [name, certificates] of named) {
    // A name that is none is no reason to refuse the own identity, and neither is a trust domain without CA.
    const found = new Findings(name);
    const trustDomain = attempt(() => readDomain(name), reader, found);
    if (trustDomain === null) {
      findings.refuse(name, found);
      continue;
    }
    if (certificates.length > 0) bundles.set(trustDomain, splitDer(certificates));
    else
      findings.warn(
        'LINT_WORKLOAD_API_BUNDLE',
        { file: reader.uri },
        `the bundle of \`${trustDomain}\` is empty`,
        'no peer of that trust domain can be verified',
      );
  }
  return bundles;
}

/** The key of a bundle is the ID of a trust domain; its name alone is taken too, as go-spiffe does. */
function readDomain(name: string): TrustDomain {
  if (!name.startsWith('spiffe:')) return parseTrustDomain(name);
  const { trustDomain, path, uri } = parseSpiffeId(name);
  if (path !== '') throw new SallyportError('ERR_SPIFFE_ID', `\`${uri}\` is not the ID of a trust domain`);
  return trustDomain;
}

function attempt(read: () => TrustDomain, { uri }: Reader, findings: Findings): TrustDomain | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    findings.error('ERR_WORKLOAD_API_ID', { file: uri }, error.message, 'the log of the agent may say more');
    return null;
  }
}

function trustOf(crls: readonly Buffer[], bundles: AuthoritiesByDomain, reader: Reader): TrustMaterial {
  const { uri, trustDomain } = reader;
  const contents = (parts: AuthoritiesByDomain, label: string, what: string): Map<string, FileContent> =>
    new Map([...parts].map(([name, ders]) => [name, pemContent(label, ders, `${uri} (${what} of ${name})`)]));
  return {
    bundles: contents(bundles, 'CERTIFICATE', 'bundle'),
    crls: contents(crlsByOwner(crls, bundles, trustDomain), 'X509 CRL', 'crl'),
  };
}

function pemContent(label: string, ders: readonly Buffer[], file: string): FileContent {
  return { file, bytes: Buffer.from(ders.map((der) => writePem(label, der)).join(''), 'latin1') };
}
