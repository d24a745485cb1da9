// One listening address: accepts connections within the limits, has their callers verified, owns what is
// open.
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import type { ListenerConfig } from '../core/config/config.ts';
import { SallyportError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Reason } from '../core/reasons.ts';
import { Arrivals } from './arrivals.ts';
import type { CallerConnection } from './caller-connection.ts';
import { Destinations } from './egress/destinations.ts';
import type { Resolve } from './egress/resolve.ts';
import { UpstreamPool } from './forward/pool.ts';
import { OneUpstream, type Upstreams } from './forward/upstreams.ts';
import { Downstream } from './http1/downstream.ts';
import { Exchanges } from './http1/exchanges.ts';
import type { RequestParserOptions } from './http1/parse-request.ts';
import { ClientPool } from './http2/client-pool.ts';
import { ServerSession } from './http2/server-session.ts';
import type { SessionParts } from './http2/session-parts.ts';
import type { HttpListenerContext, HttpListenerOptions } from './listener-context.ts';
import { createPeer, type Peer } from './peer.ts';
import type { Arrival } from './pending-arrivals.ts';
import type { ListenerRef } from './record/record.ts';
import type { Runtime } from './runtime.ts';
import type { Swept } from './sweeper.ts';
import type { Secured } from './tls/handshake.ts';
import type { OwnIdentity } from './tls/own-identity.ts';
import { PeerIds } from './tls/peer-ids.ts';

export interface ListenerDeps {
  readonly runtime: Runtime;
  readonly ref: ListenerRef;
  readonly config: ListenerConfig;
  readonly options: HttpListenerOptions;
  readonly http2: SessionParts;
  readonly parserOptions: RequestParserOptions;
  readonly graceAfterExpiryMs: number;
  /** How the names of destinations are resolved. */
  readonly resolve: Resolve;
  /** PEM of the CA files that destinations name, by path. */
  readonly authorities: ReadonlyMap<string, string>;
  /** The proxy's current identity; null while there is none. */
  readonly identity: () => OwnIdentity | null;
}

// A caller above limits.connectionsPerIdentity has this long to ask; idle, it would hold its place.
const REFUSED_MS = 1_000;

export class HttpListener implements HttpListenerContext, Swept {
  readonly ref: ListenerRef;
  readonly runtime: Runtime;
  readonly upstreams: Upstreams;
  readonly exchanges: Exchanges;
  readonly options: HttpListenerOptions;
  readonly http2: SessionParts;
  readonly parserOptions: RequestParserOptions;
  readonly graceAfterExpiryMs: number;
  requestsInFlight = 0;
  readonly connections = new Set<CallerConnection>();
  private readonly deps: ListenerDeps;
  private readonly server: net.Server;
  private readonly arrivals: Arrivals;
  /** Connections that only identity.graceAfterExpiry keeps, each counted once. */
  private readonly failedOpen = new WeakSet<CallerConnection>();
  private readonly perIdentity = new Map<string, number>();
  private readonly idPrefix = randomBytes(6).toString('hex');
  private opened = 0;

  constructor(deps: ListenerDeps) {
    this.deps = deps;
    this.ref = deps.ref;
    this.runtime = deps.runtime;
    this.options = deps.options;
    this.http2 = deps.http2;
    this.parserOptions = deps.parserOptions;
    this.graceAfterExpiryMs = deps.graceAfterExpiryMs;
    this.upstreams = this.createUpstreams();
    this.exchanges = new Exchanges({
      options: deps.options.exchange,
      now: () => this.runtime.clock.monotonicMs(),
    });
    this.arrivals = new Arrivals({
      ...deps,
      callers: () => this.connections.size,
      open: (arrival, secured) => this.open(arrival, secured),
    });
    const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
    this.server = net.createServer(options, (socket) => this.arrivals.accept(socket));
  }

