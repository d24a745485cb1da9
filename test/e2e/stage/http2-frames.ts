// Frames of HTTP/2 written by hand (RFC 9113 sections 4 and 6), the wrong ones too. Header blocks are
// literals without indexing (RFC 7541 section 6.2.2): what is said here is what is sent.
import { Buffer } from 'node:buffer';
import { HpackDecoder, Scratch } from '../../../proxy/http2/hpack/decoder.ts';
import { valueEnd, valueStart } from '../../../proxy/http2/hpack/field.ts';

/** Frame types, flags and error codes by their names in RFC 9113. */
export const TYPE = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
export const FLAG = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 0x20 } as const;
export const CODE = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  ENHANCE_YOUR_CALM: 11,
} as const;
export const SETTING = { TABLE: 1, STREAMS: 3, WINDOW: 4, FRAME: 5 } as const;

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Name and value, byte for byte. */
export type Field = readonly [name: string, value: string];

export interface FrameOptions {
  readonly flags?: number;
  readonly streamId?: number;
  readonly payload?: Buffer | string;
  /** What the frame says its length is; default: the truth. */
  readonly length?: number;
}

/** One frame. */
export function frame(type: number, { flags = 0, streamId = 0, payload = '', length }: FrameOptions): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(length ?? bytes.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, bytes]);
}

/** RFC 7541 section 5.1, without a first byte of its own. */
function integer(form: number, prefix: number, value: number): Buffer {
  const full = (1 << prefix) - 1;
  if (value < full) return Buffer.of(form | value);
  const bytes = [form | full];
  let rest = value - full;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(0, 7, bytes.length), bytes]);
}

/** A header block; each field a literal that no table keeps. */
export function block(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

/** A literal that no table ever keeps, here or further on (RFC 7541 section 6.2.3). */
export const never = ([name, value]: Field): Buffer =>
  Buffer.concat([Buffer.of(0x10), text(name), text(value)]);

/** A literal that both tables keep (RFC 7541 section 6.2.1). */
export const kept = ([name, value]: Field): Buffer =>
  Buffer.concat([Buffer.of(0x40), text(name), text(value)]);

/** The field with `index` (RFC 7541 section 6.1); 62 is the newest of the dynamic table. */
export const indexed = (index: number): Buffer => integer(0x80, 7, index);

/** HEADERS of a whole block. */
export function headers(
  streamId: number,
  of: readonly Field[] | Buffer,
  flags: number = FLAG.END_HEADERS | FLAG.END_STREAM,
): Buffer {
  return frame(TYPE.HEADERS, { streamId, flags, payload: Buffer.isBuffer(of) ? of : block(of) });
}

/** A GET, or what `more` makes of it: fields behind the pseudo-header fields. */
export function get(path: string, more: readonly Field[] = [], method = 'GET'): Field[] {
  return [[':method', method], [':scheme', 'https'], [':path', path], [':authority', 'cart.shop'], ...more];
}

export const post = (path: string, more: readonly Field[] = []): Field[] => get(path, more, 'POST');

export function data(streamId: number, payload: Buffer | string, flags: number = FLAG.END_STREAM): Buffer {
  return frame(TYPE.DATA, { streamId, flags, payload });
}

export const reset = (streamId: number, code: number = CODE.CANCEL): Buffer =>
  frame(TYPE.RST_STREAM, { streamId, payload: uint32(code) });

export const goaway = (lastId: number, code: number = CODE.NO_ERROR): Buffer =>
  frame(TYPE.GOAWAY, { payload: Buffer.concat([uint32(lastId), uint32(code)]) });

export const windowUpdate = (streamId: number, increment: number): Buffer =>
  frame(TYPE.WINDOW_UPDATE, { streamId, payload: uint32(increment) });

export function settings(...pairs: readonly (readonly [identifier: number, value: number])[]): Buffer {
  const payload = Buffer.concat(
    pairs.map(([identifier, value]) => Buffer.concat([Buffer.of(0, identifier), uint32(value)])),
  );
  return frame(TYPE.SETTINGS, { payload });
}

/** A frame that came: its head, and its payload. */
export type TakeFrame = (of: { type: number; flags: number; streamId: number }, payload: Buffer) => void;

/** Cuts what comes on a connection into frames. */
export class FrameCutter {
  private bytes: Buffer = Buffer.alloc(0);

  push(chunk: Buffer, take: TakeFrame): void {
    this.bytes = this.bytes.length === 0 ? chunk : Buffer.concat([this.bytes, chunk]);
    let at = 0;
    for (;;) {
      const length = at + 9 <= this.bytes.length ? this.bytes.readUIntBE(at, 3) : Number.POSITIVE_INFINITY;
      if (at + 9 + length > this.bytes.length) break;
      const [type = 0, flags = 0] = this.bytes.subarray(at + 3, at + 5);
      const streamId = this.bytes.readUInt32BE(at + 5);
      take({ type, flags, streamId }, this.bytes.subarray(at + 9, at + 9 + length));
      at += 9 + length;
    }
    this.bytes = Buffer.from(this.bytes.subarray(at));
  }
}

/** Reads the header blocks that come on a connection. */
export class BlockReader {
  private readonly decoder = new HpackDecoder(new Scratch());
  private pieces: Buffer[] = [];
  /** Names of the last block's fields that were never-indexed literals. */
  neverIndexed: string[] = [];

  /** Takes the payload of HEADERS, without padding or priority, or of CONTINUATION; `last`: of its block. */
  push(payload: Buffer, last: boolean): Field[] | null {
    this.pieces.push(payload);
    if (!last) return null;
    const fields: Field[] = [];
    const whole = Buffer.concat(this.pieces);
    this.pieces = [];
    this.neverIndexed = [];
    const decoded = this.decoder.decode(whole, 0, whole.length, {
      field: (field) => {
        const { source, start, nameEnd, sensitive } = field;
        const name = source.toString('latin1', start, nameEnd);
        if (sensitive) this.neverIndexed.push(name);
        fields.push([name, source.toString('latin1', valueStart(field), valueEnd(field))]);
      },
    });
    if (!decoded) throw new Error(`a header block that cannot be decoded: ${whole.toString('hex')}`);
    return fields;
  }
}

export const SETTINGS_ACK = frame(TYPE.SETTINGS, { flags: FLAG.ACK });

export const ping = (flags = 0): Buffer => frame(TYPE.PING, { flags, payload: '12345678' });

/** PRIORITY (RFC 7540 section 6.3): on whom the stream depends. */
export const priority = (streamId: number, on: number): Buffer =>
  frame(TYPE.PRIORITY, { streamId, payload: Buffer.concat([uint32(on), Buffer.of(16)]) });

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
