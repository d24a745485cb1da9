// A header block that comes in pieces: a HEADERS frame and CONTINUATION frames (RFC 9113 section 4.3).
// Nothing else may come in between, and the pieces are few and small enough.
import { Buffer } from 'node:buffer';
import { FRAME_BYTES_MAX } from './frame.ts';

/** What the HEADERS frame of a block says. */
export interface BlockHead {
  readonly streamId: number;
  /** Nothing follows on the stream. */
  readonly last: boolean;
}

/** Pieces of a block beyond those that its size needs. */
const SPARE_PIECES = 8;
const NONE = Buffer.alloc(0);

export class HeaderBlock {
  /** Null while no block is incomplete. */
  head: BlockHead | null = null;
  bytes = NONE;
  length = 0;
  private pieces = 0;
  private readonly bytesMax: number;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  begin(head: BlockHead): void {
    this.head = head;
    this.length = 0;
    this.pieces = 0;
  }

  /** Appends `piece[start, end)`; false when there are too many pieces or too many bytes. */
  add(piece: Buffer, start: number, end: number): boolean {
    const wanted = this.length + end - start;
    if (wanted > this.bytesMax) return false;
    if (++this.pieces > SPARE_PIECES + this.bytesMax / FRAME_BYTES_MAX) return false;
    if (wanted > this.bytes.length) this.grow(wanted);
    piece.copy(this.bytes, this.length, start, end);
    this.length = wanted;
    return true;
  }

  /** The block is complete: it is `bytes[0, length)` until the next one begins. */
  end(): void {
    this.head = null;
    this.bytes = NONE;
  }

  private grow(wanted: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.min(this.bytesMax, Math.max(wanted, 2 * this.bytes.length)));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}
