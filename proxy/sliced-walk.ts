// Does something to every connection without holding the event loop: slices of at most 5 ms, the loop runs
// between two.
import type { Clock, Timer } from '../core/clock.ts';

const SLICE_MS = 5;
/** How many items are visited between two looks at the clock. */
const BATCH = 16;

export class SlicedWalk<T> {
  private readonly clock: Clock;
  private readonly items: () => Iterable<T>;
  private readonly visit: (item: T) => void;
  private queue: Iterator<T> | null = null;
  private timer: Timer | null = null;

  constructor(clock: Clock, items: () => Iterable<T>, visit: (item: T) => void) {
    this.clock = clock;
    this.items = items;
    this.visit = visit;
  }

  /** Visits everything there is now; a walk that is under way starts over. The first slice runs at once. */
  start(): void {
    this.queue = [...this.items()][Symbol.iterator]();
    if (this.timer === null) this.slice();
  }

  close(): void {
    this.timer?.cancel();
    this.timer = null;
    this.queue = null;
  }

  private slice(): void {
    this.timer = null;
    const untilMs = this.clock.monotonicMs() + SLICE_MS;
    while (this.queue !== null) {
      for (let i = 0; i < BATCH; i++) {
        const next = this.queue.next();
        if (next.done === true) {
          this.queue = null;
          return;
        }
        this.visit(next.value);
      }
      if (this.clock.monotonicMs() < untilMs) continue;
      this.timer = this.clock.after(0, () => this.slice());
      return;
    }
  }
}
