// Bad SPIFFE IDs in certificates (X509-SVID sections 2, 3 and 5.2; SPIFFE-ID section 2).
import { type Change, drop, put } from './der-parts.ts';
import { dns, email, OID, san, uri } from './extension-values.ts';
import { below, ID, leaf, type Row } from './sample.ts';

const named = (...uris: readonly (string | Buffer)[]): Change => put(san(...uris.map((one) => uri(one))));
const PATH = 'X509-SVID section 5.2, SPIFFE-ID section 2.2';
const DOMAIN = 'X509-SVID section 5.2, SPIFFE-ID section 2.1';
const SYNTAX = 'X509-SVID section 5.2, SPIFFE-ID section 2';

/** One ID that is none. */
const id = (name: string, section: string, text: string | Buffer, expect = 'invalid-svid: '): Row => ({
  name,
  section,
  make: leaf(named(text)),
  expect,
});

const LONG = `spiffe://example.org/${'a'.repeat(2049 - 21)}`;

export const BAD_IDS: readonly Row[] = [
  {
    name: 'no SAN',
    section: 'X509-SVID section 2',
    make: leaf(drop(OID.san)),
    expect: 'invalid-svid: it has no URI SAN',
  },
  {
    name: 'DNS names only',
    section: 'X509-SVID section 2',
    make: leaf(put(san(dns('web')))),
    expect: 'invalid-svid: it has no URI SAN',
  },
  {
    name: 'the ID as a DNS name',
    section: 'X509-SVID section 2',
    make: leaf(put(san(dns(ID)))),
    expect: 'invalid-svid: it has no URI SAN',
  },
  {
    name: 'the ID as an email',
    section: 'X509-SVID section 2',
    make: leaf(put(san(email(ID)))),
    expect: 'invalid-svid: it has no URI SAN',
  },
  {
    name: 'two IDs',
    section: 'X509-SVID section 2',
    make: leaf(named(ID, `${ID}2`)),
    expect: 'invalid-svid: it has 2 URI SANs',
  },
  {
    name: 'one ID twice',
    section: 'X509-SVID section 2',
    make: leaf(named(ID, ID)),
    expect: 'invalid-svid: it has 2 URI SANs',
  },
  {
    name: 'an https URI before the ID',
    section: 'X509-SVID section 2',
    make: leaf(named('https://example.org/', ID)),
    expect: 'invalid-svid: it has 2 URI SANs',
  },
  {
    name: 'a second URI behind DNS names',
    section: 'X509-SVID section 2',
    make: leaf(put(san(uri(ID), dns('a'), dns('b'), uri('urn:x')))),
    expect: 'invalid-svid: it has 2 URI SANs',
  },
  {
    name: 'the trust domain as a leaf',
    section: 'X509-SVID section 3.1',
    make: leaf(named('spiffe://example.org')),
    expect: 'invalid-svid: SPIFFE ID',
  },
  {
    name: 'an intermediate whose ID has a path',
    section: 'X509-SVID section 3.2',
    make: below(named('spiffe://example.org/ca')),
    expect: 'untrusted-certificate: ',
  },
  {
    name: 'an intermediate with two IDs',
    section: 'X509-SVID section 3.2',
    make: below(named('spiffe://example.org', 'spiffe://b.example')),
    expect: 'untrusted-certificate: ',
  },
  {
    name: 'an intermediate whose ID is broken',
    section: 'X509-SVID section 3.2',
    make: below(named('SPIFFE://example.org')),
    expect: 'untrusted-certificate: ',
  },
  id('an upper-case scheme', SYNTAX, 'SPIFFE://example.org/x'),
  id('another scheme', SYNTAX, 'https://example.org/ns/shop/sa/web'),
  id('one slash', SYNTAX, 'spiffe:/example.org/x'),
  id('no scheme', SYNTAX, '//example.org/x'),
  id('a space in front', SYNTAX, ` ${ID}`),
  id('a space behind', SYNTAX, `${ID} `),
  id('a line break behind', SYNTAX, `${ID}\n`),
  id('an empty URI', SYNTAX, ''),
  id('2049 bytes', 'X509-SVID section 5.2, SPIFFE-ID section 2.3', LONG),
  id('an empty trust domain', DOMAIN, 'spiffe:///x'),
  id('an upper-case trust domain', DOMAIN, 'spiffe://Example.org/x'),
  id('a port', DOMAIN, 'spiffe://example.org:443/x'),
  id('an empty port', DOMAIN, 'spiffe://example.org:/x'),
  id('user information', DOMAIN, 'spiffe://web@example.org/x'),
  id('empty user information', DOMAIN, 'spiffe://@example.org/x'),
  id('a percent-encoded trust domain', DOMAIN, 'spiffe://example%2eorg/x'),
  id('an IPv6 address', DOMAIN, 'spiffe://[::1]/x'),
  id('a trust domain of 256 characters', DOMAIN, `spiffe://${'a'.repeat(256)}/x`),
  id('a trust domain that is not ASCII', DOMAIN, Buffer.from('spiffe://exämple.org/x')),
  id('a star as trust domain', DOMAIN, 'spiffe://*/x'),
  id('a query', PATH, `${ID}?a=b`),
  id('a query behind the trust domain', PATH, 'spiffe://example.org?a'),
  id('an empty query', PATH, `${ID}?`),
  id('a fragment', PATH, `${ID}#a`),
  id('an empty fragment', PATH, `${ID}#`),
  id('a percent-encoded letter', PATH, 'spiffe://example.org/%77eb'),
  id('a percent-encoded slash', PATH, 'spiffe://example.org/ns%2fshop'),
  id('a dot segment', PATH, 'spiffe://example.org/./web'),
  id('a double dot segment', PATH, 'spiffe://example.org/a/../web'),
  id('a double dot at the end', PATH, 'spiffe://example.org/a/..'),
  id('an empty segment', PATH, 'spiffe://example.org//web'),
  id('a trailing slash', PATH, `${ID}/`),
  id('the root path', PATH, 'spiffe://example.org/'),
  id('a path that is not ASCII', PATH, Buffer.from('spiffe://example.org/wéb')),
  id('a path of Latin-1', PATH, Buffer.from('spiffe://example.org/w\xe9b', 'latin1')),
  id('a NUL in the path', PATH, `${ID}\0`),
  id('a NUL before another name', PATH, 'spiffe://example.org/x\0.evil'),
  id('an escape sequence', PATH, 'spiffe://example.org/\u001b[31mred'),
  id('a tilde', PATH, 'spiffe://example.org/~web'),
  id('a plus', PATH, 'spiffe://example.org/a+b'),
  id('a backslash', PATH, 'spiffe://example.org/a\\b'),
  id('a semicolon', PATH, 'spiffe://example.org/a;b'),
];
