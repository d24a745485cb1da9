// The end of a connection that was answered: our side closes, and the caller's is read on for a moment, since
// a reset would take the answer from it (RFC 9112 section 9.6).
import type net from 'node:net';
import type { CallerInput } from './caller-input.ts';
import type { Deadline } from './deadline.ts';

// design, failure table: after an early answer discard at most 64 KiB or 1 s, then close.
const DISCARD_BYTES_MAX = 65_536;
const DISCARD_MS = 1_000;

export class LingeringClose {
  private discarded = 0;
  private readonly input: CallerInput;
  private readonly deadline: Deadline;

  constructor(input: CallerInput, deadline: Deadline) {
    this.input = input;
    this.deadline = deadline;
  }

  /**
   * Closes our side; the second begins when the last byte of the answer is out, however slowly it is read.
   */
  begin(socket: net.Socket, flushMs: number): void {
    this.input.clear();
    this.deadline.arm(flushMs, 'idle-timeout');
    socket.end(() => this.deadline.arm(DISCARD_MS, 'idle-timeout'));
    this.input.resume();
  }

  /** Throws bytes away; after too many of them no more are read, but the answer has its second to arrive. */
  discard(chunk: Buffer): void {
    this.discarded += chunk.length;
    if (this.discarded > DISCARD_BYTES_MAX) this.input.pause();
  }
}
