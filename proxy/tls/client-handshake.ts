// From an address to a verified server: TLS by OpenSSL, then the X509-SVID verdict, then the expected IDs.
// Nothing is written before all three passed.
import net from 'node:net';
import tls from 'node:tls';
import type { PeerIdentity } from '../../certs/verify.ts';
import type { Reason } from '../../core/reasons.ts';
import type { OwnIdentity } from './own-identity.ts';
import type { PeerIds } from './peer-ids.ts';
import { chainOf, opensslError, verifyPeer } from './verify-peer.ts';

/** How connections to one upstream become mutual TLS. */
export interface ClientTls {
  /** The proxy's current identity; null while there is none. */
  readonly identity: () => OwnIdentity | null;
  readonly peers: PeerIds;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** A server that was verified. */
export interface SecuredServer {
  readonly identity: PeerIdentity;
  /** The chain as sent, leaf first, to be judged again when the bundles change. */
  readonly chain: readonly Buffer[];
}

/** Told exactly once, unless the socket is destroyed first. */
export interface ClientHandshakeOutcome {
  secured(server: SecuredServer): void;
  /** The socket is destroyed. */
  failed(reason: Reason, message: string): void;
}

/** OpenSSL's errors carry the bare reason beside a message full of its own line numbers. */
type TlsError = NodeJS.ErrnoException & { reason?: string };

/**
 * Connects to `to` as `own`; the caller bounds the time. `to.onread`: where the decrypted bytes go.
 * The socket reports TCP failures itself, by `close` without an outcome.
 */
export function connectTls(
  to: { readonly host: string; readonly port: number; readonly onread: net.OnReadOpts },
  own: OwnIdentity,
  { identity, peers, now }: ClientTls,
  outcome: ClientHandshakeOutcome,
): tls.TLSSocket {
  const socket = tls.connect({
    ...to,
    // RFC 6066 section 3: names only
    ...(net.isIP(to.host) === 0 ? { servername: to.host } : {}),
    secureContext: own.context,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
    // The name says nothing about a workload: its SPIFFE ID does, below.
    checkServerIdentity: () => undefined,
    allowHalfOpen: true,
  } as tls.ConnectionOptions);
  socket.setNoDelay(true);
  let [connected, over] = [false, false];
  const fail = (reason: Reason, message: string): void => {
    if (over) return;
    over = true;
    socket.destroy();
    outcome.failed(reason, message);
  };
  socket.once('connect', () => {
    connected = true;
  });
  socket.on('error', (error: TlsError) => {
    if (connected) fail(reasonOf(error), error.reason ?? error.message);
  });
  const left = (): void => {
    if (connected) fail('upstream-handshake-failed', 'the server closed the connection in the handshake');
  };
  socket.once('end', left);
  socket.once('close', left);
  socket.once('secureConnect', () => {
    if (over) return;
    const chain = chainOf(socket);
    const times = { nowMs: now(), graceAfterExpiryMs: 0 };
    // A bundle may have gone since the ClientHello.
    const { servers } = identity() ?? own;
    const verdict = verifyPeer(servers, chain, opensslError(socket), times);
    if (!verdict.ok) return fail('upstream-untrusted', `${verdict.reason}: ${verdict.message}`);
    const { spiffeId } = verdict.identity;
    if (!peers.includes(spiffeId.uri))
      return fail('unexpected-peer', `the server is \`${spiffeId.uri}\`, which upstream.peers does not name`);
    over = true;
    outcome.secured({ identity: verdict.identity, chain });
  });
  return socket;
}

/** OpenSSL's verification errors have bare names (`CERT_HAS_EXPIRED`), others a prefix or a system call. */
function reasonOf({ code = 'ERR_', syscall }: TlsError): Reason {
  const verification = syscall === undefined && !code.startsWith('ERR_') && !code.startsWith('E');
  return verification ? 'upstream-untrusted' : 'upstream-handshake-failed';
}
