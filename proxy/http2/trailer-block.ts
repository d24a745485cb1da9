// From a header block behind the data to the lines of a trailer section, checked as HTTP/1.1's are (RFC 9113
// section 8.1, RFC 9110 section 6.5).
import { Buffer } from 'node:buffer';
import type { ChunkedOptions } from '../http1/chunked.ts';
import { TrailerSection } from '../http1/trailers.ts';
import type { FieldSink } from './hpack/decoder.ts';
import type { Field } from './hpack/field.ts';
import { withField } from './never-indexed.ts';

const EMPTY_LINE = Buffer.from('\r\n', 'latin1');

export class TrailerBlock implements FieldSink {
  neverIndexed: Set<string> | null = null;
  private readonly section: TrailerSection;
  private readonly bytesMax: number;
  private readonly lines: Buffer[] = [];
  private length = 0;
  private refused = false;

  constructor(options: ChunkedOptions) {
    this.section = new TrailerSection(options);
    this.bytesMax = options.trailerBytesMax;
  }

  begin(): void {
    this.neverIndexed = null;
    this.lines.length = 0;
    this.length = 0;
    this.refused = false;
  }

  field(field: Field): void {
    const { source, start, end, kind, malformed } = field;
    this.length += end - start;
    if (malformed || kind < 0 || this.length > this.bytesMax) this.refused = true;
    if (this.refused) return;
    if (field.sensitive) this.neverIndexed = withField(this.neverIndexed, field);
    this.lines.push(Buffer.from(source.subarray(start, end)));
  }

  /** The lines, each with CRLF, in memory of their own; null when they may not go on. */
  finish(): Buffer | null {
    if (this.refused) return null;
    this.section.reset();
    this.section.push(Buffer.concat([...this.lines, EMPTY_LINE]), 0);
    this.lines.length = 0;
    return this.section.refused ? null : this.section.forwarded;
  }
}
