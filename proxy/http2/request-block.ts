// From a header block to the request head that HTTP/1.1 would have had: then one parser, one set of rules and
// one forwarding serve both protocols. Refuses here what HTTP/1.1 could not say (RFC 9113 sections 8.1.1 to
// 8.3), above all what would become another request there.
import { Buffer } from 'node:buffer';
import { COOKIE, HOST, TE } from '../http1/known-headers.ts';
import { bytesEqual, TOKEN } from '../http1/tokens.ts';
import { isOfConnection } from './connection-fields.ts';
import type { FieldSink } from './hpack/decoder.ts';
import { AUTHORITY, type Field, METHOD, PATH, SCHEME, valueEnd, valueStart } from './hpack/field.ts';
import { withField } from './never-indexed.ts';

/** A pseudo-header field as a bit of `seen`. */
const bit = (kind: number): number => 1 << -kind;
const WANTED = bit(METHOD) | bit(SCHEME) | bit(PATH);
const WANTED_BY_CONNECT = bit(METHOD) | bit(AUTHORITY);

/** What most heads need, with room for their pseudo-header fields. */
const BYTES_AT_FIRST = 1_024;
/** Most that is set aside for a head before it is known. */
const BYTES_EXPECTED_MAX = 8_192;
const NONE = Buffer.alloc(0);
const CONNECT_METHOD = Buffer.from('CONNECT', 'latin1');
const HTTPS = Buffer.from('https', 'latin1');
const HTTP = Buffer.from('http', 'latin1');
const REQUEST_LINE_END = Buffer.from(' HTTP/1.1\r\n', 'latin1');
const HOST_NAME = Buffer.from('host: ', 'latin1');
const COOKIE_NAME = Buffer.from('cookie: ', 'latin1');
const COOKIE_SEPARATOR = '; ';
const LINE_END = Buffer.from('\r\n', 'latin1');
const TRAILERS = 'trailers';
const SP = 0x20;
const SLASH = 0x2f;
const ASTERISK = 0x2a;
// PERF: a call into C++ costs as much as a loop over so many bytes.
const LOOP_BYTES_MAX = 24;

export class RequestBlock implements FieldSink {
  /** Why the block is no request that may go on: a stream error; '' while it is one. */
  fault = '';
  /** It is larger than `bytesMax` as a head. */
  oversize = false;
  neverIndexed: Set<string> | null = null;
  /** The values of pseudo-header fields, and from `headAt` on the head. PERF: no text is made of them. */
  private bytes = NONE;
  private length = 0;
  private headAt = 0;
  /** Pseudo-header fields that came. */
  private seen = 0;
  /** By -kind: where the value of a pseudo-header field is. */
  private readonly starts = new Int32Array(8);
  private readonly ends = new Int32Array(8);
  private hosts = 0;
  private begun = false;
  private cookies: string | null = null;
  private bytesExpected = BYTES_AT_FIRST;
  private readonly bytesMax: number;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Begins the next block. */
  begin(): void {
    this.fault = '';
    this.oversize = false;
    this.neverIndexed = null;
    this.bytes = NONE;
    this.length = 0;
    this.headAt = 0;
    this.seen = 0;
    this.hosts = 0;
    this.begun = false;
    this.cookies = null;
  }

  field(field: Field): void {
    if (this.fault !== '' || this.oversize) return;
    if (field.sensitive) this.neverIndexed = withField(this.neverIndexed, field);
    if (field.malformed) this.fault = 'a malformed field';
    else if (field.kind < 0) this.pseudo(field);
    else this.regular(field);
  }

  /** The head in memory of its own, with its empty line; null with `fault` or `oversize` set. */
  finish(): Buffer | null {
    if (this.fault === '' && !this.oversize) {
      if (!this.begun) this.beginLines();
      if (this.cookies !== null) this.cookieLine(this.cookies);
      this.copy(LINE_END, 0, LINE_END.length);
    }
    const { bytes, length, headAt } = this;
    this.bytes = NONE;
    if (this.fault !== '' || this.oversize) return null;
    if (length > this.bytesExpected) this.bytesExpected = Math.min(length, BYTES_EXPECTED_MAX);
    return bytes.subarray(headAt, length);
  }

  /** RFC 9113 section 8.3: each once, and all before the others. */
  private pseudo(field: Field): void {
    const { kind, source } = field;
    const start = valueStart(field);
    const end = valueEnd(field);
    const malformed = pseudoFault(kind, source, start, end);
    if (this.begun) this.fault = 'a pseudo-header field behind others';
    else if ((this.seen & bit(kind)) !== 0) this.fault = 'a pseudo-header field twice';
    else if (malformed !== '') this.fault = malformed;
    if (this.fault !== '') return;
    this.seen |= bit(kind);
    this.starts[-kind] = this.length;
    this.copy(source, start, end);
    this.ends[-kind] = this.length;
  }

  private regular(field: Field): void {
    if (!this.begun) this.beginLines();
    const { kind, source } = field;
    if (kind !== 0) {
      if (isOfConnection(kind)) {
        this.fault = 'a field that is about a connection of HTTP/1.1';
        return;
      }
      const start = valueStart(field);
      const end = valueEnd(field);
      if (kind === COOKIE) return this.cookie(source.toString('latin1', start, end));
      if (kind === TE && !bytesEqual(source, start, end, TRAILERS)) this.fault = 'a TE other than trailers';
      if (kind === HOST && !this.host(source, start, end)) return;
    }
    this.copy(source, field.start, field.end);
  }

