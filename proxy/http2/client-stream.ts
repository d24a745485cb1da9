// One request to an application that speaks HTTP/2: what leaves as a head and a body of HTTP/1.1 becomes
// header blocks and DATA, and back.
import { REASONS, type Reason } from '../../core/reasons.ts';
import type { FramedOwner, UpstreamLink } from '../forward/upstream-link.ts';
import type { HeadWriter } from '../http1/head-writer.ts';
import type { RequestBytes } from '../http1/request-bytes.ts';
import type { ClientSession } from './client-session.ts';
import * as f from './frame.ts';
import type { NeverIndexed } from './never-indexed.ts';
import { Stream, type StreamOwner } from './stream.ts';

/** In `HTTP/1.1 100`: the digit that tells interim heads from final ones. */
const STATUS_AT = 9;
const INTERIM = 0x31;
const NO_LINES = Buffer.alloc(0);

export class ClientStream implements UpstreamLink, StreamOwner {
  readonly stream: Stream;
  fault: Reason | null = null;
  /** The final head came. */
  answered = false;
  /** The server said that it did nothing for the request (RFC 9113 section 8.7). */
  unprocessed = false;
  /** When its head was sent, coarse monotonic milliseconds. */
  sentMs = 0;
  private readonly session: ClientSession;
  private owner: FramedOwner | null = null;
  /** Used for no request. */
  private free = true;

  constructor(session: ClientSession) {
    this.session = session;
    this.stream = new Stream(session, this);
  }

  /** Begins with the request of `owner`. */
  begin(owner: FramedOwner): void {
    this.owner = owner;
    this.free = false;
    this.fault = null;
    this.answered = false;
    this.unprocessed = false;
    this.stream.id = 0;
  }

  get connected(): boolean {
    return this.session.connected;
  }

  get used(): boolean {
    return this.session.served > 0;
  }

  get flushed(): boolean {
    return this.stream.localEnded;
  }

  /** The connection of the stream is there. */
  sessionConnected(): void {
    if (!this.free) this.owner?.upstreamConnected();
  }

  write(writer: HeadWriter, request: RequestBytes): boolean {
    const { stream, session } = this;
    const { parts } = request;
    const trailers = request.takeTrailers();
    const bare = trailers !== null && trailers.length === 0;
    stream.neverIndexed = request.neverIndexed;
    if (writer.size > 0) session.open(this, writer.view(), bare && parts.length === 0);
    let open = !session.full;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] ?? NO_LINES;
      open = stream.send(part, 0, part.length, bare && i === parts.length - 1);
    }
    if (trailers !== null && !stream.localEnded && (!bare || parts.length === 0)) stream.sendEnd(trailers);
    parts.length = 0;
    if (!open) session.wait(stream);
    return open;
  }

  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    if (!this.free) this.stream.resume();
  }

  end(): void {
    // no stream becomes a tunnel
  }

  destroy(): void {
    this.owner = null;
    if (this.stream.id !== 0) this.session.giveUp(this);
    this.over();
  }

  release(): void {
    this.owner = null;
    this.session.served++;
    this.over();
  }

  retire(): void {
    this.destroy();
  }

  /** What comes next has never-indexed fields of these names. */
  mark(names: NeverIndexed): void {
    if (names !== null) this.owner?.upstreamNeverIndexed(names);
  }

  /** A whole head came; null = it may not go on. */
  headArrived(head: Buffer | null, last: boolean): void {
    this.stream.remoteEnded = last;
    this.answered = head?.[STATUS_AT] !== INTERIM;
    if (head === null) this.breakOff();
    else this.owner?.upstreamHead(head, last);
  }

  /** What came behind the data; null = it may not go on. */
  trailersArrived(lines: Buffer | null): void {
    this.stream.remoteEnded = true;
    if (lines === null) this.breakOff();
    else this.owner?.upstreamTrailers(lines);
  }

  received(chunk: Buffer, start: number, end: number, last: boolean): void {
    this.stream.hold(end - start);
    this.owner?.upstreamBody(chunk, start, end, last);
    if (!this.free) this.stream.settle(); // else its window is nobody's any more
  }

  remoteEnd(): void {
    this.stream.remoteEnded = true;
    this.owner?.upstreamTrailers(NO_LINES);
  }

  broken(reason: Reason): void {
    // RST_STREAM: the application broke its answer off; other faults of the protocol are bad answers.
    if (REASONS[reason].source === 'upstream') this.fault = reason;
    else if (reason !== 'client-closed') this.fault = 'upstream-bad-response';
    const { owner } = this;
    this.owner = null;
    this.over();
    owner?.upstreamClosed('ECONNRESET');
  }

  drained(): void {
    this.owner?.upstreamDrained();
  }

  private breakOff(): void {
    this.session.reset(this.stream, f.PROTOCOL_ERROR);
    this.broken('upstream-bad-response');
  }

  private over(): void {
    if (this.free) return;
    this.free = true;
    this.stream.shut();
    this.session.closeStream(this);
  }
}
