// A caller's HTTP/2 connection (RFC 9113): its preface, the requests that its header blocks make, and an end
// that cuts no answer off.
import assert from 'node:assert/strict';
import type net from 'node:net';
import type { Reason } from '../../core/reasons.ts';
import type { CallerConnection, LiveRequest } from '../caller-connection.ts';
import { CallerLane } from '../forward/caller-lane.ts';
import { Deadline } from '../http1/deadline.ts';
import { Lifetime } from '../http1/lifetime.ts';
import type { HttpListenerContext } from '../listener-context.ts';
import type { Peer } from '../peer.ts';
import { readInto } from '../shared-read.ts';
import type { OwnIdentity } from '../tls/own-identity.ts';
import { Drain } from './drain.ts';
import * as f from './frame.ts';
import type { BlockHead } from './header-block.ts';
import { OrderlyClose } from './orderly-close.ts';
import { PREFACE } from './preface.ts';
import { RequestBlock } from './request-block.ts';
import { ServerStream } from './server-stream.ts';
import { CONNECTION_WINDOW_BYTES, NOTHING, Session } from './session.ts';
import type { Stream } from './stream.ts';
import { TrailerBlock } from './trailer-block.ts';

/** Streams that are kept for the next requests of the connection. */
const KEPT_MAX = 16;
/** How long the last bytes may take when the connection closes. */
const CLOSE_MS = 1_000;

export class ServerSession extends Session implements CallerConnection {
  readonly context: HttpListenerContext;
  readonly socket: net.Socket;
  readonly peer: Peer;
  /** The caller's own connections to the application, where it is told who calls. */
  readonly lane: CallerLane | null;
  refusing: Reason | null = null;
  private readonly raw: net.Socket;
  private readonly due: Deadline;
  private readonly orderly: OrderlyClose;
  private readonly lifetime: Lifetime;
  private readonly blocks: RequestBlock;
  private readonly trailer: TrailerBlock;
  private readonly kept: ServerStream[] = [];
  private prefaceAt = 0;
  private inFlight = 0;
  private readonly draining = new Drain();

  /** `raw`: the TCP socket below `socket`. */
  constructor(context: HttpListenerContext, peer: Peer, socket: net.Socket, raw: net.Socket) {
    const { headBytesMax } = context.parserOptions;
    const { streamsMax } = context.options;
    super(context.http2, { headBytesMax, streamsMax, nowMs: context.runtime.sweeper.nowMs });
    this.context = context;
    this.socket = socket;
    this.peer = peer;
    this.raw = raw;
    this.lane = context.upstreams.tellsCaller ? new CallerLane(peer) : null;
    this.due = new Deadline(context.runtime.sweeper);
    this.orderly = new OrderlyClose(socket, this.due);
    this.lifetime = new Lifetime(context, peer);
    this.blocks = new RequestBlock(headBytesMax);
    this.trailer = new TrailerBlock(context.options.exchange.chunked);
    this.due.arm(context.options.headTimeoutMs, 'head-timeout');
    f.writeSettings(this.out, [
      [f.SETTINGS_MAX_CONCURRENT_STREAMS, streamsMax],
      [f.SETTINGS_MAX_HEADER_LIST_SIZE, headBytesMax],
    ]);
    f.writeWindowUpdate(this.out, 0, CONNECTION_WINDOW_BYTES - f.WINDOW_BYTES);
    const take = (chunk: Buffer): void => this.take(chunk);
    if (readInto(socket, context.http2.readMemory, take)) socket.resume();
    else socket.on('data', take);
    socket.on('end', () => this.onEnd());
    socket.on('drain', () => this.drained());
    socket.on('error', () => undefined); // always followed by `close`, which does the work
    socket.on('close', () => this.onClose());
  }

  get state(): string {
    if (this.draining.step > 0) return 'draining';
    return this.streams.size > 0 ? 'serving' : 'waiting';
  }

