// Extensions and names for the corpus, right or wrong, in few words.
import { KEY_USAGES, type KeyUsage } from '../../../certs/x509/extensions.ts';
import { bits, extension, integer, NO, octets, oid, sequence, text, tlv, YES } from './der-parts.ts';

export const OID = {
  ski: '2.5.29.14',
  keyUsage: '2.5.29.15',
  san: '2.5.29.17',
  basic: '2.5.29.19',
  crlNumber: '2.5.29.20',
  deltaCrl: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  certificateIssuer: '2.5.29.29',
  constraints: '2.5.29.30',
  policies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  aki: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  eku: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
  own: '1.3.6.1.4.1.99999.1',
} as const;

export const SERVER = '1.3.6.1.5.5.7.3.1';
export const CLIENT = '1.3.6.1.5.5.7.3.2';
export const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
export const ANY = '2.5.29.37.0';

// GeneralName (RFC 5280 section 4.2.1.6)
export const uri = (value: string | Buffer): Buffer => text(0x86, value);
export const dns = (value: string | Buffer): Buffer => text(0x82, value);
export const email = (value: string): Buffer => text(0x81, value);
export const ip = (...bytes: readonly number[]): Buffer => tlv(0x87, Buffer.from(bytes));
export const directory = (name: Buffer): Buffer => tlv(0xa4, name);
export const registered = (id: string): Buffer => tlv(0x88, oid(id).subarray(2));
export const other = (id: string, value: string): Buffer => tlv(0xa0, oid(id), tlv(0xa0, text(0x0c, value)));

export const UTF8 = 0x0c;
export const PRINTABLE = 0x13;

/** A Name of one attribute per set, e.g. `[['2.5.4.3', 'web']]`. */
export const name = (attributes: readonly (readonly [string, string | Buffer])[], tag = UTF8): Buffer =>
  sequence(...attributes.map(([id, value]) => tlv(0x31, sequence(oid(id), text(tag, value)))));

export const CN = '2.5.4.3';
export const O = '2.5.4.10';
export const EMAIL_ADDRESS = '1.2.840.113549.1.9.1';

export const san = (...names: readonly Buffer[]): Buffer => extension(OID.san, sequence(...names));
export const criticalSan = (...names: readonly Buffer[]): Buffer =>
  extension(OID.san, sequence(...names), true);

/** `pathLength` null: none. `ca` undefined: the field is absent; `false` is written out. */
export const basic = (ca?: boolean, pathLength: number | null = null, critical = true): Buffer => {
  const flag = ca === undefined ? Buffer.alloc(0) : ca ? YES : NO;
  const length = pathLength === null ? Buffer.alloc(0) : integer(pathLength);
  return extension(OID.basic, sequence(flag, length), critical);
};

/** The bits of KeyUsage, trailing zeros removed. */
export function usageBits(usages: readonly KeyUsage[]): Buffer {
  const numbers = usages.map((usage) => KEY_USAGES.indexOf(usage));
  const highest = Math.max(...numbers, 0);
  const bytes = Buffer.alloc((highest >> 3) + 1);
  for (const bit of numbers) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return bits(bytes, 7 - (highest & 7));
}

export const usage = (...usages: readonly KeyUsage[]): Buffer =>
  extension(OID.keyUsage, usageBits(usages), true);
export const looseUsage = (...usages: readonly KeyUsage[]): Buffer =>
  extension(OID.keyUsage, usageBits(usages));

export const purposes = (...ids: readonly string[]): Buffer => extension(OID.eku, sequence(...ids.map(oid)));
export const criticalPurposes = (...ids: readonly string[]): Buffer =>
  extension(OID.eku, sequence(...ids.map(oid)), true);

/** Subtrees of bare GeneralNames. */
const subtrees = (tag: number, names: readonly Buffer[]): Buffer =>
  names.length === 0 ? Buffer.alloc(0) : tlv(tag, ...names.map((one) => sequence(one)));

export const constraints = (
  permitted: readonly Buffer[],
  excluded: readonly Buffer[] = [],
  critical = true,
): Buffer =>
  extension(OID.constraints, sequence(subtrees(0xa0, permitted), subtrees(0xa1, excluded)), critical);

export const policies = (id: string, critical = false): Buffer =>
  extension(OID.policies, sequence(sequence(oid(id))), critical);
export const aki = (keyId: string): Buffer => extension(OID.aki, sequence(text(0x80, keyId)));
export const ski = (keyId: string): Buffer => extension(OID.ski, octets(Buffer.from(keyId)));

/** Validity of two times as written: `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` choose the type by their length. */
export const validity = (notBefore: string, notAfter: string): Buffer =>
  sequence(time(notBefore), time(notAfter));
export const time = (value: string, tag = value.length > 13 ? 0x18 : 0x17): Buffer => text(tag, value);

/** A moment as a UTCTime's text. */
export const utc = (ms: number): string => `${stamp(ms).slice(2)}`;
/** As a GeneralizedTime's text. */
export const stamp = (ms: number): string =>
  `${new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;
