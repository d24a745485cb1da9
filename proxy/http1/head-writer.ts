// The head that leaves, as bytes: made of ranges of the head that came, and of what we add. One writer for a
// listener: a message is put together and written in one go, before anything else happens.
// PERF: a head built as text is a rope of a dozen pieces, which the socket has to flatten and convert
// (bench/micro/head-parser.ts).
// PERF: an import is a constant, the global a property that is looked up.
import { Buffer } from 'node:buffer';
import type net from 'node:net';

const BYTES_AT_FIRST = 16_384;
/** A larger buffer is given back after the message that needed it. */
const BYTES_KEPT = 131_072;

export class HeadWriter {
  private bytes: Buffer;
  private length = 0;

  constructor(bytesAtFirst = BYTES_AT_FIRST) {
    this.bytes = Buffer.allocUnsafeSlow(bytesAtFirst);
  }

  /** Bytes of the message so far. */
  get size(): number {
    return this.length;
  }

  /** Begins the next message. */
  begin(): void {
    this.length = 0;
    if (this.bytes.length > BYTES_KEPT) this.release();
  }

  /** Appends `source[start, end)`. */
  copy(source: Buffer, start: number, end: number): void {
    const at = this.reserve(end - start);
    source.copy(this.bytes, at, start, end);
  }

  /** Appends all of `block`. */
  block(block: Uint8Array): void {
    const at = this.reserve(block.length);
    this.bytes.set(block, at);
  }

  /** Appends latin1 `text`. */
  text(text: string): void {
    const at = this.reserve(text.length);
    this.bytes.write(text, at, 'latin1');
  }

  /** What was written, valid until `begin` or `release`. */
  view(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  /** How many bytes `parts` would make with what was written. */
  lengthWith(parts: readonly Buffer[]): number {
    let { length } = this;
    for (let i = 0; i < parts.length; i++) length += parts[i]?.length ?? 0;
    return length;
  }

  /** What was written and then `source[start, end)`, in `memory` or in memory of its own. */
  takeWith(source: Buffer, start: number, end: number, memory?: Buffer): Buffer {
    const length = this.length + end - start;
    const all = memory?.subarray(0, length) ?? Buffer.allocUnsafe(length);
    this.bytes.copy(all, 0, 0, this.length);
    source.copy(all, this.length, start, end);
    return all;
  }

  /** What was written and then `parts`, in `memory` or in memory of its own. */
  take(parts: readonly Buffer[], memory?: Buffer): Buffer {
    const length = this.lengthWith(parts);
    const all = memory?.subarray(0, length) ?? Buffer.allocUnsafe(length);
    this.bytes.copy(all, 0, 0, this.length);
    let at = this.length;
    for (let i = 0; i < parts.length; i++) at += parts[i]?.copy(all, at) ?? 0;
    return all;
  }

  /** Sends what was written and `parts` in one write, and empties `parts`; false when `socket` is full. */
  send(socket: net.Socket, parts: Buffer[]): boolean {
    const [first] = parts;
    if (this.length === 0 && first !== undefined && parts.length === 1) {
      parts.length = 0;
      return socket.write(first);
    }
    if (first !== undefined) {
      for (let i = 0; i < parts.length; i++) this.block(parts[i] ?? first);
      parts.length = 0;
    }
    const open = socket.write(this.view());
    // SAFETY: what the kernel did not take in this call the socket reads later, from the same memory.
    if (socket.writableLength > 0) this.release();
    return open;
  }

  /** Like `send`, for a socket that may read its memory after the call whatever it says: TLS. */
  sendCopy(socket: net.Socket, parts: Buffer[]): boolean {
    const [first] = parts;
    const alone = this.length === 0 && first !== undefined && parts.length === 1;
    const all = alone ? first : this.take(parts);
    parts.length = 0;
    return socket.write(all);
  }

  /** Leaves the memory to whoever still reads the last `view`. */
  release(): void {
    this.bytes = Buffer.allocUnsafeSlow(BYTES_AT_FIRST);
    this.length = 0;
  }

  /** Makes room for `count` bytes more; returns where they go. */
  private reserve(count: number): number {
    const at = this.length;
    const wanted = at + count;
    if (wanted > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.bytes.length));
      this.bytes.copy(larger, 0, 0, at);
      this.bytes = larger;
    }
    this.length = wanted;
    return at;
  }
}
