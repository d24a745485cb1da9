// Sockets to the issuer: counted, given a TLS 1.3 handshake in a time, and their certificate judged if they
// have one. Without one they may bootstrap; with one that is not good the connection ends.
import net from 'node:net';
import tls from 'node:tls';
import type { Clock, Timer } from '../../../core/clock.ts';
import { ISSUER_HANDSHAKE_MS_MAX } from '../../limits.ts';
import type { PeerIdentity } from '../../verify.ts';
import { chainOf, opensslError, verifyPeer } from '../../verify-peer.ts';
import { CountedSockets } from './counted-sockets.ts';
import type { ListenerIdentity } from './listener-identity.ts';

/** A connection after its handshake. */
export interface SecuredCaller {
  readonly socket: tls.TLSSocket;
  readonly address: string;
  /** As sent, leaf first; empty without a certificate. */
  readonly chain: readonly Buffer[];
  /** Null without a certificate. */
  readonly identity: PeerIdentity | null;
}

/** Told what becomes of handshakes; `result` is `ok` or a reason. */
export interface ListenerEvents {
  secured(caller: SecuredCaller): void;
  handshake(result: string): void;
}

export interface TlsListenerOptions {
  readonly clock: Clock;
  /** The identity of this moment. */
  readonly identity: () => ListenerIdentity;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
}

/** A listener that is not bound yet, and the way to cut off everybody. */
export interface TlsListener {
  readonly server: net.Server;
  /** Ends every connection. */
  destroyAll(): void;
}

/** Makes the listener. */
export function createTlsListener(options: TlsListenerOptions, events: ListenerEvents): TlsListener {
  const { connectionsMax: totalMax, connectionsPerAddressMax: perAddressMax } = options;
  const sockets = new CountedSockets({ totalMax, perAddressMax });
  const server = net.createServer({ noDelay: true }, (raw) => {
    const address = raw.remoteAddress ?? '';
    if (!sockets.admit(raw)) return events.handshake('connection-limit');
    raw.on('error', () => raw.destroy()); // a caller that hung up; `close` follows
    shakeHands(raw, address, options, events);
  });
  return { server, destroyAll: () => sockets.destroyAll() };
}

function shakeHands(
  raw: net.Socket,
  address: string,
  options: TlsListenerOptions,
  events: ListenerEvents,
): void {
  const socket = new tls.TLSSocket(raw, {
    isServer: true,
    secureContext: options.identity().context,
    requestCert: true,
    // No certificate is no fault; one that is there is judged below.
    rejectUnauthorized: false,
    ALPNCallback: ({ protocols }: { protocols: string[] }) =>
      protocols.includes('http/1.1') ? 'http/1.1' : undefined,
  } as tls.TLSSocketOptions);
  let over = false;
  const finish = (result: string): void => {
    if (over) return;
    over = true;
    late.cancel();
    if (result !== 'ok') socket.destroy();
    events.handshake(result);
  };
  const late: Timer = options.clock.after(ISSUER_HANDSHAKE_MS_MAX, () => finish('handshake-timeout'));
  socket.on('error', () => (over ? socket.destroy() : finish('handshake-failed')));
  socket.once('close', () => finish('handshake-failed'));
  socket.once('secure', () => {
    if (over) return;
    const chain = chainOf(socket);
    const judged = judge(chain, opensslError(socket), options);
    finish(judged.result);
    if (judged.result === 'ok') events.secured({ socket, address, chain, identity: judged.identity });
  });
}

function judge(
  chain: readonly Buffer[],
  error: string | null,
  options: TlsListenerOptions,
): { readonly result: string; readonly identity: PeerIdentity | null } {
  if (chain.length === 0) return { result: 'ok', identity: null };
  const times = { nowMs: options.clock.now(), graceAfterExpiryMs: 0 };
  const verdict = verifyPeer(options.identity().callers, chain, error, times);
  return verdict.ok
    ? { result: 'ok', identity: verdict.identity }
    : { result: verdict.reason, identity: null };
}
