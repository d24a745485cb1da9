// The keep-alive pool of one upstream: the most recently used idle connection first, so that the rest can
// expire.
import type { SocketBudget } from '../descriptors.ts';
import { createReadBuffer, UpstreamConnection, type UpstreamOwner } from './upstream-connection.ts';

export interface PoolOptions {
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly connectionsMax: number;
  /** What all pools of the process share. */
  readonly sockets: SocketBudget;
  /** The coarse monotonic clock of the process, in milliseconds. */
  readonly coarseNow: () => number;
}

export class UpstreamPool {
  readonly options: PoolOptions;
  private readonly idle: UpstreamConnection[] = [];
  private readonly all = new Set<UpstreamConnection>();
  private readonly buffer = createReadBuffer();
  private readonly gone = (connection: UpstreamConnection): void => this.forget(connection);

  constructor(options: PoolOptions) {
    this.options = options;
  }

  /** Open connections, idle ones included. */
  get size(): number {
    return this.all.size;
  }

  /** A connection for one exchange: idle and ready, or still connecting; null when the limit is reached. */
  take(owner: UpstreamOwner): UpstreamConnection | null {
    const ready = this.idle.pop();
    if (ready !== undefined) {
      ready.owner = owner;
      ready.deadlineMs = Number.POSITIVE_INFINITY;
      return ready;
    }
    return this.connect(owner);
  }

  /** A connection that was never used before. */
  connect(owner: UpstreamOwner): UpstreamConnection | null {
    const { connectionsMax, sockets } = this.options;
    if (this.all.size >= connectionsMax || sockets.full) this.idle.shift()?.destroy();
    if (this.all.size >= connectionsMax || !sockets.take()) return null;
    const connection = new UpstreamConnection(this.options, this.buffer, this.gone);
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
      connection.closed ||
      connection.socket.writableEnded ||
      connection.socket.readableEnded
    ) {
      connection.destroy();
      return;
    }
    connection.served++;
    connection.deadlineMs = this.options.coarseNow() + idleMs;
    this.idle.push(connection);
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
    for (const connection of this.all) if (connection.deadlineMs <= nowMs) connection.destroy();
  }

  close(): void {
    for (const connection of this.all) connection.destroy();
    this.idle.length = 0;
  }

  private forget(connection: UpstreamConnection): void {
    if (this.all.delete(connection)) this.options.sockets.free();
    const at = this.idle.indexOf(connection);
    if (at >= 0) this.idle.splice(at, 1);
  }
}
