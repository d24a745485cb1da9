// Finds the values of a few keys in one line of JSON without making strings of it. The whole line is checked
// against RFC 8259, but for the spelling of escapes and UTF-8 in values that nobody asks for.
// PERF: a line of 700 bytes takes about 1 us, JSON.parse of it about 3; `npm run bench:micro -- simulate`.
import { isEqual, type Key, type KeySpec, KeyTable } from './key-table.ts';
import { DEPTH_MAX } from './limits.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const FIRST_PRINTABLE = 0x20;
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');
/** 1 for the bytes that a string holds as they are. */
const PLAIN = new Uint8Array(256);
for (let c = FIRST_PRINTABLE; c < 0x80; c++) PLAIN[c] = c === QUOTE || c === BACKSLASH ? 0 : 1;

/** Scans lines, one after the other; what it found holds until the next. */
export class LineScanner {
  /** Where the value of a slot begins, -1 when it is not there. A string's begins with its quote. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** 1 for a string that is not plain ASCII: with an escape, or a byte above. */
  readonly special: Uint8Array;
  readonly #top: KeyTable;
  #special = false;
  #repeated = false;
  #bytes: Uint8Array = NULL;
  #view: DataView = new DataView(NULL.buffer, NULL.byteOffset, 0);
  /** Where the last whole word begins. */
  #last = -1;

  constructor(keys: KeySpec, slots: number) {
    this.#top = new KeyTable(keys);
    this.starts = new Int32Array(slots);
    this.ends = new Int32Array(slots);
    this.special = new Uint8Array(slots);
  }

  /** The bytes that were scanned. */
  get view(): DataView {
    return this.#view;
  }

  /** A wanted key stood twice: which of the two counts, readers do not agree on. */
  get repeated(): boolean {
    return this.#repeated;
  }

