// From what a source delivered to a verified IdentityState, all or nothing: parse, match, verify; every
// fault is a diagnostic. Pure: the same bytes and the same time give the same answer.
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { SpiffeId, TrustDomain } from '../core/spiffe-id.ts';
import { type FileContent, type Findings, place, readCertificates, readPrivateKey } from './read-files.ts';
import { readTrust, type TrustMaterial } from './read-trust.ts';
import type { IdentityState } from './source.ts';
import { allowsPurpose, leafFindings } from './svid.ts';
import type { TrustBundle } from './trust-bundle.ts';
import { createPeerVerifier, type PeerVerdict, type TrustState } from './verify.ts';
import type { Certificate } from './x509/certificate.ts';
import { mayIssue } from './x509/path.ts';
import { writePem } from './x509/pem.ts';

/** Everything that makes up an identity, as delivered: read from files, or received and written as PEM. */
export interface IdentityMaterial extends TrustMaterial {
  readonly trustDomain: TrustDomain;
  /** PEM chain, leaf first. */
  readonly certificate: FileContent;
  readonly key: FileContent;
}

/**
 * Verifies `material` as a whole at `nowMs`; null when `findings` has errors. Foreign trust domains that
 * cannot be used stay as they are in `before`, and hold nothing up.
 */
export function verifyIdentity(
  material: IdentityMaterial,
  nowMs: number,
  findings: Findings,
  before: TrustState | null = null,
): Omit<IdentityState, 'generation'> | null {
  const chain = readCertificates(material.certificate, findings);
  const key = readPrivateKey(material.key, findings);
  const { bundles, crls } = readTrust(material, { own: material.trustDomain, nowMs, before }, findings);
  const [leaf] = chain;
  if (leaf === undefined || key === null) return null;
  checkKeyPair(material, leaf, key, findings);
  const spiffeId = checkLeaf(material, leaf, findings);
  if (spiffeId === null || findings.errors > 0) return null;
  // Without CRLs: a list that names this very certificate, or is stale, must still take effect for everybody
  // else.
  const verdict = verifyOwn(chain, { bundles, crls: new Map() }, nowMs);
  if (!verdict.ok) {
    const hint =
      verdict.reason === 'expired-certificate'
        ? 'issue a new certificate and check the clock; rotation tools write the same file again'
        : 'the certificate, its intermediates and the bundle of its trust domain must belong together';
    findings.error(
      'ERR_IDENTITY_REFUSED',
      place(material.certificate),
      `${verdict.reason}: ${verdict.message}`,
      hint,
    );
    return null;
  }
  const revoked = verifyOwn(chain, { bundles, crls }, nowMs);
  if (!revoked.ok)
    findings.warn(
      'LINT_IDENTITY_REVOKED',
      place(material.certificate),
      `by the configured CRLs this certificate is refused: ${revoked.message}`,
      'peers with the same CRLs refuse this proxy; renew the certificate or the CRL',
    );
  return {
    spiffeId,
    certificateChainPem: chain.map(toPem).join(''),
    presentedChainPem: presentedChain(chain, bundles.get(spiffeId.trustDomain)).map(toPem).join(''),
    privateKeyPem: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    notBeforeMs: verdict.identity.notBeforeMs,
    notAfterMs: verdict.identity.notAfterMs,
    bundles,
    trustAnchorsPem: trustAnchorsPem(bundles, spiffeId.trustDomain),
    crls,
  };
}

/**
 * `chain` as handshakes show it. To a leaf alone OpenSSL adds what leads to an anchor, and to find that it
 * verifies the leaf anew in every handshake, a tenth of what the handshake costs: so the CA is added here.
 */
export function presentedChain(
  chain: readonly Certificate[],
  bundle: TrustBundle | undefined,
): readonly Certificate[] {
  const [leaf, ...intermediates] = chain;
  if (leaf === undefined || intermediates.length > 0) return chain;
  const named = bundle?.bySubject.get(leaf.issuer) ?? [];
  const issuer = named.find((anchor) => mayIssue(anchor, leaf));
  return issuer === undefined ? chain : [leaf, issuer];
}

/**
 * The union that OpenSSL verifies against: every anchor of `bundles`, those of the own trust domain first.
 * OpenSSL tries one anchor of a name. So that none in a partner's bundle stands before the own one of that
 * name, and ends every handshake of the own trust domain, a name belongs to the trust domain that has it
 * first. What is left out here only makes OpenSSL stricter.
 */
export function trustAnchorsPem(bundles: TrustState['bundles'], own: TrustDomain): readonly string[] {
  const ownFirst = [...bundles.values()].sort(
    (a, b) => Number(b.trustDomain === own) - Number(a.trustDomain === own),
  );
  const owners = new Map<string, TrustDomain>();
  return ownFirst.flatMap(({ trustDomain, anchors }) => {
    const named = anchors.filter(({ subject }) => (owners.get(subject) ?? trustDomain) === trustDomain);
    for (const { subject } of named) owners.set(subject, trustDomain);
    return named.map(toPem);
  });
}

function verifyOwn(chain: readonly Certificate[], trust: TrustState, nowMs: number): PeerVerdict {
  const ders = chain.map((certificate) => certificate.der);
  return createPeerVerifier(trust, { purpose: 'server' }).verify(ders, nowMs);
}

function checkKeyPair(
  { certificate, key: keyFile }: IdentityMaterial,
  leaf: Certificate,
  key: KeyObject,
  findings: Findings,
): void {
  let matches = false;
  try {
    const ofLeaf = createPublicKey({ key: leaf.publicKey.spki, format: 'der', type: 'spki' });
    matches = ofLeaf.equals(createPublicKey(key));
  } catch {
    // a public key that OpenSSL cannot load matches nothing
  }
  if (!matches)
    findings.error(
      'ERR_KEY_MISMATCH',
      place(keyFile),
      `the private key does not belong to the certificate in \`${certificate.file}\``,
      'both files must come from one issuance; the leaf is the first certificate of the chain',
    );
}

function checkLeaf(material: IdentityMaterial, leaf: Certificate, findings: Findings): SpiffeId | null {
  const { spiffeId, findings: broken } = leafFindings(leaf);
  for (const { severity, message, rule } of broken) {
    if (severity === 'warning')
      findings.warn('LINT_SVID', place(material.certificate), `${message} (${rule})`, HINT_SVID);
    else findings.error('ERR_SVID_INVALID', place(material.certificate), `${message} (${rule})`, HINT_SVID);
  }
  if (!allowsPurpose(leaf, 'server'))
    findings.error('ERR_SVID_INVALID', place(material.certificate), 'it cannot act as a server', HINT_SVID);
  if (spiffeId !== null && spiffeId.trustDomain !== material.trustDomain)
    findings.error(
      'ERR_IDENTITY_TRUST_DOMAIN',
      place(material.certificate),
      `the certificate is \`${spiffeId.uri}\`, not of trust domain \`${material.trustDomain}\``,
      'correct `identity.trustDomain`, or use a certificate of that trust domain',
    );
  // Of another trust domain it comes with another bundle: that is one mistake, and told once.
  else if (!material.bundles.has(material.trustDomain))
    findings.error(
      'ERR_BUNDLE_MISSING',
      undefined,
      `there is no bundle for the own trust domain \`${material.trustDomain}\``,
      `what brings the SVID brings the bundle of \`${material.trustDomain}\` too; of files, \`bundles\``,
    );
  return spiffeId;
}

const HINT_SVID = 'run `sallyport certs inspect` on the file';

const toPem = (certificate: Certificate): string => writePem('CERTIFICATE', certificate.der);
