// The rules for what the peer of a connection sends, frame by frame (RFC 9113 sections 5.1, 6 and 10.5). What
// passes them becomes a call of the session; what does not ends the stream or the connection.
import type { Reason } from '../../core/reasons.ts';
import * as f from './frame.ts';
import type { FrameBudget } from './frame-budget.ts';
import { type FrameHead, FrameReader, type FrameSink } from './frame-reader.ts';
import { type BlockHead, HeaderBlock } from './header-block.ts';
import type { PeerSettings } from './peer-settings.ts';
import type { Stream } from './stream.ts';

/** The connection whose frames are read. */
export interface FrameTarget {
  readonly closed: boolean;
  readonly remote: PeerSettings;
  readonly budget: FrameBudget;
  stream(streamId: number): Stream | undefined;
  /** True when nobody opened `streamId` yet. */
  isIdle(streamId: number): boolean;
  /** True when we reset `streamId` a moment ago. */
  wasReset(streamId: number): boolean;
  /** A complete header block; whatever it is for, it has to be decoded. */
  headers(head: BlockHead, block: Buffer, start: number, end: number): void;
  /** So much data came; false when the window of the connection was smaller. */
  takeWindow(bytes: number): boolean;
  /** `bytes` of data belong to no stream. */
  credit(bytes: number): void;
  /** The window of the connection widens by `increment`; false when it cannot. */
  widen(increment: number): boolean;
  /** The window of `stream` did. */
  streamWidened(stream: Stream): void;
  /** `payload[start, end)` are settings; the peer waits for our word that they are in force. */
  settings(payload: Buffer, start: number, end: number): void;
  ping(payload: Buffer, start: number): void;
  /** Our own PING came back. */
  pong(): void;
  goaway(lastId: number, code: number): void;
  peerReset(stream: Stream, code: number): void;
  resetUnknown(streamId: number, code: number): void;
  /** The peer broke a rule on one stream. */
  streamFault(stream: Stream, code: number): void;
  /** It broke one of the connection. */
  fail(code: number, reason: Reason, message: string): void;
}

const PRIORITY_BYTES = 5;
const PING_BYTES = 8;

export class IncomingFrames implements FrameSink {
  private readonly target: FrameTarget;
  private readonly block: HeaderBlock;
  private readonly reader = new FrameReader(this);

  /** `headBytesMax`: of a header block as it is on the wire. */
  constructor(target: FrameTarget, headBytesMax: number) {
    this.target = target;
    this.block = new HeaderBlock(headBytesMax);
  }

  /** Takes `chunk[from…]`. */
  push(chunk: Buffer, from: number): void {
    this.reader.push(chunk, from);
  }

  /** True while a frame or a header block is incomplete. */
  get started(): boolean {
    return this.block.head !== null || this.reader.started;
  }

  close(): void {
    this.reader.close();
    this.block.end();
  }

  frame(head: FrameHead, payload: Buffer, start: number, end: number): void {
    if (!this.isExpected(head)) return;
    switch (head.type) {
      case f.HEADERS:
        return this.headers(head, payload, start, end);
      case f.CONTINUATION:
        return this.continuation(head, payload, start, end);
      case f.WINDOW_UPDATE:
        return this.windowUpdate(head, payload, start);
      case f.RST_STREAM:
        return this.rstStream(head, payload, start);
      case f.SETTINGS:
        return this.settings(head, payload, start, end);
      case f.PING:
        return this.ping(head, payload, start);
      case f.PRIORITY:
        return this.priority(head, payload, start);
      case f.GOAWAY:
        return this.goaway(head, payload, start);
      case f.PUSH_PROMISE:
        return this.broken('PUSH_PROMISE'); // RFC 9113 section 8.4: only to those who asked for it
      default:
        this.spend(); // RFC 9113 section 5.5: ignored
    }
  }

