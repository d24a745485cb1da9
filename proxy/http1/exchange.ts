// One request on its way to the application, until its response is on its way back; then another one
// (exchanges.ts). Only a Permit starts it. What is held back a swap, a retry or a 101 can still decide.
import type { Reason } from '../../core/reasons.ts';
import type { Permit } from '../decide.ts';
import { failureOf, mayRetryAfter } from '../forward/retry.ts';
import type { FramedOwner, UpstreamLink } from '../forward/upstream-link.ts';
import type { ExchangeOptions, ExchangeParts, ExchangePort } from './exchange-port.ts';
import type { HeadWriter } from './head-writer.ts';
import { HeldResponse } from './held-response.ts';
import { RequestBytes } from './request-bytes.ts';
import { ResponseRelay, type ResponseStep } from './response-relay.ts';
import { Stopwatch } from './stopwatch.ts';

export class Exchange implements FramedOwner {
  active = false;
  readonly request: RequestBytes;
  /** Time spent waiting for the application or for bodies: not what the proxy itself adds. */
  readonly waiting: Stopwatch;
  private readonly hold: HeldResponse;
  private readonly response: ResponseRelay;
  private port: ExchangePort;
  private readonly writer: HeadWriter;
  private readonly options: ExchangeOptions;
  private permit: Permit | null = null;
  private upstream: UpstreamLink | null = null;
  private sent = false;
  private retried = false;
  private requestPaused = false;

  constructor(port: ExchangePort, parts: ExchangeParts) {
    this.port = port;
    this.writer = parts.writer;
    this.options = parts.options;
    this.request = new RequestBytes(parts.options.chunked);
    this.response = new ResponseRelay(port, parts, this.request.body);
    this.waiting = new Stopwatch(parts.now);
    this.hold = new HeldResponse(parts.now);
  }

  /** Gives the exchange to the connection whose next request it serves. */
  attach(port: ExchangePort): void {
    this.port = port;
    this.response.port = port;
  }

  /** Status sent to the caller, 0 before its final head. */
  get status(): number {
    return this.response.status;
  }

  /** True when bytes from the caller belong to this exchange now. */
  get takesBytes(): boolean {
    return this.request.tunnel || (this.active && !this.request.body.done && this.port.head.upgrade === '');
  }

  /** True while the next bytes of the request body can only come from the caller. */
  get awaitsBody(): boolean {
    const expected = this.sent && this.takesBytes && !this.request.tunnel;
    return expected && !this.requestPaused && !this.awaitsContinue;
  }

  /** Makes the exchange ready to take body bytes, `framed` or not; nothing is sent before `begin`. */
  start(permit: Permit, framed = false): void {
    this.permit = permit;
    this.active = true;
    this.sent = false;
    this.retried = false;
    this.requestPaused = false;
    this.request.start(this.port.head, { framed, framedOut: this.port.route.pool.framed });
    this.response.start();
    this.waiting.reset();
    this.hold.reset();
  }

  /** Sends what `start` and `request.take` prepared. */
  begin(): void {
    const fault = this.request.fault(this.options.bodyBytesMax);
    if (fault !== null) this.fail(fault);
    else if (this.request.awaitsEnd) this.port.due.arm(this.options.idleTimeoutMs, 'body-timeout');
    else this.attempt(this.port.route.pool.take(this, this.port.route.lane));
  }

  /** Passes on what was taken since, or ends the exchange because of it. */
  relay(): void {
    const fault = this.request.fault(this.options.bodyBytesMax);
    if (fault !== null) return this.fail(fault);
    const { upstream } = this;
    if (upstream === null && this.active) return this.begin(); // its end was awaited
    if (!this.sent || upstream === null || this.request.written) return;
    if (this.requestPaused && this.request.framed) return; // goes on when the application takes it
    if (this.request.gate?.passed === false) {
      // INVARIANT: the first byte of a tunnel, too, leaves under the table that is then in force.
      this.request.gate.passed = true;
      const again = this.permit === null ? 'internal-error' : this.port.decideAgain(this.permit);
      if (typeof again === 'string') return this.fail(again);
    }
    this.writer.begin();
    if (!upstream.write(this.writer, this.request)) this.pauseRequest();
    this.awaitNext();
  }

