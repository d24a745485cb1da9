// The request head (RFC 9112 sections 2, 3, 6, 9; RFC 9110 sections 5, 7): strict, one pass, reused by a
// connection. Whatever is accepted here has one reading: the one that is judged, and the one that is
// forwarded.
import { canonicalPath, isCanonicalPath, type PathMode } from '../../core/path.ts';
import type { Reason } from '../../core/reasons.ts';
import type { RequestHead } from './head.ts';
import { HeadCollector } from './head-collector.ts';
import { canonicalHost } from './host.ts';
import { EXPECT, HOST, UPGRADE } from './known-headers.ts';
import { MessageHead } from './message-head.ts';
import type { ProtectedNames } from './protected-names.ts';
import { requestLineFault, versionFault } from './request-line-fault.ts';
import { QUERY, TOKEN } from './tokens.ts';
import { readUpgrade } from './websocket.ts';

/** Limits and rules of one listener, shared by its parsers; `names` is swapped with the policy. */
export interface RequestParserOptions {
  /** Largest head in bytes, with the empty line. */
  readonly headBytesMax: number;
  /** Most header lines. */
  readonly headersMax: number;
  /** Longest request target in bytes. */
  readonly targetBytesMax: number;
  readonly paths: PathMode;
  /** True when requests name their destination: CONNECT and the absolute-form, and nothing else. */
  readonly proxy: boolean;
  names: ProtectedNames;
}

const SP = 0x20;
const SLASH = 0x2f;
const QUESTION = 0x3f;
// PERF: a method found here costs no slice; most frequent first.
const METHODS = ['GET ', 'POST ', 'PUT ', 'HEAD ', 'DELETE ', 'PATCH ', 'OPTIONS '].map((prefix) => ({
  prefix,
  method: prefix.slice(0, -1),
}));

/**
 * Parses the requests of one connection, one after the other.
 *
 * `push(chunk, at)` returns the index after the head, 0 when the bytes were kept and more are needed, or -1
 * with `fault` set; after a fault the connection cannot be read on. The fields, and `source` in `chunk`,
 * stay as they are until the next push.
 */
export class RequestParser extends MessageHead implements RequestHead {
  fault: Reason | null = null;
  method = '';
  target = '';
  path = '';
  query = '';
  pathUnchanged = true;
  host = '';
  upgrade = '';
  expectContinue = false;
  bytes = 0;
  /** True when the fields hold a whole, valid head: the next byte is its body's or the next request's. */
  complete = false;
  private blank = true;
  private readonly options: RequestParserOptions;
  private readonly collector = new HeadCollector(true);
  /** Where the query begins in `text`; the end of the target when there is none. */
  private queryAt = 0;
  /** The authority of an absolute-form target, or null. */
  private authority: string | null = null;
  /** The last Host value as received. */
  private hostValue = '';
  private hostOfValue = '';

  constructor(options: RequestParserOptions) {
    super();
    this.options = options;
  }

  /** True while the bytes of an incomplete head are kept. */
  get started(): boolean {
    return this.collector.started;
  }

  /** True when body bytes follow the head. */
  get bodyExpected(): boolean {
    return this.chunked || this.contentLength > 0;
  }

  /** Forgets the last request and every kept byte; memory is kept for the next one. */
  reset(): void {
    this.collector.reset();
    this.clear();
  }

  /** Takes bytes from `chunk[at…]`; see the class. */
  push(chunk: Buffer, at: number): number {
    const { collector } = this;
    const next = collector.push(chunk, at, this.options.headBytesMax);
    if (next === 0) return 0;
    if (!this.blank) this.clear();
    this.blank = false;
    if (next > 0) {
      this.takeBytes(collector);
      this.bytes = collector.bytes;
    }
    this.fault = next < 0 ? collector.fault : this.parse();
    collector.release();
    this.complete = this.fault === null;
    return this.complete ? next : -1;
  }

  private clear(): void {
    this.blank = true;
    this.clearLines();
    this.complete = false;
    this.fault = null;
    this.method = '';
    this.target = '';
    this.path = '';
    this.query = '';
    this.pathUnchanged = true;
    this.host = '';
    this.upgrade = '';
    this.expectContinue = false;
    this.bytes = 0;
    this.authority = null;
    this.contentLength = -1;
    this.chunked = false;
  }

  private parse(): Reason | null {
    const { options, text } = this;
    const targetAt = this.readMethod();
    if (targetAt < 0) return requestLineFault(text, 0);
    const end = this.findTarget(targetAt);
    if (text.charCodeAt(end) !== SP) return this.targetByteFault(end);
    if (text.startsWith('HTTP/1.1\r\n', end + 1)) this.minor = 1;
    else if (text.startsWith('HTTP/1.0\r\n', end + 1)) this.minor = 0;
    else return versionFault(text, end);
    return (
      this.readTarget(targetAt, end) ??
      this.readLines(end + 11, options.headersMax, options.names) ??
      this.readFraming() ??
      this.readHost() ??
      this.readConnection(options.names) ??
      (this.method === 'CONNECT' && this.bodyExpected ? 'bad-content-length' : null) ??
      this.readExpect() ??
      (this.has(UPGRADE) ? this.readUpgrade() : null)
    );
  }

  /** Sets `method` and returns the start of the target, or -1. */
  private readMethod(): number {
    const text = this.text;
    for (const { prefix, method } of METHODS) {
      if (!text.startsWith(prefix)) continue;
      this.method = method;
      return prefix.length;
    }
    let i = 0;
    while ((TOKEN[text.charCodeAt(i)] ?? 0) !== 0) i++;
    if (i === 0 || text.charCodeAt(i) !== SP) return -1;
    this.method = text.slice(0, i);
    return i + 1;
  }

