// Counts of requests with the time over which they were seen.

/** When requests were seen, milliseconds since the epoch; infinite when none was. */
export interface Span {
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Counts requests, here and in `also`. */
export class Tally implements Span {
  requests = 0;
  firstMs = Number.POSITIVE_INFINITY;
  lastMs = Number.NEGATIVE_INFINITY;
  readonly #also: readonly Tally[];

  constructor(also: readonly Tally[] = []) {
    this.#also = also;
  }

  add(count: number, firstMs: number, lastMs: number): void {
    this.requests += count;
    if (firstMs < this.firstMs) this.firstMs = firstMs;
    if (lastMs > this.lastMs) this.lastMs = lastMs;
    const also = this.#also;
    for (let i = 0; i < also.length; i++) also[i]?.add(count, firstMs, lastMs);
  }
}
