// CAs that may not stand in a path, in the middle or at its end (RFC 5280 sections 4.2 and 6.1.4; X509-SVID
// sections 3.2, 4.1 and 4.3).
import { createAuthority } from '../../../certs/authority/authority.ts';
import { both, drop, extension, put, rework, sequence, tlv } from './der-parts.ts';
import {
  basic,
  CLIENT,
  CODE_SIGNING,
  looseUsage,
  name,
  OID,
  purposes,
  SERVER,
  san,
  uri,
  usage,
} from './extension-values.ts';
import { below, leaf, type Row, rooted } from './sample.ts';

const BASIC = 'X509-SVID section 4.1';
const USAGE = 'X509-SVID section 4.3';
const LENGTH = 'RFC 5280 section 4.2.1.9';

const bad = (name: string, section: string, make: Row['make'], expect = 'untrusted-certificate: '): Row => ({
  name,
  section,
  make,
  expect,
});
const BUNDLE = 'ERR_BUNDLE_CERTIFICATE: ';
const unknownCritical = put(extension(OID.own, sequence(), true));
const empty = (): { subject: Buffer } => ({ subject: name([]) });

/** `depth` intermediates, each of the path length given, if any. */
const tower = (lengths: readonly (number | null)[]): Row['make'] =>
  leaf(undefined, {
    by: async ({ root, nowMs }) => {
      let ca = root;
      for (const pathLength of lengths) ca = await ca.createIntermediate({ nowMs, pathLength });
      return ca;
    },
  });

export const BAD_CAS: readonly Row[] = [
  bad('an intermediate that is no CA', BASIC, below(put(basic(false)))),
  bad('an intermediate without basic constraints', BASIC, below(drop(OID.basic))),
  bad('an intermediate whose constraints are empty', BASIC, below(put(basic()))),
  bad('an intermediate whose constraints are not critical', LENGTH, below(put(basic(true, 0, false)))),
  bad('a leaf as an intermediate', BASIC, async ({ root, nowMs }) => {
    const issuer = await root.createIntermediate({ nowMs });
    const svid = await issuer.issue({ spiffeId: 'spiffe://example.org/lower', nowMs });
    // The issuer's own certificate is left out: a leaf of its name and key takes its place.
    const profile = both(put(basic(), usage('digitalSignature'), san(uri('spiffe://example.org/x'))));
    const fake = rework(issuer.certificate.der, root.signer, profile);
    return { chain: [svid.certificateDer, fake], key: issuer.signer.key };
  }),
  bad('an intermediate without key usage', USAGE, below(drop(OID.keyUsage))),
  bad('an intermediate without keyCertSign', USAGE, below(put(usage('cRLSign', 'digitalSignature')))),
  bad(
    'an intermediate whose key usage is not critical',
    USAGE,
    below(put(looseUsage('keyCertSign', 'cRLSign'))),
  ),
  bad('an intermediate for code signing', 'RFC 5280 section 4.2.1.12', below(put(purposes(CODE_SIGNING)))),
  bad(
    'an intermediate with no purpose',
    'RFC 5280 section 4.2.1.12',
    below(put(purposes())),
    'invalid-svid: ',
  ),
  bad('an intermediate with an unknown critical extension', 'RFC 5280 section 4.2', below(unknownCritical)),
  bad(
    'an intermediate with policy constraints',
    'RFC 5280 section 4.2.1.11',
    below(put(extension(OID.policyConstraints, sequence(tlv(0x80, Buffer.of(0)))))),
    'invalid-svid: ',
  ),
  bad(
    'an intermediate with policy mappings, critical',
    'RFC 5280 section 4.2.1.5',
    below(put(extension(OID.policyMappings, sequence(), true))),
  ),
  bad('an intermediate without a name', 'RFC 5280 section 4.1.2.6', async (cast) => {
    const { chain, key } = await below(empty)(cast);
    const [, middle = Buffer.alloc(0)] = chain;
    const issuer = await cast.root.createIntermediate({ nowMs: cast.nowMs });
    const svid = await issuer.issue({ spiffeId: 'spiffe://example.org/x', nowMs: cast.nowMs });
    const nameless = rework(issuer.certificate.der, cast.root.signer, both(empty, drop(OID.ski)));
    const der = rework(
      svid.certificateDer,
      issuer.signer,
      both(() => ({ issuer: name([]) }), drop(OID.aki)),
    );
    return { chain: [der, nameless, middle], key };
  }),
  bad('a CA below a CA of path length 0', LENGTH, tower([0, 0])),
  bad('two CAs below a CA of path length 1', LENGTH, tower([1, 5, 5])),
  bad('three CAs below a path length of 2, the lower ones without', LENGTH, tower([2, null, null, null])),
  bad('a negative path length', LENGTH, below(put(raw(OID.basic, '30060101ff0201ff'))), 'invalid-svid: '),
  bad(
    'a path length that is no integer',
    LENGTH,
    below(put(raw(OID.basic, '30060101ff0c0131'))),
    'invalid-svid: ',
  ),
  bad('a root of path length 0 with a CA below', LENGTH, async ({ nowMs }) => {
    const root = await createAuthority({ trustDomain: 'example.org', nowMs, pathLength: 0 });
    const middle = await root.createIntermediate({ nowMs });
    const svid = await middle.issue({ spiffeId: 'spiffe://example.org/x', nowMs });
    return { chain: svid.chainDer, key: middle.signer.key, roots: [root.certificate.der] };
  }),
  bad('a root that is no CA', BASIC, rooted(put(basic(false))), BUNDLE),
  bad('a root without basic constraints', BASIC, rooted(drop(OID.basic)), BUNDLE),
  bad(
    'a root of version 1',
    BASIC,
    rooted(() => ({ version: Buffer.alloc(0), extensions: [] })),
    BUNDLE,
  ),
  bad('a root without keyCertSign', USAGE, rooted(put(usage('cRLSign'))), BUNDLE),
  bad(
    'a root whose ID has a path',
    'X509-SVID section 3.2',
    rooted(put(san(uri('spiffe://example.org/ca')))),
    BUNDLE,
  ),
  bad('a root with an unknown critical extension', 'RFC 5280 section 4.2', rooted(unknownCritical), BUNDLE),
  bad(
    'a root without a name',
    'RFC 5280 section 4.1.2.6',
    rooted(both(empty, () => ({ issuer: name([]) }))),
    BUNDLE,
  ),
  bad('a root for code signing', 'RFC 5280 section 4.2.1.12', rooted(put(purposes(CODE_SIGNING)))),
  bad(
    'an intermediate for callers below a root for servers',
    'RFC 5280 section 4.2.1.12',
    async ({ nowMs }) => {
      const root = await createAuthority({ trustDomain: 'example.org', nowMs });
      const ca = rework(root.certificate.der, root.signer, put(purposes(SERVER)));
      const middle = await root.createIntermediate({ nowMs });
      const der = rework(middle.certificate.der, root.signer, put(purposes(CLIENT)));
      const svid = await middle.issue({ spiffeId: 'spiffe://example.org/x', nowMs });
      return { chain: [svid.certificateDer, der], key: middle.signer.key, roots: [ca] };
    },
  ),
];

function raw(id: string, hex: string): Buffer {
  return extension(id, Buffer.from(hex, 'hex'), true);
}