  cut(reason: Reason): void {
    for (const request of this.requests()) request.cut(reason);
  }

  sweep(nowMs: number): void {
    this.budget.refill(nowMs);
    if (this.context.runtime.draining) this.drain();
    for (const request of this.requests()) request.sweep(nowMs);
    if (this.due.passed(nowMs)) return this.onDeadline();
    if (this.draining.due(nowMs)) this.nameLast();
    const step = this.lifetime.step(nowMs);
    if (step === 'drain') this.drain();
    if (step !== 'end') return;
    this.shut('identity-withdrawn');
    this.destroy();
  }

  /** Tells the caller to go elsewhere with its next request. */
  drain(): void {
    if (this.draining.step > 0 || this.closed) return;
    this.draining.begin(this.out, this.context.runtime.sweeper.nowMs);
  }

  destroy(): void {
    this.socket.destroy();
  }

  reverify(own: OwnIdentity): void {
    if (this.closed || this.lifetime.reverify(own)) return;
    this.refusing = 'identity-withdrawn';
    this.drain();
  }

  rejudge(revoke: (request: LiveRequest) => void): void {
    for (const request of this.requests()) request.rejudge(revoke);
  }

  refuseAll(reason: Reason, withinMs: number): void {
    this.refusing = reason;
    this.due.arm(withinMs, 'idle-timeout');
  }

  leave(): void {
    this.lane?.close();
  }

  headers(head: BlockHead, block: Buffer, start: number, end: number): void {
    const { streamId, last } = head;
    const stream = this.streams.get(streamId);
    if (stream !== undefined) return this.trailers(stream, last, block, start, end);
    if (!this.isPeers(streamId))
      return this.fail(f.PROTOCOL_ERROR, 'http2-protocol-error', 'a stream with an even number');
    const isNew = streamId > this.lastPeerId;
    const { blocks } = this;
    blocks.begin();
    if (!this.decode(block, start, end, isNew ? blocks : NOTHING)) return;
    if (!isNew) return this.headersOnClosed(streamId);
    // RFC 9113 section 6.8: it is told that this one is not looked at.
    if (this.draining.step === 2) return this.passOver(streamId);
    this.lastPeerId = streamId;
    if (this.streams.size >= this.context.options.streamsMax) return this.refuseStream(streamId);
    const bytes = blocks.finish();
    const opened = this.kept.pop() ?? new ServerStream(this);
    const fault = blocks.oversize ? 'head-too-large' : bytes === null ? 'http2-malformed-request' : null;
    opened.open({ streamId, last });
    opened.neverIndexed = blocks.neverIndexed;
    this.streams.add(opened.stream);
    opened.serve(last, bytes, fault);
  }

  goaway(): void {
    // it opens no streams to us; ours are all its own
  }

  pong(): void {
    this.draining.pong(this.context.runtime.sweeper.nowMs);
  }

  private nameLast(): void {
    this.draining.nameLast(this.out, this.lastPeerId);
    if (this.streams.size === 0) this.closeInOrder();
  }

  /** Writes the head of an answer. */
  writeResponse(stream: Stream, last: boolean, head: Buffer): void {
    const names = stream.neverIndexed;
    this.writeBlock(stream.id, last, (out) => this.heads.response(out, head, names));
  }

  /** A stream ended with a request that was none, or that had to be taken back by its caller's fault. */
  malformed(): void {
    this.spendReset();
  }

  requestBegun(): void {
    const { runtime, ref } = this.context;
    if (this.inFlight++ === 0) runtime.recorder.connectionActive(ref, true);
    // Who is refused whatever it asks does not stay by asking.
    if (this.refusing === null) this.due.arm(Number.POSITIVE_INFINITY, 'idle-timeout');
  }

  requestOver(): void {
    const { runtime, ref } = this.context;
    if (--this.inFlight === 0) runtime.recorder.connectionActive(ref, false);
  }

