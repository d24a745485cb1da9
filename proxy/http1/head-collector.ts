// Finds the end of a head in what a socket hands over, and keeps the bytes of a head that came in pieces.
// Slow drip costs O(n) in all: each byte is copied once and looked at once. A whole head in one read is not
// copied.
import type { Reason } from '../../core/reasons.ts';

const LINE_END = Buffer.from('\r\n', 'latin1');
const NONE = Buffer.alloc(0);
const HEAD_END_BYTES = 4; // CR LF CR LF
const CR = 0x0d;
const LF = 0x0a;
const HELD_BYTES_AT_FIRST = 1024;

export class HeadCollector {
  /**
   * The last complete head is `source[begin, end)`: every line with its CRLF, without the empty line. Valid
   * until the caller's chunk is reused.
   */
  source: Buffer = NONE;
  begin = 0;
  end = 0;
  /** Bytes of the last complete head, with the empty line. */
  bytes = 0;
  fault: Reason | null = null;
  private held: Buffer | null = null;
  private length = 0;
  /** Bytes of `held` known to have no bare CR or LF. */
  private checked = 0;
  /** A tolerated empty line before this head was taken. */
  private skipped: boolean;
  private readonly skipsEmptyLine: boolean;

  /**
   * `skipsEmptyLine`: RFC 9112 section 2.2, one CRLF before a request line is ignored; we ignore exactly one.
   */
  constructor(skipsEmptyLine: boolean) {
    this.skipsEmptyLine = skipsEmptyLine;
    this.skipped = !skipsEmptyLine;
  }

  /** True while bytes of an incomplete head are kept. */
  get started(): boolean {
    return this.length > 0;
  }

  /** Lets go of the last head's bytes. */
  release(): void {
    this.source = NONE;
  }

  /** Drops what is kept. */
  reset(): void {
    this.release();
    this.held = null;
    this.length = 0;
    this.checked = 0;
    this.skipped = !this.skipsEmptyLine;
    this.fault = null;
  }

  /**
   * Takes bytes from `chunk[start…]`. Returns the index after the head (`source` holds it), 0 when all bytes
   * were kept and more are needed, or -1 with `fault` set.
   */
  push(chunk: Buffer, start: number, bytesMax: number): number {
    if (this.length > 0) return this.resume(chunk, start, bytesMax);
    let begin = start;
    if (!this.skipped && chunk[begin] === CR && chunk[begin + 1] === LF) {
      begin += 2;
      this.skipped = true;
    }
    const end = headEnd(chunk, begin, chunk.length);
    if (end < 0) return begin >= chunk.length ? 0 : this.resume(chunk, begin, bytesMax);
    return this.complete(chunk, begin, end, bytesMax) ? end + 4 : -1;
  }

  private resume(chunk: Buffer, start: number, bytesMax: number): number {
    const before = this.length;
    const held = this.hold(chunk, start, bytesMax);
    if (!this.skipped && this.length >= 2) {
      this.skipped = true;
      if (held[0] === CR && held[1] === LF) {
        // Only a lone CR was kept before: go on behind the empty line.
        this.length = 0;
        const next = start + 2 - before;
        return next < chunk.length ? this.push(chunk, next, bytesMax) : 0;
      }
    }
    const end = headEnd(held, Math.max(0, before - 3), this.length);
    if (end >= 0) {
      return this.complete(held, 0, end, bytesMax) ? start + end + 4 - before : -1;
    }
    if (this.length > bytesMax) return this.refuse(oversize(held.subarray(0, this.length), bytesMax));
    // An empty line where a head begins: refused when seen, no head can follow.
    if (this.skipped && held[0] === CR && held[1] === LF && this.length >= 2)
      return this.refuse('bad-request-line');
    return this.checkNewlines(held) ? 0 : this.refuse('bare-newline');
  }

  /** Appends `chunk[start…]`, no more of it than shows that the head is too large. */
  private hold(chunk: Buffer, start: number, bytesMax: number): Buffer {
    const before = this.length;
    const taken = Math.min(chunk.length - start, bytesMax + HEAD_END_BYTES - before);
    const wanted = before + taken;
    let held = this.held;
    if (held === null || held.length < wanted) {
      const larger = Buffer.allocUnsafeSlow(Math.max(HELD_BYTES_AT_FIRST, wanted, before * 2));
      held?.copy(larger, 0, 0, before);
      held = this.held = larger;
    }
    chunk.copy(held, before, start, start + taken);
    this.length = wanted;
    return held;
  }

  private complete(bytes: Buffer, begin: number, end: number, bytesMax: number): boolean {
    this.bytes = end + 4 - begin;
    if (this.bytes > bytesMax) {
      this.refuse(oversize(bytes.subarray(begin, end + 4), bytesMax));
      return false;
    }
    this.source = bytes;
    this.begin = begin;
    this.end = end + 2;
    this.held = null;
    this.length = 0;
    this.checked = 0;
    this.skipped = !this.skipsEmptyLine;
    return true;
  }

  /** A head with bare line ends never shows CRLFCRLF: refused when seen, not at the timeout. */
  private checkNewlines(held: Buffer): boolean {
    for (let i = this.checked; i < this.length; i++) {
      const c = held[i];
      if (c === LF && (i === 0 || held[i - 1] !== CR)) return false;
      if (c === CR && i + 1 < this.length && held[i + 1] !== LF) return false;
    }
    this.checked = Math.max(0, this.length - 1);
    return true;
  }

  private refuse(fault: Reason): -1 {
    this.fault = fault;
    this.held = null;
    this.length = 0;
    return -1;
  }
}

/**
 * Index of the first CR LF CR LF in `bytes[start, end)`, -1 without one. PERF: looks at one byte in four, and
 * costs no call out of compiled code (bench/micro/head-parser.ts).
 */
function headEnd(bytes: Buffer, start: number, end: number): number {
  let i = start + 3;
  while (i < end) {
    const c = bytes[i];
    if (c === LF) {
      if (bytes[i - 1] === CR && bytes[i - 2] === LF && bytes[i - 3] === CR) return i - 3;
      i += 2; // this LF may be the first of the four's two
    } else if (c === CR) i++;
    else i += 4;
  }
  return -1;
}

/**
 * RFC 9110 section 15.5.15: when the request line alone is over the limit, it is the target that is too long.
 */
function oversize(head: Buffer, bytesMax: number): Reason {
  const line = head.indexOf(LINE_END);
  return line < 0 || line >= bytesMax ? 'target-too-long' : 'head-too-large';
}
