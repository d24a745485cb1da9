// CRLs that name a certificate of the path, or cannot be relied on (RFC 5280 sections 5 and 6.3).
import { X509Certificate } from 'node:crypto';
import { createAuthority } from '../../../certs/authority/authority.ts';
import { buildCrl, type ExtensionSpec } from '../../../certs/authority/build-certificate.ts';
import { serialInteger } from '../../../certs/authority/certificate-profile.ts';
import { bits, children, integer, NULL, oid, put, rework, sequence, sign1, tlv } from './der-parts.ts';
import { OID, time, usage, utc } from './extension-values.ts';
import { below, type Cast, DAY_MS, leaf, type Row, type Sample, withCrl } from './sample.ts';

const LIST = 'RFC 5280 section 5.1';
const CHECK = 'RFC 5280 section 6.3.3';

const bad = (what: string, section: string, make: Row['make'], expect = 'revoked-certificate: '): Row => ({
  name: what,
  section,
  make,
  expect,
});
const serialOf = (der: Buffer | undefined): string =>
  new X509Certificate(der ?? Buffer.alloc(0)).serialNumber.toLowerCase();
const LOADED = 'ERR_CRL_MALFORMED: ';

/** A leaf whose root has this list. */
const listed = (crl: (cast: Cast, sample: Sample) => Buffer): Row['make'] =>
  withCrl(leaf(), (...of) => [crl(...of)]);
const extended = (...extensions: readonly ExtensionSpec[]): Row['make'] =>
  listed(({ root }) => root.issueCrl({ revokedSerials: [], extensions }));
const noted = (oidOf: string, value: string, critical: boolean): ExtensionSpec => ({
  oid: oidOf,
  critical,
  value: Buffer.from(value, 'hex'),
});

/** The list signed again by the root, its TBSCertList's fields changed. */
const rewritten = (change: (fields: Buffer[], cast: Cast, sample: Sample) => Buffer[]): Row['make'] =>
  listed((cast, sample) => {
    const [tbs = Buffer.alloc(0), algorithm = Buffer.alloc(0)] = children(
      cast.root.issueCrl({ revokedSerials: [] }),
    );
    const signed = sequence(...change(children(tbs), cast, sample));
    return sequence(signed, algorithm, bits(sign1(signed, cast.root.signer.key)));
  });

/** One entry for the sample's leaf, with extensions of its own. */
const entry = (...extensions: readonly Buffer[]): Row['make'] =>
  rewritten(([version, algorithm, issuer, from, until, ...rest], { nowMs }, { chain }) => {
    const serial = tlv(0x02, serialInteger(serialOf(chain[0])));
    const more = extensions.length === 0 ? [] : [sequence(...extensions)];
    const list = sequence(sequence(serial, time(utc(nowMs)), ...more));
    return [version, algorithm, issuer, from, until, list, ...rest].filter((one) => one !== undefined);
  });

