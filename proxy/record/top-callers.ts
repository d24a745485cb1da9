// sallyport_denied_total: denials of the callers that are denied most, in bounded memory.
// A caller outside the top is counted in `other`; when its own count passes the smallest of the top, it takes
// that place and starts at zero, and the displaced count moves to `other`. So every series only grows while
// it is shown, and the sum over all series is exact.
import { REASON_NAMES, type Reason } from '../../core/reasons.ts';
import type { ReasonIndex } from './counters.ts';
import { ownText } from './json-text.ts';

const CANDIDATES_MAX = 1000;

interface Caller {
  /** All denials ever seen, also those counted in `other` before it was shown. */
  total: number;
  readonly byReason: Float64Array;
}

/** Denials by verified caller and reason: at most `max` callers by name. */
export class TopCallers {
  readonly #index: ReasonIndex;
  readonly #max: number;
  readonly #top = new Map<string, Caller>();
  readonly #candidates = new Map<string, number>();
  readonly #other = new Float64Array(REASON_NAMES.length);
  /** A lower bound of the smallest total in the top: totals only grow. */
  #floor = 0;

  constructor(index: ReasonIndex, max = 100) {
    this.#index = index;
    this.#max = max;
  }

  /** Counts one denial; a null principal is a plaintext caller and never gets a name. */
  add(principal: string | null, reason: Reason): void {
    const slot = this.#index.get(reason) ?? 0;
    const caller = principal === null ? undefined : this.#callerOf(principal);
    if (caller !== undefined) caller.total++;
    const values = caller?.byReason ?? this.#other;
    values[slot] = (values[slot] ?? 0) + 1;
  }

  /** Calls `visit` for every value that is not zero. */
  each(visit: (source: string, reason: Reason, value: number) => void): void {
    for (const [source, { byReason }] of this.#top) visitValues(source, byReason, visit);
    visitValues('other', this.#other, visit);
  }

  #callerOf(principal: string): Caller | undefined {
    const known = this.#top.get(principal);
    if (known !== undefined) return known;
    if (this.#top.size < this.#max) return this.#show(principal, 0);
    const seen = (this.#candidates.get(principal) ?? 0) + 1;
    if (seen <= this.#floor || !this.#displaceBelow(seen)) {
      // Forgetting every candidate is fair: each starts again, and those denied most come back first.
      if (this.#candidates.size >= CANDIDATES_MAX) this.#candidates.clear();
      this.#candidates.set(ownText(principal), seen);
      return undefined;
    }
    this.#candidates.delete(principal);
    return this.#show(principal, seen - 1);
  }

  #show(principal: string, total: number): Caller {
    const caller = { total, byReason: new Float64Array(REASON_NAMES.length) };
    this.#top.set(ownText(principal), caller);
    return caller;
  }

  /** Moves the smallest of the top into `other` when it is below `total`. */
  #displaceBelow(total: number): boolean {
    let smallest = '';
    this.#floor = Number.POSITIVE_INFINITY;
    for (const [source, caller] of this.#top) {
      if (caller.total >= this.#floor) continue;
      this.#floor = caller.total;
      smallest = source;
    }
    const displaced = this.#top.get(smallest);
    if (displaced === undefined || displaced.total >= total) return false;
    this.#top.delete(smallest);
    displaced.byReason.forEach((value, slot) => {
      this.#other[slot] = (this.#other[slot] ?? 0) + value;
    });
    return true;
  }
}

function visitValues(
  source: string,
  values: Float64Array,
  visit: (source: string, reason: Reason, value: number) => void,
): void {
  REASON_NAMES.forEach((reason, slot) => {
    const value = values[slot] ?? 0;
    if (value > 0) visit(source, reason, value);
  });
}
