// One header field as it goes through HPACK: a line of HTTP/1.1, so that it is checked once and copied from
// then on. RFC 9113 section 8.2 says which are well-formed.
import { knownId } from '../../http1/known-headers.ts';
import { FIELD, isBlank, TOKEN } from '../../http1/tokens.ts';

/** What a pseudo-header field is; the kinds of others are their index in KNOWN_HEADERS, 0 for any other. */
export const METHOD = -1;
export const SCHEME = -2;
export const AUTHORITY = -3;
export const PATH = -4;
export const STATUS = -5;
/** No pseudo-header field that HTTP/2 defines for requests or responses without extensions. */
export const UNKNOWN_PSEUDO = -6;

const PSEUDO: ReadonlyMap<string, number> = new Map([
  [':method', METHOD],
  [':scheme', SCHEME],
  [':authority', AUTHORITY],
  [':path', PATH],
  [':status', STATUS],
]);

const COLON = 0x3a;
const SP = 0x20;
const CR = 0x0d;
const LF = 0x0a;
/** Bytes of a line that are neither name nor value: `: ` and CRLF. */
export const LINE_EXTRA_BYTES = 4;
/** RFC 7541 section 4.1. */
export const ENTRY_EXTRA_BYTES = 32;

/** `source[start, end)` is `name: value CRLF`; mutable, and valid until the next field is decoded. */
export interface Field {
  source: Buffer;
  start: number;
  end: number;
  nameEnd: number;
  kind: number;
  /** It may not occur in HTTP/2, or could not be told from other bytes in HTTP/1.1. */
  malformed: boolean;
  /** RFC 7541 section 6.2.3: whoever passes it on does not index it either. */
  sensitive: boolean;
}

export const valueStart = (field: Field): number => field.nameEnd + 2;
export const valueEnd = (field: Field): number => field.end - 2;

/** Its size in a table (RFC 7541 section 4.1). */
export const sizeOf = (field: Field): number =>
  field.end - field.start - LINE_EXTRA_BYTES + ENTRY_EXTRA_BYTES;

export function emptyField(source: Buffer): Field {
  return { source, start: 0, end: 0, nameEnd: 0, kind: 0, malformed: false, sensitive: false };
}

/** Writes what separates the name from the value at `at`; returns where the value begins. */
export function writeSeparator(target: Uint8Array, at: number): number {
  target[at] = COLON;
  target[at + 1] = SP;
  return at + 2;
}

/** Ends a line at `at`; returns the index after it. */
export function writeLineEnd(target: Uint8Array, at: number): number {
  target[at] = CR;
  target[at + 1] = LF;
  return at + 2;
}

/** The kind of the name `source[start, end)`. */
export function kindOf(source: Buffer, start: number, end: number): number {
  if (source[start] !== COLON) return knownId(source, start, end);
  return PSEUDO.get(source.toString('latin1', start, end)) ?? UNKNOWN_PSEUDO;
}

/** RFC 9113 section 8.2.1: a token, and no capital letter; pseudo-header fields are known by their kind. */
export function isName(source: Buffer, start: number, end: number): boolean {
  if (start === end) return false;
  for (let i = source[start] === COLON ? start + 1 : start; i < end; i++) {
    const c = source[i] ?? 0;
    if ((TOKEN[c] ?? 0) === 0 || (c >= 0x41 && c <= 0x5a)) return false;
  }
  return true;
}

/** RFC 9113 section 8.2.1, and RFC 9110 section 5.5: no control byte, no white space at either end. */
export function isValue(source: Buffer, start: number, end: number): boolean {
  if (start === end) return true;
  if (isBlank(source[start] ?? 0) || isBlank(source[end - 1] ?? 0)) return false;
  for (let i = start; i < end; i++) if ((FIELD[source[i] ?? 0] ?? 0) === 0) return false;
  return true;
}