export const REVOKED: readonly Row[] = [
  bad(
    'a revoked leaf',
    CHECK,
    listed(({ root }, { chain }) => root.issueCrl({ revokedSerials: [serialOf(chain[0])] })),
  ),
  bad(
    'a revoked leaf among many',
    CHECK,
    listed(({ root }, { chain }) =>
      root.issueCrl({ revokedSerials: ['01', 'ff00', serialOf(chain[0]), '02'] }),
    ),
  ),
  bad(
    'a revoked leaf, on the second of two lists',
    CHECK,
    withCrl(leaf(), ({ root }, { chain }) => [
      root.issueCrl({ revokedSerials: [] }),
      root.issueCrl({ revokedSerials: [serialOf(chain[0])], number: 2 }),
    ]),
  ),
  bad(
    'a revoked intermediate',
    CHECK,
    withCrl(below(), ({ root }, { chain }) => [root.issueCrl({ revokedSerials: [serialOf(chain[1])] })]),
  ),
  bad('a leaf revoked by its intermediate', CHECK, async ({ root, nowMs }) => {
    const middle = await root.createIntermediate({ nowMs });
    const sample = await leaf(undefined, { by: () => middle })({ root, partner: root, nowMs });
    return { ...sample, crls: [middle.issueCrl({ revokedSerials: [serialOf(sample.chain[0])] })] };
  }),
  bad(
    'a leaf on hold',
    'RFC 5280 section 5.3.1',
    entry(sequence(oid('2.5.29.21'), tlv(0x04, Buffer.from('0a0106', 'hex')))),
  ),
  bad(
    'a stale list',
    CHECK,
    listed(({ root, nowMs }) =>
      root.issueCrl({ revokedSerials: [], thisUpdateMs: nowMs - 2 * DAY_MS, ttlMs: DAY_MS }),
    ),
  ),
  bad(
    'a list of tomorrow',
    CHECK,
    listed(({ root, nowMs }) => root.issueCrl({ revokedSerials: [], thisUpdateMs: nowMs + DAY_MS })),
  ),
  bad(
    'a list with a bad signature',
    CHECK,
    listed(({ root }) => {
      const crl = Buffer.from(root.issueCrl({ revokedSerials: [] }));
      crl[crl.length - 1] = (crl[crl.length - 1] ?? 0) ^ 1;
      return crl;
    }),
  ),
  bad(
    'a list that somebody else signed in the name of the CA',
    CHECK,
    withCrl(leaf(), async ({ root, nowMs }) => {
      const other = await createAuthority({ trustDomain: 'example.org', nowMs });
      const issuer = Buffer.from(root.certificate.subject, 'latin1');
      const spec = {
        issuer,
        thisUpdateMs: nowMs,
        nextUpdateMs: nowMs + DAY_MS,
        revoked: [],
        extensions: [noted(OID.crlNumber, '020101', false)],
      };
      return [buildCrl(root.encoder, spec, other.signer)];
    }),
  ),
  bad('a list of a CA that may not sign lists', 'RFC 5280 section 6.3.3 (f)', async ({ root, nowMs }) => {
    const middle = await root.createIntermediate({ nowMs });
    const ca = rework(middle.certificate.der, root.signer, put(usage('keyCertSign')));
    const sample = await leaf(undefined, { by: () => middle })({ root, partner: root, nowMs });
    const [der = ca] = sample.chain;
    return { ...sample, chain: [der, ca], crls: [middle.issueCrl({ revokedSerials: [] })] };
  }),
  bad('a delta list', 'RFC 5280 section 5.2.4', extended(noted(OID.deltaCrl, '020101', true)), LOADED),
  bad(
    'a delta list that is not critical',
    'RFC 5280 section 5.2.4',
    extended(noted(OID.deltaCrl, '020101', false)),
    LOADED,
  ),
  bad(
    'an indirect list',
    'RFC 5280 section 5.2.5',
    extended(noted(OID.issuingDistributionPoint, '30038401ff', true)),
    LOADED,
  ),
  bad(
    'a list of leaves only, not critical',
    'RFC 5280 section 5.2.5',
    extended(noted(OID.issuingDistributionPoint, '30038101ff', false)),
    LOADED,
  ),
  bad(
    'a list with an unknown critical extension',
    'RFC 5280 section 5.2',
    extended(noted(OID.own, '0500', true)),
    LOADED,
  ),
  bad(
    'a list whose number is critical',
    'RFC 5280 section 5.2.3',
    extended(noted('2.5.29.20', '020102', true)),
    LOADED,
  ),
  bad(
    'an entry of another issuer',
    'RFC 5280 section 5.3.3',
    entry(sequence(oid(OID.certificateIssuer), Buffer.from('0101ff', 'hex'), tlv(0x04, sequence()))),
    LOADED,
  ),
  bad(
    'an entry with an unknown critical extension',
    'RFC 5280 section 5.3',
    entry(sequence(oid(OID.own), Buffer.from('0101ff', 'hex'), tlv(0x04, NULL))),
    LOADED,
  ),
  bad(
    'a list of version 1',
    LIST,
    rewritten(([, ...fields]) => fields.slice(0, -1)),
    LOADED,
  ),
  bad(
    'a list without an end',
    'RFC 5280 section 5.1.2.5',
    rewritten((fields) => fields.filter((_, i) => i !== 4)),
    LOADED,
  ),
  bad(
    'a list signed with SHA-1',
    LIST,
    listed(({ root, nowMs }) => {
      const issuer = Buffer.from(root.certificate.subject, 'latin1');
      const spec = {
        issuer,
        thisUpdateMs: nowMs,
        nextUpdateMs: nowMs + DAY_MS,
        revoked: [],
        extensions: [noted(OID.crlNumber, '020101', false)],
      };
      return buildCrl(root.encoder, spec, { ...root.signer, digest: 'sha1' });
    }),
    LOADED,
  ),
  bad(
    'a list with a byte behind',
    LIST,
    listed(({ root }) => Buffer.concat([root.issueCrl({ revokedSerials: [] }), Buffer.of(0)])),
    LOADED,
  ),
  bad(
    'a certificate as a list',
    LIST,
    listed(({ root }) => root.certificate.der),
    LOADED,
  ),
  bad(
    'a negative serial on the list',
    LIST,
    rewritten(([version, algorithm, issuer, from, until, ...rest], { nowMs }) => {
      const list = sequence(sequence(integer(0xff), time(utc(nowMs))));
      return [version, algorithm, issuer, from, until, list, ...rest].filter((one) => one !== undefined);
    }),
    LOADED,
  ),
];
