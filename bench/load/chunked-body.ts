// The end of a chunked body (RFC 9112 section 7.1): sizes are read, data and trailers are skipped.
import { ChunkLine } from '../../proxy/http1/chunk-line.ts';

const TRAILER_BYTES_MAX = 65_536;
const CR = 0x0d;
const LF = 0x0a;

export class ChunkedBody {
  readonly #line = new ChunkLine();
  #inTrailers = false;
  /** Bytes to skip: data and the line end after it. */
  #skip = 0;
  #trailerBytes = 0;
  /** Bytes of the trailer line so far, without its CR. */
  #trailerLine = 0;

  start(): void {
    this.#line.start();
    this.#inTrailers = false;
    this.#skip = 0;
    this.#trailerBytes = 0;
    this.#trailerLine = 0;
  }

  /** Takes bytes from `from` on; the index after the body, or -1 when it goes on. @throws on bad framing */
  push(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length) {
      if (this.#inTrailers) return this.#readTrailers(bytes, at);
      at = this.#skip > 0 ? this.#readData(bytes, at) : this.#readLine(bytes, at);
    }
    return -1;
  }

  #readLine(bytes: Buffer, from: number): number {
    const at = this.#line.push(bytes, from);
    if (this.#line.refused) throw new Error('a chunk without a valid size');
    if (this.#line.done) {
      this.#inTrailers = this.#line.size === 0;
      this.#skip = this.#line.size + 2;
      this.#line.next();
    }
    return at;
  }

  #readData(bytes: Buffer, from: number): number {
    const taken = Math.min(this.#skip, bytes.length - from);
    for (let at = Math.max(from, from + this.#skip - 2); at < from + taken; at++) {
      const wanted = from + this.#skip - at === 2 ? CR : LF;
      if (bytes[at] !== wanted) throw new Error('a chunk longer than its size');
    }
    this.#skip -= taken;
    return from + taken;
  }

  #readTrailers(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      if (++this.#trailerBytes > TRAILER_BYTES_MAX)
        throw new Error(`trailers of more than ${TRAILER_BYTES_MAX} bytes`);
      const c = bytes[at];
      if (c === LF && this.#trailerLine === 0) return at + 1;
      if (c === LF) this.#trailerLine = 0;
      else if (c !== CR) this.#trailerLine++;
    }
    return -1;
  }
}
