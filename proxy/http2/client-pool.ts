// The connections to one application that speaks HTTP/2: as few as their streams allow.
import type { Reason } from '../../core/reasons.ts';
import type { Lane } from '../forward/lane.ts';
import type { UpstreamPool } from '../forward/pool.ts';
import type { FramedOwner, ManagedPool, UpstreamLink } from '../forward/upstream-link.ts';
import type { OwnIdentity } from '../tls/own-identity.ts';
import { ClientSession } from './client-session.ts';
import type { ClientSessionOptions } from './client-session-options.ts';

export class ClientPool implements ManagedPool {
  readonly framed = true;
  readonly options: UpstreamPool['options'];
  readonly shared: Lane;
  private readonly pool: UpstreamPool;
  private readonly sessionOptions: ClientSessionOptions;
  private sessions: readonly ClientSession[] = [];

  /** `pool`: where the connections come from. */
  constructor(pool: UpstreamPool, options: Omit<ClientSessionOptions, 'gone' | 'coarseNow' | 'coarseWall'>) {
    this.pool = pool;
    this.options = pool.options;
    this.shared = pool.shared;
    const { coarseNow, coarseWall } = pool.options;
    const gone = (session: ClientSession): void => this.forget(session);
    this.sessionOptions = { ...options, coarseNow, coarseWall, gone };
  }

  take(owner: FramedOwner, lane: Lane): UpstreamLink | Reason {
    return linkOf(this.sessions.find(({ accepts }) => accepts) ?? this.begin(lane), owner);
  }

  connect(owner: FramedOwner, lane: Lane, failed: UpstreamLink): UpstreamLink | Reason {
    const other = this.sessions.find((one) => one.accepts && !one.carried(failed));
    return linkOf(other ?? this.begin(lane), owner);
  }

  /** What is under way ends on the connections that it began on; new requests get others. */
  identityChanged(own: OwnIdentity): void {
    if (this.options.tls !== null) for (const session of this.sessions) session.retire();
    this.pool.identityChanged(own);
  }

  sweep(nowMs: number): void {
    const wallMs = this.options.coarseWall();
    for (const session of this.sessions) {
      if (wallMs >= session.freshUntilMs) session.retire();
      else if (session.idle && nowMs >= session.idleSinceMs + this.options.idleTimeoutMs) session.end();
      else session.sweep(nowMs, this.options.connectTimeoutMs);
    }
    this.pool.sweep(nowMs);
  }

  close(): void {
    for (const session of this.sessions) session.end();
    this.pool.close();
  }

  private begin(lane: Lane): ClientSession | Reason {
    const session = new ClientSession(this.sessionOptions, this.options.tls !== null);
    const connection = this.pool.connect(session, lane);
    if (typeof connection === 'string') return connection;
    session.attach(connection);
    this.sessions = [...this.sessions, session];
    return session;
  }

  private forget(session: ClientSession): void {
    this.sessions = this.sessions.filter((one) => one !== session);
  }
}

const linkOf = (session: ClientSession | Reason, owner: FramedOwner): UpstreamLink | Reason =>
  typeof session === 'string' ? session : session.link(owner);
