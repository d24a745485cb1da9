// From an address to a server that was verified by its SPIFFE ID or its name. Nothing is written before.
import net from 'node:net';
import tls from 'node:tls';
import type { PeerIdentity } from '../../certs/verify.ts';
import { chainOf, opensslError, verifyPeer } from '../../certs/verify-peer.ts';
import type { Reason } from '../../core/reasons.ts';
import type { OwnIdentity } from './own-identity.ts';
import type { PeerIds } from './peer-ids.ts';

/** How connections to one upstream become TLS. */
export type ClientTls = MutualTls | WebTls;

/** With the own SVID, to one of the expected SPIFFE IDs. */
export interface MutualTls {
  readonly kind: 'mutual';
  /** The proxy's current identity; null while there is none. */
  readonly identity: () => OwnIdentity | null;
  readonly peers: PeerIds;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** As a browser does it: a certificate for the server's name by a public CA, or by one of the context's. */
export interface WebTls {
  readonly kind: 'web';
  readonly context: () => tls.SecureContext;
}

/** A server that was verified by its SPIFFE ID. */
export interface SecuredServer {
  readonly identity: PeerIdentity;
  /** The chain as sent, leaf first, to be judged again when the bundles change. */
  readonly chain: readonly Buffer[];
}

/** Told exactly once, unless the socket is destroyed first. */
export interface ClientHandshakeOutcome {
  /** Null when the server was verified by its name. */
  secured(server: SecuredServer | null): void;
  /** The socket is destroyed. */
  failed(reason: Reason, message: string): void;
}

/** Where to connect; the caller bounds the time. `onread`: where the decrypted bytes go. */
export interface TlsTarget {
  readonly host: string;
  readonly port: number;
  readonly onread: net.OnReadOpts;
  /** RFC 7301: what is offered. A server that chooses nothing speaks HTTP/1.1. */
  readonly alpn: 'http/1.1' | 'h2';
  readonly lookup?: net.LookupFunction;
}

/** What is wrong with a server, or who it is. */
type Verdict =
  | { readonly server: SecuredServer | null }
  | { readonly reason: Reason; readonly message: string };

/** Connects to `to` as `own`. TCP failures the socket reports itself, by `close` without an outcome. */
export function connectMutual(
  to: TlsTarget,
  own: OwnIdentity,
  { identity, peers, now }: MutualTls,
  outcome: ClientHandshakeOutcome,
): tls.TLSSocket {
  const socket = connect(to, {
    secureContext: own.context,
    // The name says nothing about a workload: its SPIFFE ID does, below.
    checkServerIdentity: () => undefined,
  });
  follow(socket, outcome, () => {
    const chain = chainOf(socket);
    const times = { nowMs: now(), graceAfterExpiryMs: 0 };
    // A bundle may have gone since the ClientHello.
    const { servers } = identity() ?? own;
    const verdict = verifyPeer(servers, chain, opensslError(socket), times);
    if (!verdict.ok)
      return { reason: 'upstream-untrusted', message: `${verdict.reason}: ${verdict.message}` };
    const { uri } = verdict.identity.spiffeId;
    if (peers.includes(uri)) {
      if (to.alpn !== 'h2' || socket.alpnProtocol === 'h2')
        return { server: { identity: verdict.identity, chain } };
      return { reason: 'upstream-handshake-failed', message: 'the server does not speak HTTP/2 (ALPN)' };
    }
    const message = `the server is \`${uri}\`, which upstream.peers does not name`;
    return { reason: 'unexpected-peer', message };
  });
  return socket;
}

/** Connects to `to`, whose certificate must be for its host. */
export function connectWeb(
  to: TlsTarget,
  { context }: WebTls,
  outcome: ClientHandshakeOutcome,
): tls.TLSSocket {
  const socket = connect(to, { secureContext: context() });
  follow(socket, outcome, () => ({ server: null })); // the name was checked before `secureConnect`
  return socket;
}

function connect({ alpn, ...to }: TlsTarget, options: tls.ConnectionOptions): tls.TLSSocket {
  const socket = tls.connect({
    ...to,
    ...options,
    // RFC 6066 section 3: names only
    ...(net.isIP(to.host) === 0 ? { servername: to.host } : {}),
    ALPNProtocols: [alpn],
    rejectUnauthorized: true,
    allowHalfOpen: true,
  } as tls.ConnectionOptions);
  socket.setNoDelay(true);
  return socket;
}

/** OpenSSL's errors carry the bare reason beside a message full of its own line numbers. */
type TlsError = NodeJS.ErrnoException & { reason?: string };

/** Turns the events of a handshake into one outcome; `judge` is asked once it ended. */
function follow(socket: tls.TLSSocket, outcome: ClientHandshakeOutcome, judge: () => Verdict): void {
  let [connected, over] = [false, false];
  const fail = (reason: Reason, message: string): void => {
    if (over || !connected) return;
    over = true;
    socket.destroy();
    outcome.failed(reason, message);
  };
  const left = (): void =>
    fail('upstream-handshake-failed', 'the server closed the connection in the handshake');
  socket.once('connect', () => {
    connected = true;
  });
  socket.on('error', (error: TlsError) => fail(reasonOf(error), error.reason ?? error.message));
  socket.once('end', left);
  socket.once('close', left);
  socket.once('secureConnect', () => {
    if (over) return;
    const verdict = judge();
    if ('reason' in verdict) return fail(verdict.reason, verdict.message);
    over = true;
    outcome.secured(verdict.server);
  });
}

/** OpenSSL's verification errors have bare names (`CERT_HAS_EXPIRED`), others a prefix or a system call. */
function reasonOf({ code = 'ERR_', syscall }: TlsError): Reason {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'upstream-untrusted';
  const verification = syscall === undefined && !code.startsWith('E');
  return verification ? 'upstream-untrusted' : 'upstream-handshake-failed';
}