  /** The caller went away: drop the application's side without a word. */
  cancel(): void {
    this.active = false;
    this.waiting.stop();
    this.request.parts.length = 0;
    this.upstream?.destroy();
    this.upstream = null;
  }

  /** The caller's connection is closed; true when that is the orderly end of a tunnel. */
  callerClosed(): boolean {
    const { upstream, port } = this;
    const orderly = this.request.tunnel && port.due.halfClosed && port.outputFinished;
    if (orderly) this.upstream = null;
    if (orderly) upstream?.retire(); // its last bytes may still be on their way to the application
    this.cancel();
    return orderly && upstream !== null;
  }

  /** Ends this exchange with an answer of ours when none was begun, else by breaking the connection. */
  fail(reason: Reason): void {
    if (!this.active) return;
    this.cancel();
    if (this.status === 0) this.port.answer(reason);
    else this.port.abort(reason);
  }

  /** The caller takes bytes again. */
  downstreamDrained(): void {
    if (!this.hold.held || this.upstream === null) return;
    this.hold.resume(this.upstream);
    this.awaitNext();
  }

  /** The caller half-closed a tunnel. */
  callerEnded(): void {
    this.upstream?.end();
  }

  upstreamConnected(): void {
    if (this.active) this.send();
  }

  upstreamData(chunk: Buffer): void {
    if (!this.active) return;
    if (this.request.tunnel) {
      // Nobody asked it anything yet.
      if (this.request.gate?.open === false) return this.fail('upstream-bad-response');
      this.response.relayTunnel(chunk);
      this.pauseWhenBlocked();
      return this.awaitNext();
    }
    if (!this.sent) return this.fail('upstream-bad-response'); // a server that speaks first is not HTTP
    const { status, continued } = this.response;
    if (status === 0) this.waiting.stop();
    this.responded(this.response.take(chunk), status === 0, continued);
  }

  upstreamNeverIndexed(names: ReadonlySet<string>): void {
    if (this.active) this.port.output.mark(names);
  }

  upstreamHead(head: Buffer, last: boolean): void {
    if (!this.active) return;
    const { continued } = this.response;
    this.waiting.stop();
    this.responded(this.response.takeHead(head, last), true, continued);
  }

  upstreamBody(chunk: Buffer, start: number, end: number, last: boolean): void {
    if (this.active) this.responded(this.response.takeBody(chunk, start, end, last), false, true);
  }

  upstreamTrailers(lines: Buffer): void {
    if (this.active) this.responded(this.response.takeTrailers(lines), false, true);
  }

  /** A piece of the response was passed on; `head`: it may have been of the head. */
  private responded(step: ResponseStep, head: boolean, continued: boolean): void {
    const { response } = this;
    this.pauseWhenBlocked();
    // The next request may start before `finish` or `fail` returns: nothing is touched after them.
    if (step === 'complete') return this.finish();
    if (step === 'failed') return this.fail(response.fault);
    if (head) this.waiting.start();
    if (step === 'switched') this.request.tunnel = true;
    // A head in pieces does not get more time than one in a single write.
    if (response.status !== 0 || response.continued !== continued) this.awaitNext();
    if (step === 'switched') this.port.switched();
  }

  upstreamEnd(): void {
    if (!this.active) return;
    // When the caller half-closed before, all is over once the application has its last bytes.
    if (this.request.tunnel && !this.port.due.halfClosed) this.port.endOutput();
    if (this.request.tunnel) return;
    if (this.response.endsByClose) return this.finish();
    this.upstream?.destroy();
    this.upstreamClosed('');
  }

