// Bytes that are not DER, or not what X.509 says (X.690; RFC 5280 sections 4.1 and 4.2).
import {
  type Change,
  children,
  extension,
  integer,
  octets,
  oid,
  put,
  sequence,
  text,
  tlv,
} from './der-parts.ts';
import {
  CN,
  dns,
  ip,
  name,
  OID,
  PRINTABLE,
  san,
  stamp,
  time,
  UTF8,
  uri,
  utc,
  validity,
} from './extension-values.ts';
import { below, DAY_MS, ID, leaf, type Row, rooted } from './sample.ts';

const DER = 'X.690 section 10.1';
const SERIAL = 'RFC 5280 section 4.1.2.2';
const TIME = 'RFC 5280 section 4.1.2.5';
const NAME = 'RFC 5280 section 4.1.2.4';
const VERSION = 'RFC 5280 section 4.1.2.1';

const bad = (what: string, section: string, make: Row['make'], expect = 'invalid-svid: '): Row => ({
  name: what,
  section,
  make,
  expect,
});

const raw = (id: string, hex: string, critical = false): Change =>
  put(extension(id, Buffer.from(hex, 'hex'), critical));
const whole = (edit: (der: Buffer) => Buffer): Row['make'] => leaf(() => ({ whole: edit }));
const indefinite = (der: Buffer): Buffer =>
  Buffer.concat([Buffer.of(0x30, 0x80), der.subarray(4), Buffer.of(0, 0)]);
const wide = (der: Buffer): Buffer =>
  Buffer.concat([Buffer.of(0x30, 0x83, 0, der[2] ?? 0, der[3] ?? 0), der.subarray(4)]);

/** A sequence of indefinite length, or of one byte of length more than needed. */
const inner = (der: Buffer, definite = false): Buffer =>
  definite
    ? Buffer.concat([Buffer.of(0x30, 0x81, der.length - 2), der.subarray(2)])
    : Buffer.concat([Buffer.of(0x30, 0x80), der.subarray(2), Buffer.of(0, 0)]);

const HOUR_MS = 3_600_000;
/** Validity around now: an hour ago until tomorrow, as written by `of`. */
const times =
  (of: (from: number, to: number) => Buffer): Row['make'] =>
  (cast) =>
    leaf(() => ({ validity: of(cast.nowMs - HOUR_MS, cast.nowMs + DAY_MS) }))(cast);
const second = (bytes: string, tag?: number): Row['make'] =>
  times((from) => sequence(time(utc(from)), time(bytes, tag)));

