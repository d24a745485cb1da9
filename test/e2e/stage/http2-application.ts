// An application that speaks HTTP/2 frame by frame, in plaintext or over TLS: it answers as it is told and
// keeps what it gets.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import * as h from './http2-frames.ts';
import { BlockReader, type Field, FLAG, FrameCutter, TYPE } from './http2-frames.ts';

/** One request as it came. */
export class Http2Arrival {
  readonly connection: Http2Connection;
  readonly streamId: number;
  readonly fields: readonly Field[];
  /** Fields behind the data. */
  trailers: readonly Field[] = [];
  /** Names of fields that came as never-indexed literals, in order. */
  readonly neverIndexed: string[] = [];
  body = '';
  bytes = 0;
  ended = false;
  /** The code of RST_STREAM. */
  reset: number | null = null;

  constructor(connection: Http2Connection, streamId: number, fields: readonly Field[]) {
    this.connection = connection;
    this.streamId = streamId;
    this.fields = fields;
  }

  get path(): string {
    return this.fields.find(([name]) => name === ':path')?.[1] ?? '';
  }

  /** Answers 200 with `body`. */
  answer(body: string, more: readonly Field[] = []): void {
    const { streamId } = this;
    this.connection.send(
      h.headers(streamId, [[':status', '200'], ...more], FLAG.END_HEADERS),
      h.data(streamId, body),
    );
  }
}

/** What an application does, other than the default: it takes all data, and answers nothing. */
export interface Http2Script {
  /** Settings of the first frame. */
  readonly settings?: readonly (readonly [identifier: number, value: number])[];
  /** How long it says nothing at all. */
  readonly settingsMs?: number;
  /** False: no window is opened again. */
  readonly widens?: boolean;
  /** The head of a request is here. */
  readonly head?: (arrival: Http2Arrival) => unknown;
  /** A request is complete. */
  readonly end?: (arrival: Http2Arrival) => unknown;
}

/** One connection of the proxy to it. */
export class Http2Connection {
  readonly socket: net.Socket;
  readonly arrivals = new Map<number, Http2Arrival>();
  goaway: { lastId: number; code: number } | null = null;
  ended = false;
  closed = false;
  private readonly script: Http2Script;
  private readonly cutter = new FrameCutter();
  private readonly blocks = new BlockReader();
  private prefaceLeft = h.PREFACE.length;

  constructor(socket: net.Socket, script: Http2Script) {
    this.socket = socket;
    this.script = script;
    socket.setNoDelay(true);
    socket.on('error', () => undefined); // `close` follows
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('close', () => {
      this.closed = true;
    });
    const listen = (): void => {
      this.send(h.settings(...(script.settings ?? [])));
      socket.on('data', (chunk: Buffer) => this.take(chunk));
    };
    if (script.settingsMs === undefined) listen();
    else setTimeout(listen, script.settingsMs);
  }

  private take(chunk: Buffer): void {
    const preface = Math.min(this.prefaceLeft, chunk.length);
    this.prefaceLeft -= preface;
    this.cutter.push(chunk.subarray(preface), (of, payload) => this.frame(of, payload));
  }

  send(...frames: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  private frame(of: { type: number; flags: number; streamId: number }, payload: Buffer): void {
    const { type, flags, streamId } = of;
    const known = this.arrivals.get(streamId);
    if (type === TYPE.SETTINGS && (flags & FLAG.ACK) === 0) this.send(h.SETTINGS_ACK);
    if (type === TYPE.GOAWAY)
      this.goaway = { lastId: payload.readUInt32BE(0), code: payload.readUInt32BE(4) };
    if (type === TYPE.RST_STREAM && known !== undefined) known.reset = payload.readUInt32BE(0);
    if (type === TYPE.DATA && known !== undefined) this.data(known, payload);
    if (type === TYPE.HEADERS || type === TYPE.CONTINUATION) {
      const fields = this.blocks.push(payload, (flags & FLAG.END_HEADERS) !== 0);
      if (fields !== null) this.block(streamId, fields);
    }
    const arrival = this.arrivals.get(streamId);
    if (arrival === undefined || type > TYPE.HEADERS || (flags & FLAG.END_STREAM) === 0) return;
    arrival.ended = true;
    this.script.end?.(arrival);
  }

  private block(streamId: number, fields: readonly Field[]): void {
    const known = this.arrivals.get(streamId);
    const arrival = known ?? new Http2Arrival(this, streamId, fields);
    arrival.neverIndexed.push(...this.blocks.neverIndexed);
    if (known !== undefined) known.trailers = fields;
    else this.arrivals.set(streamId, arrival);
    if (known === undefined) this.script.head?.(arrival);
  }

  private data(arrival: Http2Arrival, payload: Buffer): void {
    arrival.bytes += payload.length;
    if (arrival.body.length < 65_536) arrival.body += payload.toString('latin1');
    if (this.script.widens === false || payload.length === 0) return;
    this.send(h.windowUpdate(0, payload.length), h.windowUpdate(arrival.streamId, payload.length));
  }
}

export class Http2Application {
  readonly port: number;
  readonly connections: Http2Connection[] = [];
  private readonly server: net.Server;

  private constructor(server: net.Server) {
    this.server = server;
    this.port = (server.address() as net.AddressInfo).port;
  }

  /** `script`: what it does with its n-th connection. `secured`: it has the identity that `present` says. */
  static async start(
    script: (index: number) => Http2Script,
    secured?: tls.TlsOptions,
  ): Promise<Http2Application> {
    const accept: { handle: (socket: net.Socket) => void } = { handle: () => undefined };
    const handle = (socket: net.Socket): void => accept.handle(socket);
    const server =
      secured === undefined
        ? net.createServer(handle)
        : tls.createServer({ ...secured, requestCert: true, ALPNProtocols: ['h2'] }, handle);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const application = new Http2Application(server);
    const { connections } = application;
    accept.handle = (socket) => {
      connections.push(new Http2Connection(socket, script(connections.length)));
    };
    return application;
  }

  /** From the next connection on it has this certificate and trusts this CA. */
  present(secured: tls.SecureContextOptions): void {
    if (this.server instanceof tls.Server) this.server.setSecureContext(secured);
  }

  /** All requests, in the order of connections and streams. */
  get arrivals(): Http2Arrival[] {
    return this.connections.flatMap(({ arrivals }) => [...arrivals.values()]);
  }

  close(): void {
    for (const { socket } of this.connections) socket.destroy();
    this.server.close();
  }
}
