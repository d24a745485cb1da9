// What a run against a target measured, as `--json` writes it; the text is made from it.

import type { Side } from './endpoint.ts';
import type { Fault } from './faults.ts';
import type { Probe } from './probe.ts';
import type { RateRounds } from './rounds.ts';
import type { Judgement } from './slo.ts';

/** Raised when a reader of an older file would misread a newer one. */
export const TARGET_SCHEMA = 1;

/** One side: what was called, and what it answered before the load. */
export interface SideResult {
  readonly url: string;
  readonly method: string;
  readonly probe: Probe;
  /** The first failure of each kind. */
  readonly firstFaults: readonly Fault[];
}

export interface TargetResult {
  readonly schema: typeof TARGET_SCHEMA;
  /** ISO 8601. */
  readonly at: string;
  readonly tookSeconds: number;
  readonly machine: { readonly cpu: string; readonly cpus: number; readonly node: string };
  /** Stopped by Ctrl-C: rounds are missing. */
  readonly interrupted: boolean;
  /** Nothing about the servers was verified. */
  readonly insecure: boolean;
  readonly load: {
    readonly connections: number;
    readonly seconds: number;
    readonly warmupSeconds: number;
    readonly timeoutSeconds: number;
    readonly rounds: number;
  };
  readonly sides: { readonly target: SideResult; readonly direct: SideResult | null };
  /**
   * Every round at every rate. Latencies in microseconds; null is a percentile that falls among failed
   * requests (JSON has no infinity).
   */
  readonly rates: readonly RateRounds[];
  readonly objectives: readonly (Judgement & { readonly perSecond: number })[];
}

/** The sides that were measured. */
export function sidesOf({ sides }: TargetResult): [Side, SideResult][] {
  return sides.direct === null
    ? [['target', sides.target]]
    : [
        ['target', sides.target],
        ['direct', sides.direct],
      ];
}
