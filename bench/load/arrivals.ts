// When requests are due in an open loop, whether or not anybody can send them: the clock of each.
// Timers are a millisecond coarse, and that is not the server's doing: the clock of a request starts when the
// loop sees that it is due, and how late it saw that is a figure of its own. Waiting for a free connection is
// the server's doing, and counts (no coordinated omission).
import { Latencies } from './latencies.ts';

/** Woken later than that (p99), requests come in bursts instead of at a rate. Timers alone are 1 ms late. */
export const LATE_US_MAX = 10_000;

export class Arrivals {
  readonly total: number;
  readonly #everyMs: number;
  readonly #startMs: number;
  readonly #countedFrom: number;
  readonly #lateness = new Latencies();
  /** Clocks of those that wait, a ring from #taken to #due; it grows with what waits, not with the total. */
  #clocks = new Float64Array(1_024);
  #due = 0;
  #taken = 0;

  /** `total` requests from `startMs` on; the lateness of those before `countedFrom` is not counted. */
  constructor(options: { perSecond: number; total: number; startMs: number; countedFrom?: number }) {
    this.total = options.total;
    this.#everyMs = 1_000 / options.perSecond;
    this.#startMs = options.startMs;
    this.#countedFrom = options.countedFrom ?? 0;
  }

  /** How many are due and not taken. */
  get waiting(): number {
    return this.#due - this.#taken;
  }

  /** How many were taken: the number of the next one, from 0. */
  get taken(): number {
    return this.#taken;
  }

  /** Microseconds; NaN before the first. */
  get lateUsP99(): number {
    return this.#lateness.us(99);
  }

  /** Starts the clocks of all that are due at `nowMs`. */
  see(nowMs: number): void {
    for (; this.#due < this.total; this.#due++) {
      const lateMs = nowMs - (this.#startMs + this.#due * this.#everyMs);
      if (lateMs < 0) return;
      if (this.#due >= this.#countedFrom) this.#lateness.addMs(lateMs);
      if (this.waiting === this.#clocks.length) this.#grow();
      this.#clocks[this.#due % this.#clocks.length] = nowMs;
    }
  }

  /** The clock of the one that waits longest; NaN when none does. */
  peekMs(): number {
    return this.waiting === 0 ? Number.NaN : (this.#clocks[this.#taken % this.#clocks.length] ?? Number.NaN);
  }

  /** Takes it, to be sent. */
  takeMs(): number {
    const clockMs = this.peekMs();
    this.#taken++;
    return clockMs;
  }

  #grow(): void {
    const larger = new Float64Array(this.#clocks.length * 2);
    for (let i = this.#taken; i < this.#due; i++)
      larger[i % larger.length] = this.#clocks[i % this.#clocks.length] ?? Number.NaN;
    this.#clocks = larger;
  }
}
