// One listening address: accepts connections within the limits, has their callers verified, and owns what is open.
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import type { ListenerConfig } from '../core/config-schema.ts';
import { SallyportError } from '../core/errors.ts';
import type { Reason } from '../core/reasons.ts';
import { UpstreamPool } from './forward/pool.ts';
import { Downstream } from './http1/downstream.ts';
import type { RequestParserOptions } from './http1/parse-request.ts';
import type { HttpListenerContext, HttpListenerOptions } from './listener-context.ts';
import { createPeer, plainIp } from './peer.ts';
import type { ListenerRef } from './record/record.ts';
import type { Runtime } from './runtime.ts';
import type { Swept } from './sweeper.ts';
import { type Secured, startHandshake } from './tls/handshake.ts';
import type { ServerIdentity } from './tls/server-identity.ts';

export interface ListenerDeps {
  readonly runtime: Runtime;
  readonly ref: ListenerRef;
  readonly config: ListenerConfig;
  readonly options: HttpListenerOptions;
  readonly parserOptions: RequestParserOptions;
  readonly graceAfterExpiryMs: number;
  /** The proxy's current identity; null while there is none. */
  readonly identity: () => ServerIdentity | null;
}

const TLS_HANDSHAKE_BYTE = 0x16; // RFC 8446 section 5.1: ContentType handshake

export class HttpListener implements HttpListenerContext, Swept {
  readonly ref: ListenerRef;
  readonly runtime: Runtime;
  readonly pool: UpstreamPool;
  readonly options: HttpListenerOptions;
  readonly parserOptions: RequestParserOptions;
  readonly graceAfterExpiryMs: number;
  requestsInFlight = 0;
  readonly connections = new Set<Downstream>();
  private readonly deps: ListenerDeps;
  private readonly server: net.Server;
  /** Sockets that are not callers yet, with the moment at which they are given up. */
  private readonly pending = new Map<net.Socket, number>();
  private readonly perIdentity = new Map<string, number>();
  private readonly idPrefix = randomBytes(6).toString('hex');
  private opened = 0;

