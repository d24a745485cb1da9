// One request of an HTTP/2 connection: it is admitted, decided, forwarded and recorded as one of HTTP/1.1 is,
// from the head that it would have had there.
import type { Reason } from '../../core/reasons.ts';
import type { Permit } from '../decide.ts';
import { grpcTrailers, parseGrpcTimeout } from '../grpc.ts';
import { GRPC_TIMEOUT } from '../http1/known-headers.ts';
import { finishRequest, refusalOf, refuse, serveRequest } from '../inbound.ts';
import { statusOf } from '../respond.ts';
import { ServedRequest } from '../served-request.ts';
import * as f from './frame.ts';
import type { BlockHead } from './header-block.ts';
import { both, type NeverIndexed } from './never-indexed.ts';
import type { ServerSession } from './server-session.ts';
import { Stream, type StreamOwner } from './stream.ts';
import { StreamOutput } from './stream-output.ts';

// design, failure table: after an early answer discard at most 64 KiB or 1 s.
const DISCARD_BYTES_MAX = 65_536;
const DISCARD_MS = 1_000;
const FOREVER = Number.POSITIVE_INFINITY;
const HEAD_END = '\r\n\r\n';

export class ServerStream extends ServedRequest implements StreamOwner {
  readonly stream: Stream;
  readonly output: StreamOutput;
  /** Of the head of the request. */
  neverIndexed: NeverIndexed = null;
  private readonly session: ServerSession;
  /** Coarse monotonic milliseconds at which the caller of a gRPC call gives up. */
  private callEndsMs = FOREVER;
  /** Bytes that came after the answer. */
  private discarded = 0;
  /** Its answer is complete and waits for the caller. */
  private unsent = false;

  constructor(session: ServerSession) {
    super(session.context, session.peer, session.lane, '2');
    this.session = session;
    this.stream = new Stream(session, this);
    this.output = new StreamOutput(session, this.stream, this.request);
  }

  get refusing(): Reason | null {
    return this.session.refusing;
  }

  /** Begins with the next request. */
  open({ streamId, last }: BlockHead): void {
    this.stream.open(streamId, this.session.remote.windowBytes);
    this.stream.remoteEnded = last;
    this.stream.neverIndexed = null;
  }

  /** Serves the request of `head`, whose memory is its own; null with `fault` when its block made none. */
  serve(last: boolean, head: Buffer | null, fault: Reason | null): void {
    this.head.reset();
    const next = head === null ? -1 : this.head.push(head, 0);
    // RFC 9113 section 8.1: without Content-Length the data says by itself where it ends.
    this.head.chunked = !last && this.head.contentLength < 0;
    this.beginRequest();
    this.callEndsMs = this.head.has(GRPC_TIMEOUT) && this.request.isGrpc ? this.readDeadline() : FOREVER;
    this.session.requestBegun();
    if (fault !== null) refuse(this, fault);
    else if (next < 0) refuse(this, this.head.fault ?? 'internal-error');
    else if (last && this.head.contentLength > 0) refuse(this, 'http2-malformed-request');
    else serveRequest(this);
  }

  forward(permit: Permit): void {
    const exchange = this.takeExchange();
    exchange.start(permit, true);
    exchange.request.neverIndexed = this.neverIndexed;
    if (this.stream.remoteEnded) exchange.request.takeEnd(null);
    exchange.begin();
  }

  received(chunk: Buffer, start: number, end: number, last: boolean): void {
    const bytes = end - start;
    const { exchange } = this;
    if (exchange === null) return this.discard(bytes);
    exchange.request.takeData(chunk, start, end, last);
    if (last) exchange.request.takeEnd(null);
    this.stream.hold(bytes);
    exchange.relay();
    this.exchange?.request.keep();
    this.stream.settle();
  }

  remoteEnd(trailers: Buffer | null = null): void {
    this.stream.remoteEnded = true;
    const { exchange } = this;
    if (exchange !== null) {
      exchange.request.takeEnd(trailers);
      exchange.relay();
    } else if (this.stream.localEnded) this.finish();
  }

  /** What came behind the data, as lines each with CRLF. */
  trailersArrived(lines: Buffer, names: NeverIndexed): void {
    const request = this.exchange?.request;
    if (request !== undefined) request.neverIndexed = both(request.neverIndexed, names);
    this.remoteEnd(lines);
  }

  /** What came behind the data may not go on. */
  refuseTrailers(): void {
    this.stream.remoteEnded = true;
    this.exchange?.fail('bad-trailer');
    this.session.malformed();
  }

  broken(reason: Reason): void {
    this.stream.shut();
    this.exchange?.cancel();
    finishRequest(this, reason);
    this.over();
  }

  drained(): void {
    if (this.exchange !== null) this.exchange.downstreamDrained();
    else if (this.stream.localEnded) this.finish();
  }

