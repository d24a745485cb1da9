// One HTTP/2 connection, whichever end of it we are (RFC 9113): its streams, its windows, what is sent on it,
// and its end. What a header block means is the business of the two that extend it.
import type net from 'node:net';
import type { Reason } from '../../core/reasons.ts';
import type { DataBlocks } from './data-queue.ts';
import * as f from './frame.ts';
import { FrameBudget } from './frame-budget.ts';
import { HeadEncoder } from './head-encoder.ts';
import type { BlockHead } from './header-block.ts';
import { type FieldSink, HpackDecoder } from './hpack/decoder.ts';
import { type FrameTarget, IncomingFrames } from './incoming-frames.ts';
import type { Flushable, Output, Outputs } from './output.ts';
import { PeerSettings } from './peer-settings.ts';
import type { SessionBounds, SessionParts } from './session-parts.ts';
import type { Stream } from './stream.ts';
import { StreamTable } from './stream-table.ts';

/** Data that a connection may bring, over all streams, before somebody took it. */
export const CONNECTION_WINDOW_BYTES = 1_048_576;
/** For a block that is for nobody any more. */
export const NOTHING: FieldSink = { field: () => undefined };
/** An output of this size is sent at once: four frames of data, and what goes with them. */
const OUTPUT_BYTES_MAX = 65_536;
/** What the peer does not read may grow to this before we read no more of what it asks for. */
const BACKLOG_BYTES_MAX = 262_144;
/** Answers to SETTINGS and PING that wait because the peer does not read. */
const ANSWERS_WAITING_MAX = 4_096;
/** Streams that we reset or passed over a moment ago: what the peer sends on them was on its way. */
const RESET_IDS_KEPT = 128;

export abstract class Session implements FrameTarget, Flushable {
  abstract readonly socket: net.Socket;
  readonly remote = new PeerSettings();
  readonly budget: FrameBudget;
  readonly heads = new HeadEncoder();
  /** Memory of what waits. */
  readonly dataBlocks: DataBlocks;
  /** Data that the peer takes from us, over all streams. */
  sendWindow = f.WINDOW_BYTES;
  /** The socket has enough to send. */
  full = false;
  /** Nothing is read or sent any more. */
  closed = false;
  protected readonly streams = new StreamTable();
  private readonly decoder: HpackDecoder;
  protected readonly incoming: IncomingFrames;
  /** The highest streams that the peer and we opened. */
  protected lastPeerId = 0;
  protected lastOwnId = 0;
  private readonly outputs: Outputs;
  private pending: Output | null = null;
  private recvWindow = CONNECTION_WINDOW_BYTES;
  /** Bytes that were taken and that the peer was not told of. */
  private debt = 0;
  private answersWaiting = 0;
  /** Streams that cannot send now; in turn. */
  private readonly waiting = new Set<Stream>();
  private readonly resetIds: number[] = [];

  constructor(parts: SessionParts, bounds: SessionBounds) {
    this.outputs = parts.outputs;
    this.dataBlocks = parts.dataBlocks;
    this.decoder = new HpackDecoder(parts.scratch);
    this.incoming = new IncomingFrames(this, bounds.headBytesMax);
    this.budget = new FrameBudget(bounds.nowMs, bounds.streamsMax);
  }

  abstract headers(head: BlockHead, block: Buffer, start: number, end: number): void;
  abstract goaway(lastId: number, code: number): void;
  abstract pong(): void;
  /** The connection ends because of what the peer did; its streams are told afterwards. */
  protected abstract faulted(reason: Reason, message: string): void;
  /** True when the peer, not we, may open `streamId`. */
  protected abstract isPeers(streamId: number): boolean;

  /** Where frames are written to; they are sent at the end of this turn. */
  get out(): Output {
    this.pending ??= this.outputs.take(this);
    return this.pending;
  }

  flush(): void {
    const { pending } = this;
    this.pending = null;
    if (pending === null) return;
    if (this.socket.destroyed || pending.length === 0) return pending.release();
    this.full = !this.socket.write(pending.bytes.subarray(0, pending.length), pending.release);
    if (!this.full) this.answersWaiting = 0;
    // CVE-2019-9517: heads are not held by any window.
    else if (this.socket.writableLength > BACKLOG_BYTES_MAX) this.socket.pause();
  }

  /** Sends what is put together when `bytes` more would be a lot; false when the socket has enough then. */
  makeRoom(bytes: number): boolean {
    if (this.pending === null || this.pending.length + bytes <= OUTPUT_BYTES_MAX) return true;
    this.flush();
    return !this.full;
  }

  /** Writes one header block with what `write` appends. */
  writeBlock(streamId: number, last: boolean, write: (out: Output) => void): void {
    if (this.closed) return;
    const { out } = this;
    const at = out.length;
    f.writeFrameHead(out, 0, f.HEADERS, f.END_HEADERS | (last ? f.END_STREAM : 0), streamId);
    write(out);
    f.finishHeaders(out, at, this.remote.frameBytesMax);
  }

  /** `stream` has to wait for a window or for the socket. */
  wait(stream: Stream): void {
    this.waiting.add(stream);
  }

  /** Ends `stream` with RST_STREAM. */
  reset(stream: Stream, code: number): void {
    if (!this.closed && this.streams.get(stream.id) === stream) this.writeReset(stream.id, code);
    this.forget(stream);
  }

  /** `stream` is over. */
  forget(stream: Stream): void {
    this.waiting.delete(stream);
    this.streams.delete(stream.id);
  }

