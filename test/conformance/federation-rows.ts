// Peers between two trust domains, and what must become of each: rows for federation.test.ts.
import type { Authority } from '../../certs/authority/authority.ts';
import { basicConstraints, type CertificateSpec } from '../../certs/authority/build-certificate.ts';
import type { TrustState } from '../../certs/verify.ts';
import type { Certificate } from '../../certs/x509/certificate.ts';
import { all, trust, withExtension, withoutExtension } from '../unit/certs/make-certificate.ts';
import {
  A,
  AKI,
  B,
  bundles,
  crlOf,
  crossSign,
  excluded,
  forgedCrl,
  ID_A,
  ID_B,
  leaf,
  lookingLike,
  type Peer,
  past,
  permitted,
  serial,
  uri,
  variant,
  type World,
} from './federation-world.ts';

export interface Row {
  readonly name: string;
  readonly make: (w: World) => Promise<Peer>;
  /** Default: each trust domain has its own root. */
  readonly state?: (w: World) => TrustState;
  readonly expect: string;
  /** Where TLS differs: OpenSSL's consent is needed as well. */
  readonly tls?: string;
}

const foreign = (id: string, signer: string): string =>
  `wrong-trust-domain: an ID of trust domain \`${id}\` is signed by the bundle of \`${signer}\``;
export const FOREIGN_A = foreign(A, B);
export const FOREIGN_B = foreign(B, A);
const NO_PATH = 'untrusted-certificate: no path';

const DIRECT: readonly Row[] = [
  { name: 'an ID of a, by a', make: ({ a }) => leaf(a, ID_A), expect: 'ok' },
  { name: 'an ID of b, by b', make: ({ b }) => leaf(b, ID_B), expect: 'ok' },
  { name: 'an ID of a, by b', make: ({ b }) => leaf(b, ID_A), expect: FOREIGN_A },
  { name: 'an ID of b, by a', make: ({ a }) => leaf(a, ID_B), expect: FOREIGN_B },
  {
    name: 'an ID of nobody, by b',
    make: ({ b }) => leaf(b, 'spiffe://c.example/x'),
    expect: 'wrong-trust-domain: there is no bundle',
  },
  {
    name: 'an ID below a, by a',
    make: ({ a }) => leaf(a, `spiffe://x.${A}/x`),
    expect: 'wrong-trust-domain: there is no bundle',
  },
  {
    name: 'an ID that begins like a, by a',
    make: ({ a }) => leaf(a, 'spiffe://a.exampl/x'),
    expect: 'wrong-trust-domain: there is no bundle',
  },
  {
    name: 'IDs of both, by b',
    make: ({ b }) => leaf(b, ID_A, [], uri(ID_B, ID_A)),
    expect: 'invalid-svid: it has 2 URI SANs',
  },
  { name: 'an ID of b, by a CA of nobody', make: ({ stranger }) => leaf(stranger, ID_B), expect: NO_PATH },
];

const INTERMEDIATES: readonly Row[] = [
  { name: 'an ID of b, by a CA below b', make: ({ b1 }) => leaf(b1, ID_B), expect: 'ok' },
  { name: 'an ID of a, by a CA below b', make: ({ b1 }) => leaf(b1, ID_A), expect: FOREIGN_A },
  { name: 'an ID of b, by a CA below a', make: ({ a1 }) => leaf(a1, ID_B), expect: FOREIGN_B },
  {
    name: 'an ID of a, by a CA below b that says it is of a',
    make: async ({ b }) => leaf(await b.createIntermediate({ trustDomain: A }), ID_A),
    expect: FOREIGN_A,
  },
  {
    name: 'an ID of a, by a CA below b, with the CA below a sent along',
    make: ({ a1, b1 }) => leaf(b1, ID_A, [a1.certificate.der]),
    expect: FOREIGN_A,
  },
  {
    name: 'an ID of a, by a CA below b, with both roots sent along',
    make: ({ a, b, b1 }) => leaf(b1, ID_A, [a.certificate.der, b.certificate.der]),
    expect: FOREIGN_A,
  },
  {
    name: 'an ID of a, by a CA below b with name and key identifier of the CA below a, which is sent along',
    make: async ({ a1, b }) =>
      leaf(
        await b.createIntermediate({ adjust: lookingLike(a1.certificate) }),
        ID_A,
        [a1.certificate.der],
        withoutExtension(AKI),
      ),
    expect: FOREIGN_A,
  },
  {
    name: 'an ID of a, by a CA below b with name and key identifier of the root of a',
    make: async ({ a, b }) =>
      leaf(
        await b.createIntermediate({ adjust: lookingLike(a.certificate) }),
        ID_A,
        [],
        withoutExtension(AKI),
      ),
    expect: FOREIGN_A,
  },
  {
    name: 'an ID of b, by a CA below b, which is not sent',
    make: async ({ b1 }) => {
      const one = await leaf(b1, ID_B);
      return { ...one, chainDer: one.chainDer.slice(0, 1) };
    },
    expect: NO_PATH,
  },
  {
    name: 'an ID of a, by a CA below b that the bundle of a holds instead of its root',
    make: ({ b1 }) => leaf(b1, ID_A),
    state: ({ b, b1 }) => trust([A, [b1]], [B, [b]]),
    expect: 'ok',
  },
  {
    name: 'an ID of a, by the root of b, when the bundle of a holds a CA below b',
    make: ({ b }) => leaf(b, ID_A),
    state: ({ b, b1 }) => trust([A, [b1]], [B, [b]]),
    expect: FOREIGN_A,
  },
];

