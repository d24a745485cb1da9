// The SPIFFE X509-SVID standard, section by section: what a validator accepts, and what it must refuse and
// why.
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import {
  basicConstraints,
  encodeName,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectAltName,
} from '../../certs/authority/build-certificate.ts';
import type { IssueRequest } from '../../certs/authority/certificate-profile.ts';
import { PURPOSE } from '../../certs/x509/extensions.ts';
import {
  all,
  ID,
  said,
  trust,
  verifierFor,
  withExtension,
  withoutExtension,
} from '../unit/certs/make-certificate.ts';

const DAY_MS = 86_400_000;
const SAN = '2.5.29.17';
const KEY_USAGE = '2.5.29.15';
const EKU = '2.5.29.37';
const BASIC = '2.5.29.19';

let ca: Authority;
let other: Authority;
beforeAll(async () => {
  ca = await createAuthority({ trustDomain: 'example.org' });
  other = await createAuthority({ trustDomain: 'b.example' });
});

const uris = (...list: string[]) => withExtension((e) => subjectAltName(e, { uris: list }));
const emptySubject: IssueRequest['adjust'] = (spec, e) => ({ ...spec, subject: encodeName(e, []) });
const leaf = (request: Partial<IssueRequest>) => async (): Promise<Buffer[]> => [
  ...(await ca.issue({ spiffeId: ID, ...request })).chainDer,
];
const adjusted = (adjust: IssueRequest['adjust']) => leaf(adjust ? { adjust } : {});
/** A leaf below an adjusted intermediate. */
const below = (adjust: IssueRequest['adjust']) => async (): Promise<Buffer[]> => {
  const intermediate = await ca.createIntermediate(adjust ? { adjust } : {});
  return [...(await intermediate.issue({ spiffeId: ID })).chainDer];
};

interface Row {
  readonly name: string;
  readonly make: () => Promise<Buffer[]>;
  /** `ok`, or the start of `reason: message`. */
  readonly expect: string;
}

const unknownCritical = { oid: '1.3.6.1.4.1.99999.1', critical: true, value: Buffer.of(5, 0) };

