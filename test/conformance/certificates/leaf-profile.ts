// Leaves that no X509-SVID may be: basic constraints, key usage, purposes, and what a leaf is not at all.
import { createAuthority } from '../../../certs/authority/authority.ts';
import { add, both, drop, extension, put, rework, sequence, tlv } from './der-parts.ts';
import {
  ANY,
  aki,
  basic,
  CODE_SIGNING,
  constraints,
  criticalPurposes,
  criticalSan,
  dns,
  looseUsage,
  name,
  OID,
  purposes,
  uri,
  usage,
  usageBits,
} from './extension-values.ts';
import { ID, leaf, type Row } from './sample.ts';

const BASIC = 'X509-SVID section 4.1';
const USAGE = 'X509-SVID section 4.3';
const PURPOSE = 'X509-SVID section 4.4';
const EXTENSIONS = 'RFC 5280 section 4.2';

const bad = (name: string, section: string, make: Row['make'], expect = 'invalid-svid: '): Row => ({
  name,
  section,
  make,
  expect,
});

const self: Row['make'] = async ({ nowMs }) => {
  const authority = await createAuthority({ trustDomain: 'example.org', nowMs });
  const profile = put(basic(), usage('digitalSignature'), criticalSan(uri(ID)));
  const der = rework(authority.certificate.der, authority.signer, profile);
  return { chain: [der], key: authority.signer.key, roots: [der] };
};

export const BAD_LEAVES: readonly Row[] = [
  bad('a leaf that is a CA', BASIC, leaf(put(basic(true)))),
  bad('a leaf that is a CA of path length 0', BASIC, leaf(put(basic(true, 0)))),
  bad('a path length without CA', 'RFC 5280 section 4.2.1.9', leaf(put(basic(undefined, 0)))),
  bad('the root as a leaf', 'X509-SVID section 3.2', async ({ root }) => ({
    chain: [root.certificate.der],
    key: root.signer.key,
  })),
  bad('an intermediate as a leaf', 'X509-SVID section 3.2', async ({ root }) => {
    const middle = await root.createIntermediate();
    return { chain: [middle.certificate.der], key: middle.signer.key };
  }),
  {
    name: 'a self-signed leaf that is in the bundle',
    section: BASIC,
    make: self,
    expect: 'ERR_BUNDLE_CERTIFICATE: ',
  },
  {
    name: 'a self-signed leaf that nobody knows',
    section: 'RFC 5280 section 6.1',
    make: async (cast) => ({ ...(await self(cast)), roots: [cast.root.certificate.der] }),
    expect: 'untrusted-certificate: ',
  },
  bad('no key usage', USAGE, leaf(drop(OID.keyUsage))),
  bad('key usage that is not critical', USAGE, leaf(put(looseUsage('digitalSignature')))),
  bad('key usage without digitalSignature', USAGE, leaf(put(usage('keyEncipherment', 'keyAgreement')))),
  bad('key usage with keyCertSign', USAGE, leaf(put(usage('digitalSignature', 'keyCertSign')))),
  bad('key usage with cRLSign', USAGE, leaf(put(usage('digitalSignature', 'cRLSign')))),
  bad('key usage with no bit', USAGE, leaf(put(extension(OID.keyUsage, Buffer.from('030100', 'hex'), true)))),
  bad('key usage of zeros', USAGE, leaf(put(extension(OID.keyUsage, Buffer.from('03020700', 'hex'), true)))),
  bad('code signing only', PURPOSE, leaf(put(purposes(CODE_SIGNING)))),
  bad('any purpose only', PURPOSE, leaf(put(purposes(ANY)))),
  bad('no purpose in the list', 'RFC 5280 section 4.2.1.12', leaf(put(purposes()))),
  bad('code signing only, critical', PURPOSE, leaf(put(criticalPurposes(CODE_SIGNING)))),
  bad('name constraints', 'X509-SVID section 4.2', leaf(put(constraints([uri('example.org')])))),
  bad(
    'name constraints, not critical',
    'RFC 5280 section 4.2.1.10',
    leaf(put(constraints([dns('a')], [], false))),
  ),
  bad(
    'an empty subject, SAN not critical',
    'RFC 5280 section 4.1.2.6',
    leaf(() => ({ subject: name([]) })),
  ),
  bad('an unknown critical extension', EXTENSIONS, leaf(put(extension(OID.own, sequence(), true)))),
  bad(
    'an extension twice',
    EXTENSIONS,
    leaf(add(extension(OID.keyUsage, usageBits(['digitalSignature']), true))),
  ),
  bad(
    'an unknown extension twice',
    EXTENSIONS,
    leaf(add(...[1, 2].map(() => extension(OID.own, sequence())))),
  ),
  bad('key identifier of the issuer, critical', 'RFC 5280 section 4.2.1.1', leaf(critical(OID.aki))),
  bad('key identifier, critical', 'RFC 5280 section 4.2.1.2', leaf(critical(OID.ski))),
  bad(
    'policy constraints',
    'RFC 5280 section 4.2.1.11',
    leaf(put(extension(OID.policyConstraints, sequence(tlv(0x80, Buffer.of(0)))))),
  ),
  bad(
    'policy constraints, critical',
    'RFC 5280 section 4.2.1.11',
    leaf(put(extension(OID.policyConstraints, sequence(tlv(0x80, Buffer.of(0))), true))),
  ),
  bad(
    'policies that are no list',
    'RFC 5280 section 4.2.1.4',
    leaf(put(extension(OID.policies, Buffer.of(5, 0), true))),
  ),
  bad(
    'an authority key identifier with more behind it',
    'RFC 5280 section 4.2.1.1',
    leaf(put(extension(OID.aki, sequence(tlv(0x80, Buffer.of(1)), tlv(0x0c, Buffer.of(1)))))),
  ),
  {
    name: 'the key identifier of another CA',
    section: 'RFC 5280 section 4.2.1.1',
    make: leaf(put(aki('somebody else'))),
    expect: 'untrusted-certificate: ',
  },
  bad(
    '65 extensions',
    EXTENSIONS,
    leaf(add(...Array.from({ length: 65 }, (_, i) => extension(`1.2.3.${i}`, sequence())))),
  ),
  bad(
    '1,025 names',
    'RFC 5280 section 4.2.1.6',
    leaf(put(criticalSan(uri(ID), ...Array.from({ length: 1_024 }, (_, i) => dns(`n${i}`))))),
  ),
  bad(
    'extensions, but none',
    'RFC 5280 section 4.1.2.9',
    leaf(
      both(drop(), ({ extensions }) => ({
        extensions: [],
        ids: tlv(0xa3, sequence(...extensions.slice(0, 0))),
      })),
    ),
  ),
];

/** The extension as it is, but critical. */
function critical(id: string): Parameters<typeof rework>[2] {
  return (parts) => {
    const value = id === OID.aki ? sequence(tlv(0x80, Buffer.alloc(20, 1))) : tlv(0x04, Buffer.alloc(20, 1));
    return put(extension(id, value, true))(parts);
  };
}
