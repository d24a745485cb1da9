// The oracle for HTTP/2: node:http2, which is nghttp2, at the other end of a pair of streams. What it is sent
// and what it sends are frames; they are put together here by hand.
import http2 from 'node:http2';
import { type Duplex, duplexPair } from 'node:stream';
import { PREFACE } from '../../proxy/http2/preface.ts';

export type Pairs = [name: string, value: string][];

const HEAD_BYTES = 9;
const [HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION] = [1, 3, 4, 6, 7, 9];
const COMPRESSION_ERROR = 9;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const NONE = Buffer.alloc(0);

/** A frame on the wire. */
export function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** HEADERS that end their stream; with `cut`, CONTINUATION from that byte on. */
export function headersFrame(streamId: number, block: Buffer, cut = block.length): Buffer {
  const whole = cut >= block.length;
  const first = frame(HEADERS, END_STREAM | (whole ? END_HEADERS : 0), streamId, block.subarray(0, cut));
  if (whole) return first;
  return Buffer.concat([first, frame(CONTINUATION, END_HEADERS, streamId, block.subarray(cut))]);
}

/** Cuts what a peer sends into frames. */
class Frames {
  private held = NONE;
  private readonly take: (type: number, flags: number, streamId: number, payload: Buffer) => void;

  constructor(
    source: Duplex,
    take: (type: number, flags: number, streamId: number, payload: Buffer) => void,
  ) {
    this.take = take;
    source.on('data', (chunk: Buffer) => this.push(chunk));
  }

  private push(chunk: Buffer): void {
    this.held = Buffer.concat([this.held, chunk]);
    while (this.held.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.held.readUIntBE(0, 3);
      if (this.held.length < end) return;
      const { held } = this;
      this.held = held.subarray(end);
      const streamId = held.readUInt32BE(5);
      this.take(held[3] ?? 0, held[4] ?? 0, streamId, held.subarray(HEAD_BYTES, end));
    }
  }
}

/** What nghttp2 made of one connection's requests. */
export interface ServerReading {
  /** By stream: its fields; absent when it was refused. */
  readonly requests: ReadonlyMap<number, Pairs>;
  /** The connection ended over a header block. */
  readonly broken: boolean;
  /** Error codes of streams and of the connection. */
  readonly codes: readonly number[];
}

/** Sends `frames` to a server that says `settings`, and reads what it made of them. */
export async function readAsServer(
  frames: readonly Buffer[],
  settings: http2.Settings = {},
): Promise<ServerReading> {
  const [near, far] = duplexPair();
  const requests = new Map<number, Pairs>();
  const codes: number[] = [];
  let broken = false;
  const session = http2.performServerHandshake(far, { settings, maxHeaderListPairs: 1_000 });
  session.on('error', () => undefined);
  session.on('stream', (stream, _headers, _flags, raw: string[]) => {
    stream.on('error', () => undefined);
    requests.set(stream.id ?? 0, pairsOf(raw));
    // Else the streams that wait for their answer are too many at some point.
    if (!stream.destroyed) stream.respond({ ':status': 204 }, { endStream: true });
  });
  await new Promise<void>((resolve) => {
    const over = (): void => resolve();
    near.on('end', over);
    near.on('close', over);
    new Frames(near, (type, flags, _streamId, payload) => {
      if (type === PING && (flags & ACK) !== 0) over();
      if (type === RST_STREAM) codes.push(payload.readUInt32BE(0));
      if (type !== GOAWAY) return;
      codes.push(payload.readUInt32BE(4));
      broken = payload.readUInt32BE(4) === COMPRESSION_ERROR;
      over();
    });
    const ping = frame(PING, 0, 0, Buffer.alloc(8));
    near.write(
      Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, NONE), frame(SETTINGS, ACK, 0, NONE), ...frames, ping]),
    );
  });
  session.destroy();
  near.destroy();
  return { requests, broken, codes };
}

/** A client whose header blocks are seen as they are on the wire, and answered by hand. */
export class BlockClient {
  private readonly session: http2.ClientHttp2Session;
  private readonly near: Duplex;
  private pieces: Buffer[] = [];
  private readonly onBlock: (streamId: number, block: Buffer) => Buffer;

  /** `onBlock` returns the block of the answer. */
  constructor(onBlock: (streamId: number, block: Buffer) => Buffer) {
    this.onBlock = onBlock;
    const [near, far] = duplexPair();
    this.near = near;
    this.session = http2.connect('http://a', { createConnection: () => far, maxHeaderListPairs: 1_000 });
    const skipped = { left: PREFACE.length };
    near.once('readable', () => {
      near.read(skipped.left);
      new Frames(near, (type, flags, streamId, payload) => this.take(type, flags, streamId, payload));
    });
    near.write(frame(SETTINGS, 0, 0, NONE));
  }

  /** Sends one request and returns the fields of its answer. */
  async request(list: Pairs, sensitive: readonly string[] = []): Promise<Pairs> {
    const headers: http2.OutgoingHttpHeaders & { [http2.sensitiveHeaders]?: string[] } = {};
    for (const [name, value] of list) {
      const before = headers[name];
      headers[name] =
        before === undefined ? value : [...(Array.isArray(before) ? before : [String(before)]), value];
    }
    headers[http2.sensitiveHeaders] = [...sensitive];
    const stream = this.session.request(headers, { endStream: true });
    return new Promise((resolve, reject) => {
      stream.on('error', reject);
      stream.on('response', (_headers, _flags, raw: string[]) => resolve(pairsOf(raw)));
      stream.resume();
    });
  }

  close(): void {
    this.session.destroy();
    this.near.destroy();
  }

  private take(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type === SETTINGS && (flags & ACK) === 0) this.near.write(frame(SETTINGS, ACK, 0, NONE));
    if (type !== HEADERS && type !== CONTINUATION) return;
    this.pieces.push(payload);
    if ((flags & END_HEADERS) === 0) return;
    const block = Buffer.concat(this.pieces);
    this.pieces = [];
    this.near.write(headersFrame(streamId, this.onBlock(streamId, block)));
  }
}

function pairsOf(raw: readonly string[]): Pairs {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] ?? '', raw[2 * i + 1] ?? '']);
}