  constructor(deps: ListenerDeps) {
    this.deps = deps;
    this.ref = deps.ref;
    this.runtime = deps.runtime;
    this.options = deps.options;
    this.parserOptions = deps.parserOptions;
    this.graceAfterExpiryMs = deps.graceAfterExpiryMs;
    const { upstream } = deps.config;
    this.pool = new UpstreamPool({
      host: upstream.address.host,
      port: upstream.address.port,
      connectTimeoutMs: upstream.connectTimeout,
      idleTimeoutMs: upstream.idleTimeout,
      connectionsMax: upstream.maxConnections,
      coarseNow: () => this.runtime.sweeper.nowMs,
    });
    this.server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(socket));
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
    for (const socket of this.pending.keys()) socket.destroy();
    for (const connection of [...this.connections]) connection.destroy();
    this.pool.close();
    this.runtime.sweeper.remove(this);
  }

  sweep(nowMs: number): void {
    for (const [socket, deadlineMs] of this.pending) {
      if (nowMs < deadlineMs) continue;
      this.settle(socket);
      this.refuse(socket, 'handshake-timeout', 'timeouts.handshake passed');
    }
    for (const connection of this.connections) connection.sweep(nowMs);
    this.pool.sweep(nowMs);
  }

  closed(connection: Downstream): void {
    if (!this.connections.delete(connection)) return;
    this.runtime.recorder.connectionClosed(this.ref);
    const { principal } = connection.peer.facts;
    if (principal === null) return;
    const left = (this.perIdentity.get(principal) ?? 1) - 1;
    if (left === 0) this.perIdentity.delete(principal);
    else this.perIdentity.set(principal, left);
  }

  private accept(socket: net.Socket): void {
    const { limits, mtls, timeouts } = this.deps.config;
    socket.on('error', () => undefined); // `close` follows; TLS and HTTP have their own listeners
    if (this.connections.size + this.pending.size >= limits.connections)
      return this.refuse(socket, 'connection-limit', 'limits.connections reached');
    if (mtls === 'off') return this.open(socket, null);
    if (this.pending.size >= limits.handshakesInFlight)
      return this.refuse(socket, 'handshake-limit', 'limits.handshakesInFlight reached');
    this.pending.set(socket, this.runtime.sweeper.nowMs + timeouts.handshake);
    if (mtls === 'permissive') this.sniff(socket);
    else this.secure(socket);
  }

  /** Permissive listeners speak TLS to those who start with a TLS record, and plaintext to the others. */
  private sniff(socket: net.Socket): void {
    const closed = (): boolean => this.settle(socket);
    socket.once('close', closed);
    socket.once('data', (first: Buffer) => {
      socket.off('close', closed);
      socket.pause();
      socket.unshift(first);
      if (first[0] === TLS_HANDSHAKE_BYTE) return this.secure(socket);
      this.settle(socket);
      this.open(socket, null);
    });
  }

  private secure(socket: net.Socket): void {
    const own = this.deps.identity();
    if (own === null) {
      this.settle(socket);
      return this.refuse(socket, 'no-identity', 'this proxy has no SVID');
    }
    const sourceIp = plainIp(socket.remoteAddress);
    startHandshake(
      socket,
      {
        own,
        requestCertificate: this.deps.config.mtls !== 'server-tls',
        graceAfterExpiryMs: this.graceAfterExpiryMs,
        now: () => this.runtime.clock.now(),
      },
      {
        secured: (secured) => {
          this.settle(socket);
          this.open(secured.socket, secured);
        },
        failed: (reason, message) => {
          // A handshake that the sweeper gave up was counted there.
          if (!this.settle(socket)) return;
          this.runtime.recorder.handshake(this.ref, reason, { sourceIp, principal: null, message });
        },
      },
    );
  }

  private open(socket: net.Socket, secured: Secured | null): void {
    const { runtime, ref } = this;
    const identity = secured?.identity ?? null;
    const peer = createPeer(ref, {
      connectionId: `${this.idPrefix}-${(++this.opened).toString(36)}`,
      sourceIp: plainIp(socket.remoteAddress),
      destinationIp: plainIp(socket.localAddress),
      sni: secured?.sni ?? null,
      tlsVersion: secured?.tlsVersion ?? null,
      identity,
      chain: secured?.chain ?? [],
      ownId: this.deps.identity()?.state.spiffeId ?? null,
      graceAfterExpiryMs: this.graceAfterExpiryMs,
      remoteIpPerRequest: typeof this.options.forwarded === 'object',
    });
    const { principal, sourceIp } = peer.record;
    if (secured !== null) runtime.recorder.handshake(ref, 'ok', { sourceIp, principal, message: '' });
    if (secured?.failOpen === true) runtime.recorder.failOpen(ref, 'expired-certificate');
    const connection = new Downstream(this, peer, socket);
    this.connections.add(connection);
    runtime.recorder.connectionOpened(ref);
    if (principal === null) return;
    const count = (this.perIdentity.get(principal) ?? 0) + 1;
    this.perIdentity.set(principal, count);
    if (count > this.deps.config.limits.connectionsPerIdentity)
      connection.refusing = 'identity-connection-limit';
  }

  /** Forgets a pending socket; false when it was forgotten before. */
  private settle(socket: net.Socket): boolean {
    return this.pending.delete(socket);
  }

  private refuse(socket: net.Socket, reason: Reason, message: string): void {
    const sourceIp = plainIp(socket.remoteAddress);
    socket.destroy();
    this.runtime.recorder.handshake(this.ref, reason, { sourceIp, principal: null, message });
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
      ? `another process holds the port; find it with \`ss -ltnp sport = :${address.port}\` or change listeners[].address`
      : error.code === 'EACCES'
        ? 'ports below 1024 need CAP_NET_BIND_SERVICE; use a higher port'
        : 'check listeners[].address';
  return new SallyportError('ERR_LISTEN_FAILED', `${where}: ${error.code ?? error.message}`, {
    hint,
    cause: error,
  });
}
