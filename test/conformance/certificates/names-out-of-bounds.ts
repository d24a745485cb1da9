// Names outside of what a CA above allows (RFC 5280 section 4.2.1.10; X509-SVID section 4.2).
import { both, type Change, extension, keyOf, put, rework } from './der-parts.ts';
import {
  CN,
  constraints,
  directory,
  dns,
  EMAIL_ADDRESS,
  email,
  ip,
  name,
  O,
  OID,
  other,
  registered,
  san,
  uri,
} from './extension-values.ts';
import { ID, type Row, rooted, type Sample } from './sample.ts';

const SECTION = 'RFC 5280 section 4.2.1.10';

/** A leaf of these names (default: its ID) below an intermediate with these constraints. */
export const constrained =
  (bounds: Buffer, names: readonly Buffer[] = [], more: Change = () => ({})): Row['make'] =>
  async ({ root, nowMs }): Promise<Sample> => {
    const middle = await root.createIntermediate({ nowMs });
    const svid = await middle.issue({ spiffeId: ID, nowMs, dnsNames: [] });
    const hasUri = names.some((one) => one[0] === 0x86);
    const all = hasUri ? names : [uri(ID), ...names];
    const der = rework(svid.certificateDer, middle.signer, both(put(san(...all)), more));
    const ca = rework(middle.certificate.der, root.signer, put(bounds));
    return { chain: [der, ca], key: keyOf(svid.privateKeyPem) };
  };

const bad = (
  what: string,
  bounds: Buffer,
  names: readonly Buffer[] = [],
  expect = 'untrusted-certificate: ',
  more?: Change,
): Row => ({ name: what, section: SECTION, make: constrained(bounds, names, more), expect });

const MALFORMED = 'invalid-svid: ';
const TEN = [10, 0, 0, 0, 255, 0, 0, 0];
const raw = (hex: string): Buffer => extension(OID.constraints, Buffer.from(hex, 'hex'), true);
const subject =
  (...attributes: readonly (readonly [string, string])[]): Change =>
  () => ({
    subject: name(attributes),
  });
const SHOP = name([[O, 'shop']]);

