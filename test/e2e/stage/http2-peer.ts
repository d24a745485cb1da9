// An application that speaks HTTP/2 in plaintext frame by frame: it sends exactly what its script says.
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import net from 'node:net';
import { HpackDecoder, Scratch } from '../../../proxy/http2/hpack/decoder.ts';
import { valueEnd, valueStart } from '../../../proxy/http2/hpack/field.ts';
import { type Field, FLAG, headers, PREFACE, SETTINGS_ACK, settings, TYPE } from './http2-frames.ts';

/** One request as the application saw its header block. */
export interface Asked {
  readonly peer: Http2Peer;
  readonly streamId: number;
  readonly fields: readonly Field[];
  readonly path: string;
  /** Nothing follows. */
  readonly last: boolean;
}

/** A frame that came, but for header blocks. */
export interface Came {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** One connection of the proxy. */
export class Http2Peer {
  readonly socket: net.Socket;
  /** Everything that came, in order. */
  readonly frames: Came[] = [];
  /** Header blocks behind the data, by stream. */
  readonly trailers = new Map<number, readonly Field[]>();
  readonly asked: Asked[] = [];
  closed = false;
  private readonly decoder = new HpackDecoder(new Scratch());
  private readonly script: (asked: Asked) => void;
  private bytes: Buffer = Buffer.alloc(0);
  private greeted = false;

  constructor(socket: net.Socket, script: (asked: Asked) => void) {
    this.socket = socket;
    this.script = script;
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  send(...frames: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  /** What came on `streamId` as data. */
  body(streamId: number): string {
    const data = this.frames.filter((one) => one.type === TYPE.DATA && one.streamId === streamId);
    return Buffer.concat(data.map(({ payload }) => payload)).toString('latin1');
  }

  /** True when the proxy sent END_STREAM. */
  ended(streamId: number): boolean {
    const ends = this.frames.some(
      ({ type, flags, streamId: id }) =>
        type <= TYPE.HEADERS && id === streamId && (flags & FLAG.END_STREAM) !== 0,
    );
    return ends;
  }

  /** The code of the proxy's RST_STREAM; null without one. */
  reset(streamId: number): number | null {
    const frame = this.frames.find((one) => one.type === TYPE.RST_STREAM && one.streamId === streamId);
    return frame?.payload.readUInt32BE(0) ?? null;
  }

  private take(chunk: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    if (!this.greeted) {
      if (this.bytes.length < PREFACE.length) return;
      this.greeted = true;
      this.bytes = this.bytes.subarray(PREFACE.length);
    }
    while (this.bytes.length >= 9) {
      const end = 9 + this.bytes.readUIntBE(0, 3);
      if (this.bytes.length < end) return;
      const [type = 0, flags = 0] = this.bytes.subarray(3, 5);
      const streamId = this.bytes.readUInt32BE(5);
      const payload = Buffer.from(this.bytes.subarray(9, end));
      this.bytes = this.bytes.subarray(end);
      this.frame({ type, flags, streamId, payload });
    }
  }

  private frame(came: Came): void {
    this.frames.push(came);
    if (came.type === TYPE.SETTINGS && (came.flags & FLAG.ACK) === 0) this.send(SETTINGS_ACK);
    if (came.type !== TYPE.HEADERS) return;
    const { streamId, payload, flags } = came;
    const fields = this.decode(payload);
    if (!fields.some(([name]) => name === ':path')) return void this.trailers.set(streamId, fields);
    const path = fields.find(([name]) => name === ':path')?.[1] ?? '';
    const asked = { peer: this, streamId, fields, path, last: (flags & FLAG.END_STREAM) !== 0 };
    this.asked.push(asked);
    this.script(asked);
  }

  /** Heads of these tests fit into one frame. */
  private decode(block: Buffer): readonly Field[] {
    const fields: Field[] = [];
    this.decoder.decode(block, 0, block.length, {
      field: (field) => {
        const { source, start, nameEnd } = field;
        const value = source.toString('latin1', valueStart(field), valueEnd(field));
        fields.push([source.toString('latin1', start, nameEnd), value]);
      },
    });
    return fields;
  }
}

export interface ApplicationOptions {
  /** Its first SETTINGS. */
  readonly settings?: readonly (readonly [identifier: number, value: number])[];
  /** What it does instead of sending them. */
  readonly greet?: (peer: Http2Peer) => void;
}

export class Http2Application {
  readonly port: number;
  readonly connections: Http2Peer[] = [];
  private readonly server: net.Server;

  private constructor(server: net.Server) {
    this.server = server;
    this.port = (server.address() as net.AddressInfo).port;
  }

  /** `script` gets each request once its header block came. */
  static async start(
    script: (asked: Asked) => void,
    options: ApplicationOptions = {},
  ): Promise<Http2Application> {
    const accept: { handle: (socket: net.Socket) => void } = { handle: () => undefined };
    const server = net.createServer((socket) => accept.handle(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const application = new Http2Application(server);
    accept.handle = (socket) => {
      const peer = new Http2Peer(socket, script);
      application.connections.push(peer);
      if (options.greet !== undefined) options.greet(peer);
      else peer.send(settings(...(options.settings ?? [])));
    };
    return application;
  }

  /** All requests, in order of the connections. */
  get asked(): Asked[] {
    return this.connections.flatMap(({ asked }) => asked);
  }

  close(): void {
    for (const { socket } of this.connections) socket.destroy();
    this.server.close();
  }
}

/** Answers with status 200 and nothing else. */
export function answerOk({ peer, streamId }: Asked, ...more: readonly Field[]): void {
  peer.send(headers(streamId, [[':status', '200'], ...more]));
}
