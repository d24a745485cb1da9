// N keep-alive connections, each with one request in flight; CPU time of the proxy and the request counter
// are read in the same tick at both ends of the window.
import { rssKibOf } from '../proc.ts';
import { Connection, type ConnectionEvents, clientContext, encodeRequest } from './connection.ts';
import type { ClosedLoopJob, LoadResult } from './protocol.ts';
import { Window } from './window.ts';

/** More at once is what a proxy refuses by default; each answer makes room for the next. */
const HANDSHAKES_AT_ONCE = 16;

/**
 * Runs one window, with all connections open.
 * @throws when a connection fails: a benchmark with errors measures something else
 */
export function runClosedLoop(job: ClosedLoopJob): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const loop = new ClosedLoop(job, (result) => {
      loop.close();
      if (result instanceof Error) reject(result);
      else resolve(result);
    });
  });
}

class ClosedLoop implements ConnectionEvents {
  readonly #job: ClosedLoopJob;
  readonly #done: (result: LoadResult | Error) => void;
  readonly #connections: Connection[] = [];
  /** Those that had a first answer: their handshake is over. */
  readonly #answered = new Set<Connection>();
  readonly #dial: () => void;
  readonly #rssKib: number[] = [];
  readonly #requestsMax: number;
  readonly #sampleEvery: number;
  readonly #warmupEndMs: number;
  #window: Window | null = null;
  #warmup: number;
  #requests = 0;
  #endMs = Number.POSITIVE_INFINITY;

  constructor(job: ClosedLoopJob, done: (result: LoadResult | Error) => void) {
    this.#job = job;
    this.#done = done;
    this.#warmup = job.warmup.requests;
    this.#warmupEndMs = performance.now() + job.warmup.msMax;
    this.#requestsMax = 'requests' in job.window ? job.window.requests : Number.POSITIVE_INFINITY;
    this.#sampleEvery =
      job.samples > 0 ? Math.floor(this.#requestsMax / job.samples) : Number.POSITIVE_INFINITY;
    const context = job.target.tls === null ? null : clientContext(job.target.tls);
    const request = encodeRequest(job.target.path);
    this.#dial = () => {
      const connection = new Connection(job.target, context, request, this);
      this.#connections.push(connection);
      connection.sentMs = performance.now();
      connection.send();
    };
    for (let i = 0; i < Math.min(HANDSHAKES_AT_ONCE, job.connections); i++) this.#dial();
  }

  response(connection: Connection, status: number): void {
    const now = performance.now();
    const window = this.#window;
    if (window === null) {
      this.#warmup--;
      if (!this.#answered.has(connection)) {
        this.#answered.add(connection);
        if (this.#connections.length < this.#job.connections) this.#dial();
      }
      const open = this.#answered.size === this.#job.connections;
      if (open && (this.#warmup <= 0 || now >= this.#warmupEndMs)) this.#openWindow(now);
    } else {
      this.#requests++;
      if (status !== this.#job.status) window.refused++;
      window.latencies.addMs(now - connection.sentMs);
      if (this.#requests % this.#sampleEvery === 0) this.#rssKib.push(rssKibOf(this.#job.pids));
      if (now >= this.#endMs || this.#requests >= this.#requestsMax) {
        this.#done(window.close(now, { rssKib: this.#rssKib }));
        return;
      }
    }
    connection.sentMs = now;
    connection.send();
  }

  fault(error: Error): void {
    this.#done(error);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #openWindow(now: number): void {
    if ('ms' in this.#job.window) this.#endMs = now + this.#job.window.ms;
    this.#window = new Window(now, this.#job.pids, this.#connections);
  }
}
