// An open loop: requests are due at fixed times whether or not the proxy keeps up, so a stall shows in full
// (no coordinated omission). What waits for a free connection waits on the clock.
// Timers of this process are a millisecond coarse, and that is not the proxy's doing: the clock of a request
// starts when this loop sees that it is due, and how late it saw that is a figure of its own.
import { Connection, type ConnectionEvents, clientContext, encodeRequest } from './connection.ts';
import { Latencies } from './latencies.ts';
import type { ConstantRateJob, LoadResult } from './protocol.ts';
import { Window } from './window.ts';

/** After the last request was due. */
const ANSWERS_MS_MAX = 5_000;

/** Runs for `job.ms`. @throws when a connection fails, or when answers stay away */
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
  readonly #timer: NodeJS.Timeout;
  readonly #lateness = new Latencies();
  readonly #total: number;
  /** When the loop saw each request that is due and not sent yet; a ring from #sent to #due. */
  readonly #seenMs: Float64Array;
  #window: Window | null = null;
  #opened = 0;
  #due = 0;
  #sent = 0;

  constructor(job: ConstantRateJob, done: (result: LoadResult | Error) => void) {
    this.#job = job;
    this.#done = done;
    this.#total = Math.max(1, Math.round((job.ms / 1_000) * job.perSecond));
    this.#seenMs = new Float64Array(this.#total);
    const context = job.target.tls === null ? null : clientContext(job.target.tls);
    const request = encodeRequest(job.target.path);
    for (let i = 0; i < job.connections; i++) {
      const connection = new Connection(job.target, context, request, this);
      this.#connections.push(connection);
      connection.send();
    }
    this.#timer = setInterval(() => this.#tick(performance.now()), 1);
  }

  response(connection: Connection, status: number): void {
    const now = performance.now();
    this.#idle.push(connection);
    const window = this.#window;
    if (window === null) {
      // The first answer on each connection ends its handshake; the clock starts with the last one.
      if (++this.#opened === this.#connections.length)
        this.#window = new Window(now, this.#job.pids, this.#connections);
      return;
    }
    if (status !== 200) window.refused++;
    window.latencies.addMs(now - connection.sentMs);
    if (window.latencies.count === this.#total)
      this.#done(window.close(now, { lateUsP99: this.#lateness.us(99) }));
    else this.#send();
  }

  fault(error: Error): void {
    this.#done(error);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const connection of this.#connections) connection.close();
  }

  #tick(now: number): void {
    const window = this.#window;
    if (window === null) return;
    const elapsedMs = now - window.startMs;
    if (elapsedMs > this.#job.ms + ANSWERS_MS_MAX) {
      const missing = this.#total - window.latencies.count;
      return this.#done(new Error(`${missing} of ${this.#total} requests had no answer`));
    }
    const everyMs = 1_000 / this.#job.perSecond;
    for (; this.#due < this.#total && this.#due * everyMs <= elapsedMs; this.#due++) {
      this.#seenMs[this.#due] = now;
      this.#lateness.addMs(elapsedMs - this.#due * everyMs);
    }
    this.#send();
  }

  #send(): void {
    while (this.#sent < this.#due) {
      const connection = this.#idle.pop();
      if (connection === undefined) return;
      connection.sentMs = this.#seenMs[this.#sent++] ?? Number.NaN;
      connection.send();
    }
  }
}
