// One request on its way to the application and its response on the way back. A connection owns one and reuses it.
// Only a Permit starts it. What is not forwarded yet is held back, so that a swap, a retry or a 101 can still decide.
import { REASONS, type Reason } from '../../core/reasons.ts';
import type { Permit } from '../decide.ts';
import type { UpstreamPool } from '../forward/pool.ts';
import { mayRetryAfter } from '../forward/retry.ts';
import type { UpstreamConnection, UpstreamOwner } from '../forward/upstream-connection.ts';
import { Body, joined } from './body.ts';
import type { ExchangeOptions, ExchangePort } from './exchange-port.ts';
import { forwardResponseHead } from './forward-response.ts';
import { ResponseParser } from './parse-response.ts';

const INTERIM_MAX = 8;
export class Exchange implements UpstreamOwner {
  active = false;
  tunnel = false;
  /** Status sent to the caller, 0 before its final head. */
  status = 0;
  /** Milliseconds of this exchange spent waiting for the application. */
  waitedMs = 0;
  readonly requestBody: Body;
  private readonly responseBody: Body;
  private readonly port: ExchangePort;
  private readonly pool: UpstreamPool;
  private readonly options: ExchangeOptions;
  private readonly parser: ResponseParser;
  private readonly parts: Buffer[] = [];
  private held: Buffer[] = [];
  private permit: Permit | null = null;
  private upstream: UpstreamConnection | null = null;
  private upstreamReusable = false;
  private sent = false;
  private retried = false;
  private responseBytesSeen = false;
  private persist = false;
  private interim = 0;
  private waitingSinceMs = 0;
  private upstreamPaused = false;

  constructor(port: ExchangePort, pool: UpstreamPool, options: ExchangeOptions) {
    this.port = port;
    this.pool = pool;
    this.options = options;
    this.requestBody = new Body(options.chunked);
    this.responseBody = new Body(options.chunked);
    this.parser = new ResponseParser();
  }

  /** Starts forwarding; takes the body bytes in `chunk[at…]` and returns the index after them. */
  start(permit: Permit, chunk: Buffer, at: number): number {
    const head = this.port.head;
    this.permit = permit;
    this.active = true;
    this.tunnel = false;
    this.status = 0;
    this.waitedMs = 0;
    this.sent = false;
    this.retried = false;
    this.responseBytesSeen = false;
    this.interim = 0;
    this.upstreamPaused = false;
    if (this.held.length > 0) this.held = [];
    this.requestBody.start(
      head.chunked ? 'chunked' : head.contentLength > 0 ? 'length' : 'none',
      head.contentLength,
      false,
    );
    const next = this.requestBody.take(chunk, at, this.held);
    const fault = this.requestFault();
    if (fault !== null) this.fail(fault);
    else this.attempt(this.pool.take(this));
    return next;
  }

  /** True when bytes from the caller belong to this exchange now. */
  get takesBytes(): boolean {
    return this.tunnel || (this.active && !this.requestBody.done && this.port.head.upgrade === '');
  }

  /** More bytes from the caller; returns the index after those that belong to this exchange. */
  requestBytes(chunk: Buffer, at: number): number {
    if (this.tunnel) {
      const rest = at === 0 ? chunk : chunk.subarray(at);
      if (this.upstream !== null && !this.upstream.socket.write(rest)) this.port.pauseReading();
      this.port.deadline(this.options.idleTimeoutMs, 'upstream-idle-timeout');
      return chunk.length;
    }
    const out = this.sent ? this.parts : this.held;
    const next = this.requestBody.take(chunk, at, out);
    const fault = this.requestFault();
    if (fault !== null) {
      this.parts.length = 0;
      this.fail(fault);
    } else if (this.sent) {
      this.relayRequestParts();
    }
    return next;
  }

  /** The caller went away, or the policy changed its mind: drop the application's side without a word. */
  cancel(): void {
    this.active = false;
    this.dropUpstream();
  }

  /** Ends this exchange with an answer of ours when none was begun, else by breaking the connection. */
  fail(reason: Reason): void {
    if (!this.active) return;
    this.active = false;
    this.dropUpstream();
    if (REASONS[reason].source === 'upstream') this.port.upstreamFault(reason);
    if (this.status === 0) this.port.answer(reason);
    else this.port.abort(reason);
  }