export const ODD_ENCODINGS: readonly Row[] = [
  bad(
    'nothing',
    DER,
    whole(() => Buffer.alloc(0)),
  ),
  bad(
    'one byte',
    DER,
    whole(() => Buffer.of(0x30)),
  ),
  bad(
    'text',
    DER,
    whole(() => Buffer.from('-----BEGIN CERTIFICATE-----')),
  ),
  bad(
    'a byte behind the certificate',
    DER,
    whole((der) => Buffer.concat([der, Buffer.of(0)])),
  ),
  bad(
    'a certificate behind the certificate',
    DER,
    whole((der) => Buffer.concat([der, der])),
  ),
  bad(
    'a certificate cut short',
    DER,
    whole((der) => der.subarray(0, -1)),
  ),
  { ...bad('an indefinite length', DER, whole(indefinite)), rewrapped: true },
  { ...bad('a length of three bytes where two do', DER, whole(wide)), rewrapped: true },
  bad(
    'an indefinite length inside',
    DER,
    leaf(({ subject }) => ({ subject: inner(subject) })),
  ),
  bad(
    'a length of two bytes where one does, inside',
    DER,
    leaf(({ subject }) => ({ subject: inner(subject, true) })),
  ),
  bad(
    'a fourth field',
    DER,
    whole((der) => sequence(...children(der), integer(1))),
  ),
  bad('a byte behind the extension list', DER, leaf(raw(OID.basic, '300000'))),
  bad('a BOOLEAN of 01', 'X.690 section 11.1', leaf(raw(OID.basic, '3003010101', true)), 'invalid-svid: '),
  bad(
    'a constructed OCTET STRING',
    'X.690 section 10.2',
    leaf(({ extensions }) => ({
      extensions: [...extensions, sequence(oid(OID.own), tlv(0x24, octets(Buffer.of(5, 0))))],
    })),
  ),
  bad(
    'an OID with padding',
    'X.690 section 8.19.2',
    leaf(({ extensions }) => ({
      extensions: [...extensions, sequence(Buffer.from('06032a8001', 'hex'), octets(Buffer.of(5, 0)))],
    })),
  ),
  bad('unused bits that are not zero', 'X.690 section 11.2.1', leaf(raw(OID.keyUsage, '03020781', true))),
  bad('nine unused bits', 'X.690 section 8.6.2.2', leaf(raw(OID.keyUsage, '03020980', true))),
  bad(
    'a signature of odd bits',
    'RFC 5280 section 4.1.1.3',
    whole((der) => {
      const [tbs = der, algorithm = der, signature = der] = children(der);
      return sequence(tbs, algorithm, tlv(0x03, Buffer.of(1), signature.subarray(3, -1), Buffer.of(0)));
    }),
  ),
  bad('a subject key identifier that is none', 'RFC 5280 section 4.2.1.2', leaf(raw(OID.ski, '0500'))),
  bad('a SAN that is no sequence', 'RFC 5280 section 4.2.1.6', leaf(raw(OID.san, '0500', true))),
  bad('an empty SAN', 'RFC 5280 section 4.2.1.6', leaf(put(san()))),
  bad(
    'a SAN with a byte behind',
    'RFC 5280 section 4.2.1.6',
    leaf(put(extension(OID.san, Buffer.concat([sequence(uri(ID)), Buffer.of(0)])))),
  ),
  bad('a URI as a constructed string', 'X.690 section 10.2', leaf(put(san(tlv(0xa6, text(0x16, ID)))))),
  bad('a name of unknown form', 'RFC 5280 section 4.2.1.6', leaf(put(san(uri(ID), tlv(0x8f, Buffer.of(1)))))),
  bad('an address of 5 bytes', 'RFC 5280 section 4.2.1.6', leaf(put(san(uri(ID), ip(10, 0, 0, 0, 1))))),
  bad(
    'a DNS name beyond ASCII',
    'RFC 5280 section 4.2.1.6',
    leaf(put(san(uri(ID), dns(Buffer.from('wéb'))))),
  ),
  bad('a NUL in a DNS name', 'RFC 5280 section 4.2.1.6', leaf(put(san(uri(ID), dns('web\0.evil'))))),
  bad('an empty DNS name', 'RFC 5280 section 4.2.1.6', leaf(put(san(uri(ID), dns(''))))),
  bad(
    'serial 0',
    SERIAL,
    leaf(() => ({ serial: integer(0) })),
  ),
  bad(
    'a negative serial',
    SERIAL,
    leaf(() => ({ serial: integer(0xff) })),
  ),
  bad(
    'a serial of 21 bytes',
    SERIAL,
    leaf(() => ({ serial: integer(...Buffer.alloc(21, 1)) })),
  ),
  bad(
    'a serial with a zero in front',
    'X.690 section 8.3.2',
    leaf(() => ({ serial: integer(0, 1) })),
  ),
  bad(
    'an empty serial',
    'X.690 section 8.3.1',
    leaf(() => ({ serial: integer() })),
  ),
  bad(
    'version 1 with extensions',
    VERSION,
    leaf(() => ({ version: Buffer.alloc(0) })),
  ),
  bad(
    'version 1 without',
    VERSION,
    leaf(() => ({ version: Buffer.alloc(0), extensions: [] })),
  ),
  bad(
    'version 1 written out',
    'X.690 section 11.5',
    leaf(() => ({ version: tlv(0xa0, integer(0)) })),
  ),
  bad(
    'version 2',
    VERSION,
    leaf(() => ({ version: tlv(0xa0, integer(1)) })),
  ),
  bad(
    'version 4',
    VERSION,
    leaf(() => ({ version: tlv(0xa0, integer(3)) })),
  ),
  bad(
    'unique identifiers',
    'RFC 5280 section 4.1.2.8',
    leaf(() => ({ ids: tlv(0x82, Buffer.of(0, 1)) })),
  ),
  bad(
    'an empty issuer',
    NAME,
    leaf(() => ({ issuer: name([]) })),
    'untrusted-certificate: ',
  ),
  bad(
    'an issuer that is no name',
    NAME,
    leaf(() => ({ issuer: sequence(integer(1)) })),
  ),
  bad(
    'a subject that is no name',
    NAME,
    leaf(() => ({ subject: sequence(integer(1)) })),
  ),
  bad(
    'an empty set in the subject',
    NAME,
    leaf(() => ({ subject: sequence(tlv(0x31)) })),
  ),
  bad(
    'a subject that is not UTF-8',
    NAME,
    leaf(() => ({ subject: name([[CN, Buffer.of(0xff, 0xfe)]], UTF8) })),
  ),
  bad(
    'a printable string that is not',
    NAME,
    leaf(() => ({ subject: name([[CN, 'a@b_c']], PRINTABLE) })),
  ),
  bad(
    'a BMP string of odd length',
    NAME,
    leaf(() => ({ subject: name([[CN, 'abc']], 0x1e) })),
  ),
  bad(
    'an attribute that is no string',
    NAME,
    leaf(() => ({ subject: sequence(tlv(0x31, sequence(oid(CN), sequence()))) })),
  ),
  bad(
    'an intermediate with a byte behind',
    DER,
    below(() => ({ whole: (der) => Buffer.concat([der, Buffer.of(0)]) })),
  ),
  bad(
    'a root of indefinite length',
    DER,
    rooted(() => ({ whole: indefinite })),
    'ERR_CERTIFICATE_MALFORMED: ',
  ),
  bad(
    'an expired leaf',
    TIME,
    times((from, to) => validity(utc(from - 2 * DAY_MS), utc(to - 2 * DAY_MS))),
    'expired-certificate: ',
  ),
  bad(
    'a leaf that is not valid yet',
    TIME,
    times((from, to) => validity(utc(from + DAY_MS), utc(to + DAY_MS))),
    'expired-certificate: ',
  ),
  bad(
    'a negative validity around now',
    TIME,
    times((from, to) => validity(utc(to), utc(from))),
    'expired-certificate: ',
  ),
  bad(
    'a negative validity in the past',
    TIME,
    times((from) => validity(utc(from), utc(from - HOUR_MS))),
    'expired-certificate: ',
  ),
  bad(
    'an expired intermediate',
    TIME,
    below(undefined, { nowMs: Date.now() - 3 * DAY_MS, ttlMs: DAY_MS }, { nowMs: Date.now() }),
    'expired-certificate: ',
  ),
  bad(
    'an intermediate that is not valid yet',
    TIME,
    below(undefined, { nowMs: Date.now() + DAY_MS }, {}),
    'expired-certificate: ',
  ),
  bad(
    'an expired root',
    TIME,
    rooted(undefined, { nowMs: Date.now() - 3 * DAY_MS, ttlMs: DAY_MS }, (parts) => ({
      validity: parts.validity,
    })),
    'expired-certificate: ',
  ),
  bad(
    'a root that is not valid yet',
    TIME,
    rooted(undefined, { nowMs: Date.now() + DAY_MS }),
    'expired-certificate: ',
  ),
  bad(
    'GeneralizedTime before 2050',
    TIME,
    times((from, to) => validity(utc(from), stamp(to))),
  ),
  bad('GeneralizedTime with fractions', TIME, second('20991231235959.5Z')),
  bad('GeneralizedTime without seconds', TIME, second('209912312359Z', 0x18)),
  bad('GeneralizedTime without Z', TIME, second('20991231235959', 0x18)),
  bad('GeneralizedTime with an offset', TIME, second('20991231235959+0000')),
  bad('UTCTime without seconds', TIME, second('4912312359Z', 0x17)),
  bad('UTCTime without Z', TIME, second('491231235959', 0x17)),
  bad('UTCTime with an offset', TIME, second('491231235959+0000', 0x17)),
  bad('UTCTime of 1950', TIME, second('500101000000Z'), 'expired-certificate: '),
  bad('30 February', TIME, second('490230000000Z')),
  bad('month 13', TIME, second('491301000000Z')),
  bad('hour 24', TIME, second('491231240000Z')),
  bad('second 60', TIME, second('491231235960Z')),
  bad('letters as digits', TIME, second('49123123595OZ')),
  bad('an empty time', TIME, second('', 0x17)),
  bad('a date as a string', TIME, second('491231235959Z', 0x16)),
  bad(
    'three times',
    TIME,
    times((from, to) => sequence(time(utc(from)), time(utc(to)), time(utc(to)))),
  ),
];
