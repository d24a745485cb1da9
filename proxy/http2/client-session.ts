// A connection to an application that speaks HTTP/2, shared by the requests of many callers (RFC 9113). It
// stands on a connection of the pool, which connects it, verifies its server and counts it.
import assert from 'node:assert/strict';
import type net from 'node:net';
import type { Reason } from '../../core/reasons.ts';
import type { UpstreamConnection } from '../forward/upstream-connection.ts';
import type { FramedOwner, UpstreamLink, UpstreamOwner } from '../forward/upstream-link.ts';
import type { ClientSessionOptions } from './client-session-options.ts';
import { ClientStream } from './client-stream.ts';
import * as f from './frame.ts';
import type { BlockHead } from './header-block.ts';
import { PREFACE } from './preface.ts';
import { ReadPace } from './read-pace.ts';
import { ResponseBlock } from './response-block.ts';
import { CONNECTION_WINDOW_BYTES, NOTHING, Session } from './session.ts';
import { Silence } from './silence.ts';
import type { Stream } from './stream.ts';
import { TrailerBlock } from './trailer-block.ts';

/** Streams that are kept for the next requests. */
const KEPT_MAX = 128;
/**
 * Of the time that the certificates of a connection have left when it is made: what is then under way on it
 * has the rest to end. While the server has no other certificate, each connection lives a tenth of the last.
 */
const FRESH_SHARE = 0.9;
const NOT_HTTP2 =
  'it does not begin as HTTP/2 does; for an application that speaks HTTP/1.1 set `upstream.protocol: http1`';
/** Before it said how many streams it allows: RFC 9113 section 6.5.2 wants at least 100. */
const STREAMS_UNTOLD = 100;
/** RFC 9113 section 5.1.1: then another connection is needed. */
const STREAM_ID_MAX = 0x7fffffff;

export class ClientSession extends Session implements UpstreamOwner {
  connected = false;
  /** Requests that were answered completely. */
  served = 0;
  /** No further request: it drains, or its identity is not ours any more. */
  retired = false;
  /** Coarse monotonic milliseconds since which it is idle. */
  idleSinceMs: number;
  /** Unix milliseconds from which it is too near the end of a certificate for another request. */
  freshUntilMs = Number.POSITIVE_INFINITY;
  private readonly sessionOptions: ClientSessionOptions;
  private readonly begunMs: number;
  private readonly scheme: Buffer;
  /** Requests that use it, and those of them that wait for the connection. */
  private linked = 0;
  private connecting: ClientStream[] = [];
  private readonly kept: ClientStream[] = [];
  private readonly response: ResponseBlock;
  private readonly trailer: TrailerBlock;
  private connection: UpstreamConnection | null = null;
  private readonly pace: ReadPace;
  private readonly silence: Silence;

  constructor(options: ClientSessionOptions, secure: boolean) {
    super(options.parts, { ...options, nowMs: options.coarseNow() });
    this.sessionOptions = options;
    this.pace = new ReadPace(options.parts.outputs, () => !this.closed && !this.full);
    this.silence = new Silence(options.coarseNow);
    this.scheme = Buffer.from(secure ? 'https' : 'http', 'latin1');
    this.response = new ResponseBlock(options.headBytesMax);
    this.trailer = new TrailerBlock(options.trailers);
    this.begunMs = options.coarseNow();
    this.idleSinceMs = this.begunMs;
  }

  /** What it stands on; told before anything is heard of it. */
  attach(connection: UpstreamConnection): void {
    this.connection = connection;
  }

  get socket(): net.Socket {
    assert(this.connection !== null);
    return this.connection.socket;
  }

  /** True when another request may use it. */
  get accepts(): boolean {
    const told = this.remote.known ? this.remote.streamsMax : STREAMS_UNTOLD;
    const most = Math.min(this.sessionOptions.streamsMax, told);
    return !this.closed && !this.retired && this.linked < most && this.lastOwnId + 2 < STREAM_ID_MAX;
  }

  get idle(): boolean {
    return this.linked === 0;
  }

  /** True when `link` was a stream of it. */
  carried(link: UpstreamLink): boolean {
    return link instanceof ClientStream && link.stream.session === this;
  }

  /** A link for a request; its stream is opened by its head. */
  link(owner: FramedOwner): ClientStream {
    const link = this.kept.pop() ?? new ClientStream(this);
    link.begin(owner);
    this.linked++;
    if (!this.connected) this.connecting.push(link);
    return link;
  }

  /** Opens the stream of `link` with `head`, as HTTP/1.1 has it. */
  open(link: ClientStream, head: Buffer, last: boolean): void {
    const { stream } = link;
    this.lastOwnId = this.lastOwnId === 0 ? 1 : this.lastOwnId + 2;
    stream.open(this.lastOwnId, this.remote.windowBytes);
    stream.localEnded = last;
    link.sentMs = this.sessionOptions.coarseNow();
    this.streams.add(stream);
    this.budget.headers(); // what the application says about it, also after the caller cancelled it
    const { neverIndexed } = stream;
    this.writeBlock(stream.id, last, (out) => this.heads.request(out, head, this.scheme, neverIndexed));
  }

  /** `link` is given up before its answer ended. */
  giveUp(link: ClientStream): void {
    if (this.silence.lastsSince(link.sentMs)) this.retired = true;
    this.reset(link.stream, f.CANCEL);
  }

  /** `link` needs its stream no more. */
  closeStream(link: ClientStream): void {
    this.forget(link.stream);
    // INVARIANT: a link waits at most once: it may serve another request by the time of the connection.
    if (!this.connected) this.connecting = this.connecting.filter((one) => one !== link);
    if (this.kept.length < KEPT_MAX) this.kept.push(link);
    if (--this.linked > 0) return;
    this.idleSinceMs = this.sessionOptions.coarseNow();
    if (this.retired) this.end();
  }

