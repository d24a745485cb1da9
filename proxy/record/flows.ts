// Flow records: requests aggregated by caller, workload, port, method, templated path, verdict, would-be
// verdict and rules, in bounded memory. They feed `/flows`, `flows.file`, simulate, suggest and the map.
//
//   callers: principal ─> byPath: template ─> [flows, told apart by method, verdict, rules, listener]
import type { Clock, Timer } from '../../core/clock.ts';
import { type Caller, type Flow, flowText, newFlow, sameFlow } from './flow.ts';
import { ownText, TimeText } from './json-text.ts';
import { PathTemplates } from './path-template.ts';
import type { NamedDestination, RequestRecord } from './record.ts';

/** Takes the lines of one slice of a window; resolves when they are written or given up. Never rejects. */
export type FlowLines = (lines: readonly string[]) => Promise<void>;

/** Bounds of the table. */
export interface FlowLimits {
  readonly flows: number;
  /** Of one caller, so that none can push the others out. */
  readonly flowsPerCaller: number;
  /** Plaintext peers told apart by address. */
  readonly addresses: number;
  /** A flow unseen for so long is forgotten, milliseconds. */
  readonly idleMs: number;
}

const LIMITS_DEFAULT: FlowLimits = {
  flows: 10_000,
  flowsPerCaller: 1000,
  addresses: 1000,
  idleMs: 3_600_000,
};
/** Attackers choose what is denied: it is learned apart, from less, and forgotten when sprayed. */
const DENIED_NODES = 2000;
/** Flows per turn of the event loop, so that a large table never holds up traffic. */
const SLICE = 100;

/** What a table of flows needs. */
export interface FlowOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Where windows go; null = memory only. */
  readonly lines: FlowLines | null;
  readonly limits?: Partial<FlowLimits>;
}

/** The table of flows. */
export class Flows {
  readonly #options: FlowOptions;
  readonly #limits: FlowLimits;
  readonly #callers = new Map<string, Caller>();
  readonly #forwarded = new PathTemplates();
  readonly #denied = new PathTemplates({ nodes: DENIED_NODES });
  readonly #time = new TimeText();
  /** The last resort when the whole table is full: one per listener, verdict and enforcement. */
  readonly #overflow: Flow[] = [];
  readonly #startMs: number;
  #count = 0;
  #addresses = 0;
  #overflowed = 0;
  #windowMs: number;
  #timer: Timer | null = null;
  #flushing: Promise<void> | null = null;

