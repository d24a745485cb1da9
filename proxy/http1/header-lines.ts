// The header lines of one head or trailer section: offsets into its text, filled in one pass (RFC 9110
// section 5). Requests, responses and trailers share this grammar; what the fields mean is their own
// business.
import type { Reason } from '../../core/reasons.ts';
import { LINE_SLOTS } from './head.ts';
import { knownId } from './known-headers.ts';
import type { ProtectedNames } from './protected-names.ts';
import { bytesEqual, equalsIgnoringCase, isBlank, TOKEN, UNDERSCORE } from './tokens.ts';

const LINES_AT_FIRST = 16;
const KNOWN_MAX = 32;

const NONE = Buffer.alloc(0);

/** Where a head is: `source[begin, end)`, every line with its CRLF, without the empty line. */
export interface HeadBytes {
  readonly source: Buffer;
  readonly begin: number;
  readonly end: number;
}

export class HeaderLines {
  /** The head is `source[begin, begin + length)`; what `lines` tells counts from `begin`. */
  source: Buffer = NONE;
  begin = 0;
  length = 0;
  headerCount = 0;
  /**
   * Per line: name start, name end, value start, value end (OWS trimmed), known id. After the last line one
   * more name start, the end of `text`. `GET / HTTP/1.1 CRLF Host: a CRLF` gives [16, 20, 22, 23, 1, 25].
   */
  lines: Int32Array = new Int32Array((LINES_AT_FIRST + 1) * LINE_SLOTS);
  /** Bit `1 << id` for each known name that occurs. */
  protected seen = 0;
  /** Bit `1 << id` for each known name that occurs twice or more. */
  protected repeated = 0;
  /** By known id: index of the last line of that name; meaningful only where `seen` says so. */
  private readonly lineOf = new Uint16Array(KNOWN_MAX);

  private decoded: string | null = null;

  /** The head as latin1 text. PERF: made when first asked for; few responses are. */
  get text(): string {
    const text = this.decoded ?? this.source.toString('latin1', this.begin, this.begin + this.length);
    this.decoded = text;
    return text;
  }

  /** All values by lower-case name, in order; undefined when absent. */
  headerValues(name: string): readonly string[] | undefined {
    let values: string[] | undefined;
    for (let line = 0; line < this.headerCount; line++) {
      const o = line * LINE_SLOTS;
      if (!equalsIgnoringCase(this.text, this.slot(o), this.slot(o + 1), name)) continue;
      const value = this.text.slice(this.slot(o + 2), this.slot(o + 3));
      if (values === undefined) values = [value];
      else values.push(value);
    }
    return values;
  }

  /** True when a line has the known name `id`. */
  has(id: number): boolean {
    return (this.seen & (1 << id)) !== 0;
  }

  /** The value of the only line with the known name `id`; null when absent or repeated. */
  soleValue(id: number): string | null {
    if (!this.has(id) || (this.repeated & (1 << id)) !== 0) return null;
    const o = this.offsetOf(id);
    return this.text.slice(this.slot(o + 2), this.slot(o + 3));
  }

  /** Offset into `lines` of the (last) line with known id `id`. */
  protected offsetOf(id: number): number {
    return (this.lineOf[id] ?? 0) * LINE_SLOTS;
  }

  /** True when the value of the line at `o` is `lower` (lower-case letters and `-`), ignoring case. */
  protected valueIs(o: number, lower: string): boolean {
    return bytesEqual(this.source, this.begin + this.slot(o + 2), this.begin + this.slot(o + 3), lower);
  }

  protected slot(at: number): number {
    return this.lines[at] ?? 0;
  }

  /** Forgets the lines, keeping the memory. */
  protected clearLines(): void {
    this.source = NONE;
    this.begin = 0;
    this.length = 0;
    this.decoded = null;
    this.headerCount = 0;
    this.seen = 0;
    this.repeated = 0;
  }

  /** Takes the head to read. */
  protected takeBytes({ source, begin, end }: HeadBytes): void {
    this.source = source;
    this.begin = begin;
    this.length = end - begin;
  }

  /**
   * Reads lines from offset `at` of the head to its end. Returns the fault, or null with `headerCount` set.
   * PERF: bytes are scanned, not characters: three times as fast
   * (bench/micro/head-parser.ts).
   */
  protected readLines(at: number, countMax: number, names: ProtectedNames | null): Reason | null {
    const { source, begin } = this;
    const end = begin + this.length;
    const everyName = names?.everyName ?? false;
    let lines = this.lines;
    let count = 0;
    let o = 0;
    let i = begin + at;
    while (i < end) {
      if (count >= countMax) return 'too-many-headers';
      if (o + LINE_SLOTS >= lines.length) lines = this.grow();
      const start = i;
      let kinds = 0;
      for (;;) {
        const kind = TOKEN[source[i] ?? 0] ?? 0;
        if (kind === 0) break;
        kinds |= kind;
        i++;
      }
      // RFC 9112 section 5.1: no white space before the colon; 5.2: no line folding; RFC 9110 5.1: name is a
      // token.
      if (i === start || source[i] !== 0x3a) return lineFault(this.text, i - begin);
      const id = knownId(source, start, i);
      if (names !== null && (everyName || (kinds & UNDERSCORE) !== 0)) {
        if (names.isLookAlike(this.text.slice(start - begin, i - begin))) return 'ambiguous-header';
      }
      lines[o] = start - begin;
      lines[o + 1] = i - begin;
      i++;
      while (isBlank(source[i] ?? 0)) i++;
      lines[o + 2] = i - begin;
      let valueEnd = i;
      for (;;) {
        // PERF: two comparisons for nearly every byte; a table load costs more (bench/micro/head-parser.ts).
        const c = source[i] ?? 0;
        if (c < 0x20 ? c !== 0x09 : c === 0x7f) break;
        i++;
      }
      if (source[i] !== 0x0d || source[i + 1] !== 0x0a) return lineFault(this.text, i - begin);
      if (valueEnd < i) {
        valueEnd = i;
        while (isBlank(source[valueEnd - 1] ?? 0)) valueEnd--;
      }
      lines[o + 3] = valueEnd - begin;
      lines[o + 4] = id;
      if (id !== 0) this.note(id, count);
      i += 2;
      o += LINE_SLOTS;
      count++;
    }
    lines[o] = i - begin;
    this.headerCount = count;
    return null;
  }

  private note(id: number, line: number): void {
    const bit = 1 << id;
    this.repeated |= this.seen & bit;
    this.seen |= bit;
    this.lineOf[id] = line;
  }

  private grow(): Int32Array {
    const larger = new Int32Array((this.lines.length - LINE_SLOTS) * 2 + LINE_SLOTS);
    larger.set(this.lines);
    this.lines = larger;
    return larger;
  }
}

/** What the byte at `at`, where the grammar wants another, makes of its line. */
export function lineFault(text: string, at: number): Reason {
  const c = text.charCodeAt(at);
  // RFC 9112 section 2.2: a bare CR is invalid; we take a bare LF for the same, it is a line end only to
  // some.
  if (c === 0x0a || (c === 0x0d && text.charCodeAt(at + 1) !== 0x0a)) return 'bare-newline';
  return 'bad-header';
}
