// Whether something comes at a steady pace, told from windows alone. Between the last request of one window
// and the last of the next that has any lie exactly the requests of the latter: their number gives the mean
// interval, without knowing each request.

const INTERVALS_MIN = 5;
const REQUESTS_MIN = 10;
/** Standard deviation over mean: below, intervals are called equal. Poisson arrivals one by one have 1. */
const VARIATION_MAX = 0.5;

/** Follows one row of windows, in constant memory (Welford's method). */
export class Pace {
  #lastMs = Number.NaN;
  #requests = 0;
  #intervals = 0;
  #meanMs = 0;
  #squares = 0;

  window(lastSeenMs: number, count: number): void {
    const elapsedMs = lastSeenMs - this.#lastMs;
    this.#lastMs = lastSeenMs;
    this.#requests += count;
    if (!(elapsedMs > 0)) return; // the first one, or another proxy's
    const intervalMs = elapsedMs / count;
    this.#intervals++;
    const off = intervalMs - this.#meanMs;
    this.#meanMs += off / this.#intervals;
    this.#squares += off * (intervalMs - this.#meanMs);
  }

  /** What follows is another proxy's: it is no interval to what was. */
  interrupt(): void {
    this.#lastMs = Number.NaN;
  }

  /** The interval, milliseconds, when it was the same again and again; else null. */
  steadyMs(): number | null {
    if (this.#requests < REQUESTS_MIN || this.#intervals < INTERVALS_MIN) return null;
    const deviation = Math.sqrt(this.#squares / this.#intervals);
    return deviation <= VARIATION_MAX * this.#meanMs ? this.#meanMs : null;
  }
}
