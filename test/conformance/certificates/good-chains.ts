// Chains that must be accepted: every key, with and without intermediates, and what the standards leave free.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createAuthority } from '../../../certs/authority/authority.ts';
import type { KeyType } from '../../../certs/authority/certificate-profile.ts';
import {
  both,
  type Change,
  drop,
  extension,
  integer,
  keyOf,
  NULL,
  oid,
  put,
  rework,
  sequence,
} from './der-parts.ts';
import {
  basic,
  CLIENT,
  CN,
  CODE_SIGNING,
  constraints,
  criticalPurposes,
  criticalSan,
  directory,
  dns,
  email,
  ip,
  looseUsage,
  name,
  O,
  OID,
  PRINTABLE,
  policies,
  purposes,
  SERVER,
  san,
  uri,
  usage,
  utc,
  validity,
} from './extension-values.ts';
import { constrained } from './names-out-of-bounds.ts';
import { below, DAY_MS, ID, leaf, type Row, rooted, withCrl } from './sample.ts';

const good = (what: string, section: string, make: Row['make']): Row => ({
  name: what,
  section,
  make,
  expect: 'ok',
});

type Pair = () => { publicKey: KeyObject; privateKey: KeyObject };
const KEYS: readonly (readonly [string, Pair])[] = [
  ['RSA 2048', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['RSA 3072', () => generateKeyPairSync('rsa', { modulusLength: 3072 })],
  ['RSA 4096', () => generateKeyPairSync('rsa', { modulusLength: 4096 })],
  ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })],
  ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
  ['P-521', () => generateKeyPairSync('ec', { namedCurve: 'secp521r1' })],
  ['Ed25519', () => generateKeyPairSync('ed25519')],
];

const withPair =
  (pair: Pair, through: boolean): Row['make'] =>
  async (cast) => {
    const { publicKey, privateKey } = pair();
    const publicKeySpki = publicKey.export({ format: 'der', type: 'spki' });
    const by = through ? await cast.root.createIntermediate({ nowMs: cast.nowMs }) : cast.root;
    const { chainDer } = await by.issue({ spiffeId: ID, nowMs: cast.nowMs, publicKeySpki });
    return { chain: chainDer, key: privateKey };
  };

const ALGORITHMS = 'accepted algorithms';
const keys = KEYS.flatMap(([kind, pair]) => [
  good(`a leaf of ${kind}`, ALGORITHMS, withPair(pair, false)),
  good(`a leaf of ${kind} below an intermediate`, ALGORITHMS, withPair(pair, true)),
]);

/** A leaf by a root of this kind; `digest` and its algorithm, if another than SHA-256. */
const signedBy =
  (keyType: KeyType, through: boolean, digest?: string, algorithm?: Buffer): Row['make'] =>
  async ({ nowMs }) => {
    const root = await createAuthority({ trustDomain: 'example.org', nowMs, keyType });
    const issuer = through ? await root.createIntermediate({ nowMs, keyType }) : root;
    const svid = await issuer.issue({ spiffeId: ID, nowMs });
    const [der = Buffer.alloc(0), ...rest] = svid.chainDer;
    const signer = { key: issuer.signer.key, ...(digest === undefined ? {} : { digest }) };
    const first = algorithm === undefined ? der : rework(der, signer, () => ({ algorithm }));
    return { chain: [first, ...rest], key: keyOf(svid.privateKeyPem), roots: [root.certificate.der] };
  };
const ecdsa = (n: number): Buffer => sequence(oid(`1.2.840.10045.4.3.${n}`));
const rsa = (n: number): Buffer => sequence(oid(`1.2.840.113549.1.1.${n}`), NULL);

const named = (id: string): Change => put(san(uri(id)));
const tower = (...lengths: readonly (number | null)[]): Row['make'] =>
  leaf(undefined, {
    by: async ({ root, nowMs }) => {
      let ca = root;
      for (const pathLength of lengths) ca = await ca.createIntermediate({ nowMs, pathLength });
      return ca;
    },
  });
const LONG_ID = `spiffe://example.org/${'a'.repeat(2_048 - 21)}`;
const LONG_DOMAIN = 'a'.repeat(255);
const TEN = ip(10, 0, 0, 0, 255, 0, 0, 0);
const SALLYPORT = name([[O, 'sallyport']]);
const inSallyport: Change = () => ({
  subject: name([
    [O, ' SallyPort '],
    [CN, 'web'],
  ]),
});

