// What one exchange has of the application: a connection of HTTP/1.1, or a stream of HTTP/2.
import type { Reason } from '../../core/reasons.ts';
import type { HeadWriter } from '../http1/head-writer.ts';
import type { RequestBytes } from '../http1/request-bytes.ts';
import type { OwnIdentity } from '../tls/own-identity.ts';
import type { Lane } from './lane.ts';

/** Who a link reports to while it is in use. Every call is synchronous. */
export interface UpstreamOwner {
  /** It may be written to; over TLS the server is verified. */
  upstreamConnected(): void;
  /** Bytes of HTTP/1.1, or of a tunnel; `chunk` is valid only during the call. */
  upstreamData(chunk: Buffer): void;
  /** The application half-closed: no more bytes come. */
  upstreamEnd(): void;
  upstreamDrained(): void;
  /** The link is gone; `error` is the socket's error code, or '' for an orderly close. */
  upstreamClosed(error: string): void;
}

/** The owner of a link whose bodies come in frames. */
export interface FramedOwner extends UpstreamOwner {
  /** The next head or trailers have fields of these names that no table of HPACK may keep. */
  upstreamNeverIndexed(names: ReadonlySet<string>): void;
  /** A whole head as HTTP/1.1 has it; `last`: nothing follows. */
  upstreamHead(head: Buffer, last: boolean): void;
  /** Body in `chunk[start, end)`, valid only during the call. */
  upstreamBody(chunk: Buffer, start: number, end: number, last: boolean): void;
  /** What ends a body that did not end with its last bytes: lines, each with CRLF; none = no trailers. */
  upstreamTrailers(lines: Buffer): void;
}

export interface UpstreamLink {
  readonly connected: boolean;
  /** What ended it, where that is neither the application's doing nor the network's. */
  readonly fault: Reason | null;
  /** It was used before: the application may have closed it just then. */
  readonly used: boolean;
  /** The application said that it did nothing for the request: any method may be sent again. */
  readonly unprocessed: boolean;
  /** Everything that was written has left. */
  readonly flushed: boolean;
  /**
   * Sends what `writer` holds and what `request` has taken, in one write; false when there is enough to
   * send.
   */
  write(writer: HeadWriter, request: RequestBytes): boolean;
  /** The owner takes no bytes for now. */
  pause(): void;
  resume(): void;
  /** Half-closes a tunnel. */
  end(): void;
  /** Closes at once; the owner is not told. */
  destroy(): void;
  /** Gives it back after a complete exchange. `stalledMs`: how long its response was held up. */
  release(stalledMs: number): void;
  /** Closes once its last bytes are written; the owner is not told. */
  retire(): void;
}

/** Where links come from. */
export interface LinkPool {
  /** True when bodies are delimited by frames, in both directions. */
  readonly framed: boolean;
  readonly options: { readonly host: string; readonly port: number; readonly connectTimeoutMs: number };
  /** The lane of all requests, unless the application is told who calls. */
  readonly shared: Lane;
  /** A link for one exchange: ready, or still connecting; else why there is none. */
  take(owner: FramedOwner, lane: Lane): UpstreamLink | Reason;
  /** One on another connection than `failed` was: of HTTP/1.1, one that was never used before. */
  connect(owner: FramedOwner, lane: Lane, failed: UpstreamLink): UpstreamLink | Reason;
}

/** The links of one upstream, and what happens to all of them. */
export interface ManagedPool extends LinkPool {
  readonly options: LinkPool['options'] & { readonly tellsCaller: boolean };
  identityChanged(own: OwnIdentity): void;
  /** Coarse monotonic milliseconds. */
  sweep(nowMs: number): void;
  close(): void;
}
