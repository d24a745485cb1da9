// Data of one stream that waits for a window or for the socket, in memory that is used again.
// PERF: with a new buffer for each piece, a thousand busy streams took 30 MB more than they held
// (node bench/main.ts streams).
import { Buffer } from 'node:buffer';
import { FreeList } from './free-list.ts';

/** Half of what a frame brings: larger ones stay half empty. */
const BLOCK_BYTES = 8_192;
/** A shorter piece that nothing waits before gets memory of its own size: a byte must not hold a block. */
const BLOCK_SHARE_MIN = 1_024;
/** Free blocks, 16 MiB at most. */
const FREE_MAX = 2_048;

/** The blocks of a process. */
export class DataBlocks {
  readonly free = new FreeList<Buffer>(FREE_MAX);

  take(): Buffer {
    return this.free.take() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  give(block: Buffer): void {
    this.free.give(block);
  }
}

interface Piece {
  readonly bytes: Buffer;
  /** It is a block, and goes back. */
  readonly lent: boolean;
  from: number;
  to: number;
}

export class DataQueue {
  private readonly blocks: DataBlocks;
  private readonly pieces: Piece[] = [];

  constructor(blocks: DataBlocks) {
    this.blocks = blocks;
  }

  get empty(): boolean {
    return this.pieces.length === 0;
  }

  /** True when `first` is all there is. */
  get single(): boolean {
    return this.pieces.length === 1;
  }

  /** The bytes that wait longest; valid until `drop`. */
  get first(): Readonly<Piece> | undefined {
    return this.pieces[0];
  }

  /** Copies `chunk[start, end)` behind what waits. */
  push(chunk: Buffer, start: number, end: number): void {
    let at = start;
    const last = this.pieces.at(-1);
    if (last !== undefined) at += this.fill(last, chunk, start, end);
    else if (end - start < BLOCK_SHARE_MIN && start < end) {
      const bytes = Buffer.from(chunk.subarray(start, end));
      this.pieces.push({ bytes, lent: false, from: 0, to: bytes.length });
      return;
    }
    while (at < end) {
      const piece = { bytes: this.blocks.take(), lent: true, from: 0, to: 0 };
      this.pieces.push(piece);
      at += this.fill(piece, chunk, at, end);
    }
  }

  /** The first `count` bytes of the first piece are gone. */
  drop(count: number): void {
    const first = this.pieces[0];
    if (first === undefined) return;
    first.from += count;
    if (first.from < first.to) return;
    this.pieces.shift();
    if (first.lent) this.blocks.give(first.bytes);
  }

  clear(): void {
    for (const { lent, bytes } of this.pieces) if (lent) this.blocks.give(bytes);
    this.pieces.length = 0;
  }

  /** Copies what there is room for behind the bytes of `piece`, and says how much that was. */
  private fill(piece: Piece, chunk: Buffer, start: number, end: number): number {
    if (!piece.lent) return 0;
    const count = chunk.copy(piece.bytes, piece.to, start, end);
    piece.to += count;
    return count;
  }
}
