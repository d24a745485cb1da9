// The time in which the application could not write because the caller did not read.
import type { UpstreamLink } from '../forward/upstream-link.ts';
import { Stopwatch } from './stopwatch.ts';

export class HeldResponse {
  /** The application's side is not read. */
  held = false;
  private readonly stalled: Stopwatch;

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.stalled = new Stopwatch(now);
  }

  reset(): void {
    this.held = false;
    this.stalled.reset();
  }

  hold(upstream: UpstreamLink): void {
    this.held = true;
    this.stalled.start();
    upstream.pause();
  }

  resume(upstream: UpstreamLink): void {
    if (this.held) upstream.resume();
    this.held = false;
    this.stalled.stop();
  }

  /** Gives `upstream` back after its response. */
  release(upstream: UpstreamLink): void {
    this.resume(upstream);
    upstream.release(this.stalled.totalMs);
  }
}