  /** The caller takes bytes again. */
  downstreamDrained(): void {
    if (!this.upstreamPaused || this.upstream === null) return;
    this.upstreamPaused = false;
    this.upstream.socket.resume();
  }

  /** The caller half-closed a tunnel. */
  callerEnded(): void {
    this.upstream?.socket.end();
  }

  upstreamConnected(): void {
    this.send();
  }

  upstreamData(chunk: Buffer): void {
    if (!this.active) return;
    if (this.tunnel) {
      this.writeDown(Buffer.from(chunk));
      this.port.deadline(this.options.idleTimeoutMs, 'upstream-idle-timeout');
      return;
    }
    if (!this.responseBytesSeen) {
      this.responseBytesSeen = true;
      this.waitedMs += this.port.now() - this.waitingSinceMs;
    }
    if (!this.sent) return this.fail('upstream-bad-response'); // a server that speaks first is not HTTP
    if (this.status === 0) this.readHeads(chunk);
    else this.relayResponse('', chunk, 0);
  }

  upstreamEnd(): void {
    if (!this.active) return;
    if (this.tunnel) return this.port.endWriting();
    if (this.status !== 0 && this.responseBody.framing === 'until-close') {
      this.responseBody.done = true;
      return this.finish();
    }
    this.upstream?.destroy();
    this.upstreamClosed('');
  }

  upstreamDrained(): void {
    if (this.active && (this.tunnel || !this.requestBody.done)) this.port.resumeReading();
  }

  upstreamClosed(error: string): void {
    const upstream = this.upstream;
    this.upstream = null;
    if (!this.active || upstream === null) return;
    if (this.tunnel) {
      this.active = false;
      return this.port.completed(false);
    }
    if (!upstream.connected) return this.fail('upstream-refused');
    const untouched = !this.retried && !this.responseBytesSeen && !this.requestBody.touched;
    if (untouched && mayRetryAfter(upstream, this.port.head.method)) {
      this.retried = true;
      this.sent = false;
      return this.attempt(this.pool.connect(this));
    }
    if (error === '' && this.status !== 0 && this.responseBody.framing === 'until-close')
      return this.finish();
    this.fail('upstream-reset');
  }

  private requestFault(): Reason | null {
    if (this.requestBody.fault !== null) return this.requestBody.fault;
    return this.requestBody.bytes > this.options.bodyBytesMax ? 'body-too-large' : null;
  }

  private attempt(upstream: UpstreamConnection | null): void {
    this.upstream = upstream;
    this.parser.reset();
    this.waitingSinceMs = this.port.now();
    if (upstream === null) return this.fail('upstream-limit');
    if (upstream.connected) return this.send();
    this.port.pauseReading();
    this.port.deadline(this.pool.options.connectTimeoutMs, 'upstream-connect-timeout');
  }

  private send(): void {
    const upstream = this.upstream;
    if (!this.active || upstream === null || this.permit === null) return;
    // INVARIANT: a request leaves only under the table that is in force when its first byte leaves.
    this.permit = this.port.decideAgain(this.permit);
    if (this.permit === null) return this.cancel();
    this.sent = true;
    const head = this.port.forwardedHead();
    const open =
      this.held.length === 0
        ? upstream.socket.write(head, 'latin1')
        : upstream.socket.write(joined(head, this.held));
    if (this.held.length > 0) this.held = [];
    this.waitingSinceMs = this.port.now();
    this.port.deadline(this.options.requestTimeoutMs, 'upstream-timeout');
    if (this.requestBody.done || this.port.head.upgrade !== '') return;
    if (open) this.port.resumeReading();
    else this.port.pauseReading();
  }

  private relayRequestParts(): void {
    const parts = this.parts;
    const upstream = this.upstream;
    if (parts.length === 0) return;
    const first = parts[0];
    const data = parts.length === 1 && first !== undefined ? first : joined('', parts);
    parts.length = 0;
    if (upstream !== null && !upstream.socket.write(data)) this.port.pauseReading();
    // The application's time counts from the last body byte: a long upload is the caller's doing.
    if (this.status === 0) this.port.deadline(this.options.requestTimeoutMs, 'upstream-timeout');
    else this.port.deadline(this.options.idleTimeoutMs, 'upstream-idle-timeout');
  }