  /** `stream` may be used for another request. */
  streamOver(stream: ServerStream): void {
    if (this.kept.length < KEPT_MAX) this.kept.push(stream);
    if (this.streams.size > 0 || this.closed) return;
    if (this.draining.step === 2) this.closeInOrder();
    else if (this.refusing === null) this.due.arm(this.context.options.idleTimeoutMs, 'idle-timeout');
  }

  protected isPeers(streamId: number): boolean {
    return (streamId & 1) === 1;
  }

  protected faulted(reason: Reason, message: string): void {
    const { runtime, ref } = this.context;
    runtime.recorder.http2Error(ref, reason);
    runtime.notice(reason, `connection ${this.peer.record.id} on listener ${ref.name}: ${message}`);
    this.close();
  }

  /** Every stream is answered. INVARIANT: nothing is written behind the end: it would destroy the socket. */
  private closeInOrder(): void {
    this.flush();
    this.shut('idle-timeout');
    this.orderly.begin(this.context.options.idleTimeoutMs);
  }

  /** Closes once what is written has left. */
  private close(): void {
    this.flush();
    this.due.arm(CLOSE_MS, 'idle-timeout');
    this.socket.end();
  }

  /** Takes bytes of the caller; `chunk` is valid during the call. */
  take(chunk: Buffer): void {
    if (this.closed) return this.orderly.discard(chunk.length);
    let at = 0;
    while (this.prefaceAt < PREFACE.length && at < chunk.length) {
      if (chunk[at] !== PREFACE[this.prefaceAt])
        return this.fail(f.PROTOCOL_ERROR, 'http2-protocol-error', 'no connection preface');
      at++;
      this.prefaceAt++;
    }
    if (at < chunk.length) this.incoming.push(chunk, at);
    if (this.due.reason === 'head-timeout' && this.remote.known && !this.closed && this.inFlight === 0)
      this.due.arm(this.context.options.idleTimeoutMs, 'idle-timeout');
  }

  private onDeadline(): void {
    if (this.closed || this.refusing !== null || this.due.reason === 'head-timeout') return this.destroy();
    if (this.streams.size > 0) return;
    this.nameLast(); // nothing is under way: one GOAWAY will do
  }

  private onEnd(): void {
    // RFC 9113 section 9.1 has no half-closed connection: the caller could open no window any more.
    this.shut('client-closed');
    this.close();
  }

  private onClose(): void {
    this.shut('client-closed');
    this.raw.destroy();
    this.context.closed(this);
  }

  private trailers(stream: Stream, last: boolean, block: Buffer, start: number, end: number): void {
    this.trailer.begin();
    if (!this.decode(block, start, end, this.trailer)) return;
    if (stream.remoteEnded) return this.streamFault(stream, f.STREAM_CLOSED);
    if (!last) return this.streamFault(stream, f.PROTOCOL_ERROR); // RFC 9113 section 8.1
    const lines = this.trailer.finish();
    const request = this.requestOf(stream);
    if (lines === null) request.refuseTrailers();
    else request.trailersArrived(lines, this.trailer.neverIndexed);
  }

  /** Of a stream of this connection: they are all made here. */
  private requestOf(stream: Stream): ServerStream {
    const { owner } = stream;
    assert(owner instanceof ServerStream);
    return owner;
  }

  private requests(): ServerStream[] {
    return this.streams.all().map((stream) => this.requestOf(stream));
  }

  private headersOnClosed(streamId: number): void {
    if (this.wasReset(streamId)) return;
    this.fail(f.STREAM_CLOSED, 'http2-protocol-error', 'HEADERS on a closed stream');
  }

  private refuseStream(streamId: number): void {
    this.writeReset(streamId, f.REFUSED_STREAM);
    this.context.runtime.recorder.http2Error(this.context.ref, 'http2-stream-limit');
    this.spendReset();
  }
}