export const OUT_OF_BOUNDS: readonly Row[] = [
  bad('another trust domain only', constraints([uri('b.example')])),
  bad('subdomains only', constraints([uri('.example.org')])),
  bad('the parent domain', constraints([uri('.org')], [uri('example.org')])),
  bad('the trust domain excluded', constraints([], [uri('example.org')])),
  bad('the trust domain excluded in capitals', constraints([], [uri('EXAMPLE.ORG')])),
  bad('its domain excluded', constraints([], [uri('.org')])),
  bad('excluded by constraints that are not critical', constraints([], [uri('example.org')], false)),
  bad(
    'a whole URI as a constraint that excludes',
    constraints([], [uri('spiffe://example.org')]),
    [],
    MALFORMED,
  ),
  bad('a whole URI as a constraint that permits', constraints([uri('spiffe://example.org')]), [], MALFORMED),
  bad('a constraint with a path', constraints([uri('example.org/ns')]), [], MALFORMED),
  bad('a constraint with a port', constraints([], [uri('example.org:443')]), [], MALFORMED),
  bad('an empty URI constraint that excludes', constraints([], [uri('')]), [], MALFORMED),
  bad('an empty URI constraint that permits', constraints([uri('')]), [], MALFORMED),
  bad('a DNS name not permitted', constraints([dns('shop.example')]), [dns('web.other.example')]),
  bad('a DNS name excluded', constraints([], [dns('shop.example')]), [dns('web.shop.example')]),
  bad('every DNS name excluded', constraints([], [dns('')]), [dns('web')]),
  bad('a DNS name that ends alike', constraints([dns('shop.example')]), [dns('workshop.example')]),
  bad('an excluded DNS name with a dot behind', constraints([], [dns('shop.example')]), [
    dns('shop.example.'),
  ]),
  bad('an excluded DNS name in capitals', constraints([], [dns('shop.example')]), [dns('WEB.SHOP.EXAMPLE')]),
  bad('a wildcard over an excluded name', constraints([], [dns('web.shop.example')]), [
    dns('*.shop.example'),
  ]),
  bad('a wildcard over more than is permitted', constraints([dns('web.shop.example')]), [
    dns('*.shop.example'),
  ]),
  bad('a DNS name with an empty label', constraints([], [dns('shop.example')]), [dns('a..shop.example')]),
  bad('a DNS name with a space', constraints([dns('shop.example')]), [dns('a shop.example')]),
  bad('a DNS constraint with a wildcard', constraints([], [dns('*.shop.example')]), [dns('web')], MALFORMED),
  bad('an address not permitted', constraints([ip(...TEN)]), [ip(11, 0, 0, 1)]),
  bad('an address excluded', constraints([], [ip(...TEN)]), [ip(10, 1, 2, 3)]),
  bad('IPv6 where IPv4 is permitted', constraints([ip(...TEN)]), [ip(...Buffer.alloc(16, 10))]),
  bad('every address excluded', constraints([], [ip(0, 0, 0, 0, 0, 0, 0, 0)]), [ip(8, 8, 8, 8)]),
  bad('a mask with holes', constraints([ip(10, 0, 0, 0, 255, 0, 255, 0)]), [ip(10, 0, 0, 1)], MALFORMED),
  bad('an address without mask', constraints([ip(10, 0, 0, 0)]), [], MALFORMED),
  bad('an email not permitted', constraints([email('example.org')]), [email('a@b.example')]),
  bad('an email excluded', constraints([], [email('example.org')]), [email('a@EXAMPLE.org')]),
  bad('one mailbox excluded', constraints([], [email('a@example.org')]), [email('a@example.org')]),
  bad('a mailbox below a domain', constraints([], [email('.example.org')]), [email('a@mail.example.org')]),
  bad('an email that is none', constraints([email('example.org')]), [email('example.org')]),
  bad(
    'an email in the subject',
    constraints([email('example.org')]),
    [],
    'untrusted-certificate: ',
    subject([EMAIL_ADDRESS, 'a@b.example']),
  ),
  bad('a subject not permitted', constraints([directory(SHOP)])),
  bad(
    'a subject excluded',
    constraints([], [directory(SHOP)]),
    [],
    'untrusted-certificate: ',
    subject([O, 'shop'], [CN, 'web']),
  ),
  bad(
    'a subject excluded, in capitals and spaces',
    constraints([], [directory(SHOP)]),
    [],
    'untrusted-certificate: ',
    subject([O, '  SHOP '], [CN, 'web']),
  ),
  bad('every subject excluded', constraints([], [directory(name([]))])),
  bad('a directory name in the SAN excluded', constraints([], [directory(SHOP)]), [
    directory(
      name([
        [O, 'shop'],
        [CN, 'web'],
      ]),
    ),
  ]),
  bad('a form that is not read, with such a name', constraints([registered('1.2.3')]), [registered('1.2.3')]),
  bad('other names excluded', constraints([], [other('1.2.3', 'a')]), [other('1.2.3', 'b')]),
  bad('no constraint at all', raw('3000'), [], MALFORMED),
  bad('an empty list', raw('3002a000'), [], MALFORMED),
  bad('a minimum', raw('300ba00930078201618003000001'), [], MALFORMED),
  bad('a constraint of unknown form', raw('3007a00530038f0161'), [], MALFORMED),
  {
    name: 'constraints of the root',
    section: 'RFC 5937 section 3.2',
    make: rooted(put(constraints([uri('b.example')]))),
    expect: 'untrusted-certificate: ',
  },
  {
    name: 'constraints two levels above',
    section: 'RFC 5280 section 6.1.4 (g)',
    make: async ({ root, nowMs }) => {
      const upper = await root.createIntermediate({ nowMs, pathLength: null });
      const lower = await upper.createIntermediate({ nowMs });
      const svid = await lower.issue({ spiffeId: ID, nowMs });
      const ca = rework(upper.certificate.der, root.signer, put(constraints([uri('b.example')])));
      return { chain: [svid.certificateDer, lower.certificate.der, ca], key: keyOf(svid.privateKeyPem) };
    },
    expect: 'untrusted-certificate: ',
  },
  {
    name: 'an intermediate outside of the constraints above it',
    section: 'RFC 5280 section 6.1.3 (b)',
    make: async ({ root, nowMs }) => {
      const upper = await root.createIntermediate({ nowMs, pathLength: null });
      const lower = await upper.createIntermediate({ nowMs });
      const svid = await lower.issue({ spiffeId: ID, nowMs, dnsNames: [] });
      const ca = rework(upper.certificate.der, root.signer, put(constraints([dns('shop.example')])));
      const out = rework(lower.certificate.der, upper.signer, put(san(dns('other.example'))));
      return { chain: [svid.certificateDer, out, ca], key: keyOf(svid.privateKeyPem) };
    },
    expect: 'untrusted-certificate: ',
  },
  {
    name: 'a trust domain that looks like an address, constrained',
    section: SECTION,
    make: async (cast) => ({
      ...(await constrained(constraints([uri('10.0.0.1')]), [uri('spiffe://10.0.0.1/web')])(cast)),
      trustDomain: '10.0.0.1',
      roots: [cast.root.certificate.der],
    }),
    expect: 'untrusted-certificate: ',
  },
  {
    name: 'a thousand names against a thousand constraints',
    section: 'certs/limits.ts',
    make: constrained(
      constraints(
        [],
        Array.from({ length: 1_000 }, (_, i) => dns(`x${i}.example`)),
      ),
      Array.from({ length: 1_000 }, (_, i) => dns(`n${i}.shop`)),
    ),
    expect: 'untrusted-certificate: ',
  },
];
