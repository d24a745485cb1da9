// Where a response goes: what the relay of a response asks of the connection of the caller. And how HTTP/1.1
// does it.
import type net from 'node:net';
import type { Blocks } from './blocks.ts';
import type { HeadWriter } from './head-writer.ts';
import type { RequestState } from './request-state.ts';

export interface ResponseOutput {
  /** True when the protocol delimits bodies by itself: then no chunked framing goes on. */
  readonly delimits: boolean;
  /** What is sent next has fields of these names that no table of HPACK may keep (RFC 7541 section 6.2.3). */
  mark(names: ReadonlySet<string>): void;
  /**
   * Sends the head that `writer` holds, if any, and `chunk[at, end)`; `last` = nothing follows. False when
   * the caller does not read as fast as this. `chunk` may be reused afterwards.
   */
  send(writer: HeadWriter, chunk: Buffer, at: number, end: number, last: boolean): boolean;
  /**
   * The same for pieces; `trailers`: null = more follows, else the lines that end the body, each with CRLF.
   */
  sendParts(writer: HeadWriter, parts: readonly Buffer[], trailers: Buffer | null): boolean;
  /** Sends `data` as it is, in a connection that is a tunnel. */
  raw(data: Buffer): boolean;
}

export class ConnectionOutput implements ResponseOutput {
  readonly delimits = false;
  private readonly socket: net.Socket;
  private readonly request: RequestState;
  private readonly blocks: Blocks;

  constructor(socket: net.Socket, request: RequestState, blocks: Blocks) {
    this.socket = socket;
    this.request = request;
    this.blocks = blocks;
  }

  mark(): void {
    // HTTP/1.1 has no tables
  }

  send(writer: HeadWriter, chunk: Buffer, at: number, end: number): boolean {
    if (end === at && writer.size === 0) return true;
    const block = this.blocks.take(writer.size + end - at);
    return this.write(writer.takeWith(chunk, at, end, block?.bytes), block?.release);
  }

  sendParts(writer: HeadWriter, parts: readonly Buffer[]): boolean {
    if (parts.length === 0 && writer.size === 0) return true;
    const block = this.blocks.take(writer.lengthWith(parts));
    return this.write(writer.take(parts, block?.bytes), block?.release);
  }

  raw(data: Buffer): boolean {
    return this.write(data);
  }

  private write(data: Buffer, done?: () => void): boolean {
    this.request.bytesOut += data.length;
    return this.socket.write(data, done);
  }
}
