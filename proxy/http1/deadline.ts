// The one deadline of a connection: what must happen next, by when, and the reason when it does not. A caller
// that half-closed may still want its answer; one that went away does not, and TCP cannot tell them apart.
import type { Reason } from '../../core/reasons.ts';
import type { Sweeper } from '../sweeper.ts';

/** How long a half-closed caller is believed to want an answer that has not begun. */
const HALF_CLOSED_MS = 1_000;
/** How long the application may be silent within the answer to a half-closed caller. */
const HALF_CLOSED_SILENT_MS = 5_000;

export class Deadline {
  reason: Reason = 'idle-timeout';
  private atMs = Number.POSITIVE_INFINITY;
  private readonly sweeper: Sweeper;
  /** Coarse milliseconds at which the caller half-closed; 0 while it did not. */
  private halfClosedMs = 0;

  constructor(sweeper: Sweeper) {
    this.sweeper = sweeper;
  }

  /** True once the caller half-closed: no further byte comes from it. */
  get halfClosed(): boolean {
    return this.halfClosedMs !== 0;
  }

  passed(nowMs: number): boolean {
    return nowMs >= this.atMs;
  }

  arm(delayMs: number, reason: Reason): void {
    this.atMs = this.sweeper.nowMs + delayMs;
    this.reason = reason;
    if (this.halfClosedMs !== 0) this.bound();
  }

  /** The caller half-closed while a deadline was armed. */
  halfClose(): void {
    this.halfClosedMs = this.sweeper.nowMs;
    this.bound();
  }

  private bound(): void {
    const answering = this.reason === 'upstream-idle-timeout';
    // A caller that does not read is told from one that is gone by the reset that our bytes bring.
    if (!answering && this.reason !== 'upstream-timeout' && this.reason !== 'upstream-connect-timeout')
      return;
    const atMs = answering ? this.sweeper.nowMs + HALF_CLOSED_SILENT_MS : this.halfClosedMs + HALF_CLOSED_MS;
    if (atMs >= this.atMs) return;
    this.atMs = atMs;
    this.reason = 'client-closed';
  }
}
