// Bytes to lines, in constant memory: a line that is too long is passed over to its end, never kept.
import { LINE_BYTES_MAX } from './limits.ts';

const NEWLINE = 0x0a;

/** Takes one line without its newline; null stands for a line longer than the limit. */
export type TakeLine = (text: string | null) => void;

/** Splits chunks into lines. */
export class LineSplitter {
  readonly #take: TakeLine;
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(take: TakeLine, bytesMax = LINE_BYTES_MAX) {
    this.#take = take;
    this.#bytesMax = bytesMax;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      if (this.#bytes > 0) this.#finish(bytes.subarray(start, end));
      else this.#take(end - start > this.#bytesMax ? null : bytes.toString('utf8', start, end));
      start = end + 1;
    }
    this.#keep(bytes.subarray(start));
  }

  /** The last line may lack its newline. */
  end(): void {
    if (this.#bytes > 0) this.#finish(Buffer.alloc(0));
  }

  #finish(last: Buffer): void {
    this.#keep(last);
    this.#take(this.#bytes > this.#bytesMax ? null : Buffer.concat(this.#pieces).toString('utf8'));
    this.#pieces = [];
    this.#bytes = 0;
  }

  /** A copy: whoever gave the chunk may use its memory again. */
  #keep(rest: Buffer): void {
    this.#bytes += rest.length;
    if (this.#bytes > this.#bytesMax) this.#pieces = [];
    else if (rest.length > 0) this.#pieces.push(Buffer.from(rest));
  }
}
