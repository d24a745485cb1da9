// Adds up the time of intervals, so that a duration can be told without them.

export class Stopwatch {
  /** Milliseconds of all intervals that were stopped. */
  totalMs = 0;
  private sinceMs = -1;
  private readonly now: () => number;

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.now = now;
  }

  reset(): void {
    this.totalMs = 0;
    this.sinceMs = -1;
  }

  /** Begins an interval, unless one runs. */
  start(): void {
    if (this.sinceMs < 0) this.sinceMs = this.now();
  }

  stop(): void {
    if (this.sinceMs < 0) return;
    this.totalMs += this.now() - this.sinceMs;
    this.sinceMs = -1;
  }
}
