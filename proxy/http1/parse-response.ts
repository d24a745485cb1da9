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
  reasonPhrase = '';
  /** How the body ends (RFC 9112 section 6.3). */
  framing: Framing = 'none';
  bytes = 0;
  private readonly limits: ResponseLimits;
  private readonly collector = new HeadCollector(false);

  constructor(limits: ResponseLimits = DEFAULT_LIMITS) {
    super();
    this.limits = limits;
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
    const next = this.collector.push(chunk, at, this.limits.headBytesMax);
    if (next === 0) return 0;
    this.clear();
    if (next > 0) {
      this.text = this.collector.text;
      this.bytes = this.collector.bytes;
    }
    this.detail = next < 0 ? this.collector.fault : this.parse(requestMethod);
    this.collector.release();
    if (this.detail === null) return next;
    this.fault = 'upstream-bad-response';
    return -1;
  }

  private clear(): void {
    this.clearLines();
    this.fault = null;
    this.detail = null;
    this.status = 0;
    this.reasonPhrase = '';
    this.framing = 'none';
    this.bytes = 0;
  }

  private parse(requestMethod: string): Reason | null {
    const at = this.readStatusLine();
    if (at < 0) return lineFault(this.text, firstNewline(this.text));
    return (
      this.readLines(this.collector, at, this.limits.headersMax, null) ??
      this.readFraming() ??
      this.readConnection(NAMES) ??
      this.delimit(requestMethod)
    );
  }

  // RFC 9112 section 4. A missing SP before an empty reason phrase is common and harmless: it is written
  // anew.
  private readStatusLine(): number {
    const text = this.text;
    if (text.startsWith('HTTP/1.1 ')) this.minor = 1;
    else if (text.startsWith('HTTP/1.0 ')) this.minor = 0;
    else return -1;
    let status = 0;
    for (let i = 9; i < 12; i++) {
      const digit = text.charCodeAt(i) - 0x30;
      if (!(digit >= 0 && digit <= 9)) return -1;
      status = status * 10 + digit;
    }
    // RFC 9110 section 15: 100 to 599.
    if (status < 100 || status > 599) return -1;
    let end = 12;
    if (text.charCodeAt(12) === 0x20) {
      end = 13;
      while ((FIELD[text.charCodeAt(end)] ?? 0) !== 0) end++;
      this.reasonPhrase = text.slice(13, end);
    }
    if (!text.startsWith('\r\n', end)) return -1;
    this.status = status;
    return end + 2;
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
