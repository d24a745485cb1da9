// One end of a connection of HTTP/2 (RFC 9113), as the load and the application need it: frames in, frames
// out, both windows kept, and as cheap as that can be. What ends a stream or the connection ends the run.
import type { Socket } from 'node:net';
import {
  ACK,
  DATA,
  END_HEADERS,
  END_STREAM,
  FRAME_BYTES_MAX,
  finishHeaders,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  readUint31,
  readUint32,
  SETTINGS,
  SETTINGS_INITIAL_WINDOW_SIZE,
  WINDOW_BYTES,
  WINDOW_UPDATE,
  writeFrameHead,
  writeSettings,
  writeWindowUpdate,
} from '../../../proxy/http2/frame.ts';
import { type FrameHead, FrameReader, type FrameSink } from '../../../proxy/http2/frame-reader.ts';
import { type EncodableField, HpackEncoder } from '../../../proxy/http2/hpack/encoder.ts';
import type { Flushable, Output, Outputs } from '../../../proxy/http2/output.ts';
import { PeerSettings } from '../../../proxy/http2/peer-settings.ts';

/** What either side lets the other send, as h2load does: the windows under test are the proxy's. */
const WINDOW = 1 << 30;
/** A connection gets its window back in pieces of this size. */
const WINDOW_STEP = WINDOW >> 4;
const NOTHING = Buffer.alloc(0);

/** One stream, and the message that is being sent on it. */
export interface EndpointStream {
  readonly id: number;
  /** Bytes that the other end lets us send. */
  window: number;
  /** What is being sent on it, and how many bytes of it are left. */
  message: Buffer;
  left: number;
  /** END_STREAM goes with the last byte. */
  ends: boolean;
  /** It waits for a window. */
  blocked: boolean;
}

export abstract class Http2Endpoint<S extends EndpointStream> implements FrameSink, Flushable {
  protected readonly streams = new Map<number, S>();
  private readonly outputs: Outputs;
  private readonly socket: Socket;
  private readonly reader = new FrameReader(this);
  private readonly encoder = new HpackEncoder();
  private output: Output | null = null;
  private window = WINDOW_BYTES;
  private readonly peer = new PeerSettings();
  private taken = 0;
  private blocked: S[] = [];

  constructor(socket: Socket, outputs: Outputs) {
    this.socket = socket;
    this.outputs = outputs;
  }

  /** Of response or request: the header block of a stream, `bytes[start, end)`. */
  protected abstract headers(
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
    ends: boolean,
  ): void;
  /** Data of a stream; `ends`: nothing follows. */
  protected abstract body(streamId: number, bytes: Buffer, start: number, end: number, ends: boolean): void;
  /** The whole message of a stream is on its way. */
  protected abstract sent(stream: S): void;
  /** The other end gave a stream up. */
  protected abstract reset(streamId: number, code: number): void;
  /** The connection cannot go on. */
  abstract fail(error: Error): void;

  protected push(chunk: Buffer, from = 0): void {
    this.reader.push(chunk, from);
  }

  /** The first frames of either end. */
  protected begin(settings: readonly (readonly [number, number])[] = []): void {
    const out = this.out();
    writeSettings(out, [[SETTINGS_INITIAL_WINDOW_SIZE, WINDOW], ...settings]);
    writeWindowUpdate(out, 0, WINDOW - WINDOW_BYTES);
  }

  /** What a new stream may send. */
  protected get windowAtFirst(): number {
    return this.peer.windowBytes;
  }

  protected writeHeaders(streamId: number, fields: readonly EncodableField[], ends: boolean): void {
    const out = this.out();
    const at = out.length;
    writeFrameHead(out, 0, HEADERS, END_HEADERS | (ends ? END_STREAM : 0), streamId);
    this.encoder.begin(out);
    for (const field of fields) this.encoder.field(out, field);
    finishHeaders(out, at, FRAME_BYTES_MAX);
  }

  /** Sends a message on `stream`, as fast as both windows allow; the one before was sent. */
  protected writeMessage(stream: S, message: Buffer): void {
    stream.message = message;
    stream.left = message.length;
    this.pump(stream);
  }

