// What a row of the corpus makes: a chain, its key, and the bundle and CRLs it is judged by; and the judge,
// who reads them as the proxy does.
import type { KeyObject } from 'node:crypto';
import { type Authority, createAuthority } from '../../../certs/authority/authority.ts';
import type { AuthorityOptions, IssueRequest } from '../../../certs/authority/certificate-profile.ts';
import { Findings } from '../../../certs/read-files.ts';
import { readTrust } from '../../../certs/read-trust.ts';
import type { PeerPurpose } from '../../../certs/svid.ts';
import { createPeerVerifier } from '../../../certs/verify.ts';
import { writePem } from '../../../certs/x509/pem.ts';
import { type Change, keyOf, rework, type SigningKey } from './der-parts.ts';

export const ID = 'spiffe://example.org/ns/shop/sa/web';
export const DAY_MS = 86_400_000;

/** The CAs that everybody in the corpus knows. */
export interface Cast {
  readonly root: Authority;
  /** Of trust domain b.example, in a bundle of its own. */
  readonly partner: Authority;
  readonly nowMs: number;
}

/** One chain and what it is judged by. */
export interface Sample {
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
  /** The leaf's, for handshakes. */
  readonly key: KeyObject;
  readonly trustDomain?: string;
  /** DER of the CAs of `trustDomain`; default: the cast's. */
  readonly roots?: readonly Buffer[];
  /** DER, for `trustDomain`. */
  readonly crls?: readonly Buffer[];
}

/** One row: a claim, the rule behind it, and what the verifier says. */
export interface Row {
  readonly name: string;
  readonly section: string;
  readonly make: (cast: Cast) => Promise<Sample>;
  /** `ok`, or the beginning of `reason: message`; `ERR_…: message` when bundle or CRL are not loaded. */
  readonly expect: string;
  /**
   * True where OpenSSL writes the certificate's outermost element anew before anybody can look at it: in a
   * handshake there is nothing left to see. What is signed is never rewritten.
   */
  readonly rewrapped?: boolean;
}

export async function createCast(nowMs = Date.now()): Promise<Cast> {
  const [root, partner] = await Promise.all([
    createAuthority({ trustDomain: 'example.org', nowMs }),
    createAuthority({ trustDomain: 'b.example', nowMs }),
  ]);
  return { root, partner, nowMs };
}

export interface LeafOptions {
  readonly by?: (cast: Cast) => Authority | Promise<Authority>;
  readonly request?: Partial<IssueRequest>;
  readonly signer?: Partial<SigningKey>;
}

type Make = Row['make'];

/** A leaf below the cast's root, changed. */
export const leaf =
  (change?: Change, { by = ({ root }) => root, request = {}, signer }: LeafOptions = {}): Make =>
  async (cast) => {
    const authority = await by(cast);
    const svid = await authority.issue({ spiffeId: ID, nowMs: cast.nowMs, ...request });
    const [der = Buffer.alloc(0), ...rest] = svid.chainDer;
    const first = change === undefined ? der : rework(der, { ...authority.signer, ...signer }, change);
    return { chain: [first, ...rest], key: keyOf(svid.privateKeyPem) };
  };

/** A leaf below an intermediate that was changed after it had signed. */
export const below =
  (change?: Change, options: Partial<AuthorityOptions> = {}, request: Partial<IssueRequest> = {}): Make =>
  async ({ root, nowMs }) => {
    const middle = await root.createIntermediate({ nowMs, ...options });
    const svid = await middle.issue({ spiffeId: ID, nowMs, ...request });
    const ca =
      change === undefined ? middle.certificate.der : rework(middle.certificate.der, root.signer, change);
    return { chain: [svid.certificateDer, ca], key: keyOf(svid.privateKeyPem) };
  };

/** A leaf below a root of its own that was changed after it had signed. */
export const rooted =
  (change?: Change, options: Partial<AuthorityOptions> = {}, leafChange?: Change): Make =>
  async ({ nowMs }) => {
    const root = await createAuthority({ trustDomain: 'example.org', nowMs, ...options });
    const ca =
      change === undefined ? root.certificate.der : rework(root.certificate.der, root.signer, change);
    const svid = await root.issue({ spiffeId: ID, nowMs });
    const [der = Buffer.alloc(0)] = svid.chainDer;
    const first = leafChange === undefined ? der : rework(der, root.signer, leafChange);
    return { chain: [first], key: keyOf(svid.privateKeyPem), roots: [ca] };
  };

/** `sample` with CRLs of the cast's root. */
export const withCrl =
  (make: Make, crls: (cast: Cast, sample: Sample) => readonly Buffer[] | Promise<readonly Buffer[]>): Make =>
  async (cast) => {
    const sample = await make(cast);
    return { ...sample, crls: await crls(cast, sample) };
  };

const pem = (label: string, ders: readonly Buffer[], file: string) => ({
  file,
  bytes: Buffer.from(ders.map((der) => writePem(label, der)).join('')),
});

/** The verdict on a sample as a peer that acts as `purpose`: `ok`, or a code or reason and its message. */
export function judge(cast: Cast, sample: Sample, purpose: PeerPurpose): string {
  const { trustDomain = 'example.org', roots = [cast.root.certificate.der], crls = [] } = sample;
  const findings = new Findings();
  const bundles = new Map([
    ['b.example', pem('CERTIFICATE', [cast.partner.certificate.der], 'partner.pem')],
    ['example.org', pem('CERTIFICATE', [cast.root.certificate.der], 'ca.pem')],
  ]);
  bundles.set(trustDomain, pem('CERTIFICATE', roots, 'roots.pem'));
  const lists = crls.length === 0 ? [] : [[trustDomain, pem('X509 CRL', crls, 'ca.crl')] as const];
  const reader = { own: trustDomain, nowMs: cast.nowMs, before: null };
  const state = readTrust({ bundles, crls: new Map(lists) }, reader, findings);
  const broken = findings.list.find(({ severity }) => severity === 'error');
  if (broken !== undefined) return `${broken.code}: ${broken.message}`;
  const verdict = createPeerVerifier(state, { purpose }).verify(sample.chain, cast.nowMs);
  return verdict.ok ? 'ok' : `${verdict.reason}: ${verdict.message}`;
}
