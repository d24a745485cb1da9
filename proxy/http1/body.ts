// One message body on its way through: where it ends (RFC 9112 section 6.3) and which bytes go on.
import type { Reason } from '../../core/reasons.ts';
import { ChunkedDecoder, type ChunkedOptions } from './chunked.ts';

/** How a body is delimited. `until-close` exists only for responses. */
export type Framing = 'none' | 'length' | 'chunked' | 'until-close';

const NO_LINES = Buffer.alloc(0);

export class Body {
  framing: Framing = 'none';
  done = true;
  fault: Reason | null = null;
  /** Payload bytes so far, without chunk framing. */
  bytes = 0;
  /** True once any byte, framing included, was taken. */
  touched = false;
  /** Its end is told, by `finish`, and not only counted. */
  private endTold = false;
  private remaining = 0;
  private decoder: ChunkedDecoder | null = null;
  private readonly options: ChunkedOptions;

  constructor(options: ChunkedOptions) {
    this.options = options;
  }

  /** Starts the next body. `dataOnly` drops the chunked framing, for a receiver that speaks HTTP/1.0. */
  start(framing: Framing, length: number, dataOnly: boolean): void {
    this.framing = framing;
    this.bytes = 0;
    this.touched = false;
    this.fault = null;
    this.remaining = length;
    this.endTold = false;
    this.done = framing === 'none' || (framing === 'length' && length === 0);
    if (framing === 'chunked') {
      this.decoder ??= new ChunkedDecoder(this.options);
      this.decoder.start(dataOnly ? 'data' : 'relay');
    }
  }

  /** Starts a body whose end is told by `finish`; `length`: what it then has to have, -1 = any. */
  startFramed(length: number): void {
    this.start(length < 0 ? 'until-close' : 'length', length, false);
    this.endTold = true;
    this.done = false;
  }

  /** Every byte of its length came. */
  get complete(): boolean {
    return this.framing === 'length' && this.remaining === 0;
  }

  /**
   * Takes bytes from `chunk[at…]`, appends what goes on to `out`, and returns the index after the last byte
   * taken.
   */
  take(chunk: Buffer, at: number, out: Buffer[]): number {
    if (this.done || at >= chunk.length) return at;
    if (this.framing === 'chunked') {
      this.touched = true;
      return this.takeChunked(chunk, at, out);
    }
    const end = at + this.pass(chunk.length - at);
    out.push(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    return end;
  }

  /** What delimits the body by itself says that it is over; false when bytes are missing. */
  finish(): boolean {
    const whole = this.done || this.framing !== 'length' || this.remaining === 0;
    this.done = true;
    return whole;
  }

  /** The trailers of a chunked body whose framing does not go on, each line with CRLF. */
  get trailers(): Buffer {
    return this.framing === 'chunked' ? (this.decoder?.trailerLines ?? NO_LINES) : NO_LINES;
  }

  /** Passes over the next bytes of a body without chunk framing; returns how many of `available` are its. */
  pass(available: number): number {
    if (this.done || available <= 0) return 0;
    this.touched = true;
    const taken = this.framing === 'length' ? Math.min(available, this.remaining) : available;
    this.bytes += taken;
    if (this.framing === 'length') {
      this.remaining -= taken;
      this.done = this.remaining === 0 && !this.endTold;
    }
    return taken;
  }

  private takeChunked(chunk: Buffer, at: number, out: Buffer[]): number {
    const decoder = this.decoder;
    if (decoder === null) return at;
    const next = decoder.push(chunk, at, out);
    this.bytes = decoder.dataBytes;
    this.fault = decoder.fault;
    this.done = decoder.done;
    return next;
  }
}
