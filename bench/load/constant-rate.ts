// An open loop: requests are due at fixed times whether or not the proxy keeps up, so a stall shows in full
// (no coordinated omission). What waits for a free connection waits on the clock.
import { Arrivals } from './arrivals.ts';
import { Connection, type ConnectionEvents, encodeRequest } from './connection.ts';
import { contextOf } from './dial.ts';
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
  readonly #total: number;
  #running: { readonly window: Window; readonly arrivals: Arrivals } | null = null;
  #opened = 0;

  constructor(job: ConstantRateJob, done: (result: LoadResult | Error) => void) {
    this.#job = job;
    this.#done = done;
    this.#total = Math.max(1, Math.round((job.ms / 1_000) * job.perSecond));
    const context = contextOf(job.target);
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
    if (this.#running === null) {
      // The first answer on each connection ends its handshake; the clock starts with the last one.
      if (++this.#opened === this.#connections.length) this.#start(now);
      return;
    }
    const { window, arrivals } = this.#running;
    if (status !== 200) window.refused++;
    window.latencies.addMs(now - connection.sentMs);
    if (window.latencies.count < this.#total) this.#send(arrivals);
    else this.#done(window.close(now, { lateUsP99: arrivals.lateUsP99 }));
  }

  fault(error: Error): void {
    this.#done(error);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const connection of this.#connections) connection.close();
  }

  #start(now: number): void {
    const { perSecond, pids } = this.#job;
    this.#running = {
      window: new Window(now, pids, this.#connections),
      arrivals: new Arrivals({ perSecond, total: this.#total, startMs: now }),
    };
  }

  #tick(now: number): void {
    if (this.#running === null) return;
    const { window, arrivals } = this.#running;
    if (now - window.startMs > this.#job.ms + ANSWERS_MS_MAX) {
      const missing = this.#total - window.latencies.count;
      return this.#done(new Error(`${missing} of ${this.#total} requests had no answer`));
    }
    arrivals.see(now);
    this.#send(arrivals);
  }

  #send(arrivals: Arrivals): void {
    while (arrivals.waiting > 0) {
      const connection = this.#idle.pop();
      if (connection === undefined) return;
      connection.sentMs = arrivals.takeMs();
      connection.send();
    }
  }
}
