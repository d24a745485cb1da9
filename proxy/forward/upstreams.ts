// Where the requests of a listener go: to the one upstream of its configuration, or to the destination that
// each request names.
import type { Reason } from '../../core/reasons.ts';
import type { RequestHead } from '../http1/head.ts';
import type { NamedDestination } from '../record/record.ts';
import type { OwnIdentity } from '../tls/own-identity.ts';
import type { LinkPool, ManagedPool } from './upstream-link.ts';

export interface Upstreams {
  /** False when each request names its destination. */
  readonly fixed: boolean;
  /** True when the application is told who calls: then no connection to it is shared by two callers. */
  readonly tellsCaller: boolean;
  /** `host:port` for an HTTP/1.0 request that names no host; '' when requests name their destination. */
  readonly authority: string;
  /** The connections for the request of `head`, or why it goes nowhere. */
  choose(head: RequestHead): LinkPool | Reason;
  /** What the request names, for its record; null where the listener fixes it. */
  destination(head: RequestHead): NamedDestination | null;
  identityChanged(own: OwnIdentity): void;
  /** Coarse monotonic milliseconds. */
  sweep(nowMs: number): void;
  close(): void;
}

/** The same for every request. */
export class OneUpstream implements Upstreams {
  readonly fixed = true;
  readonly tellsCaller: boolean;
  readonly authority: string;
  private readonly pool: ManagedPool;

  constructor(pool: ManagedPool) {
    this.pool = pool;
    const { host, port, tellsCaller } = pool.options;
    this.tellsCaller = tellsCaller;
    this.authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  choose(): LinkPool {
    return this.pool;
  }

  destination(): null {
    return null;
  }

  identityChanged(own: OwnIdentity): void {
    this.pool.identityChanged(own);
  }

  sweep(nowMs: number): void {
    this.pool.sweep(nowMs);
  }

  close(): void {
    this.pool.close();
  }
}
