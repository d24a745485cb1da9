// N connections, each with one request in flight, or one a stream; CPU time of the proxy and the request
// counter are read in the same tick at both ends of the window.
import { Outputs } from '../../proxy/http2/output.ts';
import { rssKibOf } from '../proc.ts';
import { Connection, encodeRequest } from './connection.ts';
import { contextOf } from './dial.ts';
import { Http2Connection } from './http2/connection.ts';
import type { Lane, LaneEvents } from './lane.ts';
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

/** A connection, and how many requests it has in flight. */
interface Dialed {
  readonly bytesRead: number;
  readonly lanes: readonly Lane[];
  close(): void;
}

class ClosedLoop implements LaneEvents<Lane> {
  readonly #job: ClosedLoopJob;
  readonly #done: (result: LoadResult | Error) => void;
  readonly #connections: Dialed[] = [];
  /** Those that had a first answer: their handshake is over. */
  readonly #answered = new Set<Lane>();
  readonly #lanes: number;
  readonly #open: () => Dialed;
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
    this.#lanes = job.connections * (job.http2?.streams ?? 1);
    this.#open = opener(job, this);
    for (let i = 0; i < Math.min(HANDSHAKES_AT_ONCE, job.connections); i++) this.#dial();
  }

  response(lane: Lane, status: number): void {
    const now = performance.now();
    const window = this.#window;
    if (window === null) {
      this.#warmup--;
      if (!this.#answered.has(lane)) {
        this.#answered.add(lane);
        if (this.#connections.length < this.#job.connections) this.#dial();
      }
      const open = this.#answered.size === this.#lanes;
      if (open && (this.#warmup <= 0 || now >= this.#warmupEndMs)) this.#openWindow(now);
    } else {
      this.#requests++;
      if (status !== this.#job.status) window.refused++;
      window.latencies.addMs(now - lane.sentMs);
      if (this.#requests % this.#sampleEvery === 0) this.#rssKib.push(rssKibOf(this.#job.pids));
      if (now >= this.#endMs || this.#requests >= this.#requestsMax) {
        this.#done(window.close(now, { rssKib: this.#rssKib }));
        return;
      }
    }
    lane.sentMs = now;
    lane.send();
  }

  fault(error: Error): void {
    this.#done(error);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #dial(): void {
    const connection = this.#open();
    this.#connections.push(connection);
    for (const lane of connection.lanes) {
      lane.sentMs = performance.now();
      lane.send();
    }
  }

  #openWindow(now: number): void {
    if ('ms' in this.#job.window) this.#endMs = now + this.#job.window.ms;
    this.#window = new Window(now, this.#job.pids, this.#connections);
  }
}

/** Opens connections of what the job speaks. */
function opener({ target, http2 }: ClosedLoopJob, events: LaneEvents<Lane>): () => Dialed {
  const context = contextOf(target);
  if (http2 !== undefined) {
    const outputs = new Outputs();
    return () => new Http2Connection(target, context, { load: http2, outputs, events });
  }
  const request = encodeRequest(target.path);
  return () => new Connection(target, context, request, events);
}
