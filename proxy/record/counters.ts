// Pre-bound counter slots in typed arrays: what the hot path increments without allocating, and reads back at
// a scrape.
import { REASON_NAMES, type Reason } from '../../core/reasons.ts';

/** Index of each reason in REASON_NAMES. */
export type ReasonIndex = ReadonlyMap<Reason, number>;

/** Builds the index once per registry. */
export function indexReasons(): ReasonIndex {
  return new Map(REASON_NAMES.map((reason, index) => [reason, index]));
}

/** One value per listener and reason. */
export class ReasonCounters {
  readonly #index: ReasonIndex;
  readonly #values: Float64Array;

  constructor(index: ReasonIndex, listeners: number) {
    this.#index = index;
    this.#values = new Float64Array(listeners * REASON_NAMES.length);
  }

  add(listener: number, reason: Reason): void {
    const slot = listener * REASON_NAMES.length + (this.#index.get(reason) ?? 0);
    this.#values[slot] = (this.#values[slot] ?? 0) + 1;
  }

  /** Calls `visit` for every value that is not zero. */
  each(visit: (listener: number, reason: Reason, value: number) => void): void {
    this.#values.forEach((value, slot) => {
      const reason = REASON_NAMES[slot % REASON_NAMES.length];
      if (value > 0 && reason !== undefined) visit(Math.floor(slot / REASON_NAMES.length), reason, value);
    });
  }
}

const STATUS_MAX = 599;
/** Stands for a status outside 100 to 599, and for every status once the series are used up. */
const STATUS_OTHER = 1023;
const SERIES_MAX = 4096;

/**
 * Requests by listener, verdict, reason and status. An application may answer any status, so that series are
 * made as they appear: packed key `listener | denied (1 bit) | reason (8 bits) | status (10 bits)` -> slot.
 */
export class RequestCounters {
  readonly #index: ReasonIndex;
  readonly #slots = new Map<number, number>();
  readonly #values: Float64Array;

  constructor(index: ReasonIndex, listeners: number) {
    this.#index = index;
    // Past SERIES_MAX there is still room for one `other` of every listener, verdict and reason.
    this.#values = new Float64Array(SERIES_MAX + listeners * 2 * REASON_NAMES.length);
  }

  add(listener: number, denied: boolean, reason: Reason, status: number): void {
    const code = status === 0 || (status >= 100 && status <= STATUS_MAX) ? status : STATUS_OTHER;
    const group = ((listener << 1) | (denied ? 1 : 0)) << 18;
    const key = group | ((this.#index.get(reason) ?? 0) << 10) | code;
    const slot = this.#slots.get(key) ?? this.#newSlot(key);
    this.#values[slot] = (this.#values[slot] ?? 0) + 1;
  }

  each(
    visit: (listener: number, denied: boolean, reason: Reason, code: string, value: number) => void,
  ): void {
    for (const [key, slot] of this.#slots) {
      const status = key & 1023;
      const reason = REASON_NAMES[(key >> 10) & 255] ?? 'internal-error';
      const code = status === STATUS_OTHER ? 'other' : String(status);
      visit(key >> 19, ((key >> 18) & 1) === 1, reason, code, this.#values[slot] ?? 0);
    }
  }

  #newSlot(key: number): number {
    const bounded = this.#slots.size < SERIES_MAX ? key : key | STATUS_OTHER;
    const known = this.#slots.get(bounded);
    if (known !== undefined) return known;
    const slot = this.#slots.size;
    this.#slots.set(bounded, slot);
    return slot;
  }
}

/** Observations per listener in fixed buckets. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly #counts: Float64Array;
  readonly #sums: Float64Array;

  constructor(bounds: readonly number[], listeners: number) {
    this.bounds = bounds;
    this.#counts = new Float64Array(listeners * (bounds.length + 1));
    this.#sums = new Float64Array(listeners);
  }

  observe(listener: number, value: number): void {
    const bounds = this.bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++;
    const slot = listener * (bounds.length + 1) + bucket;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
    this.#sums[listener] = (this.#sums[listener] ?? 0) + value;
  }

  /** Cumulative counts by bucket (the last is `+Inf`, the total) and the sum of one listener. */
  read(listener: number): { counts: readonly number[]; sum: number } {
    const start = listener * (this.bounds.length + 1);
    let total = 0;
    const counts = [...this.#counts.subarray(start, start + this.bounds.length + 1)].map((n) => {
      total += n;
      return total;
    });
    return { counts, sum: this.#sums[listener] ?? 0 };
  }
}
