// The open streams of a connection by their number.
// PERF: not a Map: one that loses an entry for each that it gets is copied again and again, and V8 keeps
// what the copies hold until it collects the whole heap (resident memory grew by 60 MB under load).
import type { Stream } from './stream.ts';

const SLOTS_AT_FIRST = 16;

/** Open addressing with linear probing; numbers of one side go up by two. */
export class StreamTable {
  size = 0;
  private slots: (Stream | null)[] = new Array<Stream | null>(SLOTS_AT_FIRST).fill(null);

  get(id: number): Stream | undefined {
    return this.slots[this.find(id)] ?? undefined;
  }

  /** Adds `stream` under its number, which no other has. */
  add(stream: Stream): void {
    if (2 * (this.size + 1) > this.slots.length) this.grow();
    this.slots[this.find(stream.id)] = stream;
    this.size++;
  }

  /** Takes the stream with number `id` out; false when there is none. */
  delete(id: number): boolean {
    const { slots } = this;
    const mask = slots.length - 1;
    let free = this.find(id);
    if (slots[free] === null) return false;
    slots[free] = null;
    this.size--;
    // What was put further on because of it moves back, so that a search may end at an empty slot.
    for (let at = (free + 1) & mask; ; at = (at + 1) & mask) {
      const stream = slots[at] ?? null;
      if (stream === null) return true;
      const wanted = (stream.id >>> 1) & mask;
      if (((at - wanted) & mask) < ((at - free) & mask)) continue;
      slots[free] = stream;
      slots[at] = null;
      free = at;
    }
  }

  /** All of them, as they are now. */
  all(): Stream[] {
    return this.slots.filter((stream) => stream !== null);
  }

  /** Where `id` is, or would be. */
  private find(id: number): number {
    const { slots } = this;
    const mask = slots.length - 1;
    let at = (id >>> 1) & mask;
    for (let stream = slots[at]; stream !== null && stream !== undefined && stream.id !== id; ) {
      at = (at + 1) & mask;
      stream = slots[at];
    }
    return at;
  }

  private grow(): void {
    const before = this.all();
    this.slots = new Array<Stream | null>(2 * this.slots.length).fill(null);
    for (const stream of before) this.slots[this.find(stream.id)] = stream;
  }
}
