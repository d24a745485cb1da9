// One stream of a connection, whichever end of it we are (RFC 9113 section 5): both of its windows, and the
// data that they do not let go yet.
import { Buffer } from 'node:buffer';
import type { Reason } from '../../core/reasons.ts';
import { DataQueue } from './data-queue.ts';
import * as f from './frame.ts';
import type { NeverIndexed } from './never-indexed.ts';
import type { Session } from './session.ts';

/** What a stream sends in its turn when several wait. */
const TURN_BYTES = f.FRAME_BYTES_MAX;
/** Data, its end or trailers: lines of HTTP/1.1, empty for none. */
const NO_TRAILERS = Buffer.alloc(0);

/** Who a stream is for. Every call is synchronous. */
export interface StreamOwner {
  /** Data of the peer; `chunk` is valid during the call. The owner calls `credit` for it. */
  received(chunk: Buffer, start: number, end: number, last: boolean): void;
  /** The peer ended the stream behind its last data. */
  remoteEnd(): void;
  /**
   * The stream is over before its end: a reset, a fault, or the connection is gone. Nothing is sent for it.
   */
  broken(reason: Reason): void;
  /** What `send` held back is sent. */
  drained(): void;
}

export class Stream {
  readonly session: Session;
  readonly owner: StreamOwner;
  /** 0 before it is opened. */
  id = 0;
  /** The peer sends no more on it. */
  remoteEnded = false;
  /** We send no more on it. */
  localEnded = false;
  /** Fields of these names go out as never-indexed literals; its owner says so. */
  neverIndexed: NeverIndexed = null;
  private sendWindow = 0;
  private recvWindow = 0;
  /** Bytes that were taken and that the peer was not told of. */
  private debt = 0;
  /** False: the owner wants no more for now. */
  private reading = true;
  /** Bytes that the owner got, whose windows are not given back yet. */
  private held = 0;
  private readonly queue: DataQueue;
  /** What ends the stream behind what is queued; null while it goes on. */
  private ending: Buffer | null = null;

  constructor(session: Session, owner: StreamOwner) {
    this.session = session;
    this.owner = owner;
    this.queue = new DataQueue(session.dataBlocks);
  }

  /** The peer may send `bytes`; false when it does all the same. */
  takeWindow(bytes: number): boolean {
    this.recvWindow -= bytes;
    return this.recvWindow >= 0;
  }

  /** The owner gets `bytes`; their windows are given back by `settle`, or by `resume` when it paused. */
  hold(bytes: number): void {
    this.held += bytes;
  }

  settle(): void {
    if (this.reading) this.giveBack();
  }

  pause(): void {
    this.reading = false;
  }

  resume(): void {
    this.reading = true;
    this.giveBack();
  }

  giveBack(): void {
    const { held } = this;
    this.held = 0;
    if (held > 0) this.credit(held);
  }

  /** `bytes` of the peer's data were taken by whoever they are for. */
  credit(bytes: number): void {
    const { session } = this;
    session.credit(bytes);
    if (this.remoteEnded || this.id === 0) return;
    this.debt += bytes;
    if (this.debt < f.WINDOW_BYTES / 2 || session.closed) return;
    f.writeWindowUpdate(session.out, this.id, this.debt);
    this.recvWindow += this.debt;
    this.debt = 0;
  }

  /** The peer takes `bytes` more, or less; false when that is more than a window can be. */
  widen(bytes: number): boolean {
    this.sendWindow += bytes;
    return this.sendWindow <= f.WINDOW_BYTES_MAX;
  }

  /** True when its window lets data go. */
  get maySend(): boolean {
    return this.sendWindow > 0;
  }

  /** True when something waits to be sent. */
  get waits(): boolean {
    return !this.queue.empty || this.ending !== null;
  }

  /**
   * Sends `chunk[start, end)`, as much as the windows allow, and keeps a copy of the rest. False when the
   * source should stop until `drained`.
   */
  send(chunk: Buffer, start: number, end: number, last: boolean): boolean {
    const { session } = this;
    if (this.localEnded) return true;
    let at = start;
    if (!this.waits && !session.full) at = this.write(chunk, start, end, last);
    if (at < end) this.queue.push(chunk, at, end);
    if (last && !this.localEnded) this.ending = NO_TRAILERS;
    if (!this.waits && !session.full) return true;
    session.wait(this);
    return false;
  }

  /** Ends the stream with `lines`, each with CRLF; none = without trailers. */
  sendEnd(lines: Buffer | null): void {
    this.ending = lines ?? NO_TRAILERS;
    if (this.queue.empty && !this.session.full) this.writeEnd();
    else this.session.wait(this);
  }

  /** Sends a turn's worth of what waits; true when nothing does any more. */
  sendQueued(): boolean {
    const { queue } = this;
    let turn = TURN_BYTES;
    for (let { first } = queue; first !== undefined && turn > 0; { first } = queue) {
      const { bytes, from, to } = first;
      const end = Math.min(to, from + turn);
      const last = queue.single && end === to && this.ending?.length === 0;
      const at = this.write(bytes, from, end, last);
      turn -= at - from;
      queue.drop(at - from);
      if (at < end) return false;
    }
    if (!queue.empty) return false;
    if (this.ending !== null) this.writeEnd();
    this.owner.drained();
    return true;
  }

  /** Begins anew as stream `id`. */
  open(id: number, windowBytes: number): void {
    this.id = id;
    this.remoteEnded = false;
    this.localEnded = false;
    this.sendWindow = windowBytes;
    this.recvWindow = f.WINDOW_BYTES;
    this.debt = 0;
    this.reading = true;
    this.held = 0;
    this.queue.clear();
    this.ending = null;
  }

  /** Drops what waits: nothing more is sent. */
  shut(): void {
    this.queue.clear();
    this.ending = null;
    this.localEnded = true;
  }

  /** Writes DATA frames as far as windows and socket go; returns the index after the last byte written. */
  private write(chunk: Buffer, start: number, end: number, last: boolean): number {
    const { session } = this;
    const allowed = Math.min(end - start, this.sendWindow, session.sendWindow);
    if (allowed <= 0 && end > start) return start;
    const stop = start + Math.max(0, allowed);
    let at = start;
    do {
      const length = Math.min(stop - at, session.remote.frameBytesMax);
      if (length > 0 && !session.makeRoom(length + f.FRAME_HEAD_BYTES)) break;
      const ends = last && at + length === end;
      const { out } = session;
      f.writeFrameHead(out, length, f.DATA, ends ? f.END_STREAM : 0, this.id);
      out.copy(chunk, at, at + length);
      at += length;
      if (ends) this.localEnded = true;
    } while (at < stop);
    this.sendWindow -= at - start;
    session.sendWindow -= at - start;
    session.budget.sent(at - start);
    return at;
  }

  private writeEnd(): void {
    const { session, ending } = this;
    this.ending = null;
    if (this.localEnded || ending === null) return;
    this.localEnded = true;
    const { neverIndexed: names } = this;
    if (ending.length > 0)
      session.writeBlock(this.id, true, (out) => session.heads.trailers(out, ending, names));
    else f.writeFrameHead(session.out, 0, f.DATA, f.END_STREAM, this.id);
  }
}