  /** Notices deadlines; called at every tick of the sweeper. */
  sweep(nowMs: number): void {
    const { exchange } = this;
    if (exchange === null) {
      if (!this.due.passed(nowMs)) return;
      if (this.stream.localEnded) this.leaveRest();
      else this.abort('idle-timeout');
    } else if (nowMs >= this.callEndsMs) exchange.fail('grpc-deadline');
    else if (this.due.passed(nowMs)) exchange.fail(this.due.reason);
    else if (this.bodyRate.tooSlow(nowMs, exchange) && !this.mayFallSilent) exchange.fail('body-timeout');
  }

  persists(): boolean {
    return true;
  }

  requestOver(): void {
    this.session.requestOver();
  }

  reply(text: string): void {
    const end = text.indexOf(HEAD_END) + HEAD_END.length;
    const body = Buffer.from(text.slice(end));
    this.output.head(Buffer.from(text.slice(0, end), 'latin1'), body.length === 0);
    if (body.length > 0) this.stream.send(body, 0, body.length, true);
    this.answered();
  }

  pauseReading(): void {
    this.stream.pause();
  }

  resumeReading(): void {
    this.stream.resume();
  }

  endOutput(): void {
    // no stream becomes a tunnel
  }

  get outputFinished(): boolean {
    return this.stream.localEnded;
  }

  /** The caller's own deadline, where it has one, is the one that counts. */
  override get answerTimeoutMs(): number {
    return this.callEndsMs === FOREVER ? super.answerTimeoutMs : FOREVER;
  }

  abort(reason: Reason): void {
    const malformed = reason === 'http2-malformed-request';
    const tells = this.request.isGrpc && !malformed && reason !== 'client-closed';
    if (this.exchange !== null && tells) return this.endCall(reason);
    finishRequest(this, reason);
    this.stream.shut();
    this.session.reset(this.stream, malformed ? f.PROTOCOL_ERROR : f.INTERNAL_ERROR);
    if (malformed) this.session.malformed();
    this.over();
  }

  completed(): void {
    finishRequest(this, null);
    this.session.budget.answered();
    this.answered();
  }

  mayPersist(): boolean {
    return true;
  }

  switched(): void {
    // no stream becomes a tunnel
  }

  /**
   * A call in which messages come when there is something to say; its silence holds one stream, and no
   * connection, to the application. `timeouts.idle` bounds it.
   */
  private get mayFallSilent(): boolean {
    return this.request.isGrpc && this.route.pool.framed;
  }

  /** A call whose answer was begun ends with a status of ours (grpc.io: Status in trailers). */
  private endCall(reason: Reason): void {
    const refusal = refusalOf(this, reason, statusOf(reason, this.judge.decision?.denyStatus));
    finishRequest(this, reason);
    this.stream.sendEnd(Buffer.from(grpcTrailers(refusal), 'latin1'));
    this.answered();
  }

  private readDeadline(): number {
    const timeoutMs = parseGrpcTimeout(this.head.soleValue(GRPC_TIMEOUT) ?? '');
    return timeoutMs === null ? FOREVER : this.now() + timeoutMs;
  }

  /** The answer is complete, but perhaps not sent yet. */
  private answered(): void {
    this.giveExchange();
    if (this.stream.localEnded) return this.finish();
    this.keepPlace(true);
    this.due.arm(this.context.options.idleTimeoutMs, 'idle-timeout');
  }

  /** An answer that waits, 64 KiB of memory or more, has the place of a request in flight. */
  private keepPlace(unsent: boolean): void {
    if (unsent === this.unsent) return;
    this.unsent = unsent;
    this.context.requestsInFlight += unsent ? 1 : -1;
  }

  /** The last byte of the answer is sent. */
  private finish(): void {
    this.keepPlace(false);
    if (this.stream.remoteEnded) {
      this.session.forget(this.stream);
      return this.over();
    }
    // RFC 9113 section 8.1 allows a reset at once; curl then throws the answer away.
    this.discarded = 0;
    this.due.arm(DISCARD_MS, 'idle-timeout');
  }

  /** What comes after the answer. */
  private discard(bytes: number): void {
    this.stream.credit(bytes);
    this.discarded += bytes;
    if (!this.stream.localEnded) return;
    if (this.stream.remoteEnded) this.finish();
    else if (this.discarded > DISCARD_BYTES_MAX) this.leaveRest();
  }

  /** The rest of the request is not wanted. */
  private leaveRest(): void {
    this.session.reset(this.stream, f.NO_ERROR);
    this.over();
  }

  private over(): void {
    // INVARIANT: once for each request. A stream that is kept twice would serve two requests at a time.
    if (this.stream.id === 0) return;
    this.keepPlace(false);
    this.giveExchange();
    this.stream.remoteEnded = true; // its own window is nobody's any more
    this.stream.giveBack();
    this.stream.id = 0;
    this.session.streamOver(this);
  }
}