const CROSS_SIGNED: readonly Row[] = [
  {
    name: 'an ID of a, by a, with the twin of a by b sent along',
    make: ({ a, b }) => leaf(a, ID_A, [crossSign(a, b)]),
    expect: 'ok',
  },
  {
    name: 'an ID of a, by a, when only b holds for it, by a twin',
    make: ({ a, b }) => leaf(a, ID_A, [crossSign(a, b)]),
    state: ({ b, stranger }) => trust([A, [stranger]], [B, [b]]),
    expect: FOREIGN_A,
  },
  // b has signed a's CA without constraints: it lets a issue identities of b (RFC 5280 section 6.1).
  {
    name: 'an ID of b, by a, with the twin of a by b',
    make: ({ a, b }) => leaf(a, ID_B, [crossSign(a, b)]),
    expect: 'ok',
  },
  {
    name: 'an ID of b, by a, with a twin of a by b for the names of a',
    make: ({ a, b }) => leaf(a, ID_B, [crossSign(a, b, A)]),
    expect: FOREIGN_B,
  },
  {
    name: 'an ID of b, by a, with the twin of a by a root that b withdrew',
    make: ({ a, b }) => leaf(a, ID_B, [crossSign(a, b)]),
    state: ({ a, stranger }) => trust(a, [B, [stranger]]),
    expect: FOREIGN_B,
  },
  {
    name: 'an ID of a, by b, with the twin of a by b',
    make: ({ a, b }) => leaf(b, ID_A, [crossSign(a, b)]),
    expect: FOREIGN_A,
  },
  {
    name: 'an ID of a, by b, with the twin of b by a for the names of b',
    make: ({ a, b }) => leaf(b, ID_A, [crossSign(b, a, B)]),
    expect: FOREIGN_A,
  },
  {
    name: 'an ID of a, by b, with the twin of b by a CA of nobody',
    make: ({ b, stranger }) => leaf(b, ID_A, [crossSign(b, stranger)]),
    expect: FOREIGN_A,
  },
  {
    name: 'an ID of a, by a CA below b, with twins in a circle',
    make: ({ a, b, b1 }) => leaf(b1, ID_A, [crossSign(a, b), crossSign(b, a, B), a.certificate.der]),
    expect: FOREIGN_A,
  },
  {
    name: 'an ID of nobody, by a, with the twin of a by b',
    make: ({ a, b }) => leaf(a, 'spiffe://c.example/x', [crossSign(a, b)]),
    expect: 'wrong-trust-domain: there is no bundle',
  },
  {
    name: 'an ID of b, by b, when the bundle of b is empty',
    make: ({ b }) => leaf(b, ID_B),
    state: ({ a }) => trust(a, [B, []]),
    expect: NO_PATH,
  },
  {
    name: 'an ID of b, by b, which only the bundle of a holds',
    make: ({ b }) => leaf(b, ID_B),
    state: ({ a, b, stranger }) => trust([A, [a, b]], [B, [stranger]]),
    expect: FOREIGN_B,
  },
  {
    name: 'an ID of a, by the root that a withdrew and b still holds',
    make: ({ a }) => leaf(a, ID_A),
    state: ({ a, b, stranger }) => trust([A, [stranger]], [B, [b, a]]),
    expect: FOREIGN_A,
  },
];

