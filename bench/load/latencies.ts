// Latency samples of one window, in microseconds, in a growing typed array: no allocation per request.
import { quantile } from '../statistics.ts';

export class Latencies {
  #samples = new Float32Array(1 << 18);
  #count = 0;

  /** Adds one sample in milliseconds. */
  addMs(ms: number): void {
    if (this.#count === this.#samples.length) {
      const larger = new Float32Array(this.#samples.length * 2);
      larger.set(this.#samples);
      this.#samples = larger;
    }
    this.#samples[this.#count++] = ms * 1_000;
  }

  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.#count = 0;
  }

  summary(): { latencyUsP50: number; latencyUsP99: number; latencyUsMax: number } {
    const sorted = this.#samples.slice(0, this.#count).sort();
    return {
      latencyUsP50: quantile(sorted, 0.5),
      latencyUsP99: quantile(sorted, 0.99),
      latencyUsMax: sorted.at(-1) ?? Number.NaN,
    };
  }
}
