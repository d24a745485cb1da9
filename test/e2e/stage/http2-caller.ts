// A caller that speaks HTTP/2 frame by frame: it sends exactly what it is told and keeps what it gets.
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import {
  BlockReader,
  CODE,
  type Field,
  FLAG,
  FrameCutter,
  PREFACE,
  SETTINGS_ACK,
  settings,
  TYPE,
  windowUpdate,
} from './http2-frames.ts';
import type { Stage, SvidFiles } from './stage.ts';

/** One header block of an answer. */
export type Block = readonly Field[];

/** What came on one stream. */
export class Answer {
  /** Interim heads, the final one, and trailers, in order. */
  readonly blocks: Block[] = [];
  body = '';
  bytes = 0;
  /** Told of each piece of data. */
  onData: ((payload: Buffer) => void) | null = null;
  ended = false;
  /** Data that the proxy took since, by its WINDOW_UPDATE frames. */
  taken = 0;
  /** The code of RST_STREAM. */
  reset: number | null = null;
  /** Names of fields that came as never-indexed literals, in order. */
  readonly neverIndexed: string[] = [];

  get status(): number {
    return Number(this.value(':status') ?? 0);
  }

  /** The code of the problem that the proxy itself answered with. */
  get code(): string {
    return /"code":"([^"]*)"/.exec(this.body)?.[1] ?? '';
  }

  get over(): boolean {
    return this.ended || this.reset !== null;
  }

  /** A field of the final head. */
  value(name: string): string | undefined {
    const head = this.blocks.findLast((block) => block.some(([key]) => key === ':status'));
    return head?.find(([key]) => key === name)?.[1];
  }

  /** The block behind the data. */
  get trailers(): Block | undefined {
    return this.blocks.find((block) => !block.some(([key]) => key === ':status'));
  }
}

export interface CallerOptions {
  /** Settings of the first frame. */
  readonly settings?: readonly (readonly [identifier: number, value: number])[];
  /** False: nothing is sent by itself: no preface, no acknowledgement, no window. */
  readonly polite?: boolean;
  /** Windows are opened again as data comes. */
  readonly widens?: boolean;
  readonly port?: number;
}

export class Http2Caller {
  readonly socket: net.Socket;
  goaway: { lastId: number; code: number } | null = null;
  /** GOAWAY frames that came. */
  goaways = 0;
  closed = false;
  error: string | null = null;
  /** Types of the frames that came, but for DATA. */
  readonly types: number[] = [];
  /** What the proxy's SETTINGS said. */
  readonly theirs = new Map<number, number>();
  private readonly answers = new Map<number, Answer>();
  private readonly waiting = new Set<() => void>();
  private readonly cutter = new FrameCutter();
  private readonly blocks = new BlockReader();
  private readonly raw: net.Socket;
  private readonly options: CallerOptions;

  /** `raw`: the TCP socket below `socket`. */
  private constructor(socket: net.Socket, raw: net.Socket, options: CallerOptions) {
    this.socket = socket;
    this.raw = raw;
    this.options = options;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('drain', () => this.wake());
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
    if (options.polite !== false) this.send(PREFACE, settings(...(options.settings ?? [])));
  }

  /** Connects as `svid`; null: without TLS, by prior knowledge. Undefined: TLS without a certificate. */
  static async connect(
    stage: Stage,
    svid?: SvidFiles | null,
    options: CallerOptions = {},
  ): Promise<Http2Caller> {
    const to = { host: '127.0.0.1', port: options.port ?? stage.port };
    const raw = net.connect(to);
    await once(raw, 'connect');
    if (svid === null) return new Http2Caller(raw, raw, options);
    const socket = tls.connect({
      socket: raw,
      servername: 'localhost',
      ca: stage.authority.certificatePem,
      ALPNProtocols: ['h2'],
      ...(svid === undefined ? {} : { cert: svid.certificatePem, key: svid.keyPem }),
    });
    await once(socket, 'secureConnect');
    if (socket.alpnProtocol !== 'h2') throw new Error(`ALPN: ${String(socket.alpnProtocol)}`);
    return new Http2Caller(socket, raw, options);
  }

