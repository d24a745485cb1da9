// What a caller sends after the head of its request: the body, or what it says in a tunnel. Taken, checked,
// and kept until it can be written.
import type { Reason } from '../../core/reasons.ts';
import { TunnelGate } from '../egress/tunnel-gate.ts';
import { Body } from './body.ts';
import type { ChunkedOptions } from './chunked.ts';
import type { RequestHead } from './head.ts';

export class RequestBytes {
  readonly body: Body;
  /** Everything goes on as it is: after a 101, or after the answer to CONNECT. */
  tunnel = false;
  /** Taken and not written yet. */
  readonly parts: Buffer[] = [];
  /** Holds what the caller sends after CONNECT until it may go on; null for other requests. */
  gate: TunnelGate | null = null;

  constructor(options: ChunkedOptions) {
    this.body = new Body(options);
  }

  start(head: RequestHead): void {
    this.tunnel = false;
    if (this.parts.length > 0) this.parts.length = 0;
    this.gate = head.method === 'CONNECT' ? new TunnelGate(head.host) : null;
    const framing = head.chunked ? 'chunked' : head.contentLength > 0 ? 'length' : 'none';
    this.body.start(framing, head.contentLength, false);
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
