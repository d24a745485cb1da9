// The application behind proxies that speak HTTP/2 to it: a GET gets a fixed body, a message of gRPC gets one
// of the same size, and the end of a call gets its status. It tells them apart by END_STREAM, so it decodes
// no header block.
import type { Socket } from 'node:net';
import { SETTINGS_MAX_CONCURRENT_STREAMS } from '../../../proxy/http2/frame.ts';
import type { Outputs } from '../../../proxy/http2/output.ts';
import { PREFACE } from '../../../proxy/http2/preface.ts';
import { type EndpointStream, Http2Endpoint } from './endpoint.ts';
import { encodable, grpcMessage, PREFIX_BYTES } from './messages.ts';

/** No proxy needs a second connection. */
const STREAMS_MAX = 100_000;
const GRPC_FIELDS = encodable([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const GRPC_TRAILERS = encodable([['grpc-status', '0']]);

interface Served extends EndpointStream {
  /** Of the message that comes in: what its prefix says, and how many bytes came, prefix and all. */
  length: number;
  received: number;
  answered: boolean;
  /** The caller ended the call. */
  over: boolean;
}

export class Http2Application extends Http2Endpoint<Served> {
  readonly #socket: Socket;
  readonly #body: Buffer;
  readonly #fields;
  readonly #messages = new Map<number, Buffer>();

  constructor(socket: Socket, outputs: Outputs, bodyBytes: number) {
    super(socket, outputs);
    this.#socket = socket;
    this.#body = Buffer.alloc(bodyBytes, 'x');
    this.#fields = encodable([
      [':status', '200'],
      ['content-type', 'application/octet-stream'],
      ['content-length', String(bodyBytes)],
    ]);
    this.begin([[SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX]]);
  }

  /** The first bytes of the connection. */
  accept(chunk: Buffer): void {
    this.push(chunk, PREFACE.length);
    this.#socket.on('data', (next: Buffer) => this.push(next));
  }

  fail(error: Error): void {
    console.error(error.message);
    this.#socket.destroy();
  }

  protected reset(streamId: number): void {
    this.streams.delete(streamId); // of a caller that went away
  }

  protected headers(streamId: number, _bytes: Buffer, _start: number, _end: number, ends: boolean): void {
    const stream: Served = {
      id: streamId,
      window: this.windowAtFirst,
      message: this.#body,
      left: 0,
      ends: false,
      blocked: false,
      length: 0,
      received: 0,
      answered: false,
      over: false,
    };
    this.streams.set(streamId, stream);
    if (!ends) return;
    stream.ends = true;
    this.writeHeaders(streamId, this.#fields, this.#body.length === 0);
    this.writeMessage(stream, this.#body);
  }

  protected body(streamId: number, bytes: Buffer, start: number, end: number, ends: boolean): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return; // of a call that was cut
    this.#readPrefix(stream, bytes, start, end);
    stream.received += end - start;
    stream.over = ends;
    const size = PREFIX_BYTES + stream.length;
    if (stream.received >= size) {
      stream.received -= size;
      if (!stream.answered) this.writeHeaders(streamId, GRPC_FIELDS, false);
      stream.answered = true;
      this.writeMessage(stream, this.#messageOf(stream.length));
    } else if (ends && stream.left === 0) this.#end(stream);
  }

  /** The prefix may come in pieces; nothing of a next message comes before the answer to this one. */
  #readPrefix(stream: Served, bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at++) {
      const i = stream.received + at - start;
      if (i >= PREFIX_BYTES) return;
      // Its first byte is no part of the length.
      stream.length = i === 0 ? 0 : stream.length * 256 + (bytes[at] ?? 0);
    }
  }

  protected sent(stream: Served): void {
    if (stream.ends) this.streams.delete(stream.id);
    else if (stream.over) this.#end(stream);
  }

  #end(stream: Served): void {
    this.streams.delete(stream.id);
    this.writeHeaders(stream.id, GRPC_TRAILERS, true);
  }

  #messageOf(bytes: number): Buffer {
    let message = this.#messages.get(bytes);
    if (message === undefined) {
      message = grpcMessage(bytes);
      this.#messages.set(bytes, message);
    }
    return message;
  }
}
