// When a bundle endpoint is asked next. SPIFFE Federation sections 4.1 and 6.2.
import { backOffMs } from '../back-off.ts';

/** Between two polls, milliseconds. Section 4.1 recommends 5 minutes where the document says nothing. */
export const REFRESH_MS = { default: 300_000, min: 10_000, max: 86_400_000 } as const;

export interface PollState {
  /** Of the last good document; null when it gave none. */
  readonly refreshHintMs: number | null;
  /** In a row; 0 after a success. */
  readonly failures: number;
  /** Bounds of the hint, milliseconds. */
  readonly refreshMinMs: number;
  readonly refreshMaxMs: number;
  /** From 0 to below 1. */
  readonly random: number;
}

// Pollers drift apart, and a hint is never exceeded.
const POLL_JITTER = 0.1;
// Those whom one outage has synchronized come back over half of the delay.
const RETRY_JITTER = 0.5;

/**
 * Milliseconds until the next fetch. After failures it doubles from `refreshMinMs` to the polling interval,
 * but to no more than 5 minutes: section 6.2 would wait out the interval, which may be a day.
 */
export function pollDelayMs(state: PollState): number {
  const { refreshHintMs, failures, refreshMinMs, refreshMaxMs, random } = state;
  const intervalMs = Math.min(Math.max(refreshHintMs ?? REFRESH_MS.default, refreshMinMs), refreshMaxMs);
  if (failures === 0) return intervalMs * (1 - POLL_JITTER * random);
  const mostMs = Math.min(intervalMs, REFRESH_MS.default);
  const retryMs = backOffMs(failures, { firstMs: refreshMinMs, mostMs });
  return retryMs * (1 - RETRY_JITTER * random);
}
