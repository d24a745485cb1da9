// What the connections to one application share.
import type { ClientSession } from './client-session.ts';
import type { SessionParts } from './session-parts.ts';
import type { TrailerBlock } from './trailer-block.ts';

export interface ClientSessionOptions {
  readonly parts: SessionParts;
  readonly headBytesMax: number;
  readonly trailers: ConstructorParameters<typeof TrailerBlock>[0];
  /** Streams of ours on one connection, whatever the server allows. */
  readonly streamsMax: number;
  /** Coarse monotonic milliseconds. */
  readonly coarseNow: () => number;
  /** The coarse wall clock, Unix milliseconds. */
  readonly coarseWall: () => number;
  /** Told when a connection is gone. */
  readonly gone: (session: ClientSession) => void;
}