const SECTIONS: Readonly<Record<string, readonly Row[]>> = {
  'section 2, SPIFFE ID': [
    { name: 'one URI SAN', make: leaf({}), expect: 'ok' },
    {
      name: 'other SAN types beside it',
      make: leaf({ dnsNames: ['a', 'b'], ipAddresses: ['::1'] }),
      expect: 'ok',
    },
    {
      name: 'no SAN at all',
      make: adjusted(withoutExtension(SAN)),
      expect: 'invalid-svid: it has no URI SAN',
    },
    {
      name: 'DNS SANs only',
      make: adjusted(withExtension((e) => subjectAltName(e, { dnsNames: ['web'] }))),
      expect: 'invalid-svid: it has no URI SAN',
    },
    { name: 'two SPIFFE IDs', make: adjusted(uris(ID, `${ID}2`)), expect: 'invalid-svid: it has 2 URI SANs' },
    { name: 'the same ID twice', make: adjusted(uris(ID, ID)), expect: 'invalid-svid: it has 2 URI SANs' },
    { name: 'a second URI, https', make: adjusted(uris(ID, 'https://a/')), expect: 'invalid-svid: it has 2' },
    { name: 'an https URI', make: adjusted(uris('https://example.org/a')), expect: 'invalid-svid: `https' },
  ],
  'section 3.1, leaf certificates': [
    { name: 'a path of one segment', make: leaf({ spiffeId: 'spiffe://example.org/w' }), expect: 'ok' },
    { name: 'no path', make: adjusted(uris('spiffe://example.org')), expect: 'invalid-svid: SPIFFE ID' },
    { name: 'the root path', make: adjusted(uris('spiffe://example.org/')), expect: 'invalid-svid: `spiffe' },
    {
      name: 'an empty subject with a critical SAN',
      make: adjusted(
        all(
          emptySubject,
          withExtension((e) => subjectAltName(e, { uris: [ID] }, true)),
        ),
      ),
      expect: 'ok',
    },
    {
      name: 'an empty subject with a SAN that is not critical',
      make: adjusted(emptySubject),
      expect: 'invalid-svid: the subject is empty',
    },
  ],
  'section 3.2, signing certificates': [
    { name: 'an intermediate with the ID of its trust domain', make: below(undefined), expect: 'ok' },
    { name: 'an intermediate without an ID', make: below(withoutExtension(SAN)), expect: 'ok' },
    {
      name: 'an intermediate with another trust domain',
      make: below(uris('spiffe://b.example')),
      expect: 'ok',
    },
    { name: 'an intermediate with an https URI', make: below(uris('https://ca.example/')), expect: 'ok' },
    {
      name: 'an intermediate whose ID has a path',
      make: below(uris('spiffe://example.org/ca')),
      expect: 'untrusted-certificate: ',
    },
    {
      name: 'an intermediate with two IDs',
      make: below(uris('spiffe://example.org', 'spiffe://b.example')),
      expect: 'untrusted-certificate: ',
    },
    {
      name: 'a signing certificate as a peer',
      make: async () => [(await ca.createIntermediate()).certificate.der],
      expect: 'invalid-svid: ',
    },
    { name: 'the root as a peer', make: async () => [ca.certificate.der], expect: 'invalid-svid: ' },
  ],
  'section 4.1, basic constraints': [
    { name: 'a leaf without the extension', make: adjusted(withoutExtension(BASIC)), expect: 'ok' },
    {
      name: 'a leaf with cA true',
      make: adjusted(withExtension((e) => basicConstraints(e, true, null))),
      expect: 'invalid-svid: it is a CA',
    },
    {
      name: 'an intermediate with cA false',
      make: below(withExtension((e) => basicConstraints(e, false, null))),
      expect: 'untrusted-certificate: ',
    },
    {
      name: 'an intermediate without the extension',
      make: below(withoutExtension(BASIC)),
      expect: 'untrusted',
    },
    {
      name: 'a CA below a CA of path length 0',
      make: async () => {
        const lower = await (await ca.createIntermediate({ pathLength: 0 })).createIntermediate();
        return [...(await lower.issue({ spiffeId: ID })).chainDer];
      },
      expect: 'untrusted-certificate: ',
    },
    {
      name: 'a CA below a CA of path length 1',
      make: async () => {
        const lower = await (await ca.createIntermediate({ pathLength: 1 })).createIntermediate();
        return [...(await lower.issue({ spiffeId: ID })).chainDer];
      },
      expect: 'ok',
    },
    {
      name: 'two CAs below a CA of path length 1, whose own limits are wider',
      make: async () => {
        const first = await ca.createIntermediate({ pathLength: 1 });
        const third = await (await first.createIntermediate({ pathLength: 5 })).createIntermediate({
          pathLength: 5,
        });
        return [...(await third.issue({ spiffeId: ID })).chainDer];
      },
      expect: 'untrusted-certificate: ',
    },
  ],
  'section 4.2, name constraints': [
    {
      name: 'the trust domain is permitted',
      make: below(withExtension((e) => nameConstraints(e, { permitted: { uris: ['example.org'] } }))),
      expect: 'ok',
    },
    {
      name: 'only another trust domain is permitted',
      make: below(withExtension((e) => nameConstraints(e, { permitted: { uris: ['b.example'] } }))),
      expect: 'untrusted-certificate: URI',
    },
    {
      name: 'only subdomains are permitted',
      make: below(withExtension((e) => nameConstraints(e, { permitted: { uris: ['.example.org'] } }))),
      expect: 'untrusted-certificate: URI',
    },
    {
      name: 'the trust domain is excluded',
      make: below(withExtension((e) => nameConstraints(e, { excluded: { uris: ['example.org'] } }))),
      expect: 'untrusted-certificate: URI',
    },
    {
      name: 'permitted and excluded at once',
      make: below(
        withExtension((e) =>
          nameConstraints(e, { permitted: { uris: ['example.org'] }, excluded: { uris: ['EXAMPLE.org'] } }),
        ),
      ),
      expect: 'untrusted-certificate: URI',
    },
    {
      name: 'a subdomain is excluded',
      make: below(withExtension((e) => nameConstraints(e, { excluded: { uris: ['.example.org'] } }))),
      expect: 'ok',
    },
    {
      name: 'a DNS name outside of the permitted',
      make: below(withExtension((e) => nameConstraints(e, { permitted: { dnsNames: ['shop.example'] } }))),
      expect: 'untrusted-certificate: DNS name',
    },
  ],
  'section 4.3, key usage': [
    {
      name: 'a leaf without key usage',
      make: adjusted(withoutExtension(KEY_USAGE)),
      expect: 'invalid-svid: it has no',
    },
    {
      name: 'key usage that is not critical',
      make: adjusted(withExtension((e) => keyUsage(e, ['digitalSignature'], false))),
      expect: 'invalid-svid: key usage is not critical',
    },
    {
      name: 'a leaf without digitalSignature',
      make: adjusted(withExtension((e) => keyUsage(e, ['keyEncipherment', 'keyAgreement']))),
      expect: 'invalid-svid: key usage lacks digitalSignature',
    },
    {
      name: 'a leaf with keyEncipherment and keyAgreement too',
      make: adjusted(
        withExtension((e) => keyUsage(e, ['digitalSignature', 'keyEncipherment', 'keyAgreement'])),
      ),
      expect: 'ok',
    },
    {
      name: 'a leaf with keyCertSign',
      make: adjusted(withExtension((e) => keyUsage(e, ['digitalSignature', 'keyCertSign']))),
      expect: 'invalid-svid: key usage of a leaf has keyCertSign',
    },
    {
      name: 'a leaf with cRLSign',
      make: adjusted(withExtension((e) => keyUsage(e, ['digitalSignature', 'cRLSign']))),
      expect: 'invalid-svid: key usage of a leaf has cRLSign',
    },
    {
      name: 'an intermediate without cRLSign',
      make: below(withExtension((e) => keyUsage(e, ['keyCertSign']))),
      expect: 'ok',
    },
    {
      name: 'an intermediate without keyCertSign',
      make: below(withExtension((e) => keyUsage(e, ['cRLSign', 'digitalSignature']))),
      expect: 'untrusted-certificate: ',
    },
    {
      name: 'an intermediate without key usage',
      make: below(withoutExtension(KEY_USAGE)),
      expect: 'untrusted',
    },
  ],
  'section 4.4, extended key usage': [
    { name: 'absent', make: adjusted(withoutExtension(EKU)), expect: 'ok' },
    { name: 'both', make: leaf({}), expect: 'ok' },
    {
      name: 'a client with serverAuth only',
      make: adjusted(withExtension((e) => extendedKeyUsage(e, [PURPOSE.server]))),
      expect: 'invalid-svid: extended key usage lacks clientAuth',
    },
    {
      name: 'code signing only',
      make: adjusted(withExtension((e) => extendedKeyUsage(e, ['1.3.6.1.5.5.7.3.3']))),
      expect: 'invalid-svid: extended key usage lacks clientAuth',
    },
    {
      name: 'an intermediate for servers only',
      make: below(withExtension((e) => extendedKeyUsage(e, [PURPOSE.server]))),
      expect: 'untrusted-certificate: ',
    },
  ],
  'section 5.1, path validation (RFC 5280)': [
    {
      name: 'an expired leaf',
      make: leaf({ nowMs: Date.now() - 2 * DAY_MS, ttlMs: DAY_MS }),
      expect: 'expired',
    },
    {
      name: 'a leaf of the future',
      make: leaf({ nowMs: Date.now() + DAY_MS }),
      expect: 'expired-certificate: ',
    },
    {
      name: 'an expired intermediate',
      make: async () => {
        const old = await ca.createIntermediate({ nowMs: Date.now() - 2 * DAY_MS, ttlMs: DAY_MS });
        const late = (spec: Parameters<NonNullable<IssueRequest['adjust']>>[0]) => ({
          ...spec,
          notAfterMs: Date.now() + DAY_MS,
        });
        return [...(await old.issue({ spiffeId: ID, adjust: late })).chainDer];
      },
      expect: 'expired-certificate: ',
    },
    { name: 'no certificate', make: async () => [], expect: 'no-certificate: ' },
    {
      name: 'an unknown critical extension on the leaf',
      make: adjusted((spec) => ({ ...spec, extensions: [...spec.extensions, unknownCritical] })),
      expect: 'invalid-svid: critical extension 1.3.6.1.4.1.99999.1',
    },
    {
      name: 'the same extension, not critical',
      make: adjusted((spec) => ({
        ...spec,
        extensions: [...spec.extensions, { ...unknownCritical, critical: false }],
      })),
      expect: 'ok',
    },
    {
      name: 'an unknown critical extension on an intermediate',
      make: below((spec) => ({ ...spec, extensions: [...spec.extensions, unknownCritical] })),
      expect: 'untrusted-certificate: ',
    },
    {
      name: 'an extension that comes twice',
      make: adjusted((spec) => ({
        ...spec,
        extensions: [...spec.extensions, ...spec.extensions.slice(0, 1)],
      })),
      expect: 'invalid-svid: certificate 1',
    },
    {
      name: 'a leaf of an unknown CA with the same name',
      make: async () => {
        const subject = Buffer.from(ca.certificate.subject, 'latin1');
        const impostor = await createAuthority({
          trustDomain: 'example.org',
          adjust: (spec) => ({ ...spec, subject, issuer: subject }),
        });
        return [...(await impostor.issue({ spiffeId: ID })).chainDer];
      },
      expect: 'untrusted-certificate: no path',
    },
    {
      name: 'a missing intermediate',
      make: async () => (await below(undefined)()).slice(0, 1),
      expect: 'untrusted-certificate: no path',
    },
    {
      name: 'a flipped signature bit',
      make: async () => [flipLast((await leaf({})())[0])],
      expect: 'untrusted',
    },
    {
      name: 'an RSA leaf of 2048 bits',
      make: leaf({ keyType: 'rsa' }),
      expect: 'ok',
    },
    { name: 'an Ed25519 leaf', make: leaf({ keyType: 'ed25519' }), expect: 'ok' },
  ],
  'section 5.2, leaf validation': [
    {
      name: 'spiffe://b.example signed by the CA of example.org',
      make: adjusted(uris('spiffe://b.example/ns/shop/sa/web')),
      expect:
        'wrong-trust-domain: an ID of trust domain `b.example` is signed by the bundle of `example.org`',
    },
    {
      name: 'spiffe://example.org signed by the CA of b.example, which is federated',
      make: async () => [
        ...(await other.issue({ spiffeId: 'spiffe://b.example/x', adjust: uris(ID) })).chainDer,
      ],
      expect:
        'wrong-trust-domain: an ID of trust domain `example.org` is signed by the bundle of `b.example`',
    },
    {
      name: 'a peer of the federated trust domain',
      make: async () => [...(await other.issue({ spiffeId: 'spiffe://b.example/x' })).chainDer],
      expect: 'ok',
    },
    {
      name: 'a trust domain without a bundle',
      make: adjusted(uris('spiffe://c.example/x')),
      expect: 'wrong-trust-domain: there is no bundle for trust domain `c.example`',
    },
    {
      name: 'an intermediate of the federated CA that claims this trust domain',
      make: async () => {
        const foreign = await other.createIntermediate({ trustDomain: 'example.org' });
        return [...(await foreign.issue({ spiffeId: ID })).chainDer];
      },
      expect: 'wrong-trust-domain: ',
    },
    { name: 'another scheme', make: adjusted(uris('spire://example.org/x')), expect: 'invalid-svid: `spire' },
    {
      name: 'an upper-case scheme',
      make: adjusted(uris('SPIFFE://example.org/x')),
      expect: 'invalid-svid: ',
    },
    {
      name: 'an upper-case trust domain',
      make: adjusted(uris('spiffe://Example.org/x')),
      expect: 'invalid-svid: ',
    },
    { name: 'a port', make: adjusted(uris('spiffe://example.org:1/x')), expect: 'invalid-svid: ' },
    { name: 'a query', make: adjusted(uris('spiffe://example.org/x?a')), expect: 'invalid-svid: ' },
    { name: 'a NUL in the ID', make: adjusted(uris('spiffe://example.org/x\0y')), expect: 'invalid-svid: ' },
  ],
};

function flipLast(der: Buffer | undefined): Buffer {
  const copy = Buffer.from(der ?? []);
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
  return copy;
}

describe('SPIFFE X509-SVID', () => {
  for (const [section, rows] of Object.entries(SECTIONS)) {
    test.each(rows)(`${section}: $name`, async (row) => {
      const chain = await row.make();
      const verifier = verifierFor(trust(ca, other));
      expect(said(verifier.verify(chain, Date.now())).slice(0, row.expect.length)).toBe(row.expect);
      // The same answer when the leaf is known already.
      expect(said(verifier.verify(chain, Date.now())).slice(0, row.expect.length)).toBe(row.expect);
    });
  }

  test('rejects outnumber accepts', () => {
    const rows = Object.values(SECTIONS).flat();
    expect(rows.filter((row) => row.expect === 'ok').length * 2).toBeLessThan(rows.length);
  });
});