// One key and name in both bundles: who holds the key is an authority of both, as both bundles say.
const SHARED: readonly Row[] = [
  {
    name: 'an ID of a, by the root of both',
    make: ({ a }) => leaf(a, ID_A),
    state: ({ a }) => bundles([a.certificate], [a.certificate]),
    expect: 'ok',
  },
  {
    name: 'an ID of b, by the root of both',
    make: ({ a }) => leaf(a, ID_B),
    state: ({ a }) => bundles([a.certificate], [a.certificate]),
    expect: 'ok',
  },
  {
    name: 'an ID of nobody, by the root of both',
    make: ({ a }) => leaf(a, 'spiffe://c.example/x'),
    state: ({ a }) => bundles([a.certificate], [a.certificate]),
    expect: 'wrong-trust-domain: there is no bundle',
  },
  {
    name: 'an ID of a, by a root that is in its bundle for the names of a, and in that of b for the names of b',
    make: ({ a }) => leaf(a, ID_A),
    state: ({ a }) => bundles([variant(a, {}, permitted(A))], [variant(a, {}, permitted(B))]),
    expect: 'ok',
  },
  {
    name: 'an ID of b, by the same root of both',
    make: ({ a }) => leaf(a, ID_B),
    state: ({ a }) => bundles([variant(a, {}, permitted(A))], [variant(a, {}, permitted(B))]),
    expect: 'ok',
    // OpenSSL tries one certificate of a name, and that is the own trust domain's.
    tls: 'untrusted-certificate: openssl refuses the chain',
  },
  {
    name: 'an ID of b, by a root that is in its bundle without its names, and in that of a without limits',
    make: ({ a }) => leaf(a, ID_B),
    state: ({ a }) => bundles([a.certificate], [variant(a, {}, excluded(B))]),
    expect: FOREIGN_B,
  },
  {
    name: 'an ID of b, by a root that expired in its bundle, and was renewed in that of a',
    make: ({ a }) => leaf(a, ID_B),
    state: ({ a }) => bundles([a.certificate], [variant(a, past)]),
    expect: 'expired-certificate: ',
  },
  {
    name: 'an ID of b, by a root that may have no CA below in its bundle, and may in that of a',
    make: ({ a1 }) => leaf(a1, ID_B),
    state: ({ a }) =>
      bundles(
        [a.certificate],
        [
          variant(
            a,
            {},
            withExtension((e) => basicConstraints(e, true, 0)),
          ),
        ],
      ),
    expect: FOREIGN_B,
  },
  {
    name: 'an ID of b, by a root of the same name and key identifier, and another key',
    make: ({ alike }) => leaf(alike, ID_B, [], withoutExtension(AKI)),
    expect: 'untrusted-certificate: ',
  },
  {
    name: 'an ID of b, by a root of a that took the name and key identifier of the root of b',
    make: ({ alike }) => leaf(alike, ID_B, [], withoutExtension(AKI)),
    state: ({ a, b, alike }) => bundles([a.certificate, alike.certificate], [b.certificate]),
    expect: FOREIGN_B,
  },
];

/** What b says about the root of a comes first here, and must not matter. */
const poisoned = ({ a, b }: World, poison: Certificate): TrustState => ({
  ...bundles([a.certificate], [poison, b.certificate]),
  bundles: new Map([...bundles([a.certificate], [poison, b.certificate]).bundles].reverse()),
});
const issuedBy = (ca: Authority): Pick<CertificateSpec, 'issuer'> => ({
  issuer: Buffer.from(ca.certificate.subject, 'latin1'),
});
const ownName = ({ a }: World): Partial<CertificateSpec> => ({
  ...issuedBy(a),
  subject: Buffer.from(a.certificate.subject, 'latin1'),
});

