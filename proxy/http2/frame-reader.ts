// Cuts the bytes of a connection into frames (RFC 9113 section 4.1). The payload of DATA goes on as it comes;
// that of every other frame is handed over whole, at most 16 KiB of it.
import { Buffer } from 'node:buffer';
import { DATA, FRAME_BYTES_MAX, FRAME_HEAD_BYTES, PADDED, readUint31 } from './frame.ts';

/** What a connection makes of its frames. Every call is synchronous, and may close the reader. */
export interface FrameSink {
  /** A whole frame that is not DATA; `payload[start, end)` is valid during the call. */
  frame(head: FrameHead, payload: Buffer, start: number, end: number): void;
  /** A DATA frame begins; `head.length` counts its padding. */
  dataBegins(head: FrameHead): void;
  /** A piece of its data, without padding; `last`: nothing of the frame follows. */
  data(head: FrameHead, chunk: Buffer, start: number, end: number, last: boolean): void;
  /** So many bytes of a DATA frame are padding. */
  padding(head: FrameHead, bytes: number): void;
  dataEnds(head: FrameHead): void;
  /** A frame is larger than we said we take. */
  oversize(head: FrameHead): void;
  /** There is more padding than payload. */
  badPadding(head: FrameHead): void;
}

/** The head of the frame that is being read; reused. */
export interface FrameHead {
  length: number;
  type: number;
  flags: number;
  streamId: number;
}

const HEAD = 0;
const PAYLOAD = 1;
const PAD_LENGTH = 2;
const DATA_PAYLOAD = 3;
const PADDING = 4;

const NONE = Buffer.alloc(0);

export class FrameReader {
  readonly head: FrameHead = { length: 0, type: 0, flags: 0, streamId: 0 };
  private readonly sink: FrameSink;
  private state = HEAD;
  private closed = false;
  /** Bytes of a frame, or of its head, that came in pieces. */
  private held = NONE;
  private heldLength = 0;
  private readonly heldHead = Buffer.alloc(FRAME_HEAD_BYTES);
  /** Bytes of data, and then of padding, that are still to come. */
  private left = 0;
  private padding = 0;

  constructor(sink: FrameSink) {
    this.sink = sink;
  }

  /** Nothing more is handed on. */
  close(): void {
    this.closed = true;
    this.held = NONE;
  }

  /** True while a frame is incomplete. */
  get started(): boolean {
    return this.state !== HEAD || this.heldLength > 0;
  }

  /** Takes `chunk[from…]`; nothing of it is kept. */
  push(chunk: Buffer, from: number): void {
    let at = from;
    const end = chunk.length;
    while (at < end && !this.closed) {
      switch (this.state) {
        case HEAD:
          at = this.takeHead(chunk, at);
          break;
        case PAYLOAD:
          at = this.takePayload(chunk, at);
          break;
        case PAD_LENGTH:
          this.beginPadded(chunk[at] ?? 0);
          at++;
          break;
        case DATA_PAYLOAD:
          at = this.takeData(chunk, at);
          break;
        default: {
          const taken = Math.min(this.padding, end - at);
          this.padding -= taken;
          at += taken;
          if (this.padding === 0) this.endData();
        }
      }
    }
  }

  private takeHead(chunk: Buffer, at: number): number {
    if (this.heldLength === 0 && chunk.length - at >= FRAME_HEAD_BYTES) {
      this.readHead(chunk, at);
      return at + FRAME_HEAD_BYTES;
    }
    const taken = Math.min(FRAME_HEAD_BYTES - this.heldLength, chunk.length - at);
    chunk.copy(this.heldHead, this.heldLength, at, at + taken);
    this.heldLength += taken;
    if (this.heldLength === FRAME_HEAD_BYTES) {
      this.heldLength = 0;
      this.readHead(this.heldHead, 0);
    }
    return at + taken;
  }

  private readHead(bytes: Buffer, at: number): void {
    const { head, sink } = this;
    head.length = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    head.type = bytes[at + 3] ?? 0;
    head.flags = bytes[at + 4] ?? 0;
    head.streamId = readUint31(bytes, at + 5);
    if (head.length > FRAME_BYTES_MAX) return sink.oversize(head);
    if (head.type === DATA) return this.beginData();
    if (head.length === 0) return sink.frame(head, NONE, 0, 0);
    this.state = PAYLOAD;
  }

  private takePayload(chunk: Buffer, at: number): number {
    const { length } = this.head;
    const here = chunk.length - at;
    if (this.heldLength === 0 && here >= length) {
      this.state = HEAD;
      this.sink.frame(this.head, chunk, at, at + length);
      return at + length;
    }
    if (this.heldLength === 0) this.held = Buffer.allocUnsafeSlow(length);
    const taken = Math.min(length - this.heldLength, here);
    chunk.copy(this.held, this.heldLength, at, at + taken);
    this.heldLength += taken;
    if (this.heldLength === length) {
      const { held } = this;
      this.held = NONE;
      this.heldLength = 0;
      this.state = HEAD;
      this.sink.frame(this.head, held, 0, length);
    }
    return at + taken;
  }

  private beginData(): void {
    const { head, sink } = this;
    this.padding = 0;
    this.left = head.length;
    sink.dataBegins(head);
    if (this.closed) return;
    if ((head.flags & PADDED) === 0) return this.readData();
    if (head.length === 0) return sink.badPadding(head);
    this.state = PAD_LENGTH;
  }

  private beginPadded(padding: number): void {
    this.left--;
    if (padding > this.left) return this.sink.badPadding(this.head);
    this.padding = padding;
    this.left -= padding;
    this.sink.padding(this.head, padding + 1);
    if (!this.closed) this.readData();
  }

  private readData(): void {
    if (this.left > 0) this.state = DATA_PAYLOAD;
    else if (this.padding > 0) this.state = PADDING;
    else this.endData();
  }

  private takeData(chunk: Buffer, at: number): number {
    const end = at + Math.min(this.left, chunk.length - at);
    this.left -= end - at;
    this.sink.data(this.head, chunk, at, end, this.left === 0 && this.padding === 0);
    if (this.left === 0 && !this.closed) this.readData();
    return end;
  }

  private endData(): void {
    this.state = HEAD;
    this.sink.dataEnds(this.head);
  }
}