  private readHeads(chunk: Buffer): void {
    let at = 0;
    const parser = this.parser;
    while (this.active && this.status === 0) {
      const next = parser.push(chunk, at, this.port.head.method);
      if (next === 0) return;
      if (next < 0) return this.fail('upstream-bad-response');
      at = next;
      if (parser.status === 101) return this.switchProtocols(chunk, at);
      if (parser.status < 200) {
        if (!this.relayInterim()) return;
        if (at === chunk.length) return;
        continue;
      }
      // The next request may start before this returns: nothing of this exchange is touched after it.
      return this.beginResponse(chunk, at);
    }
  }

  private relayInterim(): boolean {
    if (++this.interim > INTERIM_MAX) {
      this.fail('upstream-too-many-interim');
      return false;
    }
    // RFC 9110 section 15.2: never to an HTTP/1.0 client.
    if (this.port.head.minor === 1)
      this.port.write(forwardResponseHead(this.parser, { minor: 1, persist: true, upgrade: '' }));
    return true;
  }

  private switchProtocols(chunk: Buffer, at: number): void {
    if (this.port.head.upgrade === '') return this.fail('upstream-unsolicited-upgrade');
    this.status = 101;
    this.tunnel = true;
    const head = forwardResponseHead(this.parser, {
      minor: 1,
      persist: true,
      upgrade: this.port.head.upgrade,
    });
    this.writeDown(joined(head, at < chunk.length ? [chunk.subarray(at)] : []));
    this.port.deadline(this.options.idleTimeoutMs, 'upstream-idle-timeout');
    this.port.switched();
  }

  private beginResponse(chunk: Buffer, at: number): void {
    const parser = this.parser;
    const minor = this.port.head.minor;
    const framing = parser.framing;
    this.status = parser.status;
    this.upstreamReusable = parser.keepAlive && framing !== 'until-close';
    const dataOnly = framing === 'chunked' && minor === 0;
    this.persist =
      this.port.head.keepAlive &&
      framing !== 'until-close' &&
      !dataOnly &&
      this.requestBody.done &&
      this.port.mayPersist();
    this.responseBody.start(framing, parser.contentLength, dataOnly);
    const head = forwardResponseHead(parser, { minor, persist: this.persist, upgrade: '' });
    this.port.deadline(this.options.idleTimeoutMs, 'upstream-idle-timeout');
    this.relayResponse(head, chunk, at);
  }

  /** Writes `head` and the body bytes in `chunk[at…]` in one write; the shared read buffer is copied here. */
  private relayResponse(head: string, chunk: Buffer, at: number): void {
    const body = this.responseBody;
    const parts = this.parts;
    const next = body.take(chunk, at, parts);
    if (body.fault !== null) {
      parts.length = 0;
      if (head !== '') this.status = 0; // nothing was sent: a clean 502 is still possible
      return this.fail('upstream-bad-response');
    }
    if (parts.length > 0) this.writeDown(joined(head, parts));
    else if (head !== '') this.writeDown(head);
    parts.length = 0;
    if (head === '') this.port.deadline(this.options.idleTimeoutMs, 'upstream-idle-timeout');
    if (!body.done) return;
    if (next < chunk.length) this.upstreamReusable = false; // bytes after the response: nobody asked for them
    this.finish();
  }

  private writeDown(data: string | Buffer): void {
    if (this.port.write(data) || this.upstream === null) return;
    this.upstreamPaused = true;
    this.upstream.socket.pause();
  }

  private finish(): void {
    const upstream = this.upstream;
    this.upstream = null;
    this.active = false;
    if (upstream !== null) {
      if (this.upstreamPaused) upstream.socket.resume();
      if (this.upstreamReusable && this.requestBody.done && upstream.socket.writableLength === 0)
        this.pool.release(upstream);
      else upstream.destroy();
    }
    this.port.completed(this.persist && this.requestBody.done);
  }

  private dropUpstream(): void {
    const upstream = this.upstream;
    this.upstream = null;
    upstream?.destroy();
  }
}
