// The wire format of Protocol Buffers, as far as the X.509 messages of the Workload API need it: strings,
// bytes and messages. Fields that the schema does not know are skipped, as proto3 wants; whatever is not
// well-formed is refused. @see https://protobuf.dev/programming-guides/encoding/
import { isUtf8 } from 'node:buffer';
import { PROTOBUF_GROUP_DEPTH_MAX } from '../limits.ts';

/** What the far side sent is not what it should be: the only error that reading a message throws. */
export class MessageError extends Error {}

/** Takes the content of each occurrence of a field, in the order of the message. */
export type FieldTakers = ReadonlyMap<number, (content: Buffer) => void>;

const WIRE = { varint: 0, fixed64: 1, lengthDelimited: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;
const TAG_BYTES_MAX = 5; // 32 bits
const VARINT_BYTES_MAX = 10; // 64 bits

/**
 * Reads `message`: every length-delimited field that `takers` names is given to its taker; its content shares
 * memory with `message`.
 * @throws MessageError
 */
export function readMessage(message: Buffer, takers: FieldTakers): void {
  const cursor = new Cursor(message);
  while (!cursor.ended) {
    const { field, wireType } = cursor.tag();
    const take = takers.get(field);
    if (take === undefined) cursor.skip(field, wireType, 0);
    // A parser may take it for an unknown field; nobody honest sends it.
    else if (wireType !== WIRE.lengthDelimited) throw new MessageError(`field ${field} has another type`);
    else take(cursor.lengthDelimited());
  }
}

/** The text of a `string` field. @throws MessageError: proto3 refuses what is not UTF-8 */
export function readText(content: Buffer): string {
  if (!isUtf8(content)) throw new MessageError('a string is not UTF-8');
  return content.toString('utf8');
}

/** A length-delimited field: tag, length, content. */
export function writeField(field: number, content: Buffer | string): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
  const head = [...varint(field * 8 + WIRE.lengthDelimited), ...varint(bytes.length)];
  return Buffer.concat([Buffer.from(head), bytes]);
}

/** A field that is left out when it has its default value, as proto3 does. */
export function writeOptional(field: number, content: Buffer | string): Buffer {
  return content.length === 0 ? Buffer.alloc(0) : writeField(field, content);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return [...bytes, left];
}

class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  tag(): { field: number; wireType: number } {
    const tag = this.#small('a tag');
    const field = Math.floor(tag / 8);
    if (field === 0) throw new MessageError('a field has number 0');
    return { field, wireType: tag % 8 };
  }

  lengthDelimited(): Buffer {
    return this.#take(this.#small('a length'));
  }

  skip(field: number, wireType: number, depth: number): void {
    if (wireType === WIRE.varint) this.#skipVarint();
    else if (wireType === WIRE.fixed64) this.#take(8);
    else if (wireType === WIRE.lengthDelimited) this.lengthDelimited();
    else if (wireType === WIRE.fixed32) this.#take(4);
    else if (wireType === WIRE.groupStart) this.#skipGroup(field, depth + 1);
    else throw new MessageError(`field ${field} has wire type ${wireType}, which cannot stand here`);
  }

  #skipGroup(group: number, depth: number): void {
    if (depth > PROTOBUF_GROUP_DEPTH_MAX) throw new MessageError('groups are nested too deeply');
    while (!this.ended) {
      const { field, wireType } = this.tag();
      if (wireType !== WIRE.groupEnd) this.skip(field, wireType, depth);
      else if (field === group) return;
      else throw new MessageError(`the end of group ${field} stands in group ${group}`);
    }
    throw new MessageError(`group ${group} has no end`);
  }

  /** A varint of 32 bits: a tag or a length. */
  #small(what: string): number {
    let value = 0;
    for (let i = 0; i < TAG_BYTES_MAX; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte >= 0x80) continue;
      if (value > 0xffff_ffff) break;
      return value;
    }
    throw new MessageError(`${what} has more than 32 bits`);
  }

  #skipVarint(): void {
    for (let i = 0; i < VARINT_BYTES_MAX; i++) if (this.#byte() < 0x80) return;
    throw new MessageError('a varint has more than 64 bits');
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new MessageError('the message is cut short');
    return byte;
  }

  #take(length: number): Buffer {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw new MessageError('the message is cut short');
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }
}
