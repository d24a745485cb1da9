// Certificates taken apart and put together again, byte for byte as told: what no encoder would write.
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { DerReader } from '../../../certs/x509/der.ts';

/** One DER element of `tag` around `content`; the length is minimal. */
export function tlv(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const n = body.length;
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}

export const sequence = (...items: readonly Buffer[]): Buffer => tlv(0x30, ...items);
export const octets = (bytes: Buffer): Buffer => tlv(0x04, bytes);
export const bits = (bytes: Buffer, unused = 0): Buffer => tlv(0x03, Buffer.of(unused), bytes);
export const integer = (...bytes: readonly number[]): Buffer => tlv(0x02, Buffer.from(bytes));
export const text = (tag: number, value: string | Buffer): Buffer =>
  tlv(tag, typeof value === 'string' ? Buffer.from(value, 'latin1') : value);
export const YES = Buffer.from('0101ff', 'hex');
export const NO = Buffer.from('010100', 'hex');
export const NULL = Buffer.from('0500', 'hex');

/** An OBJECT IDENTIFIER. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return tlv(0x06, Buffer.from(bytes));
}

/** The elements inside `der`. */
export function children(der: Buffer): Buffer[] {
  const outer = new DerReader(der);
  const reader = outer.enter(outer.peek());
  const items: Buffer[] = [];
  while (reader.peek() >= 0) items.push(reader.raw(reader.peek()));
  return items;
}

/** A certificate's fields, each a whole element; an empty buffer leaves the field out. */
export interface Parts {
  readonly version: Buffer;
  readonly serial: Buffer;
  readonly algorithm: Buffer;
  readonly issuer: Buffer;
  readonly validity: Buffer;
  readonly subject: Buffer;
  readonly spki: Buffer;
  /** issuerUniqueID and subjectUniqueID. */
  readonly ids: Buffer;
  readonly extensions: readonly Buffer[];
  /** The algorithm beside the signature; default: `algorithm`. */
  readonly outer?: Buffer;
  /** Last change of the signature's bytes. */
  readonly signature?: (bytes: Buffer) => Buffer;
  /** Last change of the whole certificate's bytes. */
  readonly whole?: (der: Buffer) => Buffer;
}

export type Change = (parts: Parts) => Partial<Parts>;

/** Who signs, and how. */
export interface SigningKey {
  readonly key: KeyObject;
  readonly digest?: string;
}

/** Takes `der` apart, changes it, and signs it again. */
export function rework(der: Buffer, signer: SigningKey, change: Change = () => ({})): Buffer {
  const [tbs = der] = children(der);
  const [version, serial, algorithm, issuer, validity, subject, spki, extensions] = children(tbs);
  const missing = Buffer.alloc(0);
  const before: Parts = {
    version: version ?? missing,
    serial: serial ?? missing,
    algorithm: algorithm ?? missing,
    issuer: issuer ?? missing,
    validity: validity ?? missing,
    subject: subject ?? missing,
    spki: spki ?? missing,
    ids: missing,
    extensions: children(children(extensions ?? sequence(sequence()))[0] ?? sequence()),
  };
  const after = { ...before, ...change(before) };
  const head = [after.version, after.serial, after.algorithm, after.issuer, after.validity, after.subject];
  const tail = after.extensions.length === 0 ? missing : tlv(0xa3, sequence(...after.extensions));
  const signed = sequence(...head, after.spki, after.ids, tail);
  const digest = signer.key.asymmetricKeyType === 'ed25519' ? null : (signer.digest ?? 'sha256');
  const signature = sign(digest, signed, signer.key);
  const last = bits(after.signature?.(signature) ?? signature);
  const whole = sequence(signed, after.outer ?? after.algorithm, last);
  return after.whole?.(whole) ?? whole;
}

/** An extension; `value` is what the OCTET STRING holds. */
export const extension = (id: string, value: Buffer, critical = false): Buffer =>
  sequence(oid(id), critical ? YES : Buffer.alloc(0), octets(value));

/** Replaces the extensions of the same kind, or adds. */
export const put =
  (...added: readonly Buffer[]): Change =>
  ({ extensions }) => {
    const kind = (one: Buffer): string => children(one)[0]?.toString('hex') ?? '';
    const kinds = new Set(added.map(kind));
    return { extensions: [...extensions.filter((one) => !kinds.has(kind(one))), ...added] };
  };

/** Adds, also what is there already. */
export const add =
  (...added: readonly Buffer[]): Change =>
  ({ extensions }) => ({ extensions: [...extensions, ...added] });

/** Leaves extensions out. */
export const drop =
  (...ids: readonly string[]): Change =>
  ({ extensions }) => {
    const kinds = new Set(ids.map((id) => oid(id).toString('hex')));
    const kept = extensions.filter((one) => !kinds.has(children(one)[0]?.toString('hex') ?? ''));
    return { extensions: kept };
  };

/** One change after another. */
export const both =
  (...changes: readonly Change[]): Change =>
  (parts) => {
    let now = parts;
    for (const change of changes) now = { ...now, ...change(now) };
    return now;
  };

/** The private key of a PEM. */
export const keyOf = (pem: string | null): KeyObject => createPrivateKey(pem ?? '');

/** A signature of an EC key over SHA-256. */
export const sign1 = (data: Buffer, key: KeyObject): Buffer => sign('sha256', data, key);
