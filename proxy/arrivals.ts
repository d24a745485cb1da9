// The admit phase of a connection: from an accepted socket to a caller, within the limits, its certificate
// verified where the listener wants one.
import type net from 'node:net';
import type { ListenerConfig } from '../core/config/config.ts';
import { LIMITS } from '../core/limits.ts';
import type { Reason } from '../core/reasons.ts';
import { plainIp } from './peer.ts';
import { type Arrival, PendingArrivals } from './pending-arrivals.ts';
import { readHeader } from './proxy-protocol/read-header.ts';
import { TrustedPeers } from './proxy-protocol/trusted-peers.ts';
import type { ListenerRef } from './record/record.ts';
import type { Runtime } from './runtime.ts';
import { type Secured, startHandshake } from './tls/handshake.ts';
import type { OwnIdentity } from './tls/own-identity.ts';

export interface ArrivalsDeps {
  readonly runtime: Runtime;
  readonly ref: ListenerRef;
  readonly config: Pick<ListenerConfig, 'mtls' | 'protocol' | 'limits' | 'timeouts' | 'proxyProtocol'>;
  readonly graceAfterExpiryMs: number;
  /** The proxy's current identity; null while there is none. */
  readonly identity: () => OwnIdentity | null;
  /** Callers that this listener has. */
  readonly callers: () => number;
  /** Takes a caller over; `secured` is null when it speaks plaintext. Its socket is paused. */
  readonly open: (arrival: Arrival, secured: Secured | null) => void;
}

const TLS_HANDSHAKE_BYTE = 0x16; // RFC 8446 section 5.1: ContentType handshake

export class Arrivals {
  private readonly deps: ArrivalsDeps;
  private readonly pending: PendingArrivals;
  /** Whose connections begin with a PROXY header. */
  private readonly trusted: TrustedPeers;
  private startingWaiters = false;
  private readonly freed = (): void => this.deps.runtime.descriptors.downstream.free();

  constructor(deps: ArrivalsDeps) {
    this.deps = deps;
    this.trusted = new TrustedPeers(deps.config.proxyProtocol?.trust ?? []);
    this.pending = new PendingArrivals({
      places: deps.config.limits.handshakesInFlight,
      waiting: LIMITS.handshakesWaiting,
    });
  }

  /** Sockets that are not callers yet. */
  get size(): number {
    return this.pending.size;
  }

  /** Takes a socket that was accepted paused: one that waits for its turn must not fill our memory. */
  accept(socket: net.Socket): void {
    socket.on('error', () => undefined); // `close` follows; TLS and HTTP have their own listeners
    // SAFETY: read at once, and only here. The kernel forgets the addresses of a connection that was reset,
    // but still hands out what it had received: judged without them, a request would pass a DENY on its
    // address.
    const sourceIp = plainIp(socket.remoteAddress);
    const destinationIp = plainIp(socket.localAddress);
    if (sourceIp === '' || destinationIp === '') {
      socket.destroy();
      return;
    }
    const source = { ip: sourceIp, port: socket.remotePort ?? 0 };
    const destination = { ip: destinationIp, port: socket.localPort ?? 0 };
    this.admit({ socket, sourceIp, destinationIp, client: { source, destination, from: 'peer' } });
  }

  /** Ends those whose time is over. */
  sweep(nowMs: number): void {
    for (const { arrival, placed } of this.pending.since(nowMs - this.deps.config.timeouts.handshake)) {
      if (placed) this.giveUp(arrival, 'handshake-timeout', 'timeouts.handshake passed');
      else this.giveUp(arrival, 'handshake-limit', 'no place for a handshake within timeouts.handshake');
    }
    for (const arrival of this.pending.old(nowMs))
      this.giveUp(arrival, 'handshake-limit', 'limits.handshakesInFlight reached, and this one was slow');
  }

  destroy(): void {
    for (const { arrival } of this.pending.since(Number.POSITIVE_INFINITY)) arrival.socket.destroy();
  }

  private admit(arrival: Arrival): void {
    const { config, runtime, callers } = this.deps;
    const { nowMs } = runtime.sweeper;
    if (callers() + this.pending.size >= config.limits.connections)
      return this.refuse(arrival, 'connection-limit', 'limits.connections reached');
    if (!runtime.descriptors.downstream.take())
      return this.refuse(arrival, 'connection-limit', 'no file descriptor is left for traffic');
    arrival.socket.on('close', this.freed);
    if (config.mtls === 'off' && !this.trusted.includes(arrival.sourceIp))
      return this.deps.open(arrival, null);
    if (this.pending.place(arrival, nowMs)) return this.begin(arrival);
    const loser = this.pending.wait(arrival, nowMs);
    if (loser !== null)
      this.giveUp(loser, 'handshake-limit', 'limits.handshakesInFlight reached, and too many wait');
  }

