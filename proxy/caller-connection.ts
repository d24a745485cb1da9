// What the rest of the proxy asks of a caller's connection, and of a request in flight on it, whichever
// protocol it speaks.
import type { Reason } from '../core/reasons.ts';
import type { Peer } from './peer.ts';
import type { OwnIdentity } from './tls/own-identity.ts';

/** A request in flight as the guard sees it. */
export interface LiveRequest {
  readonly request: { readonly requestId: string };
  /** Judges it again after a swap; `revoke` is called when it is now denied. */
  rejudge(revoke: (request: LiveRequest) => void): void;
  /** Resets it because a swap denied it. */
  revoke(): void;
}

export interface CallerConnection {
  readonly peer: Peer;
  /** For the admin address. */
  readonly state: string;
  /** Notices deadlines; called at every tick of the sweeper. */
  sweep(nowMs: number): void;
  /** No further request: closes now when idle, else after what is in flight. */
  drain(): void;
  /** Fails what is in flight: with an answer where none has begun. */
  cut(reason: Reason): void;
  /** Closes at once, whatever runs. */
  destroy(): void;
  /** Verifies the caller again after bundles or CRLs changed. */
  reverify(own: OwnIdentity): void;
  /** Judges what is in flight again after a swap. */
  rejudge(revoke: (request: LiveRequest) => void): void;
  /** Refuses every request with `reason`, and ends after `withinMs`. */
  refuseAll(reason: Reason, withinMs: number): void;
  /** It is gone: gives back what it has of the listener. */
  leave(): void;
}