/** Two roots of one name, the old key and the new one. */
const rotated: Row['make'] = async ({ nowMs }) => {
  const [old, next] = await Promise.all(
    [1, 2].map(() => createAuthority({ trustDomain: 'example.org', nowMs })),
  );
  if (old === undefined || next === undefined) throw new Error('two were made');
  const subject = Buffer.from(old.certificate.subject, 'latin1');
  const roots = [old, next].map((of) =>
    rework(of.certificate.der, of.signer, () => ({ subject, issuer: subject })),
  );
  const svid = await next.issue({ spiffeId: ID, nowMs });
  const der = rework(svid.certificateDer, next.signer, () => ({ issuer: subject }));
  return { chain: [der], key: keyOf(svid.privateKeyPem), roots };
};

/** The intermediate twice, one of them expired, as after its renewal. */
const renewed: Row['make'] = async (cast) => {
  const sample = await below()(cast);
  const [der = Buffer.alloc(0), middle = Buffer.alloc(0)] = sample.chain;
  const past = validity(utc(cast.nowMs - 9 * DAY_MS), utc(cast.nowMs - DAY_MS));
  const expired = rework(middle, cast.root.signer, () => ({ validity: past }));
  return { ...sample, chain: [der, expired, middle] };
};

/** A new root that the old one has signed too; the bundle has only the old one. */
const crossSigned: Row['make'] = async (cast) => {
  const next = await createAuthority({ trustDomain: 'example.org', nowMs: cast.nowMs });
  const issuer = Buffer.from(cast.root.certificate.subject, 'latin1');
  const crossed = rework(
    next.certificate.der,
    cast.root.signer,
    both(() => ({ issuer }), drop(OID.aki)),
  );
  const svid = await next.issue({ spiffeId: ID, nowMs: cast.nowMs });
  return { chain: [svid.certificateDer, crossed, next.certificate.der], key: keyOf(svid.privateKeyPem) };
};

const withRoot: Row['make'] = async (cast) => {
  const sample = await below()(cast);
  return { ...sample, chain: [...sample.chain, cast.root.certificate.der] };
};
const disordered: Row['make'] = async (cast) => {
  const { chain, ...rest } = await tower(null, null, 0)(cast);
  const [first = Buffer.alloc(0), ...others] = chain;
  return { ...rest, chain: [first, ...others.reverse()] };
};
const unrelated: Row['make'] = async (cast) => {
  const sample = await below()(cast);
  const [, stray = Buffer.alloc(0)] = (await below()(cast)).chain;
  return { ...sample, chain: [...sample.chain, stray] };
};
const anchored: Row['make'] = async ({ root, nowMs }) => {
  const middle = await root.createIntermediate({ nowMs });
  const svid = await middle.issue({ spiffeId: ID, nowMs });
  const roots = [middle.certificate.der];
  return { chain: [svid.certificateDer], key: keyOf(svid.privateKeyPem), roots };
};
const wide: Row['make'] = async ({ nowMs }) => {
  const root = await createAuthority({ trustDomain: LONG_DOMAIN, nowMs });
  const svid = await root.issue({ spiffeId: `spiffe://${LONG_DOMAIN}/x`, nowMs, dnsNames: [] });
  const roots = [root.certificate.der];
  return { chain: svid.chainDer, key: keyOf(svid.privateKeyPem), trustDomain: LONG_DOMAIN, roots };
};

/** A leaf whose root's CRL is fresh. */
const LISTS: readonly Row[] = [
  good(
    'a fresh list that names others',
    'RFC 5280 section 6.3.3',
    withCrl(leaf(), ({ root }) => [root.issueCrl({ revokedSerials: ['01', 'ff'] })]),
  ),
  good(
    'the list of another CA that names it',
    'RFC 5280 section 6.3.3',
    withCrl(leaf(), async (cast, { chain }) => {
      const other = await createAuthority({ trustDomain: 'example.org', nowMs: cast.nowMs });
      const serial = rework(chain[0] ?? Buffer.alloc(0), other.signer)
        .subarray(15, 35)
        .toString('hex');
      return [other.issueCrl({ revokedSerials: [serial] })];
    }),
  ),
];