  upstreamDrained(): void {
    if (!this.active || !this.requestPaused) return;
    this.requestPaused = false;
    this.relay();
    if (!this.active || this.requestPaused) return;
    this.awaitNext();
    this.port.resumeReading();
  }

  upstreamClosed(error: string): void {
    const upstream = this.upstream;
    this.upstream = null;
    if (!this.active || upstream === null) return;
    if (upstream.fault !== null) return this.fail(upstream.fault);
    if (!upstream.connected) return this.fail('upstream-refused');
    if (error === '' && (this.request.tunnel || this.response.endsByClose)) return this.finish();
    const untouched = !this.retried && !this.response.begun && !this.request.body.touched;
    if (!untouched || !mayRetryAfter(upstream, this.port.head.method)) return this.fail(failureOf(upstream));
    this.retried = true;
    this.sent = false;
    this.request.again();
    this.attempt(this.port.route.pool.connect(this, this.port.route.lane, upstream));
  }

  private attempt(upstream: UpstreamLink | Reason): void {
    if (typeof upstream === 'string') return this.fail(upstream);
    this.upstream = upstream;
    if (upstream.connected) return this.send();
    this.waiting.start();
    this.pauseRequest();
    this.port.due.arm(this.port.route.pool.options.connectTimeoutMs, 'upstream-connect-timeout');
  }

  private send(): void {
    const { upstream, permit } = this;
    if (upstream === null || permit === null) return;
    // INVARIANT: a request leaves only under the table that is in force when its first byte leaves.
    const again = this.port.decideAgain(permit);
    if (typeof again === 'string') return this.fail(again);
    this.permit = again;
    this.sent = true;
    if (this.request.gate !== null) return this.openTunnel();
    this.writer.begin();
    this.port.forwardHead(this.writer);
    const open = upstream.write(this.writer, this.request);
    this.waiting.start();
    this.requestPaused = !open && !this.request.body.done;
    this.awaitNext();
    // Also without a body: a caller that goes away is only noticed while its socket is read.
    if (this.requestPaused) this.port.pauseReading();
    else this.port.resumeReading();
  }

  /** Arms the deadline for what must come next, and names who is to blame when it does not. */
  private awaitNext(): void {
    const { idleTimeoutMs } = this.options;
    if (this.status !== 0)
      this.port.due.arm(idleTimeoutMs, this.hold.held ? 'idle-timeout' : 'upstream-idle-timeout');
    else if (this.awaitsBody) this.port.due.arm(idleTimeoutMs, 'body-timeout');
    // The application's time counts from the last body byte: a long upload is the caller's doing.
    else this.port.due.arm(this.port.answerTimeoutMs, 'upstream-timeout');
  }

  /** RFC 9110 section 10.1.1: the caller waits for the application's 100 before it sends its body. */
  private get awaitsContinue(): boolean {
    return this.port.head.expectContinue && !this.response.continued && !this.request.body.touched;
  }

  /** The answer to CONNECT (RFC 9110 section 9.3.6); nothing goes to the server before the gate opens. */
  private openTunnel(): void {
    this.request.tunnel = true;
    this.port.due.arm(this.options.handshakeTimeoutMs, 'handshake-timeout');
    this.response.connected();
    this.port.switched();
  }

  private pauseRequest(): void {
    this.requestPaused = true;
    this.port.pauseReading();
  }

  private pauseWhenBlocked(): void {
    if (this.response.blocked && this.upstream !== null) this.hold.hold(this.upstream);
  }

  private finish(): void {
    const { upstream, response } = this;
    const { done } = this.request.body;
    if (response.endsByClose) response.endByClose();
    this.upstream = null;
    this.active = false;
    this.waiting.stop();
    const reusable = response.upstreamReusable && done && upstream?.flushed;
    if (upstream !== null && reusable) this.hold.release(upstream);
    else upstream?.destroy();
    this.port.completed(response.persist && done);
  }
}
