// One chunk-size line: `1*HEXDIG [ chunk-ext ] CRLF` (RFC 9112 section 7.1 and 7.1.1), byte by byte across
// reads. Bad white space around extensions, which the grammar tolerates, is refused: parsers disagree about
// it.
import { FIELD, TOKEN } from './tokens.ts';

// Bounds against extensions as a covert or costly channel; they are never passed on.
const EXTENSION_BYTES_MAX = 256;
const EXTENSION_BYTES_TOTAL_MAX = 8_192;
/** Digits of a size with leading zeros; 2^53-1 has 14. */
const DIGITS_MAX = 16;

const SIZE = 0;
const NAME_START = 1;
const NAME = 2;
const VALUE_START = 3;
const VALUE = 4;
const QUOTED = 5;
const QUOTED_PAIR = 6;
const AFTER_QUOTED = 7;
const LINE_LF = 8;

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export class ChunkLine {
  /** The line is complete; `size` holds. */
  done = false;
  refused = false;
  size = 0;
  /** Bytes of this line so far. */
  bytes = 0;
  private state = SIZE;
  private digits = 0;
  private leadingZero = false;
  private extension = 0;
  private extensionTotal = 0;

  /** No extension and no leading zero: the line may be passed on as it came. */
  get plain(): boolean {
    return this.extension === 0 && !(this.leadingZero && this.digits > 1);
  }

  /** Begins a body. */
  start(): void {
    this.extensionTotal = 0;
    this.next();
  }

  /** Begins the next line of the same body. */
  next(): void {
    this.done = false;
    this.refused = false;
    this.size = 0;
    this.bytes = 0;
    this.state = SIZE;
    this.digits = 0;
    this.leadingZero = false;
    this.extension = 0;
  }

  /**
   * Takes bytes until the line is done; returns the index after the last one taken, or of the refused one.
   */
  push(chunk: Buffer, at: number): number {
    let i = at;
    while (i < chunk.length && !this.done) {
      const c = chunk[i] ?? 0;
      if (!this.take(c)) {
        this.refused = true;
        return i;
      }
      this.bytes++;
      i++;
    }
    return i;
  }

  private take(c: number): boolean {
    if (this.state === SIZE) return this.takeSize(c);
    if (this.state === LINE_LF) {
      this.done = c === LF;
      return this.done;
    }
    if (c === CR) return this.endExtension();
    this.extension++;
    this.extensionTotal++;
    if (this.extension > EXTENSION_BYTES_MAX || this.extensionTotal > EXTENSION_BYTES_TOTAL_MAX) return false;
    return this.takeExtension(c);
  }

  private takeSize(c: number): boolean {
    const value = hexValue(c);
    if (value >= 0) {
      if (this.digits === 0) this.leadingZero = value === 0;
      this.size = this.size * 16 + value;
      return ++this.digits <= DIGITS_MAX && this.size <= Number.MAX_SAFE_INTEGER;
    }
    if (this.digits === 0) return false;
    if (c === CR) this.state = LINE_LF;
    else if (c === SEMICOLON) {
      this.extension = 1;
      this.extensionTotal++;
      this.state = NAME_START;
    } else return false;
    return true;
  }

  private endExtension(): boolean {
    const complete = this.state === NAME || this.state === VALUE || this.state === AFTER_QUOTED;
    this.state = LINE_LF;
    return complete;
  }

  private takeExtension(c: number): boolean {
    const token = (TOKEN[c] ?? 0) !== 0;
    switch (this.state) {
      case NAME_START:
        this.state = NAME;
        return token;
      case NAME:
        if (c === EQUALS) this.state = VALUE_START;
        else if (c === SEMICOLON) this.state = NAME_START;
        else return token;
        return true;
      case VALUE_START:
        this.state = c === QUOTE ? QUOTED : VALUE;
        return c === QUOTE || token;
      case VALUE:
      case AFTER_QUOTED:
        if (c === SEMICOLON) this.state = NAME_START;
        else return this.state === VALUE && token;
        return true;
      case QUOTED:
        if (c === QUOTE) this.state = AFTER_QUOTED;
        else if (c === BACKSLASH) this.state = QUOTED_PAIR;
        return (FIELD[c] ?? 0) !== 0;
      default: // QUOTED_PAIR, RFC 9110 section 5.6.4
        this.state = QUOTED;
        return (FIELD[c] ?? 0) !== 0;
    }
  }
}

function hexValue(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const letter = c | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
