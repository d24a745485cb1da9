// What all sessions of a process share, memory and the turn in which they send; and what bounds each.
import { createReadBuffer } from '../shared-read.ts';
import type { Swept } from '../sweeper.ts';
import { DataBlocks } from './data-queue.ts';
import { Scratch } from './hpack/decoder.ts';
import { Outputs } from './output.ts';

export class SessionParts implements Swept {
  readonly outputs = new Outputs();
  readonly scratch = new Scratch();
  readonly dataBlocks = new DataBlocks();
  /** Where callers' connections are read to. INVARIANT: nobody keeps a range of it beyond the call. */
  readonly readMemory = createReadBuffer();

  sweep(): void {
    this.outputs.free.trim();
    this.dataBlocks.free.trim();
  }
}

/** What one connection may bring. */
export interface SessionBounds {
  /** Of a header block as it is on the wire. */
  readonly headBytesMax: number;
  /** Streams at a time. */
  readonly streamsMax: number;
  /** Now, in coarse monotonic milliseconds. */
  readonly nowMs: number;
}