  constructor(options: FlowOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS_DEFAULT, ...options.limits };
    this.#startMs = options.clock.monotonicMs();
    this.#windowMs = this.#startMs;
  }

  /** Requests that were counted without a flow of their own. */
  get overflowed(): number {
    return this.#overflowed;
  }

  /** Distinct flows in memory. */
  get size(): number {
    return this.#count;
  }

  /** Flushes every interval until `stop`. */
  start(): void {
    this.#timer = this.#options.clock.after(this.#options.intervalMs, () => {
      this.flush().finally(() => {
        if (this.#timer !== null) this.start();
      });
    });
  }

  /** Ends the interval and writes the last window. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    await this.#flushing;
    await this.flush();
  }

  /** Counts one request and returns its flow. PERF: bench/micro/record.ts. */
  observe(record: RequestRecord): Flow {
    const flow = this.#find(record);
    if (flow.count === flow.flushedCount) flow.windowFirstMs = record.endMs;
    flow.count++;
    flow.bytes += record.bytesIn + record.bytesOut;
    flow.lastMs = record.endMs;
    if (flow.overflow) this.#overflowed++;
    return flow;
  }

  /** Ends the window: what counted in it is written, the long unseen is forgotten. One at a time. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  /** Every flow as JSON text, with its counts since it was first seen. */
  *texts(): Generator<string> {
    const nowMs = this.#options.clock.monotonicMs();
    const windowSeconds = Math.round((nowMs - this.#startMs) / 1000);
    const context = this.#context(nowMs);
    for (const flow of this.#all()) {
      const { count, bytes, firstMs } = flow;
      yield flowText(flow, { count, bytes, firstMs, windowSeconds }, context);
    }
  }

  #find(record: RequestRecord): Flow {
    const caller = this.#callerOf(record);
    if (caller === null) return this.#lastResort(record);
    const path = this.#templatesFor(record).of(record.path);
    const key = keyOf(path, record.destination);
    const flows = caller.byPath.get(key);
    if (flows !== undefined) {
      for (let i = 0; i < flows.length; i++) {
        const flow = flows[i];
        if (flow !== undefined && sameFlow(flow, record)) return flow;
      }
    }
    if (caller.flows >= this.#limits.flowsPerCaller || this.#count >= this.#limits.flows) {
      return this.#overflowOf(caller, record);
    }
    const flow = newFlow(record, caller, path);
    caller.flows++;
    this.#count++;
    if (flows === undefined) caller.byPath.set(key, [flow]);
    else flows.push(flow);
    return flow;
  }

  #templatesFor(record: RequestRecord): PathTemplates {
    return record.verdict === 'deny' && record.enforced ? this.#denied : this.#forwarded;
  }

  #callerOf(record: RequestRecord): Caller | null {
    const { principal, sourceIp } = record.connection;
    return this.#callers.get(principal ?? sourceIp) ?? this.#newCaller(principal, sourceIp);
  }

  #newCaller(principal: string | null, sourceIp: string): Caller | null {
    let ip = principal === null ? sourceIp : null;
    if (ip !== null && this.#addresses >= this.#limits.addresses) {
      ip = '';
      const shared = this.#callers.get('');
      if (shared !== undefined) return shared;
    }
    if (this.#count >= this.#limits.flows) return null;
    if (ip !== null) this.#addresses++;
    const caller: Caller = {
      principal: principal === null ? null : ownText(principal),
      ip: ip === null ? null : ownText(ip),
      byPath: new Map(),
      flows: 0,
      overflow: null,
    };
    this.#callers.set(caller.principal ?? caller.ip ?? '', caller);
    return caller;
  }

  #overflowOf(caller: Caller, record: RequestRecord): Flow {
    const { overflow } = caller;
    if (overflow === null || !sameKind(overflow, record)) {
      // One per caller: a caller that overflows is seldom of two kinds, and then the table's own ones count
      // it.
      if (overflow !== null) return this.#lastResort(record);
      caller.overflow = newFlow(record, caller, null);
      return caller.overflow;
    }
    return overflow;
  }

  #lastResort(record: RequestRecord): Flow {
    for (const flow of this.#overflow) if (sameKind(flow, record)) return flow;
    const flow = newFlow(record, null, null);
    this.#overflow.push(flow);
    return flow;
  }

  *#all(): Generator<Flow> {
    for (const caller of this.#callers.values()) {
      for (const flows of caller.byPath.values()) yield* flows;
      if (caller.overflow !== null) yield caller.overflow;
    }
    yield* this.#overflow;
  }

  #context(nowMs: number): { nowMs: number; wall: (ms: number) => string } {
    const { clock } = this.#options;
    const offset = clock.now() - nowMs;
    return { nowMs, wall: (ms) => this.#time.at(Math.round(ms + offset)) };
  }

  async #flush(): Promise<void> {
    const { lines } = this.#options;
    const nowMs = this.#options.clock.monotonicMs();
    const windowSeconds = Math.max(1, Math.round((nowMs - this.#windowMs) / 1000));
    this.#windowMs = nowMs;
    const context = this.#context(nowMs);
    let slice: string[] = [];
    let seen = 0;
    for (const flow of this.#all()) {
      const count = flow.count - flow.flushedCount;
      const bytes = flow.bytes - flow.flushedBytes;
      flow.flushedCount = flow.count;
      flow.flushedBytes = flow.bytes;
      // An old table's decision would keep that table's texts in memory.
      flow.decision = null;
      if (count > 0 && lines !== null) {
        slice.push(flowText(flow, { count, bytes, firstMs: flow.windowFirstMs, windowSeconds }, context));
      }
      if (++seen % SLICE !== 0) continue;
      if (lines !== null && slice.length > 0) await lines(slice);
      slice = [];
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (lines !== null && slice.length > 0) await lines(slice);
    this.#forget(nowMs - this.#limits.idleMs);
    if (this.#denied.full || this.#denied.rootFolded) this.#denied.reset();
    if (this.#forwarded.full) this.#forwarded.reset();
  }

  #forget(beforeMs: number): void {
    for (const [key, caller] of this.#callers) {
      for (const [path, flows] of caller.byPath) {
        if (flows.every((flow) => flow.lastMs >= beforeMs)) continue;
        const kept = flows.filter((flow) => flow.lastMs >= beforeMs);
        caller.flows -= flows.length - kept.length;
        this.#count -= flows.length - kept.length;
        if (kept.length === 0) caller.byPath.delete(path);
        else caller.byPath.set(path, kept);
      }
      if ((caller.overflow?.lastMs ?? beforeMs) < beforeMs) caller.overflow = null;
      if (caller.flows > 0 || caller.overflow !== null) continue;
      this.#callers.delete(key);
      if (caller.ip !== null) this.#addresses--;
    }
  }
}

function keyOf(path: string, destination: NamedDestination | null): string {
  return destination === null ? path : `${destination.host}:${destination.port}${path}`;
}

function sameKind(flow: Flow, record: RequestRecord): boolean {
  return (
    flow.verdict === record.verdict &&
    flow.enforced === record.enforced &&
    flow.listener === record.connection.listener
  );
}
