// Whether anybody is still there. A connection that carries many requests is not given up with one of them,
// as one of HTTP/1.1 is. But when nothing came since a request was sent that is given up, it may be dead.

/** For less than that anybody may be silent. */
const SILENT_MS = 1_000;

export class Silence {
  private readonly coarseNow: () => number;
  private heardMs: number;

  /** `coarseNow`: coarse monotonic milliseconds. */
  constructor(coarseNow: () => number) {
    this.coarseNow = coarseNow;
    this.heardMs = coarseNow();
  }

  heard(): void {
    this.heardMs = this.coarseNow();
  }

  /** True when nothing came since `sentMs`, a while ago. */
  lastsSince(sentMs: number): boolean {
    return this.heardMs <= sentMs && this.coarseNow() - sentMs >= SILENT_MS;
  }
}
