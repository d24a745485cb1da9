// What a caller sent and nobody took yet, and whether its socket is read. Bytes wait here only while it is
// not: behind a request in flight, behind a full connection to the application, or before a 101.
import type net from 'node:net';

const EMPTY = Buffer.alloc(0);

export class CallerInput {
  bytes: Buffer = EMPTY;
  /** Index of the first byte of `bytes` that was not taken. */
  at = 0;
  paused = false;
  private readonly socket: net.Socket;

  constructor(socket: net.Socket) {
    this.socket = socket;
  }

  /** True when bytes wait. */
  get waits(): boolean {
    return this.at < this.bytes.length;
  }

  /** Appends `chunk` to what waits. */
  add(chunk: Buffer): void {
    this.bytes = this.waits ? Buffer.concat([this.bytes.subarray(this.at), chunk]) : chunk;
    this.at = 0;
  }

  /** Passes over `length` waiting bytes; false when fewer wait. */
  skip(length: number): boolean {
    if (this.at + length > this.bytes.length) return false;
    this.at += length;
    return true;
  }

  /** Drops what waits, and the memory of what was taken. */
  clear(): void {
    this.bytes = EMPTY;
    this.at = 0;
  }

  pause(): void {
    if (this.paused) return;
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.socket.resume();
  }
}
