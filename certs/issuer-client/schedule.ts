// When to ask the issuer: at half life and not all at once, and after failures less and less often, but
// always several times before the SVID ends.
import { backOffMs } from '../back-off.ts';

/** Of what is left of the lifetime: the bounds of the first attempt, whatever the issuer said. */
const EARLIEST_SHARE = 0.1;
const LATEST_SHARE = 2 / 3;
const JITTER = 0.1;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;
/** Attempts that would fit into the lifetime of an SVID: at least ten of them lie between renewal and end. */
const ATTEMPTS_MIN = 60;

/** Unix milliseconds. */
export interface Lifetime {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * When to renew an SVID that was issued at `nowMs`: at `renewAtMs`, 10 % of the delay earlier or later.
 * `random`: 0 to 1. However the clocks differ, it is never at once and never too late.
 */
export function renewalTime(
  { notBeforeMs, notAfterMs }: Lifetime,
  from: { readonly nowMs: number; readonly renewAtMs: number },
  random: number,
): number {
  const startMs = Math.max(notBeforeMs, Math.min(from.nowMs, notAfterMs));
  const leftMs = notAfterMs - startMs;
  const delayMs = Math.min(
    Math.max(from.renewAtMs - startMs, leftMs * EARLIEST_SHARE),
    leftMs * LATEST_SHARE,
  );
  return startMs + Math.max(delayMs * (1 - JITTER + 2 * JITTER * random), RETRY_MS_MIN);
}

/**
 * How long to wait after the `failures`-th failure in a row, milliseconds: 1 s, doubled each time, up to 60 s
 * or a sixtieth of the lifetime, half more or less. `random`: 0 to 1.
 */
export function retryDelay(failures: number, lifetimeMs: number | null, random: number): number {
  const most = Math.min(RETRY_MS_MAX, (lifetimeMs ?? Infinity) / ATTEMPTS_MIN);
  const bounds = { firstMs: RETRY_MS_MIN, mostMs: Math.max(RETRY_MS_MIN, most) };
  return backOffMs(failures, bounds) * (0.5 + random);
}
