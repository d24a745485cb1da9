// The keep-alive pool of one upstream: the most recently used idle connection of a lane first, so that the
// rest can expire. Over TLS a request only gets a connection that was made with the current identity.

import { verifyPeer } from '../../certs/verify-peer.ts';
import type { Reason } from '../../core/reasons.ts';
import type { SocketBudget } from '../descriptors.ts';
import { createReadBuffer } from '../shared-read.ts';
import type { OwnIdentity } from '../tls/own-identity.ts';
import { Lane } from './lane.ts';
import { type ConnectionHome, UpstreamConnection, type UpstreamTarget } from './upstream-connection.ts';
import type { ManagedPool, UpstreamOwner } from './upstream-link.ts';

export interface PoolOptions extends UpstreamTarget {
  /** Every caller connection has a lane of its own. */
  readonly tellsCaller: boolean;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly connectionsMax: number;
  /** Where connections read to; default: one of the pool's own. */
  readonly buffer?: Buffer;
  /** What all pools of the process share. */
  readonly sockets: SocketBudget;
  /** The coarse monotonic clock of the process, in milliseconds. */
  readonly coarseNow: () => number;
  /** The coarse wall clock, Unix milliseconds. */
  readonly coarseWall: () => number;
}

export class UpstreamPool implements ManagedPool, ConnectionHome {
  readonly framed = false;
  readonly options: PoolOptions;
  /** The lane of all requests, unless the application is told who calls. */
  readonly shared = new Lane(null);
  private readonly all = new Set<UpstreamConnection>();
  private readonly buffer: Buffer;

  constructor(options: PoolOptions) {
    this.options = options;
    this.buffer = options.buffer ?? createReadBuffer();
  }

  /** Open connections, idle ones included. */
  get size(): number {
    return this.all.size;
  }

  /** True while an exchange has one of its connections. */
  get busy(): boolean {
    for (const connection of this.all) if (connection.owner !== null) return true;
    return false;
  }

  /** A connection for one exchange: idle and ready, or still connecting; else why there is none. */
  take(owner: UpstreamOwner, lane: Lane): UpstreamConnection | Reason {
    const wallMs = this.options.coarseWall();
    for (let ready = lane.idle.pop(); ready !== undefined; ready = lane.idle.pop()) {
      if (ready.expiresAtMs <= wallMs) {
        ready.destroy();
        continue;
      }
      ready.owner = owner;
      ready.deadlineMs = Number.POSITIVE_INFINITY;
      return ready;
    }
    return this.connect(owner, lane);
  }

  /** A connection that was never used before. */
  connect(owner: UpstreamOwner, lane: Lane): UpstreamConnection | Reason {
    const { connectionsMax, sockets, tls } = this.options;
    const own = this.ownIdentity();
    if (tls?.kind === 'mutual' && (own === null || tls.now() >= own.state.notAfterMs)) return 'no-identity';
    if (this.all.size >= connectionsMax || sockets.full) this.longestIdle()?.destroy();
    if (this.all.size >= connectionsMax || !sockets.take()) return 'upstream-limit';
    const connection = new UpstreamConnection(this.options, { own, lane, buffer: this.buffer }, this);
    connection.owner = owner;
    this.all.add(connection);
    return connection;
  }

  /**
   * Takes a connection back after a complete exchange with nothing left to read or write. `stalledMs`: how
   * long its response was held up. The application may have been done with it that much earlier, and counts
   * idle time from there.
   */
  release(connection: UpstreamConnection, stalledMs: number): void {
    connection.owner = null;
    const idleMs = this.options.idleTimeoutMs - stalledMs;
    if (
      idleMs <= 0 ||
      connection.own !== this.ownIdentity() ||
      connection.closed ||
      connection.socket.writableEnded ||
      connection.socket.readableEnded
    ) {
      connection.destroy();
      return;
    }
    connection.served++;
    connection.deadlineMs = this.options.coarseNow() + idleMs;
    connection.lane.idle.push(connection);
  }

  /**
   * Closes a connection that nobody owns any more once its last bytes are written, or after the idle time.
   */
  retire(connection: UpstreamConnection): void {
    connection.owner = null;
    connection.deadlineMs = this.options.coarseNow() + this.options.idleTimeoutMs;
    connection.socket.destroySoon();
  }

  /** Closes connections that are past their time; called by the sweeper. */
  sweep(nowMs: number): void {
    const wallMs = this.options.coarseWall();
    for (const connection of this.all) {
      if (connection.deadlineMs <= nowMs) connection.destroy();
      else if (connection.expiresAtMs <= wallMs) this.expire(connection, wallMs);
    }
  }

  /**
   * Takes a new identity up: what is idle is closed, what is in use ends with its request, and at once when
   * its server is no longer trusted.
   */
  identityChanged(own: OwnIdentity): void {
    const { tls } = this.options;
    if (tls?.kind !== 'mutual') return;
    for (const connection of this.all) {
      const { server, owner } = connection;
      if (owner === null) connection.destroy();
      if (owner === null || server === null) continue; // one that connects is judged when it is there
      const times = { nowMs: tls.now(), graceAfterExpiryMs: 0 };
      const verdict = verifyPeer(own.servers, server.chain, null, times);
      if (!verdict.ok) this.withdraw(connection, verdict.message);
    }
  }

  close(): void {
    for (const connection of this.all) connection.destroy();
  }

  gone(connection: UpstreamConnection): void {
    if (this.all.delete(connection)) this.options.sockets.free();
    const { idle } = connection.lane;
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
  }

  /** Of any lane: an idle connection of one caller does not keep another caller out. */
  private longestIdle(): UpstreamConnection | null {
    let longest: UpstreamConnection | null = null;
    for (const connection of this.all) {
      const idle = connection.owner === null && connection.lane.idle.includes(connection);
      if (idle && connection.deadlineMs < (longest?.deadlineMs ?? Number.POSITIVE_INFINITY))
        longest = connection;
    }
    return longest;
  }

  private ownIdentity(): OwnIdentity | null {
    const { tls } = this.options;
    return tls?.kind === 'mutual' ? tls.identity() : null;
  }

  private expire(connection: UpstreamConnection, wallMs: number): void {
    const own = (connection.own?.state.notAfterMs ?? Number.POSITIVE_INFINITY) <= wallMs;
    if (own && connection.owner !== null) connection.refuse('no-identity', 'the own SVID expired');
    else this.withdraw(connection, 'its SVID expired');
  }

  private withdraw(connection: UpstreamConnection, message: string): void {
    if (connection.owner === null) connection.destroy();
    else connection.refuse('upstream-untrusted', message);
  }
}