  /** Takes no further request, and ends with the last one. */
  retire(): void {
    this.retired = true;
    if (this.idle) this.end();
  }

  /** Ends it when it is not connected after `timeoutMs`: the next request tries anew. */
  sweep(nowMs: number, timeoutMs: number): void {
    this.budget.refill(nowMs);
    if (this.connected || this.closed || nowMs < this.begunMs + timeoutMs) return;
    this.connection?.refuse('upstream-connect-timeout', 'it does not take a connection');
  }

  /** Ends it at once. */
  end(): void {
    if (this.connected && !this.closed) {
      f.writeGoaway(this.out, 0, f.NO_ERROR);
      this.flush();
    }
    this.shut('upstream-reset');
    this.connection?.retire();
    this.sessionOptions.gone(this);
  }

  upstreamConnected(): void {
    this.connected = true;
    const { out, connection } = this;
    const wallMs = this.sessionOptions.coarseWall();
    if (connection !== null) this.freshUntilMs = wallMs + FRESH_SHARE * (connection.expiresAtMs - wallMs);
    out.copy(PREFACE, 0, PREFACE.length);
    f.writeSettings(out, [
      [f.SETTINGS_ENABLE_PUSH, 0],
      [f.SETTINGS_MAX_HEADER_LIST_SIZE, this.sessionOptions.headBytesMax],
    ]);
    f.writeWindowUpdate(out, 0, CONNECTION_WINDOW_BYTES - f.WINDOW_BYTES);
    const { connecting } = this;
    this.connecting = [];
    for (const link of connecting) link.sessionConnected();
  }

  upstreamData(chunk: Buffer): void {
    this.pace.took(this.socket, chunk.length);
    this.silence.heard();
    this.incoming.push(chunk, 0);
  }

  upstreamEnd(): void {
    this.lose('upstream-reset');
    this.connection?.destroy();
  }

  upstreamDrained(): void {
    this.drained();
  }

  upstreamClosed(): void {
    const { connection } = this;
    const refused = connection?.connected === false ? 'upstream-refused' : 'upstream-reset';
    this.lose(connection?.fault ?? refused);
  }

  headers({ streamId, last }: BlockHead, block: Buffer, start: number, end: number): void {
    const stream = this.streams.get(streamId);
    const link = stream === undefined ? null : this.linkOf(stream);
    if (link === null) {
      if (!this.decode(block, start, end, NOTHING)) return;
      if (this.isIdle(streamId) || this.isPeers(streamId))
        this.broken('HEADERS on a stream that is not ours');
    } else if (link.answered) {
      this.trailer.begin();
      if (!this.decode(block, start, end, this.trailer)) return;
      link.mark(this.trailer.neverIndexed);
      link.trailersArrived(last ? this.trailer.finish() : null);
    } else {
      this.response.begin();
      if (!this.decode(block, start, end, this.response)) return;
      link.mark(this.response.neverIndexed);
      link.headArrived(this.response.finish(), last);
    }
  }

  /** RFC 9113 section 6.8: streams above `lastId` were not looked at. */
  goaway(lastId: number): void {
    this.retired = true;
    for (const stream of this.streams.all()) {
      if (stream.id <= lastId) continue;
      const link = this.linkOf(stream);
      link.unprocessed = !link.answered;
      this.forget(stream);
      link.broken('client-closed');
    }
    if (this.idle) this.end();
  }

  pong(): void {
    // we send no PING
  }

  /**
   * INVARIANT: one caller never holds up another. Who does not read keeps its own stream's window, 64 KiB;
   * that of the connection, which all share, is given back at once.
   */
  override takeWindow(bytes: number): boolean {
    const fits = super.takeWindow(bytes);
    super.credit(bytes);
    return fits;
  }

  override credit(): void {
    // given back as it came
  }

  /** Callers cancel streams by the thousand: what comes for any that is gone was on its way. */
  override wasReset(streamId: number): boolean {
    return !this.isPeers(streamId) && streamId <= this.lastOwnId;
  }

  protected isPeers(streamId: number): boolean {
    return (streamId & 1) === 0;
  }

  /** Resets are no more than the streams that we opened, and often what a caller provoked. */
  protected override spendReset(): void {
    // no budget
  }

  override peerReset(stream: Stream, code: number): void {
    const link = this.linkOf(stream);
    // Once it answered it did something, whatever it says.
    link.unprocessed = code === f.REFUSED_STREAM && !link.answered;
    super.peerReset(stream, code);
  }

  override fail(code: number, reason: Reason, message: string): void {
    const rule = reason === 'upstream-bad-response' ? message : `${reason}: ${message}`;
    const why = this.remote.known ? rule : NOT_HTTP2;
    super.fail(code, 'upstream-bad-response', why);
  }

  protected faulted(_reason: Reason, message: string): void {
    this.connection?.tell('upstream-bad-response', message);
    this.connection?.retire();
  }

  private broken(message: string): void {
    this.fail(f.PROTOCOL_ERROR, 'upstream-bad-response', message);
  }

  /** The connection is gone. */
  private lose(reason: Reason): void {
    this.shut(reason);
    for (const link of [...this.connecting]) link.broken(reason);
    this.connecting = [];
    this.sessionOptions.gone(this);
  }

  /** Of a stream of this connection: they are all made here. */
  private linkOf(stream: Stream): ClientStream {
    const { owner } = stream;
    assert(owner instanceof ClientStream);
    return owner;
  }
}
