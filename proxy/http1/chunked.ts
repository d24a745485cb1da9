// The chunked transfer coding (RFC 9112 section 7.1), checked and passed on as a stream, in both directions.
// What goes on has canonical size lines, no extensions, and a last chunk only after its trailers were found
// valid.
import type { Reason } from '../../core/reasons.ts';
import { ChunkLine } from './chunk-line.ts';
import type { ProtectedNames } from './protected-names.ts';
import { TrailerSection } from './trailers.ts';

/** Limits and rules of one listener, shared; `names` is swapped with the policy. */
export interface ChunkedOptions {
  /** Largest trailer section in bytes, with its empty line. */
  readonly trailerBytesMax: number;
  /** Most trailer lines. */
  readonly trailersMax: number;
  names: ProtectedNames;
}

/**
 * `relay` keeps the framing; `data` drops framing and trailers, for a receiver that does not speak HTTP/1.1.
 */
export type ChunkedMode = 'relay' | 'data';

const LINE = 0;
const DATA = 1;
const DATA_CR = 2;
const DATA_LF = 3;
const TRAILERS = 4;
const DONE = 5;

const CR = 0x0d;
const LF = 0x0a;
/** `0 CRLF` as a size line. */
const LAST_LINE_BYTES = 3;
const LAST_LINE = Buffer.from('0\r\n', 'latin1');
const LINE_END = Buffer.from('\r\n', 'latin1');
const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1');

export class ChunkedDecoder {
  fault: Reason | null = null;
  done = false;
  /** Payload bytes so far. */
  dataBytes = 0;
  private mode: ChunkedMode = 'relay';
  private state: number = LINE;
  private remaining = 0;
  private readonly line = new ChunkLine();
  private readonly trailers: TrailerSection;

  constructor(options: ChunkedOptions) {
    this.trailers = new TrailerSection(options);
  }

  /** The trailers of a body that is done, each line with CRLF. */
  get trailerLines(): Buffer {
    return this.trailers.forwarded;
  }

  /** Begins the next body. */
  start(mode: ChunkedMode): void {
    this.mode = mode;
    this.fault = null;
    this.done = false;
    this.dataBytes = 0;
    this.state = LINE;
    this.remaining = 0;
    this.line.start();
    this.trailers.reset();
  }

  /**
   * Takes bytes from `chunk[at…]` and appends what goes on to `out`: views of `chunk`, so copied or written
   * before `chunk` is reused. Returns the index after the last byte of the body, `chunk.length` while it goes
   * on, or the index of a refused byte with `fault` set; then nothing of `out` may be sent.
   */
  push(chunk: Buffer, at: number, out: Buffer[]): number {
    const relay = this.mode === 'relay';
    let run = at; // chunk[run, i) goes on as it is
    let i = at;
    while (i < chunk.length && !this.done) {
      switch (this.state) {
        case DATA: {
          const end = Math.min(chunk.length, i + this.remaining);
          if (!relay) out.push(chunk.subarray(i, end));
          this.remaining -= end - i;
          this.dataBytes += end - i;
          i = end;
          if (this.remaining === 0) this.state = DATA_CR;
          break;
        }
        case DATA_CR:
          if (chunk[i] !== CR) return this.refuse('bad-chunk', i);
          i++;
          this.state = DATA_LF;
          break;
        case DATA_LF:
          if (chunk[i] !== LF) return this.refuse('bad-chunk', i);
          i++;
          this.state = LINE;
          break;
        case LINE: {
          const lineAt = i;
          i = this.line.push(chunk, i);
          if (this.line.refused) return this.refuse('bad-chunk', i);
          if (!this.line.done) {
            // In pieces: written anew when it is complete.
            if (relay && run < lineAt) out.push(chunk.subarray(run, lineAt));
            return i;
          }
          run = this.endOfLine(chunk, { run, lineAt, next: i }, out);
          if (this.done) return run;
          break;
        }
        default:
          i = this.takeTrailers(chunk, i, out);
          if (this.fault !== null) return i;
          run = i;
      }
    }
    if (relay && run < i) out.push(chunk.subarray(run, i));
    return i;
  }

  /**
   * A size line ended before `next`. Returns where the next run begins; when the body is done, the index
   * after it.
   */
  private endOfLine(
    chunk: Buffer,
    { run, lineAt, next }: { run: number; lineAt: number; next: number },
    out: Buffer[],
  ): number {
    const { line } = this;
    const { size } = line;
    const plain = line.plain && next - lineAt === line.bytes;
    line.next();
    const relay = this.mode === 'relay';
    if (size > 0) {
      this.state = DATA;
      this.remaining = size;
      if (plain || !relay) return relay ? run : next;
      if (run < lineAt) out.push(chunk.subarray(run, lineAt));
      out.push(Buffer.from(`${size.toString(16)}\r\n`, 'latin1'));
      return next;
    }
    const whole = plain && next - lineAt === LAST_LINE_BYTES;
    if (whole && chunk[next] === CR && chunk[next + 1] === LF) {
      // PERF: `0 CRLF CRLF` in one piece, as nearly always.
      this.finish();
      if (relay) out.push(chunk.subarray(run, next + 2));
      return next + 2;
    }
    this.state = TRAILERS;
    if (relay && run < lineAt) out.push(chunk.subarray(run, lineAt));
    return next;
  }

  private takeTrailers(chunk: Buffer, at: number, out: Buffer[]): number {
    const next = this.trailers.push(chunk, at);
    if (this.trailers.refused) return this.refuse('bad-trailer', at);
    if (!this.trailers.done) return next;
    this.finish();
    if (this.mode === 'relay') {
      const { forwarded } = this.trailers;
      if (forwarded.length === 0) out.push(LAST_CHUNK);
      else out.push(LAST_LINE, forwarded, LINE_END);
    }
    return next;
  }

  private finish(): void {
    this.state = DONE;
    this.done = true;
  }

  private refuse(fault: Reason, at: number): number {
    this.fault = fault;
    this.state = DONE;
    this.done = true;
    return at;
  }
}
