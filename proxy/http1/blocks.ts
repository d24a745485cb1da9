// Memory for bodies on their way to a caller, used again once the socket is done with it.
// PERF: a new buffer for every read of 64 KiB keeps the collector marking the whole heap
// (node bench/main.ts bodies).
import { Buffer } from 'node:buffer';

/** What one read of the application brings, and a head before it. */
const BLOCK_BYTES = 69_632;
/** Less would hold more memory than the back-pressure counts. */
const PIECE_BYTES_MIN = 49_152;
/** Free blocks kept, 4.25 MiB. What more there was in a busy moment is left to the collector. */
const FREE_MAX = 64;

export interface Block {
  readonly bytes: Buffer;
  /** For the callback of the write: from then on the memory is somebody else's. */
  readonly release: () => void;
}

/** The blocks of one listener. */
export class Blocks {
  private readonly free: (Block & { lent: boolean })[] = [];

  /** A block for `length` bytes; null when that is too little or too much for one. */
  take(length: number): Block | null {
    if (length < PIECE_BYTES_MIN || length > BLOCK_BYTES) return null;
    const block = this.free.pop();
    if (block === undefined) return this.create();
    block.lent = true;
    return block;
  }

  private create(): Block & { lent: boolean } {
    const block = {
      bytes: Buffer.allocUnsafeSlow(BLOCK_BYTES),
      lent: true,
      // A stream calls a write's callback once; were it twice, two callers would share the memory.
      release: () => {
        if (block.lent && this.free.length < FREE_MAX) this.free.push(block);
        block.lent = false;
      },
    };
    return block;
  }
}
