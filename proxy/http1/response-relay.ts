// The response of one exchange on its way to the caller: interim responses, the final head, the body, or a
// 101. Synchronous: it tells the exchange what each piece of bytes meant, and touches no connection but the
// caller's output.
import type { Reason } from '../../core/reasons.ts';
import type { Blocks } from './blocks.ts';
import { Body } from './body.ts';
import type { ExchangeParts, ExchangePort } from './exchange-port.ts';
import { forwardResponseHead, type ResponseForwardOptions } from './forward-response.ts';
import type { HeadWriter } from './head-writer.ts';
import { ResponseParser } from './parse-response.ts';

/** `complete`: the last byte went on. `switched`: a solicited 101 did. `failed`: see `fault`. */
export type ResponseStep = 'more' | 'complete' | 'switched' | 'failed';

// design, failure table: at most 8 interim responses.
const INTERIM_MAX = 8;
const NO_PARTS: readonly Buffer[] = [];

export class ResponseRelay {
  /** Status of the final head that was sent to the caller (or 101), 0 before. */
  status = 0;
  fault: Reason = 'upstream-bad-response';
  /** Any byte of a response was seen. */
  begun = false;
  /** A 100 (Continue) came: the caller now sends its body. */
  continued = false;
  /** The caller's socket was full after the last write. */
  blocked = false;
  /** The application's connection can carry another request after this response. */
  upstreamReusable = false;
  /** The caller was told that its connection stays open. */
  persist = false;
  private interim = 0;
  private readonly body: Body;
  private readonly requestBody: Body;
  /** Whom the response is for. */
  port: ExchangePort;
  private readonly writer: HeadWriter;
  private readonly blocks: Blocks;
  private readonly parser = new ResponseParser();
  private readonly parts: Buffer[] = [];
  private readonly forwarding: { -readonly [K in keyof ResponseForwardOptions]: ResponseForwardOptions[K] };

  constructor(port: ExchangePort, parts: ExchangeParts, requestBody: Body) {
    this.port = port;
    this.writer = parts.writer;
    this.blocks = parts.blocks;
    this.requestBody = requestBody;
    this.body = new Body(parts.options.chunked);
    this.forwarding = { minor: 1, persist: true, upgrade: '' };
  }

  /** Begins a response on a connection from which nothing was read. */
  start(): void {
    this.parser.reset();
    this.status = 0;
    this.begun = false;
    this.continued = false;
    this.blocked = false;
    this.upstreamReusable = false;
    this.persist = false;
    this.interim = 0;
  }

  /** True when the end of the connection is the end of the response (RFC 9112 section 6.3). */
  get endsByClose(): boolean {
    return this.status !== 0 && this.body.framing === 'until-close';
  }

  /** Takes one piece of bytes; `chunk` may be reused afterwards. */
  take(chunk: Buffer): ResponseStep {
    this.begun = true;
    this.blocked = false;
    if (this.status !== 0) {
      this.writer.begin();
      return this.relayBody(chunk, 0);
    }
    const { parser } = this;
    let at = 0;
    while (at < chunk.length) {
      const next = parser.push(chunk, at, this.port.head.method);
      if (next === 0) return 'more';
      if (next < 0) return this.fail('upstream-bad-response');
      at = next;
      if (parser.status === 101) return this.switchProtocols(chunk, at);
      if (parser.status >= 200) return this.beginFinal(chunk, at);
      if (++this.interim > INTERIM_MAX) return this.fail('upstream-too-many-interim');
      this.relayInterim();
    }
    return 'more';
  }

  /** Tunnel bytes after the 101. */
  relayTunnel(chunk: Buffer): void {
    this.blocked = !this.port.write(Buffer.from(chunk));
  }

  /** Answers CONNECT. */
  connected(): void {
    this.status = 200;
    this.write(Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n', 'latin1'));
  }

  private relayInterim(): void {
    if (this.parser.status === 100) this.continued = true;
    // RFC 9110 section 15.2: never to an HTTP/1.0 client.
    if (this.port.head.minor !== 1) return;
    this.writeHead(1, true, '');
    this.write(this.writer.take(NO_PARTS));
  }

  private switchProtocols(chunk: Buffer, at: number): ResponseStep {
    const { upgrade } = this.port.head;
    if (upgrade === '') return this.fail('upstream-unsolicited-upgrade');
    this.status = 101;
    this.writeHead(1, true, upgrade);
    this.write(this.writer.takeWith(chunk, at, chunk.length));
    return 'switched';
  }

  private beginFinal(chunk: Buffer, at: number): ResponseStep {
    const { parser, port } = this;
    const { framing } = parser;
    const { minor, keepAlive } = port.head;
    const dataOnly = framing === 'chunked' && minor === 0;
    const delimited = framing !== 'until-close' && !dataOnly;
    this.status = parser.status;
    this.upstreamReusable = parser.keepAlive && framing !== 'until-close';
    // An early answer ends the connection: what is left of the request body is not worth reading.
    this.persist = keepAlive && delimited && this.requestBody.done && port.mayPersist();
    this.body.start(framing, parser.contentLength, dataOnly);
    this.writeHead(minor, this.persist, '');
    return this.relayBody(chunk, at);
  }

  /** Writes the head that the writer holds, if any, and the body bytes in `chunk[at…]` in one write. */
  private relayBody(chunk: Buffer, at: number): ResponseStep {
    const { body, parts, writer } = this;
    if (body.framing !== 'chunked') {
      const end = at + body.pass(chunk.length - at);
      if (end > at || writer.size > 0) {
        const block = this.blocks.take(writer.size + end - at);
        this.write(writer.takeWith(chunk, at, end, block?.bytes), block?.release);
      }
      return this.afterBody(end, chunk.length);
    }
    const next = body.take(chunk, at, parts);
    if (body.fault !== null) {
      parts.length = 0;
      if (writer.size > 0) this.status = 0; // nothing was sent: a clean 502 is still possible
      return this.fail('upstream-bad-response');
    }
    if (parts.length > 0 || writer.size > 0) {
      const block = this.blocks.take(writer.lengthWith(parts));
      this.write(writer.take(parts, block?.bytes), block?.release);
    }
    parts.length = 0;
    return this.afterBody(next, chunk.length);
  }

  private afterBody(next: number, end: number): ResponseStep {
    if (!this.body.done) return 'more';
    if (next < end) this.upstreamReusable = false; // bytes after the response: nobody asked for them
    return 'complete';
  }

  private writeHead(minor: number, persist: boolean, upgrade: string): void {
    const { forwarding } = this;
    forwarding.minor = minor;
    forwarding.persist = persist;
    forwarding.upgrade = upgrade;
    this.writer.begin();
    forwardResponseHead(this.writer, this.parser, forwarding);
  }

  private write(data: Buffer, done?: () => void): void {
    this.blocked = !this.port.write(data, done);
  }

  private fail(fault: Reason): ResponseStep {
    this.fault = fault;
    return 'failed';
  }
}