  /** Starts listening. @throws ERR_LISTEN_FAILED */
  listen(): Promise<{ host: string; port: number }> {
    const { address, name } = this.deps.config;
    return new Promise((resolve, reject) => {
      this.server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, name, address)));
      this.server.listen({ host: address.host, port: address.port, backlog: 1024 }, () => {
        this.server.removeAllListeners('error');
        this.server.on('error', (error) => this.runtime.defect(error));
        this.runtime.sweeper.add(this);
        const bound = this.server.address() as net.AddressInfo;
        resolve({ host: bound.address, port: bound.port });
      });
    });
  }

  /** Connections, and sockets whose handshake is not over. */
  get openSockets(): number {
    return this.connections.size + this.arrivals.size;
  }

  /** No new connections; those that are open go on. */
  stopAccepting(): void {
    this.server.close();
  }

  /** Closes idle connections and lets the others finish their response. */
  drain(): void {
    for (const connection of this.connections) connection.drain();
  }

  /** Ends everything at once. */
  destroy(): void {
    this.server.close();
    this.arrivals.destroy();
    for (const connection of [...this.connections]) connection.destroy();
    this.upstreams.close();
    this.runtime.sweeper.remove(this);
  }

  sweep(nowMs: number): void {
    this.arrivals.sweep(nowMs);
    for (const connection of this.connections) {
      connection.sweep(nowMs);
      if (this.graceAfterExpiryMs > 0) this.noticeGrace(connection);
    }
    this.upstreams.sweep(nowMs);
  }

  closed(connection: CallerConnection): void {
    if (!this.connections.delete(connection)) return;
    connection.leave();
    this.runtime.recorder.connectionClosed(this.ref);
    const { identity, facts } = connection.peer;
    const { principal } = facts;
    if (identity === null || principal === null) return;
    const left = (this.perIdentity.get(principal) ?? 1) - 1;
    if (left === 0) this.perIdentity.delete(principal);
    else this.perIdentity.set(principal, left);
  }

  switchToHttp2(connection: CallerConnection, socket: net.Socket, chunk: Buffer): void {
    const { peer } = connection;
    this.connections.delete(connection);
    connection.leave();
    const session = new ServerSession(this, peer, socket, socket);
    this.connections.add(session);
    session.take(chunk);
  }

  private createUpstreams(): Upstreams {
    const { runtime, ref, deps } = this;
    const { upstream, destinations } = deps.config;
    const shared = {
      sockets: runtime.descriptors.upstream,
      notice: (reason: Reason, message: string) => runtime.notice(reason, `listener ${ref.name}: ${message}`),
      coarseNow: () => runtime.sweeper.nowMs,
      coarseWall: () => runtime.sweeper.wallMs,
    };
    if (upstream === null)
      return new Destinations({
        ...shared,
        destinations,
        authorities: deps.authorities,
        resolve: deps.resolve,
      });
    const { identity } = deps;
    const mutual = { kind: 'mutual', identity, now: () => runtime.clock.now() } as const;
    const pool = new UpstreamPool({
      ...shared,
      host: upstream.address.host,
      port: upstream.address.port,
      connectTimeoutMs: upstream.connectTimeout,
      idleTimeoutMs: upstream.idleTimeout,
      connectionsMax: upstream.maxConnections,
      tellsCaller: upstream.proxyProtocol === 'v2',
      tls: upstream.tls === 'off' ? null : { ...mutual, peers: new PeerIds(upstream.peers) },
      alpn: upstream.protocol === 'h2' ? 'h2' : 'http/1.1',
    });
    if (upstream.protocol === 'http1') return new OneUpstream(pool);
    const { headBytesMax } = this.parserOptions;
    const { chunked: trailers } = this.options.exchange;
    return new OneUpstream(
      new ClientPool(pool, { parts: this.http2, headBytesMax, trailers, streamsMax: LIMITS.upstreamStreams }),
    );
  }

  private open({ socket, sourceIp, destinationIp, client }: Arrival, secured: Secured | null): void {
    const { runtime, ref } = this;
    const identity = secured?.identity ?? null;
    const peer = createPeer(ref, {
      connectionId: `${this.idPrefix}-${(++this.opened).toString(36)}`,
      sourceIp,
      destinationIp,
      client,
      sni: secured?.sni ?? null,
      tlsVersion: secured?.tlsVersion ?? null,
      identity,
      chain: secured?.chain ?? [],
      ownId: this.deps.identity()?.state.spiffeId ?? null,
      graceAfterExpiryMs: this.graceAfterExpiryMs,
      remoteIpPerRequest: typeof this.options.forwarded === 'object',
    });
    const { principal } = peer.record;
    const { ip: remoteIp } = client.source;
    const detail = { sourceIp, remoteIp, remoteIpFrom: client.from, principal, message: '' };
    if (secured !== null) runtime.recorder.handshake(ref, 'ok', detail);
    const connection = this.connect(peer, socket, secured);
    this.connections.add(connection);
    runtime.recorder.connectionOpened(ref);
    if (secured?.failOpen === true) this.failOpen(connection);
    if (identity === null || principal === null) return;
    const count = (this.perIdentity.get(principal) ?? 0) + 1;
    this.perIdentity.set(principal, count);
    if (count <= this.deps.config.limits.connectionsPerIdentity) return;
    connection.refuseAll('identity-connection-limit', REFUSED_MS);
  }

  /** RFC 9113 section 3: over TLS by ALPN, in plaintext by the first bytes. */
  private connect(peer: Peer, raw: net.Socket, secured: Secured | null): CallerConnection {
    if (secured?.protocol === 'h2') return new ServerSession(this, peer, secured.socket, raw);
    if (secured !== null) return new Downstream(this, peer, secured.socket, raw);
    const connection = new Downstream(this, peer, raw, raw);
    raw.resume();
    return connection;
  }

  /** An SVID that expires on a live connection fails open as well. */
  private noticeGrace(connection: CallerConnection): void {
    const expiredAtMs = connection.peer.expiresAtMs - this.graceAfterExpiryMs;
    if (this.runtime.sweeper.wallMs >= expiredAtMs) this.failOpen(connection);
  }

  private failOpen(connection: CallerConnection): void {
    if (this.failedOpen.has(connection)) return;
    this.failedOpen.add(connection);
    const { runtime, ref } = this;
    const { id, principal } = connection.peer.record;
    runtime.recorder.failOpen(ref, 'expired-certificate');
    const why = `the SVID of \`${principal ?? ''}\` expired, identity.graceAfterExpiry keeps it`;
    runtime.notice('expired-certificate', `fail-open: connection ${id} on listener ${ref.name}: ${why}`);
  }
}

function listenError(
  error: NodeJS.ErrnoException,
  name: string,
  address: { host: string; port: number },
): SallyportError {
  const where = `listener \`${name}\` cannot listen on \`${address.host}:${address.port}\``;
  const hint =
    error.code === 'EADDRINUSE'
      ? `another process has it: \`ss -ltnp sport = :${address.port}\` tells; or change listeners[].address`
      : error.code === 'EACCES'
        ? 'ports below 1024 need CAP_NET_BIND_SERVICE; use a higher port'
        : 'check listeners[].address';
  return new SallyportError('ERR_LISTEN_FAILED', `${where}: ${error.code ?? error.message}`, {
    hint,
    cause: error,
  });
}
