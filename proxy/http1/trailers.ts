// The trailer section of a chunked body (RFC 9112 section 7.1.2): kept back until it is complete and valid.
import type { ChunkedOptions } from './chunked.ts';
import { copyLines } from './copy-lines.ts';
import { LINE_SLOTS } from './head.ts';
import { HeadCollector } from './head-collector.ts';
import { HeadWriter } from './head-writer.ts';
import { HeaderLines } from './header-lines.ts';

const START = 0;
const EMPTY_LF = 1;
const LINES = 2;

const NONE = Buffer.alloc(0);

export class TrailerSection extends HeaderLines {
  done = false;
  refused = false;
  /** The lines that go on, each with CRLF. */
  forwarded: Buffer = NONE;
  private state = START;
  private readonly options: ChunkedOptions;
  private readonly collector = new HeadCollector(false);

  constructor(options: ChunkedOptions) {
    super();
    this.options = options;
  }

  /** Begins the next body. */
  reset(): void {
    this.clearLines();
    this.collector.reset();
    this.state = START;
    this.done = false;
    this.refused = false;
    this.forwarded = NONE;
  }

  /** Takes bytes from `chunk[at…]`; returns the index after the last one taken. */
  push(chunk: Buffer, at: number): number {
    let i = at;
    if (this.state === START) {
      this.state = chunk[i] === 0x0d ? EMPTY_LF : LINES;
      if (this.state === EMPTY_LF) i++;
    }
    if (this.state === EMPTY_LF) {
      if (i >= chunk.length) return i;
      this.done = chunk[i] === 0x0a;
      this.refused = !this.done;
      return i + 1;
    }
    const next = this.collector.push(chunk, i, this.options.trailerBytesMax);
    if (next === 0) return chunk.length;
    if (next < 0 || !this.read()) {
      this.refused = true;
      return i;
    }
    this.done = true;
    return next;
  }

  private read(): boolean {
    const { names, trailersMax } = this.options;
    this.takeBytes(this.collector);
    if (this.readLines(0, trailersMax, names) !== null) return false;
    for (let o = 0; o < this.headerCount * LINE_SLOTS; o += LINE_SLOTS) {
      const name = this.text.slice(this.slot(o), this.slot(o + 1)).toLowerCase();
      // RFC 9110 section 6.5.1: dropping would do for some, but a sender of these has no good reason.
      if (names.refusedInTrailers(name)) return false;
    }
    const writer = new HeadWriter(this.length);
    copyLines(writer, this, 0, 0, []);
    this.forwarded = writer.view();
    return true;
  }
}
