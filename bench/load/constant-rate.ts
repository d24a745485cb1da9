// An open loop: requests are due at fixed times whether or not the proxy keeps up, so a stall shows in full.
import { Connection, type ConnectionEvents, clientContext, encodeRequest } from './connection.ts';
import { Latencies } from './latencies.ts';
import type { ConstantRateJob, LoadResult } from './protocol.ts';

/** Runs for `job.ms`. Latency counts from the moment a request was due (no coordinated omission). */
export function runConstantRate(job: ConstantRateJob): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const loop = new ConstantRate(job, (result) => {
      loop.close();
      if (result instanceof Error) reject(result);
      else resolve(result);
    });
  });
}

class ConstantRate implements ConnectionEvents {
  readonly #job: ConstantRateJob;
  readonly #done: (result: LoadResult | Error) => void;
  readonly #connections: Connection[] = [];
  readonly #idle: Connection[] = [];
  readonly #latencies = new Latencies();
  readonly #timer: NodeJS.Timeout;
  #opened = 0;
  #startMs = 0;
  #due = 0;
  #refused = 0;

  constructor(job: ConstantRateJob, done: (result: LoadResult | Error) => void) {
    this.#job = job;
    this.#done = done;
    const context = job.target.tls === null ? null : clientContext(job.target.tls);
    const request = encodeRequest(job.target.path);
    for (let i = 0; i < job.connections; i++) {
      const connection = new Connection(job.target, context, request, this);
      this.#connections.push(connection);
      connection.send();
    }
    this.#timer = setInterval(() => this.#sendDue(), 1);
  }

  response(connection: Connection, status: number): void {
    const now = performance.now();
    if (this.#opened < this.#connections.length) {
      // The first answer on each connection ends its handshake; the clock starts with the last one.
      if (++this.#opened === this.#connections.length) this.#startMs = now;
    } else {
      if (status !== 200) this.#refused++;
      this.#latencies.addMs(now - connection.sentMs);
    }
    this.#idle.push(connection);
    if (this.#startMs > 0) this.#sendDue();
  }

  fault(error: Error): void {
    this.#done(error);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const connection of this.#connections) connection.close();
  }

  #sendDue(): void {
    if (this.#startMs === 0) return;
    const elapsedMs = performance.now() - this.#startMs;
    const total = (this.#job.ms / 1_000) * this.#job.perSecond;
    const dueByNow = Math.min(total, (elapsedMs / 1_000) * this.#job.perSecond);
    while (this.#due < dueByNow) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      connection.sentMs = this.#startMs + (this.#due / this.#job.perSecond) * 1_000;
      this.#due++;
      connection.send();
    }
    if (this.#latencies.count >= total) this.#finish(elapsedMs);
  }

  #finish(elapsedMs: number): void {
    this.#done({
      requests: this.#latencies.count,
      refused: this.#refused,
      elapsedMs,
      cpuUs: 0,
      ...this.#latencies.summary(),
      rssKib: [],
    });
  }
}
