// The response of one exchange on its way to the caller: interim responses, the final head, the body, or a
// 101. Synchronous: it tells the exchange what each piece of bytes meant, and touches no connection but the
// caller's output.
import type { Reason } from '../../core/reasons.ts';
import { grpcStatusIn, parseGrpcStatus } from '../grpc.ts';
import { Body } from './body.ts';
import type { ExchangeParts, ExchangePort } from './exchange-port.ts';
import { forwardResponseHead, type ResponseForwardOptions } from './forward-response.ts';
import type { HeadWriter } from './head-writer.ts';
import { GRPC_STATUS } from './known-headers.ts';
import { ResponseParser } from './parse-response.ts';

/** `complete`: the last byte went on. `switched`: a solicited 101 did. `failed`: see `fault`. */
export type ResponseStep = 'more' | 'complete' | 'switched' | 'failed';

// design, failure table: at most 8 interim responses.
const INTERIM_MAX = 8;
const NONE = Buffer.alloc(0);
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
  private readonly parser = new ResponseParser();
  private readonly parts: Buffer[] = [];
  /** The body gets the chunked framing here. */
  private chunks = false;
  private readonly forwarding: { -readonly [K in keyof ResponseForwardOptions]: ResponseForwardOptions[K] };

  constructor(port: ExchangePort, parts: ExchangeParts, requestBody: Body) {
    this.port = port;
    this.writer = parts.writer;
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

  /** Takes a whole head from a link whose bodies are framed; `last`: nothing follows it. */
  takeHead(head: Buffer, last: boolean): ResponseStep {
    this.begun = true;
    this.blocked = false;
    const { parser, port } = this;
    if (this.status !== 0 || parser.push(head, 0, port.head.method) !== head.length)
      return this.fail('upstream-bad-response');
    if (parser.status === 101) return this.fail('upstream-unsolicited-upgrade');
    if (parser.status < 200) {
      // RFC 9113 section 8.1: an interim response ends nothing.
      if (last) return this.fail('upstream-bad-response');
      if (++this.interim > INTERIM_MAX) return this.fail('upstream-too-many-interim');
      this.relayInterim();
      return 'more';
    }
    return this.beginFramed(last);
  }

  /** Takes body in `chunk[start, end)`, which may be reused afterwards. */
  takeBody(chunk: Buffer, start: number, end: number, last: boolean): ResponseStep {
    const { body, writer } = this;
    // RFC 9113 section 8.1.1: more than Content-Length says is malformed.
    if (this.status === 0 || body.pass(end - start) < end - start) return this.fail('upstream-bad-response');
    // Before anything is sent: the end of a part must not look like that of the whole.
    if (last && !body.finish()) return this.fail('upstream-bad-response');
    writer.begin();
    if (this.chunks) this.sendChunk(chunk, start, end);
    else this.blocked = !this.port.output.send(writer, chunk, start, end, last);
    return last ? this.endFramed(null) : 'more';
  }

  /** Takes the end of a body that did not end with its last bytes. */
  takeTrailers(lines: Buffer): ResponseStep {
    if (this.status === 0) return this.fail('upstream-bad-response');
    if (lines.length > 0) this.port.request.grpcStatus ??= grpcStatusIn(lines);
    return this.endFramed(lines);
  }

  private beginFramed(last: boolean): ResponseStep {
    const { parser, port } = this;
    const { framing } = parser;
    const { minor, keepAlive } = port.head;
    const unknown = framing === 'until-close';
    if (last && framing === 'length' && parser.contentLength > 0) return this.fail('upstream-bad-response');
    if (parser.has(GRPC_STATUS))
      port.request.grpcStatus = parseGrpcStatus(parser.soleValue(GRPC_STATUS) ?? '');
    this.status = parser.status;
    this.upstreamReusable = true;
    // RFC 9112 section 7.1: for a caller that has no other way to see where the body ends.
    this.chunks = unknown && !port.output.delimits && minor === 1;
    parser.chunked = this.chunks;
    const delimited = port.output.delimits || !unknown || this.chunks;
    this.persist = keepAlive && delimited && this.requestBody.done && port.mayPersist();
    this.body.start(framing, parser.contentLength, false);
    this.writeHead(minor, this.persist, '');
    this.blocked = !port.output.send(this.writer, NONE, 0, 0, last && !this.chunks);
    return last ? this.endFramed(null) : 'more';
  }

  /** `trailers`: null = the end was told to the output with the last bytes. */
  private endFramed(trailers: Buffer | null): ResponseStep {
    if (!this.body.finish()) return this.fail('upstream-bad-response');
    const { writer, port } = this;
    writer.begin();
    if (this.chunks) {
      writer.text('0\r\n');
      if (trailers !== null) writer.block(trailers);
      writer.text('\r\n');
      this.blocked = !port.output.sendParts(writer, NO_PARTS, NONE);
    } else if (trailers !== null) {
      this.blocked = !port.output.sendParts(writer, NO_PARTS, trailers);
    }
    return 'complete';
  }

  private sendChunk(chunk: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.writer.text(`${(end - start).toString(16)}\r\n`);
    this.writer.copy(chunk, start, end);
    this.writer.text('\r\n');
    this.blocked = !this.port.output.sendParts(this.writer, NO_PARTS, null);
  }

  /** The end of the connection was the end of the response: a caller that is told so is told. */
  endByClose(): void {
    if (this.body.done) return;
    this.writer.begin();
    this.port.output.send(this.writer, NONE, 0, 0, true);
  }

  /** Tunnel bytes after the 101. */
  relayTunnel(chunk: Buffer): void {
    this.blocked = !this.port.output.raw(Buffer.from(chunk));
  }

  /** Answers CONNECT. */
  connected(): void {
    this.status = 200;
    this.blocked = !this.port.output.raw(
      Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n', 'latin1'),
    );
  }

  private relayInterim(): void {
    if (this.parser.status === 100) this.continued = true;
    // RFC 9110 section 15.2: never to an HTTP/1.0 client.
    if (this.port.head.minor !== 1) return;
    this.writeHead(1, true, '');
    this.blocked = !this.port.output.send(this.writer, NONE, 0, 0, false);
  }

  private switchProtocols(chunk: Buffer, at: number): ResponseStep {
    const { upgrade } = this.port.head;
    if (upgrade === '') return this.fail('upstream-unsolicited-upgrade');
    this.status = 101;
    this.writeHead(1, true, upgrade);
    this.blocked = !this.port.output.send(this.writer, chunk, at, chunk.length, false);
    return 'switched';
  }

  private beginFinal(chunk: Buffer, at: number): ResponseStep {
    const { parser, port } = this;
    const { framing } = parser;
    const { minor, keepAlive } = port.head;
    const dataOnly = framing === 'chunked' && (minor === 0 || port.output.delimits);
    const delimited = port.output.delimits || (framing !== 'until-close' && !dataOnly);
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
      this.blocked = !this.port.output.send(writer, chunk, at, end, body.done);
      return this.afterBody(end, chunk.length);
    }
    const next = body.take(chunk, at, parts);
    if (body.fault !== null) {
      parts.length = 0;
      if (writer.size > 0) this.status = 0; // nothing was sent: a clean 502 is still possible
      return this.fail('upstream-bad-response');
    }
    this.blocked = !this.port.output.sendParts(writer, parts, body.done ? body.trailers : null);
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

  private fail(fault: Reason): ResponseStep {
    this.fault = fault;
    return 'failed';
  }
}
