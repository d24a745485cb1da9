// Writing DER, through node-forge's ASN.1 encoder: the one file that loads it, and only when something is
// issued. Nothing on the verifying side imports this file (node-forge costs 10 MB).
import type { asn1 } from 'node-forge';

/** One ASN.1 value, to be put into another or encoded. */
export type Asn1 = asn1.Asn1;

/** Makes ASN.1 values. */
export interface DerEncoder {
  sequence(items: readonly Asn1[]): Asn1;
  set(items: readonly Asn1[]): Asn1;
  /** Two's complement bytes. */
  integer(bytes: Buffer): Asn1;
  smallInteger(value: number): Asn1;
  oid(dotted: string): Asn1;
  utf8(text: string): Asn1;
  boolean(value: boolean): Asn1;
  null(): Asn1;
  bits(bytes: Buffer, unused?: number): Asn1;
  octets(bytes: Buffer): Asn1;
  /** UTCTime until 2049, then GeneralizedTime (RFC 5280 section 4.1.2.5). */
  time(ms: number): Asn1;
  /** `[n]` around other values. */
  tagged(n: number, items: readonly Asn1[]): Asn1;
  /** `[n] IMPLICIT` of a primitive type. */
  taggedBytes(n: number, bytes: Buffer): Asn1;
  /** Something that is DER already. */
  raw(der: Buffer): Asn1;
  encode(value: Asn1): Buffer;
}

/** Loads the encoder. */
export async function loadEncoder(): Promise<DerEncoder> {
  const { asn1 } = (await import('node-forge')).default;
  const { Class, Type } = asn1;
  const binary = (bytes: Buffer): string => bytes.toString('latin1');
  const primitive = (type: asn1.Type, value: string): Asn1 =>
    asn1.create(Class.UNIVERSAL, type, false, value);
  return {
    sequence: (items) => asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, [...items]),
    set: (items) => asn1.create(Class.UNIVERSAL, Type.SET, true, [...items]),
    integer: (bytes) => primitive(Type.INTEGER, binary(bytes)),
    smallInteger: (value) => primitive(Type.INTEGER, asn1.integerToDer(value).getBytes()),
    oid: (dotted) => primitive(Type.OID, asn1.oidToDer(dotted).getBytes()),
    utf8: (text) => primitive(Type.UTF8, binary(Buffer.from(text, 'utf8'))),
    boolean: (value) => primitive(Type.BOOLEAN, value ? '\xff' : '\x00'),
    null: () => primitive(Type.NULL, ''),
    bits: (bytes, unused = 0) => primitive(Type.BITSTRING, String.fromCharCode(unused) + binary(bytes)),
    octets: (bytes) => primitive(Type.OCTETSTRING, binary(bytes)),
    time(ms) {
      const date = new Date(ms);
      const year = date.getUTCFullYear();
      return year >= 1950 && year < 2050
        ? primitive(Type.UTCTIME, asn1.dateToUtcTime(date))
        : primitive(Type.GENERALIZEDTIME, asn1.dateToGeneralizedTime(date));
    },
    tagged: (n, items) => asn1.create(Class.CONTEXT_SPECIFIC, n, true, [...items]),
    taggedBytes: (n, bytes) => asn1.create(Class.CONTEXT_SPECIFIC, n, false, binary(bytes)),
    raw: (der) => asn1.fromDer(binary(der), true),
    encode: (value) => Buffer.from(asn1.toDer(value).getBytes(), 'latin1'),
  };
}