  /** Returns true when the line is the only one that says it. */
  private host(source: Buffer, start: number, end: number): boolean {
    if (this.hosts++ > 0) this.fault = 'a second host';
    if ((this.seen & bit(AUTHORITY)) === 0) return true;
    // RFC 9113 section 8.3.1: a Host that names another place than :authority is malformed.
    if (!this.isValue(AUTHORITY, source, start, end)) this.fault = ':authority and host differ';
    return false;
  }

  /** RFC 9113 section 8.2.3: one line again. */
  private cookie(value: string): void {
    this.cookies = this.cookies === null ? value : this.cookies + COOKIE_SEPARATOR + value;
    if (this.cookies.length > this.bytesMax) this.oversize = true;
  }

  private cookieLine(value: string): void {
    this.copy(COOKIE_NAME, 0, COOKIE_NAME.length);
    const at = this.reserve(value.length);
    if (at >= 0) this.bytes.write(value, at, 'latin1');
    this.copy(LINE_END, 0, LINE_END.length);
  }

  /** Every pseudo-header field came: the request line, and Host as :authority says it. */
  private beginLines(): void {
    this.begun = true;
    const connects = this.isValue(METHOD, CONNECT_METHOD, 0, CONNECT_METHOD.length);
    // RFC 9113 section 8.5: CONNECT has neither scheme nor path.
    if (connects ? this.seen !== WANTED_BY_CONNECT : (this.seen & WANTED) !== WANTED) {
      this.fault = 'not the pseudo-header fields of its method';
      return;
    }
    this.headAt = this.length;
    this.copyValue(METHOD);
    const at = this.reserve(1);
    if (at >= 0) this.bytes[at] = SP;
    this.copyValue(connects ? AUTHORITY : PATH);
    this.copy(REQUEST_LINE_END, 0, REQUEST_LINE_END.length);
    if ((this.seen & bit(AUTHORITY)) === 0) return;
    this.copy(HOST_NAME, 0, HOST_NAME.length);
    this.copyValue(AUTHORITY);
    this.copy(LINE_END, 0, LINE_END.length);
  }

  /** True when the pseudo-header field `kind` came with the value `source[start, end)`. */
  private isValue(kind: number, source: Uint8Array, start: number, end: number): boolean {
    const { bytes } = this;
    const from = this.starts[-kind] ?? 0;
    if ((this.seen & bit(kind)) === 0 || (this.ends[-kind] ?? 0) - from !== end - start) return false;
    for (let i = start; i < end; i++) if (bytes[from + i - start] !== source[i]) return false;
    return true;
  }

  private copyValue(kind: number): void {
    this.copy(this.bytes, this.starts[-kind] ?? 0, this.ends[-kind] ?? 0);
  }

  private copy(source: Buffer, start: number, end: number): void {
    const at = this.reserve(end - start);
    if (at < 0) return;
    const { bytes } = this;
    if (end - start > LOOP_BYTES_MAX) source.copy(bytes, at, start, end);
    else for (let i = start; i < end; i++) bytes[at + i - start] = source[i] ?? 0;
  }

  /** Makes room for `count` bytes more; returns where they go, or -1. */
  private reserve(count: number): number {
    const at = this.length;
    const wanted = at + count;
    if (wanted - this.headAt > this.bytesMax) this.oversize = true;
    if (this.oversize) return -1;
    if (wanted > this.bytes.length) this.grow(wanted);
    this.length = wanted;
    return at;
  }

  private grow(wanted: number): void {
    const larger = Buffer.allocUnsafe(Math.max(wanted, 2 * this.bytes.length, this.bytesExpected));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}

/** Why `source[start, end)` cannot be the value of the pseudo-header field `kind`; '' when it can. */
function pseudoFault(kind: number, source: Buffer, start: number, end: number): string {
  switch (kind) {
    case METHOD:
      return isEvery(TOKEN, source, start, end) ? '' : 'a malformed :method';
    case SCHEME:
      return isSame(source, start, end, HTTPS) || isSame(source, start, end, HTTP)
        ? ''
        : 'a :scheme that is neither http nor https';
    case PATH:
      return isPath(source, start, end) ? '' : 'a malformed :path';
    case AUTHORITY:
      return isVisible(source, start, end) ? '' : 'a malformed :authority';
    default:
      return 'an unknown pseudo-header field';
  }
}

/** RFC 9113 section 8.3.1: origin-form, or `*`; nothing that would end the request line of HTTP/1.1. */
function isPath(source: Buffer, start: number, end: number): boolean {
  if (source[start] === ASTERISK) return end - start === 1;
  return source[start] === SLASH && isVisible(source, start, end);
}

/** True when `source[start, end)` is not empty and has no blank; controls are no part of a value. */
function isVisible(source: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if ((source[i] ?? 0) <= SP) return false;
  return end > start;
}

function isEvery(table: Uint8Array, source: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if ((table[source[i] ?? 0] ?? 0) === 0) return false;
  return end > start;
}

function isSame(source: Buffer, start: number, end: number, text: Buffer): boolean {
  if (end - start !== text.length) return false;
  for (let i = start; i < end; i++) if (source[i] !== text[i - start]) return false;
  return true;
}
