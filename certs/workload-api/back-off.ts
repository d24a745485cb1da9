// How long to wait before the Workload API is asked again.
import { backOffMs } from '../back-off.ts';

/**
 * `away`: nobody answers, or not as long as hoped. `denied`: there is no identity yet; SPIRE's agent learns
 * of new ones every 5 s. `refused`: asking again will hardly help, but an agent may be replaced.
 */
export type WaitKind = 'away' | 'denied' | 'refused';

const FIRST_MS = 1_000;
const MOST_MS: Readonly<Record<WaitKind, number>> = { away: 30_000, denied: 5_000, refused: 60_000 };
/** So that the workloads of a machine do not ask an agent that comes back all at once. */
const JITTER = 0.5;

/** Milliseconds to wait after the `failures`-th failure in a row, from 1 s on. `random`: 0 to 1. */
export function waitMs(kind: WaitKind, failures: number, random: number): number {
  const mostMs = MOST_MS[kind];
  const wait = kind === 'refused' ? mostMs : backOffMs(failures, { firstMs: FIRST_MS, mostMs });
  return Math.max(FIRST_MS, wait * (1 - JITTER * random));
}
