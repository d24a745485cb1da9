// Chains that lead nowhere, to somebody else, or too far (RFC 5280 section 6; X509-SVID section 5.1).
import { type Authority, createAuthority } from '../../../certs/authority/authority.ts';
import { type Change, drop, keyOf, put, rework } from './der-parts.ts';
import { OID, san, uri } from './extension-values.ts';
import { below, type Cast, ID, leaf, type Row, type Sample } from './sample.ts';

const PATH = 'RFC 5280 section 6.1';
const DOMAIN = 'X509-SVID section 5.1';
const LIMITS = 'certs/limits.ts';
const PARTNER_ID = 'spiffe://b.example/ns/shop/sa/web';

const bad = (what: string, section: string, make: Row['make'], expect = 'untrusted-certificate: '): Row => ({
  name: what,
  section,
  make,
  expect,
});
const stranger = ({ nowMs }: Cast): Promise<Authority> =>
  createAuthority({ trustDomain: 'example.org', nowMs });
const named = (id: string): Change => put(san(uri(id)));

/** An authority of the cast's own name, and even key identifier, with another key. */
const impostor: Row['make'] = async (cast) => {
  const other = await stranger(cast);
  const { certificate } = cast.root;
  const svid = await cast.root.issue({ spiffeId: ID, nowMs: cast.nowMs });
  const fake = rework(certificate.der, other.signer);
  return { chain: [rework(svid.certificateDer, other.signer), fake], key: keyOf(svid.privateKeyPem) };
};

/** CAs that have signed each other and nobody else. */
const circle: Row['make'] = async (cast) => {
  const [a, b] = await Promise.all([stranger(cast), stranger(cast)]);
  const issuer =
    (of: Authority): Change =>
    () => ({ issuer: Buffer.from(of.certificate.subject, 'latin1') });
  const loose = drop(OID.aki);
  const byB = rework(rework(a.certificate.der, b.signer, issuer(b)), b.signer, loose);
  const byA = rework(rework(b.certificate.der, a.signer, issuer(a)), a.signer, loose);
  const svid = await a.issue({ spiffeId: ID, nowMs: cast.nowMs });
  return { chain: [svid.certificateDer, byB, byA], key: keyOf(svid.privateKeyPem) };
};

const deep = (depth: number): Row['make'] =>
  leaf(undefined, {
    by: async ({ root, nowMs }) => {
      let ca = root;
      for (let i = 0; i < depth; i++) ca = await ca.createIntermediate({ nowMs, pathLength: null });
      return ca;
    },
  });

/** Seven CAs of one name and no key identifier: every one might have issued every other. */
const thicket: Row['make'] = async (cast) => {
  const one = await stranger(cast);
  const loose = drop(OID.aki, OID.ski);
  const same: Buffer[] = [];
  for (let i = 0; i < 7; i++) {
    const ca = await stranger(cast);
    const subject = Buffer.from(one.certificate.subject, 'latin1');
    same.push(
      rework(
        rework(ca.certificate.der, ca.signer, () => ({ subject, issuer: subject })),
        ca.signer,
        loose,
      ),
    );
  }
  const svid = await one.issue({ spiffeId: ID, nowMs: cast.nowMs });
  const der = rework(svid.certificateDer, one.signer, loose);
  return { chain: [der, ...same], key: keyOf(svid.privateKeyPem) };
};

const foreign = (id: string, pick: (cast: Cast) => Authority, own: string): Row['make'] =>
  leaf(named(id), { by: pick, request: { spiffeId: own } });

