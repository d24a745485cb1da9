// What one measurement of one side saw: answers, failures, latencies.
import { round } from '../claim.ts';
import { Latencies } from '../load/latencies.ts';
import type { LatencyUs } from '../result.ts';
import { FAULT_KINDS, type Fault, type FaultKind } from './faults.ts';

export interface Round {
  /** Answered or failed. */
  readonly requests: number;
  /** With an expected status. */
  readonly answered: number;
  /** Failures by kind; only those that happened. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Over all requests: a failed one is slower than any answer, so a percentile among them is Infinity. */
  readonly latencyUs: LatencyUs;
  /** Answers as expected, a second. */
  readonly requestsPerSecond: number;
  /** Connections that were dialled again. */
  readonly reconnects: number;
  /** Requests that found no free connection, and waited on the clock. */
  readonly waited: number;
  readonly generator: {
    /** Share of one CPU that this process used, 0 to 1. */
    readonly cpuShare: number;
    /** How late it woke for requests that were due, 99th percentile. */
    readonly lateUsP99: number;
  };
}

/** Collects a round while it runs. */
export class RoundRecord {
  reconnects = 0;
  waited = 0;
  readonly #latencies = new Latencies();
  readonly #counts = new Map<FaultKind, number>();
  readonly #firstFaults: Map<FaultKind, Fault>;
  #failed = 0;
  #lastAnswerMs = 0;

  /** The first fault of each kind goes to `firstFaults`, which outlives the round. */
  constructor(firstFaults: Map<FaultKind, Fault>) {
    this.#firstFaults = firstFaults;
  }

  answered(latencyMs: number, nowMs: number): void {
    this.#latencies.addMs(latencyMs);
    this.#lastAnswerMs = nowMs;
  }

  failed(fault: Fault): void {
    this.#failed++;
    this.#counts.set(fault.kind, (this.#counts.get(fault.kind) ?? 0) + 1);
    if (!this.#firstFaults.has(fault.kind)) this.#firstFaults.set(fault.kind, fault);
  }

  /** `startMs` to `endMs` is the planned window; answers that came later count, and so does their time. */
  close(window: { startMs: number; endMs: number }, generator: Round['generator']): Round {
    const answered = this.#latencies.count;
    const elapsedMs = Math.max(window.endMs, this.#lastAnswerMs) - window.startMs;
    const counts = FAULT_KINDS.flatMap((kind) => {
      const count = this.#counts.get(kind);
      return count === undefined ? [] : [[kind, count] as const];
    });
    return {
      requests: answered + this.#failed,
      answered,
      faults: Object.fromEntries(counts),
      latencyUs: {
        p50: this.#us(50),
        p90: this.#us(90),
        p95: this.#us(95),
        p99: this.#us(99),
        p999: this.#us(99.9),
        max: this.#us(100),
      },
      requestsPerSecond: elapsedMs > 0 ? answered / (elapsedMs / 1_000) : 0,
      reconnects: this.reconnects,
      waited: this.waited,
      generator,
    };
  }

  #us(percentile: number): number {
    const answered = this.#latencies.count;
    const amongAnswers = (percentile * (answered + this.#failed)) / Math.max(answered, 1);
    return answered === 0 || amongAnswers > 100 ? Number.POSITIVE_INFINITY : this.#latencies.us(amongAnswers);
  }
}

/** The sum of one count over rounds. */
export function total(rounds: readonly Round[], pick: (one: Round) => number): number {
  return rounds.reduce((sum, one) => sum + pick(one), 0);
}

/** Milliseconds of a percentile in `Round.latencyUs`, or of a difference of two. */
export function formatMs(us: number): string {
  if (us === Number.POSITIVE_INFINITY) return 'failed';
  const ms = us / 1_000;
  return Math.abs(ms) < 1 ? ms.toFixed(3) : round(ms);
}
