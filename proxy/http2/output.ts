// Bytes on their way to one peer: frames that are put together and sent in one write, once everything that
// came in the same turn of the event loop has been looked at.
import { Buffer } from 'node:buffer';
import { FreeList } from './free-list.ts';

const BYTES_AT_FIRST = 16_384;
/** A larger buffer is left to the collector. */
const BYTES_KEPT = 65_536;
/** Free outputs, 4 MiB at most. */
const FREE_MAX = 64;

export class Output {
  bytes = Buffer.allocUnsafeSlow(BYTES_AT_FIRST);
  length = 0;
  /** For the callback of the write: from then on the memory is somebody else's. */
  readonly release: () => void;

  constructor(give: (output: Output) => void = () => undefined) {
    this.release = () => give(this);
  }

  /** Makes room for `count` bytes more and counts them in; returns where they go. */
  reserve(count: number): number {
    const at = this.length;
    const wanted = at + count;
    if (wanted > this.bytes.length) this.grow(wanted);
    this.length = wanted;
    return at;
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.grow(this.length + 1);
    this.bytes[this.length++] = value;
  }

  /** Appends `source[start, end)`. */
  copy(source: Uint8Array, start: number, end: number): void {
    const at = this.reserve(end - start);
    // PERF: a call into C++ costs more than a short loop.
    if (end - start < 48) for (let i = start; i < end; i++) this.bytes[at + i - start] = source[i] ?? 0;
    else this.bytes.set(source.subarray(start, end), at);
  }

  private grow(wanted: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.bytes.length));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}

/** What has an output that waits to be sent. */
export interface Flushable {
  flush(): void;
}

/** The outputs of a process, and who waits with one. */
export class Outputs {
  private waiting: Flushable[] = [];
  private running: Flushable[] = [];
  readonly free = new FreeList<Output>(FREE_MAX);
  /** Counts the turns of the event loop in which something was sent. */
  turn = 0;
  private scheduled: NodeJS.Immediate | null = null;
  private readonly run = (): void => this.flushAll();
  private readonly give = (output: Output): void => {
    if (output.bytes.length > BYTES_KEPT) return;
    output.length = 0;
    this.free.give(output);
  };

  /** An empty output for `owner`, which is flushed at the end of this turn. */
  take(owner: Flushable): Output {
    this.waiting.push(owner);
    // PERF: after all sockets of this turn were read: one write then holds what all of them caused.
    this.scheduled ??= setImmediate(this.run);
    return this.free.take() ?? new Output(this.give);
  }

  private flushAll(): void {
    this.scheduled = null;
    this.turn++;
    const { waiting } = this;
    this.waiting = this.running;
    this.running = waiting;
    for (let i = 0; i < waiting.length; i++) waiting[i]?.flush();
    waiting.length = 0;
  }
}
