// From a raw socket to a verified caller: TLS by OpenSSL, then the X509-SVID verdict. Nothing is read before
// both passed.
import type net from 'node:net';
import tls from 'node:tls';
import type { PeerIdentity } from '../../certs/verify.ts';
import { chainOf, opensslError, verifyPeer } from '../../certs/verify-peer.ts';
import type { Reason } from '../../core/reasons.ts';
import type { OwnIdentity } from './own-identity.ts';

/** A finished handshake. */
export interface Secured {
  readonly socket: tls.TLSSocket;
  readonly identity: PeerIdentity | null;
  /** The chain as sent, leaf first, to be judged again when the bundles change; empty without certificate. */
  readonly chain: readonly Buffer[];
  readonly sni: string | null;
  readonly tlsVersion: string;
  /** By ALPN; an offer of neither ends the handshake. */
  readonly protocol: 'h2' | 'http/1.1';
  /** True when only `identity.graceAfterExpiry` made the certificate acceptable. */
  readonly failOpen: boolean;
}

export interface HandshakeOptions {
  readonly context: tls.SecureContext;
  /**
   * What the peer is verified against when its certificate is there: a bundle may have gone since the
   * ClientHello.
   */
  readonly own: () => OwnIdentity;
  /** False for `server-tls`: no client certificate is asked for. */
  readonly requestCertificate: boolean;
  /** False where HTTP/2 is not spoken. */
  readonly http2: boolean;
  readonly graceAfterExpiryMs: number;
  readonly now: () => number;
}

/** Told exactly once, unless the handshake is cancelled by destroying the returned socket. */
export interface HandshakeOutcome {
  secured(secured: Secured): void;
  failed(reason: Reason, message: string, principal: string | null): void;
}

/** OpenSSL's errors carry the bare reason beside a message full of its own line numbers. */
type TlsError = NodeJS.ErrnoException & { reason?: string };

/** Starts the handshake; the caller bounds its time. */
export function startHandshake(
  raw: net.Socket,
  options: HandshakeOptions,
  outcome: HandshakeOutcome,
): tls.TLSSocket {
  const socket = new tls.TLSSocket(raw, {
    isServer: true,
    secureContext: options.context,
    requestCert: options.requestCertificate,
    // With `true` OpenSSL itself answers a missing certificate with the alert certificate_required.
    rejectUnauthorized: options.requestCertificate,
    // RFC 7301: an offer of neither gets the alert no_application_protocol; no offer at all means HTTP/1.1.
    ALPNCallback: ({ protocols }: { protocols: string[] }) => {
      if (options.http2 && protocols.includes('h2')) return 'h2';
      return protocols.includes('http/1.1') ? 'http/1.1' : undefined;
    },
  } as tls.TLSSocketOptions);
  let over = false;
  const fail = (reason: Reason, message: string, principal: string | null = null): void => {
    if (over) return;
    over = true;
    socket.destroy();
    outcome.failed(reason, message, principal);
  };
  socket.on('error', (error: TlsError) => fail(reasonOf(error), error.reason ?? error.message));
  const left = (): void => fail('handshake-failed', 'the peer closed the connection during the handshake');
  socket.on('end', left); // half-closed: it could not finish, and would hold its place until the timeout
  socket.on('close', left);
  socket.on('secure', () => {
    if (over) return;
    const sni =
      typeof socket.servername === 'string' && socket.servername !== ''
        ? socket.servername.toLowerCase()
        : null;
    const tlsVersion = socket.getProtocol() ?? 'TLS';
    const protocol = socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1';
    if (!options.requestCertificate) {
      over = true;
      return outcome.secured({
        socket,
        identity: null,
        chain: [],
        sni,
        tlsVersion,
        protocol,
        failOpen: false,
      });
    }
    const chain = chainOf(socket);
    const verdict = verifyPeer(options.own().callers, chain, opensslError(socket), {
      nowMs: options.now(),
      graceAfterExpiryMs: options.graceAfterExpiryMs,
    });
    if (!verdict.ok) return fail(verdict.reason, verdict.message);
    over = true;
    outcome.secured({
      socket,
      identity: verdict.identity,
      chain,
      sni,
      tlsVersion,
      protocol,
      failOpen: verdict.failOpen,
    });
  });
  return socket;
}

function reasonOf(error: NodeJS.ErrnoException): Reason {
  switch (error.code) {
    case 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE':
      return 'no-certificate';
    case 'ERR_SSL_HTTP_REQUEST':
    case 'ERR_SSL_HTTPS_PROXY_REQUEST':
    case 'ERR_SSL_WRONG_VERSION_NUMBER': // the first bytes are no TLS record: another plaintext protocol
      return 'plaintext-refused';
    default:
      return 'handshake-failed';
  }
}
