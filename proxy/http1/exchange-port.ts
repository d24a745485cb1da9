// The seam between a connection and the request in flight on it: what the exchange asks, and the limits it
// keeps.
import type { Reason } from '../../core/reasons.ts';
import type { Permit } from '../decide.ts';
import type { ChunkedOptions } from './chunked.ts';
import type { Deadline } from './deadline.ts';
import type { RequestHead } from './head.ts';
import type { HeadWriter } from './head-writer.ts';
import type { ResponseOutput } from './response-output.ts';
import type { Route } from './route.ts';

/**
 * What an exchange asks of the connection that owns it. `answer`, `abort` and `completed` end the request:
 * the next one may have begun on the same exchange when they return, so they are the last thing it does.
 */
export interface ExchangePort {
  readonly head: RequestHead;
  /** Where the request goes. */
  readonly route: Route;
  readonly due: Deadline;
  /** How long the application may take from the last byte of the request to its final head, milliseconds. */
  readonly answerTimeoutMs: number;
  readonly request: { grpcStatus: number | null };
  /** Where the response goes. */
  readonly output: ResponseOutput;
  /** Nothing more of the request can be taken now. */
  pauseReading(): void;
  /** Hands over what is held back for the exchange, and reads on. */
  resumeReading(): void;
  /** Ends our side of a tunnel. */
  endOutput(): void;
  /** True when everything for the caller has left. */
  readonly outputFinished: boolean;
  /** Writes the head for the application, made from `head` as it was decided. */
  forwardHead(writer: HeadWriter): void;
  /** Decides again if the policy moved; the reason when the request is now denied. */
  decideAgain(permit: Permit): Permit | Reason;
  /** No answer was sent yet: send one for `reason`. */
  answer(reason: Reason): void;
  /** An answer was begun and cannot be completed: the caller must see it break. */
  abort(reason: Reason): void;
  /** The response is complete. `reusable` is false when the connection must close. */
  completed(reusable: boolean): void;
  /** False when the connection closes after this response for reasons of its own (drain, half-close). */
  mayPersist(): boolean;
  /** Both sides switched protocols; everything the caller sent after its head now goes on. */
  switched(): void;
}

/** What all exchanges of a listener share. */
export interface ExchangeParts {
  readonly writer: HeadWriter;
  readonly options: ExchangeOptions;
  /** Monotonic milliseconds, exact. */
  readonly now: () => number;
}

export interface ExchangeOptions {
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** For the ClientHello in a tunnel. */
  readonly handshakeTimeoutMs: number;
  readonly bodyBytesMax: number;
  readonly chunked: ChunkedOptions;
}