// The name, key and key identifier of a root are public: a partner can put them into its own bundle.
const POISONED: readonly Row[] = [
  {
    name: 'an ID of a, by a, when the bundle of b has another key under the name and key identifier of a',
    make: ({ a }) => leaf(a, ID_A),
    state: (w) => poisoned(w, variant(w.b, ownName(w), lookingLike(w.a.certificate))),
    expect: 'ok',
  },
  {
    name: 'an ID of a, by a, when the bundle of b has the root of a without its names',
    make: ({ a }) => leaf(a, ID_A),
    state: (w) => poisoned(w, variant(w.a, {}, excluded(A))),
    expect: 'ok',
  },
  {
    name: 'an ID of a, by a CA below a, when the bundle of b has the root of a with no CA below',
    make: ({ a1 }) => leaf(a1, ID_A),
    state: (w) =>
      poisoned(
        w,
        variant(
          w.a,
          {},
          withExtension((e) => basicConstraints(e, true, 0)),
        ),
      ),
    expect: 'ok',
  },
  {
    name: 'an ID of a, by a, when the bundle of b has an expired root of a',
    make: ({ a }) => leaf(a, ID_A),
    state: (w) => poisoned(w, variant(w.a, past)),
    expect: 'ok',
  },
  {
    name: 'an ID of b, by b, beside such a root',
    make: ({ b }) => leaf(b, ID_B),
    state: (w) => poisoned(w, variant(w.a, {}, excluded(A))),
    expect: 'ok',
  },
  {
    name: 'an ID of a, by b, beside such a root',
    make: ({ b }) => leaf(b, ID_A),
    state: (w) => poisoned(w, variant(w.b, ownName(w), lookingLike(w.a.certificate))),
    expect: FOREIGN_A,
  },
  {
    name: 'an ID of b, by b under the name of a',
    make: ({ a, b }) =>
      leaf(
        b,
        ID_B,
        [],
        all(withoutExtension(AKI), (spec) => ({ ...spec, ...issuedBy(a) })),
      ),
    state: (w) => poisoned(w, variant(w.b, ownName(w), lookingLike(w.a.certificate))),
    expect: 'ok',
    tls: 'untrusted-certificate: openssl refuses the chain', // a partner that takes names loses them
  },
];

const CONSTRAINTS: readonly Row[] = [
  {
    name: 'an ID of b, by a CA for the names of b',
    make: async ({ b }) => leaf(await b.createIntermediate({ adjust: permitted(B) }), ID_B),
    expect: 'ok',
  },
  {
    name: 'an ID of b, by a CA for the names of a',
    make: async ({ b }) => leaf(await b.createIntermediate({ adjust: permitted(A) }), ID_B),
    expect: 'untrusted-certificate: URI',
  },
  {
    name: 'an ID of a, by a CA below b for the names of a',
    make: async ({ b }) => leaf(await b.createIntermediate({ adjust: permitted(A) }), ID_A),
    expect: FOREIGN_A,
  },
  {
    name: 'an ID of b, by a CA for what is below b',
    make: async ({ b }) => leaf(await b.createIntermediate({ adjust: permitted(`.${B}`) }), ID_B),
    expect: 'untrusted-certificate: URI',
  },
  {
    name: 'an ID of b, by a CA that b keeps from its own names',
    make: async ({ b }) => leaf(await b.createIntermediate({ adjust: excluded(B) }), ID_B),
    expect: 'untrusted-certificate: URI',
  },
  {
    name: 'an ID of a, by the root of b, which is in the bundle of a by mistake, but for the names of b',
    make: ({ b }) => leaf(b, ID_A),
    state: ({ a, b }) =>
      bundles([a.certificate, variant(b, {}, permitted(B))], [variant(b, {}, permitted(B))]),
    expect: 'untrusted-certificate: URI',
  },
];

const REVOKED: readonly Row[] = [
  {
    name: 'an ID of b that b has revoked',
    make: ({ b }) => leaf(b, ID_B, [], serial(77)),
    state: ({ a, b }) => ({ ...trust(a, b), crls: new Map([[B, [crlOf(b)]]]) }),
    expect: 'revoked-certificate: serial 4d',
  },
  {
    name: 'an ID of a with a serial number that b has revoked',
    make: ({ a }) => leaf(a, ID_A, [], serial(77)),
    state: ({ a, b }) => ({ ...trust(a, b), crls: new Map([[B, [crlOf(b)]]]) }),
    expect: 'ok',
  },
  {
    name: 'an ID of a that a list of b names in the name of a, whose key it lacks',
    make: ({ a }) => leaf(a, ID_A, [], serial(77)),
    state: ({ a, b }) => ({ ...trust(a, b), crls: new Map([[B, [crlOf(a)]]]) }),
    expect: 'ok',
  },
  {
    name: 'an ID of b when the list of b is signed by a',
    make: ({ b }) => leaf(b, ID_B),
    state: ({ a, b }) => ({ ...trust(a, b), crls: new Map([[B, [forgedCrl(b, a)]]]) }),
    expect: 'revoked-certificate: the CRL of',
  },
];

export const TABLES: Readonly<Record<string, readonly Row[]>> = {
  'a peer directly below a root': DIRECT,
  'a peer below an intermediate': INTERMEDIATES,
  'cross-signed CAs': CROSS_SIGNED,
  'a root of two bundles': SHARED,
  'a bundle that takes names of the own trust domain': POISONED,
  'name constraints': CONSTRAINTS,
  'revocation lists': REVOKED,
};
