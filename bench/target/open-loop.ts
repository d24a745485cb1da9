// An open loop against somebody's server: requests are due at fixed times whether or not answers come, what
// fails is counted, and what is lost is dialled again.
// Three phases: every connection is opened with one request, a few at a time; a warm-up at the rate; the
// window that counts.
import { Arrivals } from '../load/arrivals.ts';
import type { Endpoint } from './endpoint.ts';
import { type Fault, type FaultKind, isExpected, statusFault, timeoutFault } from './faults.ts';
import { Lane, type LaneEvents } from './lane.ts';
import { type Round, RoundRecord } from './round.ts';

export interface Load {
  readonly perSecond: number;
  readonly connections: number;
  readonly warmupMs: number;
  readonly windowMs: number;
  readonly timeoutMs: number;
  /** Status of an answer that is no error; null = any 2xx. */
  readonly expect: number | null;
}

/** New connections at a time: opening them is not what is measured, and nobody's server is flooded. */
const OPENING_MAX = 16;
const SWEEP_MS = 50;

/** Runs until every request ended, or until `signal`: then with what was measured so far. */
export function runOpenLoop(
  endpoint: Endpoint,
  load: Load,
  hooks: { readonly firstFaults: Map<FaultKind, Fault>; readonly signal: AbortSignal },
): Promise<Round> {
  return new Promise((resolve) => {
    const loop = new OpenLoop(endpoint, load, new RoundRecord(hooks.firstFaults), (round) => {
      hooks.signal.removeEventListener('abort', stop);
      resolve(round);
    });
    const stop = (): void => loop.finish();
    hooks.signal.addEventListener('abort', stop);
    if (hooks.signal.aborted) stop();
  });
}

class OpenLoop implements LaneEvents {
  readonly #load: Load;
  readonly #record: RoundRecord;
  readonly #done: (round: Round) => void;
  readonly #lanes: Lane[] = [];
  /** Lanes without a request; connected ones go first, in turn, so that none is idle for long. */
  readonly #idle: Lane[] = [];
  readonly #cold: Lane[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #warmupCount: number;
  readonly #total: number;
  #opened = 0;
  #arrivals: Arrivals | null = null;
  #startMs = 0;
  #cpuUs = 0;
  #inFlight = 0;
  #sweepMs = 0;
  #finished = false;

  constructor(endpoint: Endpoint, load: Load, record: RoundRecord, done: (round: Round) => void) {
    this.#load = load;
    this.#record = record;
    this.#done = done;
    this.#warmupCount = Math.round((load.warmupMs / 1_000) * load.perSecond);
    this.#total = this.#warmupCount + Math.max(1, Math.round((load.windowMs / 1_000) * load.perSecond));
    for (let i = 0; i < load.connections; i++) this.#lanes.push(new Lane(endpoint, this));
    for (const lane of this.#lanes.slice(0, OPENING_MAX)) this.#send(lane, performance.now(), false);
    this.#timer = setInterval(() => this.#tick(performance.now()), 1);
  }

  answered(lane: Lane, status: number): void {
    const now = performance.now();
    const { expect } = this.#load;
    if (!isExpected(status, expect)) return this.failed(lane, statusFault(status, expect));
    if (lane.counted) this.#record.answered(now - lane.clockMs, now);
    this.#release(lane, now);
  }

  failed(lane: Lane, fault: Fault): void {
    if (lane.counted) this.#record.failed(fault);
    this.#release(lane, performance.now());
  }

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    clearInterval(this.#timer);
    for (const lane of this.#lanes) lane.close();
    const now = performance.now();
    const started = this.#arrivals !== null;
    const startMs = this.#startMs + this.#load.warmupMs;
    const endMs = Math.min(now, startMs + this.#load.windowMs);
    const generator = {
      cpuShare: started ? (cpuUs() - this.#cpuUs) / ((now - this.#startMs) * 1_000) : 0,
      lateUsP99: this.#arrivals?.lateUsP99 ?? Number.NaN,
    };
    this.#done(this.#record.close({ startMs, endMs }, generator));
  }

  #tick(now: number): void {
    if (now >= this.#sweepMs) {
      this.#sweepMs = now + SWEEP_MS;
      this.#sweep(now);
    }
    this.#advance(now);
  }

  /** A lane is free: the next connection is opened, or the next request sent. */
  #release(lane: Lane, now: number): void {
    this.#inFlight--;
    (lane.connection === null ? this.#cold : this.#idle).push(lane);
    if (this.#arrivals !== null) return this.#advance(now);
    this.#opened++;
    const next = this.#lanes[this.#opened + this.#inFlight];
    if (next !== undefined) this.#send(next, now, false);
    else if (this.#inFlight === 0) this.#start(now);
  }

  #start(now: number): void {
    const { perSecond } = this.#load;
    this.#startMs = now;
    this.#cpuUs = cpuUs();
    this.#arrivals = new Arrivals({
      perSecond,
      total: this.#total,
      startMs: now,
      countedFrom: this.#warmupCount,
    });
    this.#advance(now);
  }

  #advance(now: number): void {
    const arrivals = this.#arrivals;
    if (arrivals === null) return;
    arrivals.see(now);
    while (arrivals.waiting > 0) {
      const lane = this.#takeLane();
      if (lane === undefined) return;
      const counted = arrivals.taken >= this.#warmupCount;
      const clockMs = arrivals.takeMs();
      if (counted && clockMs < now) this.#record.waited++;
      if (!this.#send(lane, clockMs, counted) && counted) this.#record.reconnects++;
    }
    if (arrivals.taken === this.#total && this.#inFlight === 0) this.finish();
  }

  #takeLane(): Lane | undefined {
    for (let lane = this.#idle.shift(); lane !== undefined; lane = this.#idle.shift()) {
      if (lane.connection !== null) return lane;
      this.#cold.push(lane); // the server closed it while it was idle
    }
    return this.#cold.pop();
  }

  #send(lane: Lane, clockMs: number, counted: boolean): boolean {
    lane.clockMs = clockMs;
    lane.counted = counted;
    this.#inFlight++;
    return lane.send();
  }

  /** Ends what had no answer in time: in flight, or still waiting for a connection. */
  #sweep(now: number): void {
    const { timeoutMs } = this.#load;
    for (const lane of this.#lanes) if (lane.busy && now - lane.clockMs > timeoutMs) lane.giveUp(timeoutMs);
    const arrivals = this.#arrivals;
    while (arrivals !== null && now - arrivals.peekMs() > timeoutMs) {
      const counted = arrivals.taken >= this.#warmupCount;
      arrivals.takeMs();
      if (counted) this.#record.failed(timeoutFault(timeoutMs, false));
    }
  }
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
