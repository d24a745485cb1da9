// The seam between a connection and the request in flight on it: what the exchange asks, and the limits it keeps.
import type { Reason } from '../../core/reasons.ts';
import type { Permit } from '../decide.ts';
import type { ChunkedOptions } from './chunked.ts';
import type { RequestHead } from './head.ts';

/** What an exchange asks of the connection that owns it. */
export interface ExchangePort {
  readonly head: RequestHead;
  /** Monotonic milliseconds, exact. */
  now(): number;
  write(data: string | Buffer): boolean;
  pauseReading(): void;
  resumeReading(): void;
  /** Arms the connection's one deadline; `null` disarms it. */
  deadline(delayMs: number, reason: Reason): void;
  /** The head to the application, made from `head` as it was decided. */
  forwardedHead(): string;
  /** Decides again; null when the request is now denied (the port has the decision). */
  decideAgain(permit: Permit): Permit | null;
  /** No answer was sent yet: send one for `reason`. */
  answer(reason: Reason): void;
  /** An answer was begun and cannot be completed: the caller must see it break. */
  abort(reason: Reason): void;
  /** The response is complete. `reusable` is false when the connection must close. */
  completed(reusable: boolean): void;
  /** False when the connection closes after this response for reasons of its own (drain, half-close). */
  mayPersist(): boolean;
  upstreamFault(reason: Reason): void;
  /** Both sides switched protocols; everything the caller sent after its head now goes on. */
  switched(): void;
  endWriting(): void;
}

export interface ExchangeOptions {
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly bodyBytesMax: number;
  readonly chunked: ChunkedOptions;
}