  /** For an arrival that has its place. */
  private begin(arrival: Arrival): void {
    if (this.trusted.includes(arrival.sourceIp)) this.introduce(arrival);
    else this.identify(arrival);
  }

  /**
   * A trusted peer says first for whom it speaks.
   * SAFETY: by configuration, never by what the bytes look like: else anybody could claim an address by
   * sending a header, or a trusted peer's own by leaving it out (proxy-protocol.txt section 2).
   */
  private introduce(arrival: Arrival): void {
    readHeader(arrival.socket, {
      whole: (ends, bytes) => {
        arrival.headerBytes = bytes;
        if (ends !== null) arrival.client = { ...ends, from: 'proxy-protocol' };
        this.identify(arrival);
      },
      failed: (message) => {
        if (this.settle(arrival)) this.refuse(arrival, 'bad-proxy-header', message);
      },
    });
  }

  /** What comes now is a ClientHello, or a request where the listener takes plaintext. */
  private identify(arrival: Arrival): void {
    const { mtls } = this.deps.config;
    if (mtls === 'permissive') this.sniff(arrival);
    else if (mtls === 'off') this.openPlaintext(arrival);
    else this.secure(arrival);
  }

  private openPlaintext(arrival: Arrival): void {
    this.settle(arrival);
    this.deps.open(arrival, null);
  }

  /** Begins with those that wait, as places come free. */
  private beginWaiters(): void {
    if (this.startingWaiters) return; // one that fails at once comes back here
    this.startingWaiters = true;
    const { nowMs } = this.deps.runtime.sweeper;
    for (let next = this.pending.next(nowMs); next !== null; next = this.pending.next(nowMs)) {
      if (next.socket.destroyed) this.pending.delete(next);
      else this.begin(next);
    }
    this.startingWaiters = false;
  }

  /** Permissive listeners speak TLS to those who start with a TLS record, and plaintext to the others. */
  private sniff(arrival: Arrival): void {
    const { socket } = arrival;
    const gone = (): void => {
      if (this.settle(arrival)) this.refuse(arrival, 'handshake-failed', 'the peer left without a byte');
    };
    socket.once('end', gone);
    socket.once('close', gone);
    socket.once('data', (first: Buffer) => {
      socket.off('end', gone);
      socket.off('close', gone);
      socket.pause();
      socket.unshift(first);
      if (first[0] === TLS_HANDSHAKE_BYTE) return this.secure(arrival);
      this.openPlaintext(arrival);
    });
    socket.resume();
  }

  private secure(arrival: Arrival): void {
    const { identity, runtime, graceAfterExpiryMs, config } = this.deps;
    const own = identity();
    const now = (): number => runtime.clock.now();
    if (own === null || now() >= own.state.notAfterMs)
      return this.giveUp(arrival, 'no-identity', own === null ? 'there is no SVID' : 'the own SVID expired');
    const options = {
      context: own.context,
      own: () => identity() ?? own,
      requestCertificate: config.mtls !== 'server-tls',
      http2: config.protocol === 'http',
      graceAfterExpiryMs,
      now,
    };
    startHandshake(arrival.socket, options, {
      secured: (secured) => {
        this.settle(arrival);
        this.deps.open(arrival, secured);
      },
      failed: (reason, message) => {
        // A handshake that the sweeper gave up was counted there.
        if (this.settle(arrival)) this.record(arrival, reason, message);
      },
    });
  }

  /** Forgets a pending socket; false when it was forgotten before. */
  private settle(arrival: Arrival): boolean {
    const known = this.pending.delete(arrival);
    if (known && this.pending.waiting > 0) this.beginWaiters();
    return known;
  }

  private giveUp(arrival: Arrival, reason: Reason, message: string): void {
    this.settle(arrival);
    this.refuse(arrival, reason, message);
  }

  private refuse(arrival: Arrival, reason: Reason, message: string): void {
    arrival.socket.destroy();
    this.record(arrival, reason, message);
  }

  private record({ sourceIp, client }: Arrival, reason: Reason, message: string): void {
    const { runtime, ref } = this.deps;
    const { source, from } = client;
    runtime.recorder.handshake(ref, reason, {
      sourceIp,
      remoteIp: source.ip,
      remoteIpFrom: from,
      principal: null,
      message,
    });
  }
}
