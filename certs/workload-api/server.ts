// The SPIFFE Workload API on a Unix socket of one workload: whoever may open the socket is that workload.
// socket-file.ts says why that holds, and this file ends everything when it holds no more.
import { type FSWatcher, watch } from 'node:fs';
import http2 from 'node:http2';
import { dirname } from 'node:path';
import { type Clock, systemClock, type Timer } from '../../core/clock.ts';
import type { Diagnostic } from '../../core/errors.ts';
import { bind } from '../bind.ts';
import { GRPC_HEADER_BYTES_MAX, WORKLOAD_API_CONNECTIONS_MAX, WORKLOAD_API_STREAMS_MAX } from '../limits.ts';
import { Call } from './call.ts';
import type { WorkloadFeed } from './feed.ts';
import { GRPC } from './grpc-status.ts';
import {
  bindRefused,
  handOver,
  prepareSocket,
  removeFolder,
  type SocketIdentity,
  type SocketPlace,
} from './socket-file.ts';

export interface WorkloadApiServerOptions extends SocketPlace {
  readonly feed: WorkloadFeed;
  readonly clock?: Clock;
  /** The socket is not what it was: it has been closed, and serves nobody any more. */
  readonly onTampered?: (problem: Diagnostic) => void;
  readonly times?: ServerTimes;
}

/** Milliseconds. */
export interface ServerTimes {
  /** Between looks at the socket, where the system tells nothing. */
  readonly pollMs: number;
  /** For a caller to send its request, or to take an answer. */
  readonly patienceMs: number;
  /** For streams to end when the server stops. */
  readonly stopMs: number;
}

const TIMES: ServerTimes = { pollMs: 1_000, patienceMs: 30_000, stopMs: 1_000 };
const HEADER_PAIRS_MAX = 64;
/** Streams that are reset may come as often as this at once, and so often a second: a client needs none. */
const RESETS = { streamResetBurst: 100, streamResetRate: 10 };

/** A socket that is served. */
export interface WorkloadApiServer {
  /** For SPIFFE_ENDPOINT_SOCKET. */
  readonly uri: string;
  readonly path: string;
  /** Ends every stream with Unavailable and takes the socket away. */
  close(): Promise<void>;
}

/**
 * Serves `feed` on `<directory>/<name>/api.sock`, which the user `uid` alone can open.
 * @throws ERR_WORKLOAD_API_SOCKET
 */
export async function serveWorkloadApi(options: WorkloadApiServerOptions): Promise<WorkloadApiServer> {
  const path = await prepareSocket(options);
  const server = new Server(options);
  await server.listen(path);
  return server;
}

class Server implements WorkloadApiServer {
  path = '';
  readonly #options: WorkloadApiServerOptions;
  readonly #clock: Clock;
  readonly #times: ServerTimes;
  readonly #server: http2.Http2Server;
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  readonly #calls = new Set<Call>();
  #socket: SocketIdentity | undefined;
  #events: FSWatcher | undefined;
  #poll: Timer | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: WorkloadApiServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#times = options.times ?? TIMES;
    this.#server = http2.createServer({
      settings: { maxConcurrentStreams: WORKLOAD_API_STREAMS_MAX, maxHeaderListSize: GRPC_HEADER_BYTES_MAX },
      maxHeaderListPairs: HEADER_PAIRS_MAX,
      ...RESETS,
    });
    this.#server.maxConnections = WORKLOAD_API_CONNECTIONS_MAX;
    this.#server.on('session', (session) => this.#welcome(session));
    this.#server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) =>
      this.#answer(stream, headers),
    );
    this.#server.on('sessionError', () => undefined); // the session ends, and with it its streams
  }

  get uri(): string {
    return `unix://${this.path}`;
  }

  async listen(path: string): Promise<void> {
    this.path = path;
    await bind(this.#server, { path }, (cause) => bindRefused(path, cause));
    this.#server.on('error', () => undefined); // one connection less: there was no memory, or no descriptor
    try {
      this.#socket = handOver(path, this.#options);
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#events = this.#watch(dirname(path));
    this.#pollLater();
  }

  #watch(folder: string): FSWatcher | undefined {
    try {
      const events = watch(folder, { persistent: false }, () => this.#look());
      return events.on('error', () => undefined); // the folder is gone: the poll says so
    } catch {
      return undefined; // out of inotify watches: the poll is what remains
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#events?.close();
    this.#poll?.cancel();
    const ended = new Promise((resolve) => this.#server.close(resolve));
    const deadline = this.#clock.after(this.#times.stopMs, () => this.#cut());
    for (const call of this.#calls) call.finish({ code: GRPC.unavailable, message: 'the server stops' });
    for (const session of this.#sessions) session.close();
    await ended;
    deadline.cancel();
    removeFolder(this.#options);
  }

  #welcome(session: http2.ServerHttp2Session): void {
    if (this.#look()) return void session.destroy();
    this.#sessions.add(session);
    session.on('close', () => this.#sessions.delete(session));
  }

  #answer(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    const { feed } = this.#options;
    const onEnd = (): void => void this.#calls.delete(call);
    const call = new Call(stream, headers, {
      feed,
      clock: this.#clock,
      patienceMs: this.#times.patienceMs,
      onEnd,
    });
    this.#calls.add(call);
    if (this.#closed !== undefined) call.finish({ code: GRPC.unavailable, message: 'the server stops' });
  }

  #pollLater(): void {
    this.#poll = this.#clock.after(this.#times.pollMs, () => {
      if (!this.#look()) this.#pollLater();
    });
  }

  /** True when the socket is not what it was: then nobody is served any more. */
  #look(): boolean {
    if (this.#closed !== undefined) return true;
    const change = this.#socket?.change() ?? null;
    if (change === null) return false;
    this.#cut();
    void this.close();
    this.#options.onTampered?.({
      severity: 'error',
      code: 'ERR_WORKLOAD_API_TAMPERED',
      message: `the socket was closed: ${change}`,
      hint: 'who can open a socket is known by its owner and mode: leave both, and start it anew',
      at: { file: this.path },
    });
    return true;
  }

  #cut(): void {
    for (const session of this.#sessions) session.destroy();
  }
}
