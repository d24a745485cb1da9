// JSON (RFC 8259) as strangers send it: nothing repaired, no name twice in one object, every fault with its
// line and column. JSON.parse keeps the last of two members, and numbers above 2^53 lose digits in it.

import { BUNDLE_DOCUMENT_DEPTH_MAX, BUNDLE_DOCUMENT_VALUES_MAX } from '../limits.ts';

/** A number as it was written. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value that was read. */
export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject;

export type JsonObject = ReadonlyMap<string, Json>;

/** Why the text is not JSON, or not within the limits, and where; `line` and `column` count from 1. */
export class JsonError extends Error {
  readonly line: number;
  readonly column: number;

  constructor(message: string, at: { readonly line: number; readonly column: number }) {
    super(message);
    this.line = at.line;
    this.column = at.column;
  }
}

export interface JsonLimits {
  /** Levels of arrays and objects. */
  readonly depthMax: number;
  /** Values and member names in all. */
  readonly valuesMax: number;
}

const BUNDLE_DOCUMENT = { depthMax: BUNDLE_DOCUMENT_DEPTH_MAX, valuesMax: BUNDLE_DOCUMENT_VALUES_MAX };

/** Reads `bytes`, which the caller has bounded. @throws JsonError */
export function readJson(bytes: Buffer, limits: JsonLimits = BUNDLE_DOCUMENT): Json {
  let text: string;
  try {
    // `ignoreBOM` keeps a byte order mark in the text, where it is refused (RFC 8259 section 8.1).
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new JsonError('the text is not UTF-8', { line: 1, column: 1 });
  }
  return new Reader(text, limits).document();
}

const LITERALS: readonly (readonly [string, null | boolean])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
];
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

class Reader {
  readonly #text: string;
  readonly #limits: JsonLimits;
  #at = 0;
  #values = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  document(): Json {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#fault('something follows the document');
    return value;
  }

  // Recursion is bounded by `depthMax`.
  #value(depth: number): Json {
    this.#space();
    this.#count();
    const c = this.#text[this.#at];
    if (c === '{' || c === '[') {
      if (depth >= this.#limits.depthMax) throw this.#fault(`more than ${this.#limits.depthMax} levels`);
      return c === '{' ? this.#object(depth + 1) : this.#array(depth + 1);
    }
    if (c === '"') return this.#string();
    if (c === '-' || isDigit(c)) return this.#number();
    for (const [word, value] of LITERALS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    throw this.#unexpected('a value');
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, Json>();
    this.#at++;
    if (this.#closes('}')) return members;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#unexpected('a member name');
      this.#count();
      const nameAt = this.#at;
      const name = this.#string();
      if (members.has(name)) throw this.#fault(`the member \`${shown(name)}\` is there twice`, nameAt);
      this.#space();
      if (this.#text[this.#at] !== ':') throw this.#unexpected('`:`');
      this.#at++;
      members.set(name, this.#value(depth));
      if (this.#closes('}')) return members;
      if (this.#text[this.#at] !== ',') throw this.#unexpected('`,` or `}`');
      this.#at++;
    }
  }

  #array(depth: number): readonly Json[] {
    const items: Json[] = [];
    this.#at++;
    if (this.#closes(']')) return items;
    for (;;) {
      items.push(this.#value(depth));
      if (this.#closes(']')) return items;
      if (this.#text[this.#at] !== ',') throw this.#unexpected('`,` or `]`');
      this.#at++;
    }
  }

  /** RFC 8259 section 7. */
  #string(): string {
    const openedAt = this.#at++;
    let result = '';
    let from = this.#at;
    for (;;) {
      const c = this.#text[this.#at];
      if (c === undefined) throw this.#fault('a string without end', openedAt);
      if (c < ' ') throw this.#fault('a control character in a string');
      if (c === '"' || c === '\\') {
        result += this.#text.slice(from, this.#at);
        if (c === '"') break;
        result += this.#escape();
        from = this.#at;
      } else this.#at++;
    }
    this.#at++;
    // Two texts with a lone surrogate may become one when they are written as UTF-8.
    if (!result.isWellFormed()) throw this.#fault('half of a surrogate pair in a string', openedAt);
    return result;
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? '';
    const plain = ESCAPES.get(letter);
    if (plain !== undefined) {
      this.#at += 2;
      return plain;
    }
    const hex = this.#text.slice(this.#at + 2, this.#at + 6);
    if (letter !== 'u' || hex.length !== 4 || ![...hex].every(isHex))
      throw this.#fault('an escape that JSON does not have');
    this.#at += 6;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }

  /** RFC 8259 section 6. */
  #number(): JsonNumber {
    const from = this.#at;
    if (this.#text[this.#at] === '-') this.#at++;
    if (this.#text[this.#at] === '0') this.#at++;
    else this.#digits();
    if (this.#text[this.#at] === '.') {
      this.#at++;
      this.#digits();
    }
    if (this.#text[this.#at] === 'e' || this.#text[this.#at] === 'E') {
      this.#at++;
      if (this.#text[this.#at] === '+' || this.#text[this.#at] === '-') this.#at++;
      this.#digits();
    }
    return new JsonNumber(this.#text.slice(from, this.#at));
  }

  #digits(): void {
    if (!isDigit(this.#text[this.#at])) throw this.#unexpected('a digit');
    while (isDigit(this.#text[this.#at])) this.#at++;
  }

  #closes(bracket: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== bracket) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    for (;;) {
      const c = this.#text[this.#at];
      if (c !== ' ' && c !== '\n' && c !== '\r' && c !== '\t') return;
      this.#at++;
    }
  }

  #count(): void {
    if (++this.#values > this.#limits.valuesMax)
      throw this.#fault(`more than ${this.#limits.valuesMax} values`);
  }

  #unexpected(wanted: string): JsonError {
    const c = this.#text[this.#at];
    if (c === undefined) return this.#fault(`the text ends where ${wanted} is expected: is it cut short?`);
    return this.#fault(`${wanted} is expected, not ${shownCharacter(c)}`);
  }

  #fault(message: string, at = this.#at): JsonError {
    const before = this.#text.slice(0, at);
    const line = before.split('\n').length;
    return new JsonError(message, { line, column: at - before.lastIndexOf('\n') });
  }
}

const NAME_CHARS_SHOWN = 40;

/** Cut, and without what a terminal may not show as it is. */
const shown = (name: string): string => {
  const start = [...name.slice(0, NAME_CHARS_SHOWN)].map((c) => (c >= ' ' && c <= '~' ? c : '?')).join('');
  return name.length > NAME_CHARS_SHOWN ? `${start}…` : start;
};

const shownCharacter = (c: string): string =>
  c > ' ' && c <= '~' ? `\`${c}\`` : `U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;

const isDigit = (c: string | undefined): boolean => c !== undefined && c >= '0' && c <= '9';

const isHex = (c: string): boolean => isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
