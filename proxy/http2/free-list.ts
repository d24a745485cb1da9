// Memory that is used again. It grows with a busy moment and shrinks after it: what was not needed for a
// while goes to the collector, a little at a time.

/** Kept whatever happens: for the next request. */
const KEPT = 16;
/** Of what lay unused since the last call, `trim` drops one in so many. */
const TRIM_SHARE = 16;

export class FreeList<T> {
  private readonly free: T[] = [];
  private readonly most: number;
  /** The fewest that were free since `trim`. */
  private least = 0;

  constructor(most: number) {
    this.most = most;
  }

  take(): T | undefined {
    const taken = this.free.pop();
    if (this.free.length < this.least) this.least = this.free.length;
    return taken;
  }

  give(one: T): void {
    if (this.free.length < this.most) this.free.push(one);
  }

  /** Drops some of what lies unused; called at every tick of the sweeper. */
  trim(): void {
    const unused = Math.min(this.least, this.free.length - KEPT);
    if (unused > 0) this.free.length -= Math.ceil(unused / TRIM_SHARE);
    this.least = this.free.length;
  }

  /** How many are free. */
  get length(): number {
    return this.free.length;
  }
}