  dataBegins(head: FrameHead): void {
    const { target } = this;
    const { streamId, length } = head;
    if (!this.isExpected(head)) return;
    if (streamId === 0) return this.broken('DATA on stream 0');
    if (!target.takeWindow(length)) return this.flow('more data than the window of the connection');
    const stream = target.stream(streamId);
    if (stream === undefined) return this.dataOnClosed(head);
    if ((head.flags & f.PADDED) === 0 && !this.mayBring(head, length)) return;
    if (stream.remoteEnded) target.streamFault(stream, f.STREAM_CLOSED);
    else if (!stream.takeWindow(length)) target.streamFault(stream, f.FLOW_CONTROL_ERROR);
  }

  data(head: FrameHead, chunk: Buffer, start: number, end: number, last: boolean): void {
    const stream = this.target.stream(head.streamId);
    if (stream === undefined) return this.target.credit(end - start);
    const ends = last && (head.flags & f.END_STREAM) !== 0;
    if (ends) stream.remoteEnded = true;
    stream.owner.received(chunk, start, end, ends);
  }

  padding(head: FrameHead, bytes: number): void {
    const stream = this.target.stream(head.streamId);
    if (stream === undefined) this.target.credit(bytes);
    else if (this.mayBring(head, head.length - bytes)) stream.credit(bytes);
  }

  dataEnds(head: FrameHead): void {
    if ((head.flags & f.END_STREAM) === 0) return;
    const stream = this.target.stream(head.streamId);
    if (stream?.remoteEnded === false) stream.owner.remoteEnd();
  }

  oversize({ length }: FrameHead): void {
    this.size(`a frame of ${length} bytes`);
  }

  badPadding(): void {
    this.broken('more padding than payload');
  }

  private isExpected(head: FrameHead): boolean {
    if (!this.target.remote.known && (head.type !== f.SETTINGS || (head.flags & f.ACK) !== 0))
      this.broken('the first frame is not SETTINGS');
    else if (this.block.head !== null && head.type !== f.CONTINUATION)
      this.broken('another frame within a header block');
    return !this.target.closed;
  }

  private headers({ flags, streamId }: FrameHead, payload: Buffer, start: number, end: number): void {
    if (streamId === 0) return this.broken('HEADERS on stream 0');
    let from = start;
    let to = end;
    if ((flags & f.PADDED) !== 0) {
      to -= payload[from] ?? 0;
      from++;
    }
    const prioritized = (flags & f.PRIORITIZED) !== 0;
    if (prioritized) from += PRIORITY_BYTES;
    if (from > to) return this.broken('more padding than payload');
    if (prioritized && f.readUint31(payload, from - PRIORITY_BYTES) === streamId) return this.selfish();
    this.target.budget.headers();
    const block = { streamId, last: (flags & f.END_STREAM) !== 0 };
    if ((flags & f.END_HEADERS) !== 0) return this.target.headers(block, payload, from, to);
    this.block.begin(block);
    if (!this.block.add(payload, from, to)) this.endless();
  }

  private continuation({ flags, streamId }: FrameHead, payload: Buffer, start: number, end: number): void {
    const { block } = this;
    const { head } = block;
    if (head === null || head.streamId !== streamId) return this.broken('CONTINUATION without HEADERS');
    if (!block.add(payload, start, end)) return this.endless();
    if ((flags & f.END_HEADERS) === 0) return;
    const { bytes, length } = block;
    block.end();
    this.target.headers(head, bytes, 0, length);
  }

  private windowUpdate({ streamId, length }: FrameHead, payload: Buffer, start: number): void {
    const { target } = this;
    if (length !== 4) return this.size('WINDOW_UPDATE');
    if (!this.spend()) return;
    const increment = f.readUint31(payload, start);
    if (streamId === 0) {
      if (increment === 0) return this.broken('WINDOW_UPDATE by nothing');
      if (!target.widen(increment)) this.flow('a window above 2^31-1');
      return;
    }
    const stream = target.stream(streamId);
    if (stream === undefined) {
      if (target.isIdle(streamId)) this.broken('WINDOW_UPDATE on an idle stream');
    } else if (increment === 0) target.streamFault(stream, f.PROTOCOL_ERROR);
    else if (!stream.widen(increment)) target.streamFault(stream, f.FLOW_CONTROL_ERROR);
    else target.streamWidened(stream);
  }

