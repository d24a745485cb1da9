// N keep-alive connections, each with one request in flight; CPU time of the proxy and the request counter
// are read in the same tick at both ends of the window.
import { cpuTimeUs, rssKibOf } from '../proc.ts';
import { Connection, type ConnectionEvents, clientContext, encodeRequest } from './connection.ts';
import { Latencies } from './latencies.ts';
import type { ClosedLoopJob, LoadResult } from './protocol.ts';

/** Runs one window. @throws when a connection fails: a benchmark with errors measures something else */
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
  readonly #latencies = new Latencies();
  readonly #rssKib: number[] = [];
  readonly #requestsMax: number;
  readonly #sampleEvery: number;
  readonly #warmupEndMs: number;
  #warmup: number;
  #requests = 0;
  #refused = 0;
  #startMs = 0;
  #endMs = Number.POSITIVE_INFINITY;
  #startCpuUs = 0;

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
    for (let i = 0; i < job.connections; i++) {
      const connection = new Connection(job.target, context, request, this);
      this.#connections.push(connection);
      connection.send();
    }
  }

  response(connection: Connection, status: number): void {
    const now = performance.now();
    if (this.#warmup > 0) {
      if (now >= this.#warmupEndMs) this.#warmup = 1;
      if (--this.#warmup === 0) this.#openWindow(now);
    } else {
      this.#requests++;
      if (status !== 200) this.#refused++;
      this.#latencies.addMs(now - connection.sentMs);
      if (this.#requests % this.#sampleEvery === 0) this.#rssKib.push(rssKibOf(this.#job.pids));
      if (now >= this.#endMs || this.#requests >= this.#requestsMax) {
        this.#closeWindow(now);
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
    this.#startMs = now;
    if ('ms' in this.#job.window) this.#endMs = now + this.#job.window.ms;
    this.#startCpuUs = cpuTimeUs(this.#job.pids);
  }

  #closeWindow(now: number): void {
    this.#done({
      requests: this.#requests,
      refused: this.#refused,
      elapsedMs: now - this.#startMs,
      cpuUs: cpuTimeUs(this.#job.pids) - this.#startCpuUs,
      ...this.#latencies.summary(),
      rssKib: this.#rssKib,
    });
  }
}
