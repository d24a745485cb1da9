// The head of a response, as far as a client needs it to find the end of the body (RFC 9112 section 6.3).

/** Bytes of one head; servers send a tenth of it at most. */
const HEAD_BYTES_MAX = 65_536;
const SHOWN_BYTES = 60;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const COLON = 0x3a;
const ZERO = 0x30;
const LETTER_C = 0x63;
const LETTER_T = 0x74;

const VERSION = Buffer.from('http/1.');
const STATUS_AT = VERSION.length + 2;
const CONTENT_LENGTH = Buffer.from('content-length');
const TRANSFER_ENCODING = Buffer.from('transfer-encoding');
const CONNECTION = Buffer.from('connection');

export class ResponseHead {
  /** Of the head read last. */
  status = 0;
  /** Index after the empty line. */
  end = 0;
  /** Content-Length, or -1. */
  length = -1;
  /** The last transfer coding is chunked. */
  chunked = false;
  /** It is another one: the body ends with the connection. */
  encoded = false;
  /** No further request may be sent on this connection. */
  closes = false;

  /**
   * Reads the head that begins at `from`; false when its end is not there yet.
   * @throws when it is no response of HTTP/1.x, or when its framing is ambiguous
   */
  read(bytes: Buffer, from: number): boolean {
    this.status = 0;
    this.length = -1;
    this.chunked = false;
    this.encoded = false;
    this.closes = false;
    let line = from;
    for (let at = from; at < bytes.length; at++) {
      if (bytes[at] !== LF) continue;
      if (at - line <= 1) return this.#finish(bytes, line, at);
      if (this.status === 0) this.#readStatusLine(bytes, line, at);
      else {
        const letter = (bytes[line] ?? 0) | 0x20;
        if (letter === LETTER_C || letter === LETTER_T) this.#readField(bytes, line, at);
      }
      line = at + 1;
    }
    if (bytes.length - from > HEAD_BYTES_MAX) throw new Error(`a head of more than ${HEAD_BYTES_MAX} bytes`);
    return false;
  }

  #finish(bytes: Buffer, line: number, at: number): true {
    if (bytes[line] !== CR || this.status === 0) throw new Error('an empty line where none belongs');
    // RFC 9112 section 6.3, rule 3: Transfer-Encoding and Content-Length together: reject
    if (this.length >= 0 && (this.chunked || this.encoded))
      throw new Error('a response with Content-Length and Transfer-Encoding');
    this.end = at + 1;
    return true;
  }

  #readStatusLine(bytes: Buffer, line: number, at: number): void {
    const digit = (index: number): number => (bytes[line + index] ?? 0) - ZERO;
    const minor = digit(VERSION.length);
    const [a, b, c] = [digit(STATUS_AT), digit(STATUS_AT + 1), digit(STATUS_AT + 2)];
    const isStatus = a >= 1 && a <= 9 && b >= 0 && b <= 9 && c >= 0 && c <= 9;
    const isVersion = startsWith(bytes, line, VERSION) && (minor === 0 || minor === 1);
    if (!isVersion || !isStatus || bytes[line + STATUS_AT - 1] !== SPACE || at - line < STATUS_AT + 3) {
      const shown = bytes.toString('latin1', line, Math.min(at, line + SHOWN_BYTES));
      throw new Error(`no response of HTTP/1.1: ${JSON.stringify(shown)}`);
    }
    this.status = a * 100 + b * 10 + c;
    this.closes = minor === 0;
  }

  #readField(bytes: Buffer, line: number, at: number): void {
    if (isNamed(bytes, line, CONTENT_LENGTH)) {
      const length = readLength(bytes, line + CONTENT_LENGTH.length + 1, at);
      // RFC 9112 section 6.3, rule 5: different values: reject
      if (this.length >= 0 && this.length !== length) throw new Error('a response with two lengths');
      this.length = length;
    } else if (isNamed(bytes, line, TRANSFER_ENCODING)) {
      this.chunked = listOf(bytes, line + TRANSFER_ENCODING.length + 1, at).at(-1) === 'chunked';
      this.encoded = !this.chunked;
    } else if (isNamed(bytes, line, CONNECTION)) {
      const options = listOf(bytes, line + CONNECTION.length + 1, at);
      if (options.includes('close')) this.closes = true;
    }
  }
}

function isNamed(bytes: Buffer, line: number, name: Buffer): boolean {
  return bytes[line + name.length] === COLON && startsWith(bytes, line, name);
}

/** Whether the bytes at `at` are `text`, which is in lower case, in either case. */
function startsWith(bytes: Buffer, at: number, text: Buffer): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = bytes[at + i] ?? 0;
    if (c !== text[i] && (c | 0x20) !== text[i]) return false;
  }
  return true;
}

/** 1*DIGIT with white space around it (RFC 9110 section 8.6). */
function readLength(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (isSpace(bytes[at])) at++;
  let length = 0;
  const digitsFrom = at;
  for (; at < to; at++) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) break;
    length = length * 10 + digit;
  }
  const digits = at - digitsFrom;
  while (isSpace(bytes[at])) at++;
  if (bytes[at] === CR) at++;
  if (digits === 0 || at !== to || length > Number.MAX_SAFE_INTEGER) {
    const shown = bytes.toString('latin1', from, Math.min(to, from + SHOWN_BYTES)).trim();
    throw new Error(`\`${shown}\` is no Content-Length`);
  }
  return length;
}

/** Members of a list in lower case. */
function listOf(bytes: Buffer, from: number, to: number): string[] {
  const members = bytes.toString('latin1', from, to).toLowerCase().split(',');
  return members.map((member) => member.trim());
}

const isSpace = (c: number | undefined): boolean => c === SPACE || c === TAB;
