// Time and timers, passed in so that tests own them. No other file calls setTimeout or Date.now on the data
// path.
import { performance } from 'node:perf_hooks';

/** A running timer. */
export interface Timer {
  cancel(): void;
}

/** Wall time, monotonic time and timers. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Monotonic milliseconds, fractional. */
  monotonicMs(): number;
  /** Runs `task` once after `delayMs`, or at the largest delay Node supports, whichever is shorter. */
  after(delayMs: number, task: () => void): Timer;
}

// setTimeout fires at once above 2^31-1 ms (24.8 days); a clamped timer's task looks at the clock and
// re-arms.
const TIMEOUT_MS_MAX = 2_147_483_647;

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, task) {
    const handle = setTimeout(task, Math.min(Math.max(0, delayMs), TIMEOUT_MS_MAX));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};
