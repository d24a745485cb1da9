// How the tests of this folder write header blocks by hand, and what they see of decoded ones.
import type { FieldSink, HpackDecoder } from '../../../../proxy/http2/hpack/decoder.ts';
import { type Field, valueEnd, valueStart } from '../../../../proxy/http2/hpack/field.ts';
import type { Output } from '../../../../proxy/http2/output.ts';

export type Pair = readonly [name: string, value: string];

/** RFC 7541 section 6: the forms of a literal. */
export const INCREMENTAL = 0x40;
export const NOT_INDEXED = 0x00;
export const NEVER_INDEXED = 0x10;

/** Bytes from hexadecimal digits; blanks are for the reader. */
export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** RFC 7541 section 5.1. */
export function integer(form: number, prefix: number, value: number): Buffer {
  const full = 2 ** prefix - 1;
  if (value < full) return Buffer.of(form | value);
  const bytes = [form | full];
  let rest = value - full;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.of(...bytes, rest);
}

/** RFC 7541 section 5.2, not Huffman-coded. */
export const text = (latin1: string): Buffer =>
  Buffer.concat([integer(0, 7, latin1.length), Buffer.from(latin1, 'latin1')]);

/** A literal whose name is a literal, too, or an index. */
export function literal(name: string | number, value: string, form = NOT_INDEXED): Buffer {
  const prefix = form === INCREMENTAL ? 6 : 4;
  const start =
    typeof name === 'number' ? integer(form, prefix, name) : Buffer.concat([Buffer.of(form), text(name)]);
  return Buffer.concat([start, text(value)]);
}

export const indexed = (index: number): Buffer => integer(0x80, 7, index);
export const sizeUpdate = (size: number): Buffer => integer(0x20, 5, size);

/** A block of literals. */
export const block = (list: readonly Pair[]): Buffer =>
  Buffer.concat(list.map(([name, value]) => literal(name, value)));

/** Keeps the fields of a block. */
export class Collected implements FieldSink {
  readonly list: Pair[] = [];
  readonly fields: { kind: number; malformed: boolean; sensitive: boolean; line: string }[] = [];

  field(field: Field): void {
    const { source, start, end, nameEnd, kind, malformed, sensitive } = field;
    const line = source.toString('latin1', start, end);
    this.fields.push({ kind, malformed, sensitive, line });
    const value = source.toString('latin1', valueStart(field), valueEnd(field));
    this.list.push([source.toString('latin1', start, nameEnd), value]);
  }
}

/** The fields of `bytes`, or null when they are no header block. */
export function decode(decoder: HpackDecoder, bytes: Buffer): Collected | null {
  const collected = new Collected();
  // Within other bytes, which are no part of it.
  const around = Buffer.concat([Buffer.of(0xff, 0x82), bytes, Buffer.of(0x82, 0x00)]);
  return decoder.decode(around, 2, 2 + bytes.length, collected) ? collected : null;
}

/** What was written to `out`; empties it. */
export function taken(out: Output): Buffer {
  const bytes = Buffer.from(out.bytes.subarray(0, out.length));
  out.length = 0;
  return bytes;
}