export const GOOD_CHAINS: readonly Row[] = [
  ...keys,
  good('RSA roots', ALGORITHMS, signedBy('rsa', false)),
  good('RSA all the way', ALGORITHMS, signedBy('rsa', true)),
  good('Ed25519 all the way', ALGORITHMS, signedBy('ed25519', true)),
  good('ECDSA with SHA-384', ALGORITHMS, signedBy('ec', false, 'sha384', ecdsa(3))),
  good('ECDSA with SHA-512', ALGORITHMS, signedBy('ec', true, 'sha512', ecdsa(4))),
  good('RSA with SHA-384', ALGORITHMS, signedBy('rsa', false, 'sha384', rsa(12))),
  good('RSA with SHA-512', ALGORITHMS, signedBy('rsa', true, 'sha512', rsa(13))),
  good('an ID of 2048 bytes', 'SPIFFE-ID section 2.3', leaf(named(LONG_ID))),
  good('a trust domain of 255 characters', 'SPIFFE-ID section 2.1', wide),
  good('an ID of one letter', 'SPIFFE-ID section 2.2', leaf(named('spiffe://example.org/x'))),
  good(
    'every character that an ID may have',
    'SPIFFE-ID section 2.2',
    leaf(named('spiffe://example.org/aZ09._-/..a/a..')),
  ),
  good(
    'an ID of a federated trust domain',
    'X509-SVID section 5.1',
    leaf(undefined, {
      by: ({ partner }) => partner,
      request: { spiffeId: 'spiffe://b.example/ns/shop/sa/web' },
    }),
  ),
  good(
    'DNS names, addresses and an email beside the ID',
    'X509-SVID section 2',
    leaf(
      put(
        san(
          dns('web'),
          uri(ID),
          dns('*.shop'),
          ip(10, 0, 0, 1),
          ip(...Buffer.alloc(16, 1)),
          email('a@b.example'),
        ),
      ),
    ),
  ),
  good(
    'an empty subject, SAN critical',
    'RFC 5280 section 4.1.2.6',
    leaf(both(() => ({ subject: name([]) }), put(criticalSan(uri(ID))))),
  ),
  good(
    'a subject of printable strings',
    'RFC 5280 section 4.1.2.4',
    leaf(() => ({
      subject: name(
        [
          [O, 'A b.c'],
          [CN, 'web'],
        ],
        PRINTABLE,
      ),
    })),
  ),
  good('a leaf without basic constraints', 'X509-SVID section 4.1', leaf(drop(OID.basic))),
  good('a leaf with cA false written out', 'X509-SVID section 4.1', leaf(put(basic(false)))),
  good(
    'a leaf with cA false, not critical',
    'X509-SVID section 4.1',
    leaf(put(basic(undefined, null, false))),
  ),
  good(
    'keyEncipherment and keyAgreement too',
    'X509-SVID section 4.3',
    leaf(put(usage('digitalSignature', 'keyEncipherment', 'keyAgreement'))),
  ),
  good('no purposes', 'X509-SVID section 4.4', leaf(drop(OID.eku))),
  good('purposes that are critical', 'X509-SVID section 4.4', leaf(put(criticalPurposes(SERVER, CLIENT)))),
  good('one more purpose', 'X509-SVID section 4.4', leaf(put(purposes(CODE_SIGNING, CLIENT, SERVER)))),
  good('no key identifiers', 'RFC 5280 section 4.2.1.1', leaf(drop(OID.aki, OID.ski))),
  good('an unknown extension', 'RFC 5280 section 4.2', leaf(put(extension(OID.own, Buffer.of(5, 0))))),
  good('policies, critical', 'RFC 5280 section 4.2.1.4', leaf(put(policies('1.2.3', true)))),
  good(
    'serial 1',
    'RFC 5280 section 4.1.2.2',
    leaf(() => ({ serial: integer(1) })),
  ),
  good(
    'a serial of 20 bytes',
    'RFC 5280 section 4.1.2.2',
    leaf(() => ({ serial: integer(0x7f, ...Buffer.alloc(19, 0xff)) })),
  ),
  good('an end in 9999', 'RFC 5280 section 4.1.2.5', (cast) =>
    leaf(() => ({ validity: validity(utc(cast.nowMs - DAY_MS), '99991231235959Z') }))(cast),
  ),
  good('a beginning now', 'RFC 5280 section 4.1.2.5', (cast) =>
    leaf(() => ({ validity: validity(utc(cast.nowMs), utc(cast.nowMs + DAY_MS)) }))(cast),
  ),
  good('three intermediates', 'RFC 5280 section 6.1', tower(null, null, null)),
  good('six intermediates', 'RFC 5280 section 6.1', tower(null, null, null, null, null, null)),
  good('path lengths that just do', 'RFC 5280 section 4.2.1.9', tower(2, 1, 0)),
  good('the root sent along', 'RFC 5280 section 6.1', withRoot),
  good('intermediates in another order', 'RFC 5280 section 6.1', disordered),
  good('an intermediate that does not belong', 'RFC 5280 section 6.1', unrelated),
  good('an intermediate in the bundle, without its root', 'X509-SVID section 5.1', anchored),
  good('a root of a rotated key and the same name', 'RFC 5280 section 6.1', rotated),
  good('an intermediate and its expired predecessor', 'RFC 5280 section 6.1', renewed),
  good('a new root that the old one signed', 'RFC 5280 section 6.1', crossSigned),
  good('an intermediate without ID', 'X509-SVID section 3.2', below(drop(OID.san))),
  good(
    'an intermediate with the ID of another trust domain',
    'X509-SVID section 3.2',
    below(named('spiffe://b.example')),
  ),
  good('an intermediate with an https URI', 'X509-SVID section 3.2', below(named('https://ca.example/'))),
  good('an intermediate without cRLSign', 'X509-SVID section 4.3', below(put(usage('keyCertSign')))),
  good('an intermediate for both purposes', 'X509-SVID section 4.4', below(put(purposes(SERVER, CLIENT)))),
  good('a root without key usage', 'RFC 5280 section 6.1.4 (n)', rooted(drop(OID.keyUsage))),
  good(
    'a root whose constraints are not critical',
    'RFC 5280 section 6.1.4 (k)',
    rooted(put(basic(true, null, false), looseUsage('keyCertSign', 'cRLSign'))),
  ),
  good('a root without key identifiers', 'RFC 5280 section 4.2.1.2', rooted(drop(OID.ski, OID.aki))),
  good(
    'a root of serial 0',
    'RFC 5280 section 4.1.2.2',
    rooted(() => ({ serial: integer(0) })),
  ),
  good('a root signed with SHA-1 by itself', 'RFC 5280 section 6.1.1 (d)', async ({ nowMs }) => {
    const root = await createAuthority({ trustDomain: 'example.org', nowMs });
    const old = rework(root.certificate.der, { key: root.signer.key, digest: 'sha1' }, () => ({
      algorithm: sequence(oid('1.2.840.10045.4.1')),
    }));
    const svid = await root.issue({ spiffeId: ID, nowMs });
    return { chain: svid.chainDer, key: keyOf(svid.privateKeyPem), roots: [old] };
  }),
  good('the trust domain permitted', 'X509-SVID section 4.2', constrained(constraints([uri('example.org')]))),
  good(
    'the trust domain permitted in capitals',
    'X509-SVID section 4.2',
    constrained(constraints([uri('EXAMPLE.ORG')])),
  ),
  good('the domain above permitted', 'X509-SVID section 4.2', constrained(constraints([uri('.org')]))),
  good('subdomains excluded', 'X509-SVID section 4.2', constrained(constraints([], [uri('.example.org')]))),
  good(
    'permitted names of every form',
    'RFC 5280 section 4.2.1.10',
    constrained(
      constraints([uri('example.org'), dns('shop'), TEN, email('b.example'), directory(SALLYPORT)]),
      [
        dns('web.shop'),
        dns('*.shop'),
        ip(10, 9, 8, 7),
        email('a@b.example'),
        directory(
          name([
            [O, 'sallyport'],
            [CN, 'x'],
          ]),
        ),
      ],
      inSallyport,
    ),
  ),
  good(
    'excluded names of every form that it has not',
    'RFC 5280 section 4.2.1.10',
    constrained(
      constraints(
        [],
        [uri('b.example'), dns('evil'), TEN, email('evil.example'), directory(name([[O, 'evil']]))],
      ),
      [dns('web.shop'), ip(11, 0, 0, 1), email('a@b.example')],
    ),
  ),
  good(
    'constraints on forms that it has not',
    'RFC 5280 section 4.2.1.10',
    constrained(constraints([email('b.example'), dns('shop')])),
  ),
  ...LISTS,
];
