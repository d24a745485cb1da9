// An agent that says what a test wants, byte for byte: HTTP/2 written by hand on a Unix socket.
import { rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  data,
  type Field,
  FLAG,
  FrameCutter,
  headers,
  SETTINGS_ACK,
  settings,
  TYPE,
} from '../../../e2e/stage/http2-frames.ts';

/** The one stream of each connection. */
export const STREAM = 1;

/** What the agent does on one connection, once the request is there. `end` closes the connection. */
export type Script = (say: (bytes: Buffer) => void, end: () => void) => void;

/** What a connection begins with, before any request. */
export interface Greeting {
  readonly bytes: Buffer;
  readonly end?: boolean;
}

const HELLO: Greeting = { bytes: Buffer.concat([settings(), SETTINGS_ACK]) };

/** Plays `scripts`, one a connection; the last one is that of all further connections. */
export class ScriptedAgent {
  readonly path: string;
  connections = 0;
  /** Frame types that came on the last connection. */
  types: number[] = [];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(path: string, scripts: readonly Script[], greetings: readonly Greeting[]) {
    this.path = path;
    this.#server = net.createServer((socket) => {
      const index = this.connections++;
      const script = scripts[Math.min(index, scripts.length - 1)];
      this.#serve(socket, greetings[index] ?? HELLO, script);
    });
  }

  static async start(
    scripts: readonly Script[],
    greetings: readonly Greeting[] = [],
  ): Promise<ScriptedAgent> {
    const path = join(tmpdir(), `sallyport-agent-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
    const agent = new ScriptedAgent(path, scripts, greetings);
    await new Promise<void>((resolve) => agent.#server.listen({ path }, resolve));
    return agent;
  }

  get uri(): string {
    return `unix://${this.path}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.path, { force: true });
  }

  #serve(socket: net.Socket, greeting: Greeting, script: Script | undefined): void {
    this.#sockets.add(socket);
    this.types = [];
    socket.on('error', () => undefined); // the client left in the middle of a script
    socket.on('close', () => this.#sockets.delete(socket));
    if (greeting.end === true) socket.end(greeting.bytes);
    else socket.write(greeting.bytes);
    const cutter = new FrameCutter();
    let preface = 24;
    socket.on('data', (chunk: Buffer) => {
      const start = Math.min(preface, chunk.length);
      preface -= start;
      cutter.push(chunk.subarray(start), ({ type, flags }) => {
        this.types.push(type);
        const asked = type === TYPE.DATA && (flags & FLAG.END_STREAM) !== 0;
        if (asked)
          script?.(
            (bytes) => void socket.write(bytes),
            () => void socket.end(),
          );
      });
    });
  }
}

const GRPC: readonly Field[] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];

/** The headers of an answer, `more` behind them. */
export const answer = (...more: readonly Field[]): Buffer =>
  headers(STREAM, [...GRPC, ...more], FLAG.END_HEADERS);

/** The headers of an answer that is no gRPC. */
export const plainAnswer = (...fields: readonly Field[]): Buffer => headers(STREAM, fields, FLAG.END_HEADERS);

/** An answer without a message. */
export const trailersOnly = (code: number | string, message = ''): Buffer =>
  headers(STREAM, [...GRPC, ['grpc-status', String(code)], ['grpc-message', message]]);

/** What ends an answer. */
export const trailers = (code: number): Buffer => headers(STREAM, [['grpc-status', String(code)]]);

/** DATA with `bytes`, in frames of at most 16 KiB. */
export function dataOf(bytes: Buffer, flags = 0): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_384)
    frames.push(data(STREAM, bytes.subarray(at, at + 16_384), at + 16_384 < bytes.length ? 0 : flags));
  return Buffer.concat(frames);
}

/** A message, as it is framed; `flag` and `length` may lie. */
export function framed(message: Buffer, { flag = 0, length = message.length } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}
