// What every listener and connection of the process shares, wired once by the composition root.
import type { Clock } from '../core/clock.ts';
import type { Reason } from '../core/reasons.ts';
import type { Enforcement } from './decide.ts';
import type { Descriptors } from './descriptors.ts';
import type { Recorder } from './record/record.ts';
import type { RequestIds } from './request-ids.ts';
import type { Sweeper } from './sweeper.ts';

export interface Runtime {
  readonly clock: Clock;
  readonly sweeper: Sweeper;
  readonly enforcement: Enforcement;
  readonly recorder: Recorder;
  readonly ids: RequestIds;
  /** `tracing.sample`; null = tracing is off. */
  readonly sampleShare: number | null;
  readonly descriptors: Descriptors;
  /** Milliseconds between a swap that denies a request in flight and its reset. */
  readonly revokeGraceMs: number;
  /** True from the first SIGTERM: every answer says `Connection: close`. */
  draining: boolean;
  /** Tells about a defect of ours that was contained. */
  defect(error: unknown): void;
  /** Tells that an update was refused or a limit was met, for the operational log. */
  notice(reason: Reason, message: string): void;
}
