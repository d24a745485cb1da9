// Name constraints by form: URI hosts, DNS names, IP blocks, and forms that are only refused.
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import {
  encodeName,
  type NamesSpec,
  nameConstraints,
  subjectAltName,
} from '../../../../certs/authority/build-certificate.ts';
import { parseCertificate } from '../../../../certs/x509/certificate.ts';
import { DerError } from '../../../../certs/x509/der.ts';
import type { NameConstraints } from '../../../../certs/x509/extensions.ts';
import { nameConstraintFault } from '../../../../certs/x509/name-constraints.ts';
import { all, ID, withExtension } from '../make-certificate.ts';

let ca: Authority;
beforeAll(async () => {
  ca = await createAuthority({ trustDomain: 'example.org' });
});

interface Spec {
  readonly permitted?: NamesSpec;
  readonly excluded?: NamesSpec;
}

/** What the reader makes of a constraint extension, given as names or as DER. */
async function constraintsOf(spec: Spec | string): Promise<NameConstraints> {
  const extension =
    typeof spec === 'string'
      ? { oid: '2.5.29.30', critical: true, value: Buffer.from(spec, 'hex') }
      : nameConstraints(ca.encoder, spec);
  const { certificate } = await ca.createIntermediate({ adjust: withExtension(() => extension) });
  if (certificate.extensions.nameConstraints === null) throw new Error('no name constraints');
  return certificate.extensions.nameConstraints;
}

async function fault(spec: Spec | string, names: NamesSpec, subject = true): Promise<string | null> {
  const nameless = all(
    withExtension((e) => subjectAltName(e, names, true)),
    (s, e) => (subject ? s : { ...s, subject: encodeName(e, []) }),
  );
  const { certificateDer } = await ca.issue({ spiffeId: ID, adjust: nameless });
  return nameConstraintFault(await constraintsOf(spec), parseCertificate(certificateDer), { left: 1_000 });
}

const ip = (...bytes: number[]): Buffer => Buffer.from(bytes);
const uri = (...uris: string[]): NamesSpec => ({ uris });
const dns = (...dnsNames: string[]): NamesSpec => ({ dnsNames });
const ips = (...ipAddresses: Buffer[]): NamesSpec => ({ ipAddresses });
const TEN = ip(10, 0, 0, 0, 255, 0, 0, 0);
// permitted directoryName, empty; excluded email `a`
const DIRECTORY = '3008a0063004a4023000';
const EMAIL = '3007a1053003810161';

describe('RFC 5280 section 4.2.1.10', () => {
  test.each<{ name: string; spec: Spec | string; names: NamesSpec; expected: string | null }>([
    { name: 'host', spec: { permitted: uri('a.b') }, names: uri('spiffe://a.b/x'), expected: null },
    {
      name: 'host, other case',
      spec: { permitted: uri('A.b') },
      names: uri('https://a.B/x'),
      expected: null,
    },
    {
      name: 'host without path',
      spec: { permitted: uri('a.b') },
      names: uri('spiffe://a.b'),
      expected: null,
    },
    {
      name: 'a host is not a suffix',
      spec: { permitted: uri('b') },
      names: uri('spiffe://a.b/x'),
      expected: 'not permitted',
    },
    { name: 'a domain', spec: { permitted: uri('.b') }, names: uri('spiffe://a.b/x'), expected: null },
    {
      name: 'a domain is not its host',
      spec: { permitted: uri('.b') },
      names: uri('spiffe://b/x'),
      expected: 'not permitted',
    },
    {
      name: 'a domain, by halves',
      spec: { permitted: uri('.b.c') },
      names: uri('spiffe://ab.c/x'),
      expected: 'not permitted',
    },
    {
      name: 'one of two',
      spec: { permitted: uri('x', 'a.b') },
      names: uri('spiffe://a.b/x'),
      expected: null,
    },
    {
      name: 'all names must be in',
      spec: { permitted: uri('a') },
      names: uri('spiffe://a/x', 'spiffe://b/x'),
      expected: 'not permitted',
    },
    {
      name: 'excluded beats permitted',
      spec: { permitted: uri('a'), excluded: uri('a') },
      names: uri('spiffe://a/x'),
      expected: 'is excluded',
    },
    {
      name: 'a URI without host',
      spec: { excluded: uri('b') },
      names: uri('urn:x'),
      expected: 'no host name',
    },
    {
      name: 'a URI with a port',
      spec: { excluded: uri('b') },
      names: uri('https://b:1/'),
      expected: 'no host name',
    },
    {
      name: 'a URI with a user',
      spec: { permitted: uri('b') },
      names: uri('https://u@b/'),
      expected: 'no host name',
    },
    { name: 'an unconstrained form', spec: { permitted: dns('x') }, names: uri('urn:x'), expected: null },
    { name: 'no name of the form', spec: { permitted: uri('a') }, names: dns('x'), expected: null },
    { name: 'a DNS name', spec: { permitted: dns('a.b') }, names: dns('A.b'), expected: null },
    { name: 'a DNS name below', spec: { permitted: dns('b') }, names: dns('a.b'), expected: null },
    {
      name: 'a DNS name below, with a period',
      spec: { permitted: dns('.b') },
      names: dns('a.b'),
      expected: null,
    },
    {
      name: 'a DNS name that ends alike',
      spec: { permitted: dns('b.c') },
      names: dns('ab.c'),
      expected: 'not permitted',
    },
    {
      name: 'every DNS name excluded',
      spec: { excluded: dns('') },
      names: dns('a'),
      expected: 'is excluded',
    },
    {
      name: 'an address in the block',
      spec: { permitted: ips(TEN) },
      names: ips(ip(10, 1, 2, 3)),
      expected: null,
    },
    {
      name: 'an address outside',
      spec: { permitted: ips(TEN) },
      names: ips(ip(11, 1, 2, 3)),
      expected: 'not permitted',
    },
    {
      name: 'an address of the other family',
      spec: { permitted: ips(TEN) },
      names: ips(Buffer.alloc(16, 10)),
      expected: 'not permitted',
    },
    {
      name: 'an excluded address',
      spec: { excluded: ips(TEN) },
      names: ips(ip(10, 9, 9, 9)),
      expected: 'is excluded',
    },
    { name: 'every directory name permitted', spec: DIRECTORY, names: uri('spiffe://a/x'), expected: null },
    {
      name: 'more comparisons than are left',
      spec: { permitted: dns(...Array.from({ length: 500 }, (_, i) => `n${i}`)) },
      names: dns('n1', 'n2', 'n3'),
      expected: 'too many to compare',
    },
    { name: 'emails, without an email', spec: EMAIL, names: uri('spiffe://a/x'), expected: null },
  ])('$name', async ({ spec, names, expected }) => {
    const found = await fault(spec, names);
    if (expected === null) expect(found).toBeNull();
    else expect(found).toContain(expected);
  });

  test('directory names do not matter without a subject', async () => {
    expect(await fault(DIRECTORY, uri('spiffe://a/x'), false)).toBeNull();
  });

  test.each([
    { name: 'neither permitted nor excluded', der: '3000' },
    { name: 'an empty list', der: '3002a000' },
    { name: 'a minimum', der: '300ba00930078201618003000001' },
    { name: 'an address without a mask', der: '300aa008300687040a000000' },
    { name: 'a name of unknown form', der: '3007a00530038f0161' },
  ])('$name is malformed', async ({ der }) => {
    await expect(constraintsOf(der)).rejects.toThrow(DerError);
  });
});
