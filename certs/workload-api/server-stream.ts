// One server stream of the Workload API on a connection of its own: gRPC over HTTP/2 in plaintext on a Unix
// socket. It ends once, with a reason; watch.ts begins the next one.
// @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
import http2 from 'node:http2';
import net from 'node:net';
import type { Clock, Timer } from '../../core/clock.ts';
import { GRPC_HEADER_BYTES_MAX, WORKLOAD_API_MESSAGE_BYTES_MAX } from '../limits.ts';
import { FrameReader, writeFrame } from './grpc-frames.ts';
import { type GrpcStatus, headerListBytes, isGrpc, readStatus } from './grpc-status.ts';
import { MessageError } from './protobuf.ts';

/** Why a stream ended. */
export type StreamEnd =
  | { readonly kind: 'status'; readonly status: GrpcStatus }
  /** `code` is the system's, such as ENOENT. */
  | { readonly kind: 'unreachable'; readonly code: string }
  | { readonly kind: 'lost'; readonly message: string }
  | { readonly kind: 'malformed'; readonly message: string };

export interface ServerStreamOptions {
  /** Of the Unix socket. */
  readonly path: string;
  readonly method: 'FetchX509SVID' | 'FetchX509Bundles';
  readonly clock: Clock;
  readonly times?: StreamTimes | undefined;
  /** Takes one message, which it owns. A MessageError ends the stream. */
  readonly onMessage: (message: Buffer) => void;
  /** Called once, unless the stream is closed from here. */
  readonly onEnd: (end: StreamEnd) => void;
}

/** How a hung agent is noticed; one that dies takes its socket with it. Milliseconds. */
export interface StreamTimes {
  /** From connecting to the agent's SETTINGS. */
  readonly connectMs: number;
  /** Between PINGs. */
  readonly pingIntervalMs: number;
  /** For the answer to a PING. */
  readonly pingTimeoutMs: number;
}

const STREAM_TIMES: StreamTimes = {
  connectMs: 10_000,
  // grpc-go, and so SPIRE, takes more than one PING in 5 min for an attack and ends the connection
  // (keepalive.EnforcementPolicy).
  pingIntervalMs: 330_000,
  pingTimeoutMs: 20_000,
};

const HEADER_PAIRS_MAX = 64;

/** Connects, asks, and delivers until the stream ends or is closed. */
export function openServerStream(options: ServerStreamOptions): { close(): void } {
  return new ServerStream(options);
}

class ServerStream {
  readonly #options: ServerStreamOptions;
  readonly #times: StreamTimes;
  readonly #session: http2.ClientHttp2Session;
  readonly #frames = new FrameReader(WORKLOAD_API_MESSAGE_BYTES_MAX);
  /** The next PING, or the deadline of the one that is out. */
  #timer: Timer;
  #status: GrpcStatus | null = null;
  #error: NodeJS.ErrnoException | null = null;
  #connected = false;
  #ended = false;

  constructor(options: ServerStreamOptions) {
    this.#options = options;
    this.#times = options.times ?? STREAM_TIMES;
    this.#session = http2.connect('http://localhost', {
      createConnection: () => net.connect({ path: options.path }),
      settings: { enablePush: false, maxHeaderListSize: GRPC_HEADER_BYTES_MAX },
      maxHeaderListPairs: HEADER_PAIRS_MAX,
      maxReservedRemoteStreams: 0,
    });
    this.#timer = options.clock.after(this.#times.connectMs, () => this.#lose('the agent does not answer'));
    this.#session.on('remoteSettings', () => this.#settle());
    this.#session.on('error', (error) => this.#fail(error));
    this.#session.on('close', () => this.#finish());
    // A connection that ends soon would miss updates: there is a new one before long.
    this.#session.on('goaway', (code) => this.#lose(`the agent ends the connection (GOAWAY, code ${code})`));
    this.#request();
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer.cancel();
    // SAFETY: inside an event of its own Node may still have data to hand over, and abort since the stream is
    // gone (nodejs/node#64850).
    setImmediate(() => this.#session.destroy());
  }

  #request(): void {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': `/SpiffeWorkloadAPI/${this.#options.method}`,
      'content-type': 'application/grpc',
      'user-agent': 'sallyport',
      te: 'trailers',
      'workload.spiffe.io': 'true', // SPIFFE Workload Endpoint section 3
    });
    stream.on('response', (headers) => this.#take(headers));
    stream.on('trailers', (headers) => {
      this.#status ??= readStatus(headers);
    });
    stream.on('data', (piece: Buffer) => this.#read(piece));
    stream.on('error', (error) => this.#fail(error));
    stream.on('close', () => this.#finish());
    stream.end(writeFrame(Buffer.alloc(0)));
  }

  #take(headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader): void {
    if (headerListBytes(headers) > GRPC_HEADER_BYTES_MAX) return this.#refuse('the headers are too long');
    this.#status = readStatus(headers); // trailers only
    if (this.#status !== null) return;
    const [status, type = ''] = [headers[':status'], headers['content-type']];
    const encoding = headers['grpc-encoding'] ?? 'identity';
    if (status !== 200) this.#refuse(`HTTP status ${status}`);
    else if (!isGrpc(type)) this.#refuse('the answer is not gRPC');
    else if (encoding !== 'identity') this.#refuse('the answer is compressed');
  }

  #read(piece: Buffer): void {
    if (this.#ended || this.#error !== null) return;
    try {
      for (const message of this.#frames.push(piece)) if (!this.#ended) this.#options.onMessage(message);
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      this.#refuse(error.message);
    }
  }

  #settle(): void {
    if (this.#ended || this.#connected) return;
    this.#connected = true;
    this.#pingLater();
  }

  #pingLater(): void {
    this.#timer.cancel();
    this.#timer = this.#options.clock.after(this.#times.pingIntervalMs, () => {
      const { clock } = this.#options;
      this.#timer = clock.after(this.#times.pingTimeoutMs, () =>
        this.#lose('the agent does not answer a PING'),
      );
      // False, or an error, when the session ends: then its end tells.
      if (!this.#session.destroyed)
        this.#session.ping((error) => error === null && !this.#ended && this.#pingLater());
    });
  }

  #fail(error: NodeJS.ErrnoException): void {
    // A stream that is cancelled because of its connection has the connection's error as the cause.
    this.#error ??= error.cause instanceof Error ? error.cause : error;
  }

  #refuse(message: string): void {
    this.#end({ kind: 'malformed', message });
  }

  #lose(message: string): void {
    if (this.#status !== null) this.#finish();
    else this.#end({ kind: 'lost', message });
  }

  /** The stream or the connection is over. */
  #finish(): void {
    if (this.#ended) return;
    const { code = '', message = '', syscall } = this.#error ?? {};
    if (this.#status !== null && this.#frames.inside) this.#refuse('the stream ended inside a message');
    else if (this.#status !== null) this.#end({ kind: 'status', status: this.#status });
    else if (syscall === 'connect') this.#end({ kind: 'unreachable', code });
    else if (code === 'ERR_HTTP2_ERROR')
      this.#refuse(message); // what came is not HTTP/2
    else
      this.#end({
        kind: 'lost',
        message: message === '' ? 'the connection ended without a status' : message,
      });
  }

  #end(end: StreamEnd): void {
    if (this.#ended) return;
    this.close();
    this.#options.onEnd(end);
  }
}