  private rstStream({ streamId, length }: FrameHead, payload: Buffer, start: number): void {
    if (length !== 4) return this.size('RST_STREAM');
    if (streamId === 0 || this.target.isIdle(streamId)) return this.broken('RST_STREAM on an idle stream');
    const stream = this.target.stream(streamId);
    if (stream === undefined) this.spend();
    else this.target.peerReset(stream, f.readUint32(payload, start));
  }

  private settings(
    { streamId, flags, length }: FrameHead,
    payload: Buffer,
    start: number,
    end: number,
  ): void {
    if (streamId !== 0) return this.broken('SETTINGS on a stream');
    const ack = (flags & f.ACK) !== 0;
    if (ack ? length !== 0 : length % 6 !== 0) return this.size('SETTINGS');
    if (this.spend() && !ack) this.target.settings(payload, start, end);
  }

  private ping({ streamId, flags, length }: FrameHead, payload: Buffer, start: number): void {
    if (streamId !== 0) return this.broken('PING on a stream');
    if (length !== PING_BYTES) return this.size('PING');
    if (!this.spend()) return;
    if ((flags & f.ACK) === 0) this.target.ping(payload, start);
    else this.target.pong();
  }

  private priority({ streamId, length }: FrameHead, payload: Buffer, start: number): void {
    if (streamId === 0) return this.broken('PRIORITY on stream 0');
    if (length !== PRIORITY_BYTES) return this.size('PRIORITY');
    if (this.spend() && f.readUint31(payload, start) === streamId) this.selfish();
  }

  private goaway({ streamId, length }: FrameHead, payload: Buffer, start: number): void {
    if (streamId !== 0) return this.broken('GOAWAY on a stream');
    if (length < 8) return this.size('GOAWAY');
    if (this.spend()) this.target.goaway(f.readUint31(payload, start), f.readUint32(payload, start + 4));
  }

  private dataOnClosed({ streamId, length }: FrameHead): void {
    const { target } = this;
    if (target.isIdle(streamId)) return this.broken('DATA on an idle stream');
    // Small pieces fill a window with more frames than the budget has: those on their way cost nothing.
    const onItsWay = target.wasReset(streamId);
    if (onItsWay && length > 0) return;
    if (this.spend() && !onItsWay) target.resetUnknown(streamId, f.STREAM_CLOSED);
  }

  /** A DATA frame has so much data, which may be nothing at the end only; false = too many of those. */
  private mayBring({ flags }: FrameHead, bytes: number): boolean {
    if (bytes > 0) this.target.budget.data();
    return bytes > 0 || (flags & f.END_STREAM) !== 0 || this.spend();
  }

  /** A frame that asks for nothing; false when there were too many. */
  private spend(): boolean {
    if (this.target.budget.idle()) return true;
    this.target.fail(f.ENHANCE_YOUR_CALM, 'http2-frame-flood', 'too many frames that ask for nothing');
    return false;
  }

  /** RFC 7540 section 5.3.1; RFC 9113 has no priorities any more. */
  private selfish(): void {
    this.broken('a stream that depends on itself');
  }

  /** CVE-2024-27316 and its like. */
  private endless(): void {
    this.target.fail(f.ENHANCE_YOUR_CALM, 'http2-continuation-flood', 'a header block that does not end');
  }

  private broken(message: string): void {
    this.target.fail(f.PROTOCOL_ERROR, 'http2-protocol-error', message);
  }

  private size(message: string): void {
    this.target.fail(f.FRAME_SIZE_ERROR, 'http2-protocol-error', `the length of ${message}`);
  }

  private flow(message: string): void {
    this.target.fail(f.FLOW_CONTROL_ERROR, 'http2-flow-control-error', message);
  }
}