  /**
   * Scans the value that begins at `from`; the index after it, or -1 when it is no JSON object. A newline
   * stands after the line: nothing here reads past one.
   */
  scan(bytes: Uint8Array, from: number): number {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.#last = bytes.length - 4;
    }
    this.starts.fill(-1);
    this.#repeated = false;
    if (bytes[from] !== OPEN_OBJECT) return -1;
    return this.#members(bytes, from + 1, this.#top, 0);
  }

  /** The members of an object of which something is wanted. */
  #members(bytes: Uint8Array, from: number, table: KeyTable, depth: number): number {
    let at = afterSpace(bytes, from);
    if (bytes[at] === CLOSE_OBJECT) return at + 1;
    let before = table.first;
    for (;;) {
      if (bytes[at] !== QUOTE) return -1;
      // PERF: keys mostly come in the order of the line before; the guess takes a third of the search.
      let key = before.next;
      if (key !== null && this.#isKey(key, bytes, at + 1)) at += key.name.length + 1;
      else {
        const name = at + 1;
        at = this.#string(bytes, name);
        if (at < 0) return -1;
        key = this.#keyAt(table, bytes, name, at - 1);
        if (key !== null) before.next = key;
        at = afterSpace(bytes, at);
        if (bytes[at++] !== COLON) return -1;
      }
      if (key !== null) before = key;
      at = afterSpace(bytes, at);
      if (key !== null && key.slot >= 0) at = this.#wanted(bytes, at, key, depth);
      else at = bytes[at] === QUOTE ? this.#string(bytes, at + 1) : this.#value(bytes, at, depth);
      if (at < 0) return -1;
      at = afterSpace(bytes, at);
      if (bytes[at] === CLOSE_OBJECT) return at + 1;
      if (bytes[at] !== COMMA) return -1;
      at = afterSpace(bytes, at + 1);
    }
  }

  #isKey({ name, words }: Key, bytes: Uint8Array, from: number): boolean {
    const view = this.#view;
    let at = from;
    if (at + name.length > this.#last) return false; // the slow way does not read in words
    for (let i = 0; i < words.length; i++, at += 4) if (view.getInt32(at, true) !== words[i]) return false;
    for (let i = words.length << 2; i < name.length; i++, at++) if (bytes[at] !== name[i]) return false;
    return true;
  }

  #keyAt(table: KeyTable, bytes: Uint8Array, from: number, to: number): Key | null {
    if (!this.#special) return table.find(bytes, from, to, true);
    this.#special = false;
    const name = Buffer.from(unescaped(bytes, from - 1, to + 1));
    return table.find(name, 0, name.length, false);
  }

  #wanted(bytes: Uint8Array, at: number, { slot, members }: Key, depth: number): number {
    if (this.starts[slot]! >= 0) this.#repeated = true;
    this.#special = false;
    const end =
      members !== null && bytes[at] === OPEN_OBJECT
        ? this.#members(bytes, at + 1, members, depth + 1)
        : this.#value(bytes, at, depth);
    this.starts[slot] = at;
    this.ends[slot] = end;
    this.special[slot] = this.#special ? 1 : 0;
    this.#special = false;
    return end;
  }

  #value(bytes: Uint8Array, at: number, depth: number): number {
    const c = bytes[at]!;
    if (c === QUOTE) return this.#string(bytes, at + 1);
    if (isDigit(c) || c === MINUS) return afterNumber(bytes, at);
    if (c === OPEN_OBJECT) return this.#object(bytes, at + 1, depth + 1);
    if (c === OPEN_ARRAY) return this.#array(bytes, at + 1, depth + 1);
    if (isEqual(TRUE, bytes, at, 4) || isEqual(NULL, bytes, at, 4)) return at + 4;
    return isEqual(FALSE, bytes, at, 5) ? at + 5 : -1;
  }

  /** An object that nobody asks for. */
  #object(bytes: Uint8Array, from: number, depth: number): number {
    let at = afterSpace(bytes, from);
    if (bytes[at] === CLOSE_OBJECT) return at + 1;
    if (depth >= DEPTH_MAX) return -1;
    for (;;) {
      if (bytes[at] !== QUOTE) return -1;
      at = this.#string(bytes, at + 1);
      if (at < 0) return -1;
      at = afterSpace(bytes, at);
      if (bytes[at] !== COLON) return -1;
      at = this.#value(bytes, afterSpace(bytes, at + 1), depth);
      if (at < 0) return -1;
      at = afterSpace(bytes, at);
      if (bytes[at] === CLOSE_OBJECT) return at + 1;
      if (bytes[at] !== COMMA) return -1;
      at = afterSpace(bytes, at + 1);
    }
  }

  #array(bytes: Uint8Array, from: number, depth: number): number {
    let at = afterSpace(bytes, from);
    if (bytes[at] === CLOSE_ARRAY) return at + 1;
    if (depth >= DEPTH_MAX) return -1;
    for (;;) {
      at = this.#value(bytes, at, depth);
      if (at < 0) return -1;
      at = afterSpace(bytes, at);
      if (bytes[at] === CLOSE_ARRAY) return at + 1;
      if (bytes[at] !== COMMA) return -1;
      at = afterSpace(bytes, at + 1);
    }
  }

  /**
   * The index after the closing quote. Control characters, the newline among them, end no string.
   * PERF: four bytes at a time take a third of the time of one by one.
   */
  #string(bytes: Uint8Array, from: number): number {
    const view = this.#view;
    const last = this.#last;
    let at = from;
    for (;;) {
      while (at <= last && arePlain(view.getInt32(at, true))) at += 4;
      while (PLAIN[bytes[at]!] === 1) at++;
      const c = bytes[at]!;
      if (c === QUOTE) return at + 1;
      if (c < FIRST_PRINTABLE) return -1;
      this.#special = true;
      if (c === BACKSLASH && bytes[++at]! < FIRST_PRINTABLE) return -1;
      at++;
    }
  }
}

/**
 * True when none of the four bytes is a quote, a backslash, a control character or above ASCII. ASCII has no
 * highest bit; a byte minus more than it is borrows and gets one, as does perhaps the byte above it: so the
 * highest bits tell whether there is such a byte, not which.
 */
function arePlain(word: number): boolean {
  const quote = (word ^ 0x22222222) - 0x01010101;
  const backslash = (word ^ 0x5c5c5c5c) - 0x01010101;
  return ((quote | backslash | (word - 0x20202020) | word) & 0x80808080) === 0;
}

/** The text of a JSON string; '' when its escapes are wrong. */
function unescaped(bytes: Uint8Array, from: number, to: number): string {
  try {
    return String(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8')));
  } catch {
    return ''; // a key that nobody asks for, whatever it is
  }
}

function afterSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  for (let c = bytes[at]!; c === 0x20 || c === 0x09 || c === 0x0d; c = bytes[++at]!);
  return at;
}

const isDigit = (c: number): boolean => c >= ZERO && c <= NINE;

/** RFC 8259 section 6. */
function afterNumber(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from;
  const first = at;
  at = afterDigits(bytes, at);
  if (at === first || (bytes[first] === ZERO && at > first + 1)) return -1;
  if (bytes[at] === DOT) {
    const fraction = at + 1;
    at = afterDigits(bytes, fraction);
    if (at === fraction) return -1;
  }
  if ((bytes[at]! | 0x20) === 0x65) {
    const signed = bytes[at + 1] === MINUS || bytes[at + 1] === 0x2b;
    const exponent = at + (signed ? 2 : 1);
    at = afterDigits(bytes, exponent);
    if (at === exponent) return -1;
  }
  return at;
}

function afterDigits(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isDigit(bytes[at]!)) at++;
  return at;
}