  /** Returns where a SP or control ends the target, and sets `queryAt`. */
  private findTarget(at: number): number {
    const { source, begin } = this;
    let query = -1;
    let i = begin + at;
    for (;;) {
      const c = source[i] ?? 0;
      if (c <= SP) break;
      if (c === QUESTION && query < 0) query = i;
      i++;
    }
    this.queryAt = (query < 0 ? i : query) - begin;
    return i - begin;
  }

  /** A control stands at `end`, where the target should end. */
  private targetByteFault(end: number): Reason {
    const c = this.text.charCodeAt(end);
    if (c === 0x0d || c === 0x0a) return requestLineFault(this.text, end);
    return this.queryAt < end ? 'bad-target' : 'bad-path';
  }

  // RFC 9112 section 3.2: origin-form, absolute-form, asterisk-form; authority-form belongs to CONNECT.
  private readTarget(start: number, end: number): Reason | null {
    const text = this.text;
    const first = text.charCodeAt(start);
    if (end === start) return 'bad-request-line';
    if (this.method === 'TRACE' || (this.method === 'CONNECT' && !this.options.proxy))
      return 'method-not-allowed';
    if (end - start > this.options.targetBytesMax) return 'target-too-long';
    this.target = text.slice(start, end);
    if (this.method === 'CONNECT') return this.readAuthorityForm(start, end);
    if (this.options.proxy) return this.readAbsoluteForm(start, end);
    if (first === SLASH) return this.readPath(start, end);
    if (this.target === '*') {
      this.path = '*';
      return this.method === 'OPTIONS' ? null : 'bad-target';
    }
    return this.readAbsoluteForm(start, end);
  }

  private readPath(start: number, end: number): Reason | null {
    const { text, queryAt } = this;
    if (queryAt < end && !this.readQuery(end)) return 'bad-target';
    this.path =
      end - start === this.target.length && queryAt === end ? this.target : text.slice(start, queryAt);
    return isCanonicalPath(text, start, queryAt) ? null : this.repairPath();
  }

  private readQuery(end: number): boolean {
    for (let i = this.queryAt; i < end; i++) {
      if ((QUERY[this.text.charCodeAt(i)] ?? 0) === 0) return false;
    }
    this.query = this.text.slice(this.queryAt, end);
    return true;
  }

  private repairPath(): Reason | null {
    const { path, changed, fault } = canonicalPath(this.path, this.options.paths);
    if (fault !== null) {
      this.path = '';
      return fault;
    }
    this.path = path;
    if (changed) this.pathUnchanged = false;
    return null;
  }

  // RFC 9112 section 3.2.3: host and port, both of them.
  private readAuthorityForm(start: number, end: number): Reason | null {
    const host = canonicalHost(this.text, start, end) ?? '';
    if (host.lastIndexOf(':') <= host.lastIndexOf(']')) return 'bad-target';
    this.authority = this.target.toLowerCase();
    this.host = host;
    return null;
  }

  // RFC 9112 section 3.2.2: accepted from anyone, forwarded in origin-form.
  private readAbsoluteForm(start: number, end: number): Reason | null {
    const text = this.text;
    const authorityAt = text.indexOf('://', start) + 3;
    const scheme = text.slice(start, Math.max(start, authorityAt)).toLowerCase();
    if (scheme !== 'http://' && scheme !== 'https://') return 'bad-target';
    let at = authorityAt;
    while (at < this.queryAt && text.charCodeAt(at) !== SLASH) at++;
    if (canonicalHost(text, authorityAt, at) === null) return 'bad-target';
    this.authority = text.slice(authorityAt, at).toLowerCase();
    this.pathUnchanged = false;
    if (at < this.queryAt) return this.readPath(at, end);
    if (at < end && !this.readQuery(end)) return 'bad-target';
    // RFC 9112 section 3.2.4: OPTIONS with neither asks about the server as a whole.
    this.path = this.method === 'OPTIONS' && at === end ? '*' : '/';
    return null;
  }

  private readHost(): Reason | null {
    if (!this.has(HOST)) {
      if (this.minor === 1) return 'bad-host';
      // HTTP/1.0 knows no Host, and CONNECT needs none.
      return this.authority === null || this.method === 'CONNECT' ? null : 'authority-mismatch';
    }
    if ((this.repeated & (1 << HOST)) !== 0) return 'bad-host';
    const o = this.offsetOf(HOST);
    const start = this.slot(o + 2);
    const end = this.slot(o + 3);
    // PERF: a connection mostly names the same host again.
    if (end - start !== this.hostValue.length || !this.text.startsWith(this.hostValue, start)) {
      const host = canonicalHost(this.text, start, end);
      if (host === null) return 'bad-host';
      this.hostValue = detached(this.text.slice(start, end));
      this.hostOfValue = detached(host);
    }
    if (this.hostOfValue === '') return 'bad-host';
    this.host = this.hostOfValue;
    return this.authority === null || this.authority === this.hostValue.toLowerCase()
      ? null
      : 'authority-mismatch';
  }

  // RFC 9110 section 10.1.1; an expectation in HTTP/1.0 is ignored.
  private readExpect(): Reason | null {
    if (!this.has(EXPECT) || this.minor === 0) return null;
    this.expectContinue = this.soleValue(EXPECT)?.toLowerCase() === '100-continue';
    return this.expectContinue ? null : 'bad-expect';
  }

  private readUpgrade(): Reason | null {
    const kind = readUpgrade(this);
    if (kind === null) return 'bad-upgrade';
    this.upgrade = kind;
    return null;
  }
}

/** A copy that does not keep the head it was cut from alive on an idle connection. */
function detached(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