  send(...frames: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  /** The same, once what was written before has left; false when the connection is gone. */
  async sendAll(...frames: readonly Buffer[]): Promise<boolean> {
    if (this.socket.destroyed || this.goaway !== null) return false;
    if (!this.socket.write(Buffer.concat(frames)))
      await this.until(() => !this.socket.writableNeedDrain || this.goaway !== null).catch(() => undefined);
    return !this.socket.destroyed && this.goaway === null;
  }

  answer(streamId: number): Answer {
    const known = this.answers.get(streamId) ?? new Answer();
    this.answers.set(streamId, known);
    return known;
  }

  /** Drops what is known of answers, for callers of thousands. */
  forgetAnswers(): void {
    this.answers.clear();
  }

  /** The answer of a stream, once nothing more comes on it. */
  async over(streamId: number, timeoutMs?: number): Promise<Answer> {
    const answer = this.answer(streamId);
    await this.until(() => answer.over, timeoutMs);
    return answer;
  }

  /** Waits until the connection is closed, and says with which code. */
  async end(timeoutMs?: number): Promise<number | null> {
    await this.until(() => this.closed, timeoutMs);
    return this.goaway?.code ?? null;
  }

  async until(wanted: () => boolean, timeoutMs = 10_000): Promise<void> {
    const untilMs = performance.now() + timeoutMs;
    while (!wanted()) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0 || this.closed) throw new Error(`never came: ${this.describe()}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, leftMs);
        this.waiting.add(wake);
      });
    }
  }

  close(): void {
    this.socket.destroy();
  }

  /** Ends the connection by RST of TCP; Node 26 crashes when the TLS above is destroyed at the same time. */
  cut(): void {
    this.raw.resetAndDestroy();
  }

  private describe(): string {
    const { closed, error, goaway } = this;
    return JSON.stringify({ closed, error, goaway, answers: [...this.answers] }).slice(0, 2_000);
  }

  private wake(): void {
    for (const one of [...this.waiting]) one();
  }

  private take(chunk: Buffer): void {
    this.cutter.push(chunk, (of, payload) => this.frame(of, payload));
    this.wake();
  }

  private frame(of: { type: number; flags: number; streamId: number }, payload: Buffer): void {
    const { type, flags, streamId } = of;
    const answer = streamId === 0 ? null : this.answer(streamId);
    if (type !== TYPE.DATA) this.types.push(type);
    if (answer !== null && type === TYPE.RST_STREAM) answer.reset = payload.readUInt32BE(0);
    if (answer !== null && type === TYPE.WINDOW_UPDATE) answer.taken += payload.readUInt32BE(0);
    if (answer !== null && type === TYPE.DATA) this.data(streamId, answer, payload);
    if (type === TYPE.HEADERS || type === TYPE.CONTINUATION) {
      const block = this.blocks.push(payload, (flags & FLAG.END_HEADERS) !== 0);
      if (answer !== null && block !== null) answer.blocks.push(block);
      if (block !== null) answer?.neverIndexed.push(...this.blocks.neverIndexed);
    }
    if (answer !== null && type <= TYPE.HEADERS && (flags & FLAG.END_STREAM) !== 0) answer.ended = true;
    if (type === TYPE.GOAWAY) {
      this.goaways++;
      this.goaway = { lastId: payload.readUInt32BE(0), code: payload.readUInt32BE(4) };
    }
    if (type === TYPE.SETTINGS && (flags & FLAG.ACK) === 0) {
      for (let at = 0; at < payload.length; at += 6)
        this.theirs.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
      if (this.options.polite !== false) this.send(SETTINGS_ACK);
    }
    if (type === TYPE.PING && (flags & FLAG.ACK) === 0 && this.options.polite !== false)
      this.send(Buffer.concat([Buffer.of(0, 0, 8, TYPE.PING, FLAG.ACK, 0, 0, 0, 0), payload]));
  }

  private data(streamId: number, answer: Answer, payload: Buffer): void {
    answer.bytes += payload.length;
    answer.onData?.(payload);
    if (answer.body.length < 65_536) answer.body += payload.toString('latin1');
    if (this.options.widens !== false && this.options.polite !== false && payload.length > 0)
      this.send(windowUpdate(0, payload.length), windowUpdate(streamId, payload.length));
  }
}

/** True when the GOAWAY says that the caller did nothing wrong. */
export const graceful = ({ goaway }: Http2Caller): boolean => goaway?.code === CODE.NO_ERROR;
