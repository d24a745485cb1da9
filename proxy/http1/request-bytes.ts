// What a caller sends after the head of its request: the body, or what it says in a tunnel. Taken, checked,
// and kept until it can be written.
import type { Reason } from '../../core/reasons.ts';
import { TunnelGate } from '../egress/tunnel-gate.ts';
import { Body } from './body.ts';
import type { ChunkedOptions } from './chunked.ts';
import type { RequestHead } from './head.ts';

/** How a body comes and goes. */
export interface Framings {
  /** It comes in frames, by `takeData` and `takeEnd`; else as bytes of HTTP/1.1, by `take`. */
  readonly framed: boolean;
  /** It goes on in frames. */
  readonly framedOut: boolean;
}

const NONE = Buffer.alloc(0);
const LINE_END = Buffer.from('\r\n', 'latin1');
const LAST_LINE = Buffer.from('0\r\n', 'latin1');
const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1');

export class RequestBytes {
  readonly body: Body;
  /** Everything goes on as it is: after a 101, or after the answer to CONNECT. */
  tunnel = false;
  /** Taken and not written yet. */
  readonly parts: Buffer[] = [];
  /** Holds what the caller sends after CONNECT until it may go on; null for other requests. */
  gate: TunnelGate | null = null;

  /** The body came in frames: it goes on coming when the application does not take it. */
  framed = false;
  /** Names of fields that came as never-indexed literals of HPACK and go on as such; null = none. */
  neverIndexed: ReadonlySet<string> | null = null;
  /** Memory of what `keep` kept, and the part that is in it. */
  private memory = NONE;
  private keptPart = NONE;
  /** The body gets the chunked framing here: the protocol that it came with delimits it otherwise. */
  private chunks = false;
  private framedOut = false;
  private endTold = false;
  /** The last byte of a body with a length, while its end is not told. */
  private lastByte: Buffer | null = null;
  private lines: Buffer = NONE;

  constructor(options: ChunkedOptions) {
    this.body = new Body(options);
  }

  start(head: RequestHead, { framed, framedOut }: Framings): void {
    this.tunnel = false;
    if (this.parts.length > 0) this.parts.length = 0;
    this.gate = head.method === 'CONNECT' ? new TunnelGate(head.host) : null;
    this.framed = framed;
    this.neverIndexed = null;
    this.memory = NONE;
    this.keptPart = NONE;
    this.chunks = framed && head.chunked && !framedOut;
    this.framedOut = framedOut;
    this.endTold = false;
    this.lines = NONE;
    this.lastByte = null;
    if (framed) return this.body.startFramed(head.chunked ? -1 : Math.max(0, head.contentLength));
    const framing = head.chunked ? 'chunked' : head.contentLength > 0 ? 'length' : 'none';
    this.body.start(framing, head.contentLength, framedOut);
  }

  /**
   * The head alone would be a whole request, which it is only when no data follows. SAFETY: HTTP/1.1 knows
   * the end by the length; what comes behind it would be refused too late.
   */
  get awaitsEnd(): boolean {
    return this.framed && !this.framedOut && !this.body.done && this.body.bytes === 0 && this.body.complete;
  }

  /** True when there is nothing to write. */
  get written(): boolean {
    return this.parts.length === 0 && !(this.framedOut && this.body.done && !this.endTold);
  }

  /**
   * For a link whose bodies are framed: null while the body goes on, else the lines behind it, told once;
   * none = no trailers.
   */
  takeTrailers(): Buffer | null {
    if (!this.body.done || this.endTold) return null;
    this.endTold = true;
    return this.lines.length > 0 ? this.lines : this.body.trailers;
  }

  /** It is sent a second time, from its head on; nothing of its body was taken. */
  again(): void {
    this.endTold = false;
  }

  /** Takes `chunk[start, end)`, all body, valid until the next `keep`; `last`: its end follows at once. */
  takeData(chunk: Buffer, start: number, end: number, last: boolean): void {
    if (start === end) return;
    const { body, parts } = this;
    // RFC 9113 section 8.1.1: more than Content-Length says is malformed.
    if (body.pass(end - start) < end - start) body.fault = 'http2-malformed-request';
    // SAFETY: see `awaitsEnd`.
    const kept = last || this.framedOut || !body.complete ? 0 : 1;
    if (kept > 0) this.lastByte = Buffer.from(chunk.subarray(end - kept, end));
    const range = chunk.subarray(start, end - kept);
    // A socket may read what it is given after the call; a link of frames copies it.
    const bytes = this.framedOut ? range : Buffer.from(range);
    if (this.chunks) parts.push(Buffer.from(`${(end - start).toString(16)}\r\n`, 'latin1'), bytes, LINE_END);
    else if (bytes.length > 0) parts.push(bytes);
  }

  /**
   * Moves what waits to memory of its own, as one part: a byte does not hold the 64 KiB that it came in, nor
   * an object for itself.
   */
  keep(): void {
    const { parts } = this;
    let length = parts[0] === this.keptPart ? this.keptPart.length : 0;
    const from = length > 0 ? 1 : 0;
    if (parts.length === from) return;
    const wanted = parts.reduce((sum, part) => sum + part.length, 0);
    if (from === 0 || wanted > this.memory.length) {
      const larger = Buffer.allocUnsafeSlow(2 * wanted);
      this.memory.copy(larger, 0, 0, length);
      this.memory = larger;
    }
    for (let i = from; i < parts.length; i++) length += (parts[i] ?? NONE).copy(this.memory, length);
    this.keptPart = this.memory.subarray(0, length);
    parts.length = 0;
    parts.push(this.keptPart);
  }

  /** The body is over; `trailers`: lines behind it, each with CRLF. */
  takeEnd(trailers: Buffer | null): void {
    if (!this.body.finish()) this.body.fault = 'http2-malformed-request';
    if (this.framedOut) this.lines = trailers ?? NONE;
    if (this.lastByte !== null) this.parts.push(this.lastByte);
    if (!this.chunks) return;
    this.chunks = false;
    if (trailers === null) this.parts.push(LAST_CHUNK);
    else this.parts.push(LAST_LINE, trailers, LINE_END);
  }

  /** Takes the bytes in `chunk[at…]` that belong to the request and returns the index after them. */
  take(chunk: Buffer, at: number): number {
    if (!this.tunnel) return this.body.take(chunk, at, this.parts);
    const bytes = at === 0 ? chunk : chunk.subarray(at);
    if (this.gate === null) this.parts.push(bytes);
    else this.gate.take(bytes, this.parts);
    return chunk.length;
  }

  /** Why the request cannot go on, or null. */
  fault(bodyBytesMax: number): Reason | null {
    const { fault, bytes } = this.body;
    return fault ?? this.gate?.fault ?? (bytes > bodyBytesMax ? 'body-too-large' : null);
  }
}