  /** Reads and sends nothing more, and breaks every stream. */
  shut(reason: Reason): void {
    if (this.closed) return;
    this.closed = true;
    this.incoming.close();
    for (const stream of this.streams.all()) {
      this.forget(stream);
      stream.owner.broken(reason);
    }
  }

  fail(code: number, reason: Reason, message: string): void {
    if (this.closed) return;
    f.writeGoaway(this.out, this.lastPeerId, code);
    this.flush();
    this.faulted(reason, message);
    this.shut(reason);
  }

  stream(streamId: number): Stream | undefined {
    return this.streams.get(streamId);
  }

  isIdle(streamId: number): boolean {
    const lastId = this.isPeers(streamId) ? this.lastPeerId : this.lastOwnId;
    return streamId > lastId && !this.wasReset(streamId);
  }

  wasReset(streamId: number): boolean {
    return this.resetIds.includes(streamId);
  }

  takeWindow(bytes: number): boolean {
    this.recvWindow -= bytes;
    return this.recvWindow >= 0;
  }

  credit(bytes: number): void {
    this.debt += bytes;
    if (this.debt < CONNECTION_WINDOW_BYTES / 2 || this.closed) return;
    f.writeWindowUpdate(this.out, 0, this.debt);
    this.recvWindow += this.debt;
    this.debt = 0;
  }

  widen(increment: number): boolean {
    this.sendWindow += increment;
    if (this.sendWindow > f.WINDOW_BYTES_MAX) return false;
    this.sendWaiting();
    return true;
  }

  streamWidened(stream: Stream): void {
    while (this.waiting.has(stream) && !this.full && stream.maySend && this.sendWindow > 0) {
      this.waiting.delete(stream);
      if (!stream.sendQueued()) this.waiting.add(stream);
    }
  }

  settings(payload: Buffer, start: number, end: number): void {
    const { remote } = this;
    const before = remote.windowBytes;
    const fault = remote.take(payload, start, end);
    if (fault !== null) {
      const flow = fault.code === f.FLOW_CONTROL_ERROR;
      return this.fail(fault.code, flow ? 'http2-flow-control-error' : 'http2-protocol-error', fault.message);
    }
    const { hpack } = this.heads;
    if (remote.headerTableBytesLeast < remote.headerTableBytes)
      hpack.tableSizeMax = remote.headerTableBytesLeast;
    hpack.tableSizeMax = remote.headerTableBytes;
    f.writeFrameHead(this.out, 0, f.SETTINGS, f.ACK, 0);
    this.countAnswer();
    if (remote.windowBytes === before) return;
    // RFC 9113 section 6.9.2: the windows of all streams move by the difference, also below zero.
    for (const stream of this.streams.all()) {
      if (!stream.widen(remote.windowBytes - before))
        return this.fail(f.FLOW_CONTROL_ERROR, 'http2-flow-control-error', 'a window above 2^31-1');
    }
    this.sendWaiting();
  }

  ping(payload: Buffer, start: number): void {
    f.writeFrameHead(this.out, 8, f.PING, f.ACK, 0);
    this.out.copy(payload, start, start + 8);
    this.countAnswer();
  }

  peerReset(stream: Stream, _code: number): void {
    const unanswered = !stream.localEnded;
    this.forget(stream);
    stream.owner.broken('client-closed');
    if (unanswered) this.spendReset();
  }

  resetUnknown(streamId: number, code: number): void {
    f.writeRstStream(this.out, streamId, code);
  }

  streamFault(stream: Stream, code: number): void {
    const unanswered = !stream.localEnded;
    this.reset(stream, code);
    stream.owner.broken('http2-protocol-error');
    if (unanswered) this.spendReset();
  }

  protected writeReset(streamId: number, code: number): void {
    f.writeRstStream(this.out, streamId, code);
    this.passOver(streamId);
  }

  /** What comes for `streamId` from now on was on its way (RFC 9113 section 5.1). */
  protected passOver(streamId: number): void {
    this.resetIds.push(streamId);
    if (this.resetIds.length > RESET_IDS_KEPT) this.resetIds.shift();
  }

  /** Decodes a header block into `sink`; false when the connection ended over it. */
  protected decode(block: Buffer, start: number, end: number, sink: FieldSink): boolean {
    if (this.decoder.decode(block, start, end, sink)) return true;
    this.fail(f.COMPRESSION_ERROR, 'http2-compression-error', 'a header block that cannot be decoded');
    return false;
  }

  /** A stream that the peer, or its fault, ended before its answer did. */
  protected spendReset(): void {
    if (this.budget.reset()) return;
    this.fail(f.ENHANCE_YOUR_CALM, 'http2-rapid-reset', 'too many streams were reset before their answer');
  }

  /** The socket takes bytes again. */
  protected drained(): void {
    this.full = false;
    this.answersWaiting = 0;
    this.socket.resume();
    this.sendWaiting();
  }

  /** CVE-2019-9512 and -9515: a peer that asks for answers and does not read them. */
  private countAnswer(): void {
    if (++this.answersWaiting <= ANSWERS_WAITING_MAX) return;
    this.fail(f.ENHANCE_YOUR_CALM, 'http2-frame-flood', 'the answers to SETTINGS and PING are not read');
  }

  /** Lets each waiting stream send a turn's worth, again while any of them used all of it. */
  private sendWaiting(): void {
    for (let more = true; more && !this.full; ) {
      more = false;
      let turns = this.waiting.size;
      for (const stream of this.waiting) {
        if (this.full || turns-- <= 0) break;
        this.waiting.delete(stream);
        if (stream.sendQueued()) continue;
        this.waiting.add(stream);
        if (stream.maySend && this.sendWindow > 0) more = true;
      }
    }
  }
}