  protected out(): Output {
    this.output ??= this.outputs.take(this);
    return this.output;
  }

  flush(): void {
    const { output } = this;
    if (output === null) return;
    this.output = null;
    if (this.socket.destroyed) output.release();
    else this.socket.write(output.bytes.subarray(0, output.length), output.release);
  }

  private pump(stream: S): void {
    while (stream.left > 0) {
      const length = Math.min(stream.left, stream.window, this.window, FRAME_BYTES_MAX);
      if (length <= 0) {
        if (!stream.blocked) this.blocked.push(stream);
        stream.blocked = true;
        return;
      }
      const from = stream.message.length - stream.left;
      stream.left -= length;
      stream.window -= length;
      this.window -= length;
      const out = this.out();
      writeFrameHead(out, length, DATA, stream.ends && stream.left === 0 ? END_STREAM : 0, stream.id);
      out.copy(stream.message, from, from + length);
    }
    this.sent(stream);
  }

  private unblock(): void {
    const { blocked } = this;
    if (blocked.length === 0) return;
    this.blocked = [];
    for (const stream of blocked) {
      stream.blocked = false;
      if (this.streams.has(stream.id)) this.pump(stream);
    }
  }

  frame(head: FrameHead, payload: Buffer, start: number, end: number): void {
    switch (head.type) {
      case HEADERS:
        // What a proxy may send, but none of those measured does.
        if ((head.flags & ~(END_STREAM | END_HEADERS)) !== 0 || (head.flags & END_HEADERS) === 0)
          return this.fail(new Error('HEADERS with padding, priority or CONTINUATION'));
        return this.headers(head.streamId, payload, start, end, (head.flags & END_STREAM) !== 0);
      case SETTINGS:
        return this.settings(head, payload, start, end);
      case WINDOW_UPDATE:
        return this.opened(head.streamId, readUint31(payload, start));
      case PING: {
        if ((head.flags & ACK) !== 0) return;
        const out = this.out();
        writeFrameHead(out, end - start, PING, ACK, 0);
        return out.copy(payload, start, end);
      }
      case RST_STREAM:
        return this.reset(head.streamId, readUint32(payload, start));
      case GOAWAY:
        return this.fail(new Error(`the connection ended with code ${readUint32(payload, start + 4)}`));
      default: // PRIORITY, unknown types: RFC 9113 section 5.5
    }
  }

  private settings(head: FrameHead, payload: Buffer, start: number, end: number): void {
    if ((head.flags & ACK) !== 0) return;
    const { peer } = this;
    const before = peer.windowBytes;
    const fault = peer.take(payload, start, end);
    if (fault !== null) return this.fail(new Error(fault.message));
    this.encoder.tableSizeMax = peer.headerTableBytes;
    // RFC 9113 section 6.9.2: of open streams, too.
    for (const stream of this.streams.values()) stream.window += peer.windowBytes - before;
    writeFrameHead(this.out(), 0, SETTINGS, ACK, 0);
    this.unblock();
  }

  private opened(streamId: number, increment: number): void {
    const stream = this.streams.get(streamId);
    if (streamId === 0) this.window += increment;
    else if (stream !== undefined) stream.window += increment;
    this.unblock();
  }

  dataBegins(head: FrameHead): void {
    this.taken += head.length;
    if (this.taken < WINDOW_STEP) return;
    writeWindowUpdate(this.out(), 0, this.taken);
    this.taken = 0;
  }

  data(head: FrameHead, chunk: Buffer, start: number, end: number, last: boolean): void {
    this.body(head.streamId, chunk, start, end, last && (head.flags & END_STREAM) !== 0);
  }

  dataEnds(head: FrameHead): void {
    if (head.length === 0 && (head.flags & END_STREAM) !== 0) this.body(head.streamId, NOTHING, 0, 0, true);
  }

  padding(): void {
    this.fail(new Error('DATA with padding'));
  }

  oversize(head: FrameHead): void {
    this.fail(new Error(`a frame of ${head.length} bytes, more than ${FRAME_BYTES_MAX}`));
  }

  badPadding(): void {
    this.fail(new Error('more padding than payload'));
  }
}
