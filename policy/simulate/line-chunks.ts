// Chunks to lines without making strings: a line is a piece of its chunk, copied only where it goes over the
// end of one.
import { LINE_BYTES_MAX } from './limits.ts';

const NEWLINE = 0x0a;

/** Takes `bytes[from, to)`, after which a newline stands; `from` is -1 for a line longer than the limit. */
export type TakeBytes = (bytes: Buffer, from: number, to: number) => void;

/** Splits chunks into lines. */
export class LineChunks {
  readonly #take: TakeBytes;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(take: TakeBytes) {
    this.#take = take;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      if (this.#bytes > 0) this.#finish(bytes.subarray(start, end + 1));
      else this.#take(bytes, end - start > LINE_BYTES_MAX ? -1 : start, end);
      start = end + 1;
    }
    this.#keep(bytes.subarray(start));
  }

  /** The last line may lack its newline. */
  end(): void {
    if (this.#bytes > 0) this.#finish(Buffer.from([NEWLINE]));
  }

  #finish(last: Buffer): void {
    this.#keep(last);
    const whole = this.#bytes - 1 > LINE_BYTES_MAX ? null : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    if (whole === null) this.#take(last, -1, 0);
    else this.#take(whole, 0, whole.length - 1);
  }

  /** A copy: whoever gave the chunk may use its memory again. */
  #keep(rest: Buffer): void {
    this.#bytes += rest.length;
    if (this.#bytes - 1 > LINE_BYTES_MAX) this.#pieces = [];
    else if (rest.length > 0) this.#pieces.push(Buffer.from(rest));
  }
}
