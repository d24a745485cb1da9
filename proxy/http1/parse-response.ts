// The response head from the application (RFC 9112 sections 4, 6, 9): as strict as the request head. An
// application that answers in an ambiguous way could desynchronize the pooled connection for the next caller.
import type { Reason } from '../../core/reasons.ts';
import type { Framing } from './body.ts';
import { HeadCollector } from './head-collector.ts';
import { lineFault } from './header-lines.ts';
import { UPGRADE } from './known-headers.ts';
import { MessageHead } from './message-head.ts';
import { ProtectedNames } from './protected-names.ts';
import { FIELD } from './tokens.ts';

/** Limits of a response head. */
export interface ResponseLimits {
  readonly headBytesMax: number;
  readonly headersMax: number;
}

const DEFAULT_LIMITS: ResponseLimits = { headBytesMax: 65_536, headersMax: 256 };
const NAMES = new ProtectedNames([]);
const VERSION = Buffer.from('HTTP/1.', 'latin1');
const SP = 0x20;
const CR = 0x0d;
const LF = 0x0a;

/**
 * Parses the responses of one exchange after the other. `push` works as the request parser's; `reset` comes
 * before the first byte of another upstream connection. Every fault is `upstream-bad-response`; `detail` says
 * which rule.
 */
export class ResponseParser extends MessageHead {
  fault: Reason | null = null;
  /** The rule that was broken, for the log; null without a fault. */
  detail: Reason | null = null;
  /** 100 to 599. */
  status = 0;
  /** How the body ends (RFC 9112 section 6.3). */
  framing: Framing = 'none';
  bytes = 0;
  /** True when the status line can go on as it is. */
  plainStatusLine = false;
  /** Where the reason phrase begins; it ends with its line. */
  private reasonAt = 0;
  /** True when the fields hold nothing. */
  private blank = true;
  private readonly limits: ResponseLimits;
  private readonly collector = new HeadCollector(false);

  constructor(limits: ResponseLimits = DEFAULT_LIMITS) {
    super();
    this.limits = limits;
  }

  get reasonPhrase(): string {
    return this.text.slice(this.reasonAt, this.slot(0) - 2);
  }

  /** Forgets the last response and every kept byte. */
  reset(): void {
    this.collector.reset();
    this.clear();
  }

  /**
   * Takes bytes from `chunk[at…]`: the index after the head, 0 = more bytes are needed, -1 = `fault`.
   * `requestMethod` decides whether a body follows.
   */
  push(chunk: Buffer, at: number, requestMethod: string): number {
    const { collector } = this;
    const next = collector.push(chunk, at, this.limits.headBytesMax);
    if (next === 0) return 0;
    if (!this.blank) this.clear();
    this.blank = false;
    if (next > 0) {
      this.takeBytes(collector);
      this.bytes = collector.bytes;
    }
    this.detail = next < 0 ? collector.fault : this.parse(requestMethod);
    collector.release();
    if (this.detail === null) return next;
    this.fault = 'upstream-bad-response';
    return -1;
  }

  private clear(): void {
    this.blank = true;
    this.clearLines();
    this.fault = null;
    this.detail = null;
    this.status = 0;
    this.plainStatusLine = false;
    this.framing = 'none';
    this.bytes = 0;
  }

  private parse(requestMethod: string): Reason | null {
    const at = this.readStatusLine();
    if (at < 0) return lineFault(this.text, firstNewline(this.text));
    return (
      this.readLines(at, this.limits.headersMax, null) ??
      this.readFraming() ??
      this.readConnection(NAMES) ??
      this.delimit(requestMethod)
    );
  }

  // RFC 9112 section 4. A missing SP before an empty reason phrase is common and harmless: it is written
  // anew.
  private readStatusLine(): number {
    const { source, begin } = this;
    for (let i = 0; i < VERSION.length; i++) if (source[begin + i] !== VERSION[i]) return -1;
    this.minor = (source[begin + 7] ?? 0) - 0x30;
    if ((this.minor !== 0 && this.minor !== 1) || source[begin + 8] !== SP) return -1;
    let status = 0;
    for (let i = 9; i < 12; i++) {
      const digit = (source[begin + i] ?? 0) - 0x30;
      if (!(digit >= 0 && digit <= 9)) return -1;
      status = status * 10 + digit;
    }
    // RFC 9110 section 15: 100 to 599.
    if (status < 100 || status > 599) return -1;
    const phrase = source[begin + 12] === SP;
    let end = begin + 12;
    if (phrase) while ((FIELD[source[++end] ?? 0] ?? 0) !== 0);
    if (source[end] !== CR || source[end + 1] !== LF) return -1;
    this.status = status;
    this.plainStatusLine = phrase && this.minor === 1;
    this.reasonAt = phrase ? 13 : 12;
    return end + 2 - begin;
  }

  /** RFC 9112 section 6.3, rules 1 to 8. */
  private delimit(requestMethod: string): Reason | null {
    const { status } = this;
    if (status < 200 || status === 204) {
      // RFC 9110 section 8.6, RFC 9112 section 6.1: neither field here. `Content-Length: 0` is common and is
      // dropped.
      if (this.chunked) return 'bad-transfer-encoding';
      if (this.contentLength > 0) return 'bad-content-length';
      // RFC 9110 section 15.2.2; only websocket is ever asked for.
      // An interim response ends nothing, and HTTP/1.0 has none (RFC 9110 section 15.2).
      if (status < 200 && this.minor === 0) return 'bad-version';
      if (status < 200 && !this.keepAlive) return 'bad-connection-header';
      if (status === 101 && this.soleValue(UPGRADE)?.toLowerCase() !== 'websocket') return 'bad-upgrade';
      this.framing = 'none';
    } else if (status === 304 || requestMethod === 'HEAD') this.framing = 'none';
    else if (this.chunked) this.framing = 'chunked';
    else if (this.contentLength >= 0) this.framing = 'length';
    else this.framing = 'until-close';
    return null;
  }
}

function firstNewline(text: string): number {
  let i = 0;
  while (text.charCodeAt(i) !== 0x0d && text.charCodeAt(i) !== 0x0a) i++;
  return i;
}