export const WRONG_PATHS: readonly Row[] = [
  bad('no certificate', PATH, async (cast) => ({ ...(await leaf()(cast)), chain: [] }), 'no-certificate: '),
  bad('a CA that nobody knows', PATH, leaf(undefined, { by: stranger })),
  bad('a CA that nobody knows, sent along', PATH, async (cast) => {
    const ca = await stranger(cast);
    const sample = await leaf(undefined, { by: () => ca })(cast);
    return { ...sample, chain: [...sample.chain, ca.certificate.der] };
  }),
  bad('a CA of the same name and key identifier', PATH, impostor),
  bad('a missing intermediate', PATH, first(below())),
  bad('an intermediate of another CA of that name', PATH, async (cast) => {
    const [one, two] = await Promise.all([below()(cast), below()(cast)]);
    return { ...one, chain: [one.chain[0] ?? Buffer.alloc(0), two.chain[1] ?? Buffer.alloc(0)] };
  }),
  bad(
    'the intermediate first',
    'X509-SVID section 5.1',
    async (cast) => {
      const sample = await below()(cast);
      return { ...sample, chain: [...sample.chain].reverse() };
    },
    'invalid-svid: ',
  ),
  bad('an intermediate signed by somebody else', PATH, async (cast) => {
    const sample = await below()(cast);
    const other = await stranger(cast);
    const [der = Buffer.alloc(0), middle = Buffer.alloc(0)] = sample.chain;
    return { ...sample, chain: [der, rework(middle, other.signer)] };
  }),
  bad('CAs that signed each other only', PATH, circle),
  bad('seven CAs that might have signed each other', LIMITS, thicket),
  bad('seven intermediates', LIMITS, deep(7)),
  bad('eight intermediates', LIMITS, deep(8)),
  bad(
    'a chain of 64 KiB',
    LIMITS,
    leaf(put(san(uri(ID), ...Array.from({ length: 300 }, (_, i) => long(i))))),
  ),
  bad(
    'a broken certificate behind a good chain',
    'X.690 section 10.1',
    async (cast) => {
      const sample = await below()(cast);
      return { ...sample, chain: [...sample.chain, Buffer.from('3003020101', 'hex')] };
    },
    'invalid-svid: ',
  ),
  bad(
    'our ID by the CA of a federated trust domain',
    DOMAIN,
    foreign(ID, ({ partner }) => partner, PARTNER_ID),
    'wrong-trust-domain: ',
  ),
  bad(
    'a federated ID by our CA',
    DOMAIN,
    foreign(PARTNER_ID, ({ root }) => root, ID),
    'wrong-trust-domain: ',
  ),
  bad(
    'a trust domain that nobody knows',
    DOMAIN,
    foreign('spiffe://evil.example/x', ({ root }) => root, ID),
    'wrong-trust-domain: ',
  ),
  bad(
    'a subdomain of our trust domain',
    DOMAIN,
    foreign('spiffe://sub.example.org/x', ({ root }) => root, ID),
    'wrong-trust-domain: ',
  ),
  bad(
    'the parent of our trust domain',
    DOMAIN,
    foreign('spiffe://org/x', ({ root }) => root, ID),
    'wrong-trust-domain: ',
  ),
  bad(
    'a trust domain that begins like ours',
    DOMAIN,
    foreign('spiffe://example.organic/x', ({ root }) => root, ID),
    'wrong-trust-domain: ',
  ),
  bad(
    'our ID below an intermediate of the federated CA that bears our name',
    DOMAIN,
    async ({ partner, nowMs }) => {
      const middle = await partner.createIntermediate({ nowMs, trustDomain: 'example.org' });
      const svid = await middle.issue({ spiffeId: ID, nowMs });
      return { chain: svid.chainDer, key: keyOf(svid.privateKeyPem) };
    },
    'wrong-trust-domain: ',
  ),
  bad(
    'our ID, our root sent along, signed by the federated CA',
    DOMAIN,
    async (cast) => {
      const sample = await foreign(ID, ({ partner }) => partner, PARTNER_ID)(cast);
      return { ...sample, chain: [...sample.chain, cast.root.certificate.der] };
    },
    'wrong-trust-domain: ',
  ),
];

/** The leaf alone. */
function first(make: Row['make']): Row['make'] {
  return async (cast): Promise<Sample> => {
    const sample = await make(cast);
    return { ...sample, chain: sample.chain.slice(0, 1) };
  };
}

/** A DNS name of 240 characters. */
function long(i: number): Buffer {
  const label = 'a'.repeat(57);
  const bytes = Buffer.from(`${String(i).padStart(6, 'n')}.${label}.${label}.${label}.${label}`);
  return Buffer.concat([Buffer.of(0x82, 0x81, bytes.length), bytes]);
}
