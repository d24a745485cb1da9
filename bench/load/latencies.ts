// Latencies of one window in an HDR histogram (three significant digits): constant memory, no allocation per
// request, and a tail that is as exact as the middle.
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { LatencyUs } from '../result.ts';

/** 100 ns to 10 minutes, counted in nanoseconds. */
const RANGE = { lowest: 100, highest: 600e9, figures: 3 };

/** Percentiles of the curve: dense where the nines are. */
const CURVE = [
  0, 10, 25, 50, 62.5, 75, 82.5, 87.5, 90, 92.5, 95, 96.5, 97.5, 98.25, 99, 99.35, 99.5, 99.65, 99.75, 99.85,
  99.9, 99.95, 99.975, 99.99, 99.995, 99.999,
];

export type Curve = readonly (readonly [percentile: number, us: number])[];

export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram(RANGE);

  /** Adds one sample in milliseconds; less than the histogram can tell counts as its smallest value. */
  addMs(ms: number): void {
    const ns = Math.round(ms * 1e6);
    this.#histogram.record(ns < RANGE.lowest ? RANGE.lowest : Math.min(ns, RANGE.highest));
  }

  get count(): number {
    return this.#histogram.count;
  }

  /** Microseconds at `percentile` (0 to 100); NaN when nothing was added. */
  us(percentile: number): number {
    if (this.count === 0) return Number.NaN;
    return (percentile === 0 ? this.#histogram.min : this.#histogram.percentile(percentile)) / 1_000;
  }

  summary(): LatencyUs {
    return {
      p50: this.us(50),
      p90: this.us(90),
      p95: this.us(95),
      p99: this.us(99),
      p999: this.us(99.9),
      max: this.us(100),
    };
  }

  /** The distribution, as far out as one sample at least lies beyond. */
  curve(): Curve {
    return CURVE.filter((percentile) => (1 - percentile / 100) * this.count >= 1).map((percentile) => [
      percentile,
      this.us(percentile),
    ]);
  }
}
