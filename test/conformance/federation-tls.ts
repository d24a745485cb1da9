// Real handshakes with the TLS of the proxy, both ways: a peer that calls, and a peer that is called.
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import type { IssuedSvid } from '../../certs/authority/authority.ts';
import { trustAnchorsPem } from '../../certs/identity-material.ts';
import type { TrustState } from '../../certs/verify.ts';
import { writePem } from '../../certs/x509/pem.ts';
import { connectMutual } from '../../proxy/tls/client-handshake.ts';
import { startHandshake } from '../../proxy/tls/handshake.ts';
import { createOwnIdentity, type OwnIdentity, type TlsVersion } from '../../proxy/tls/own-identity.ts';
import { PeerIds } from '../../proxy/tls/peer-ids.ts';

/** What a peer presents. */
interface Presented {
  readonly chainDer: readonly Buffer[];
  readonly privateKeyPem: string;
}

/** How one visit of a calling peer ended. */
export interface Visit {
  /** `ok`, or `reason: message`. */
  readonly said: string;
  readonly reused: boolean;
  /** What the client may offer the next time. */
  readonly session: Buffer | undefined;
}

export interface TlsStage {
  /** The proxy's verdict on a caller; `later`: what it trusts once the certificate is there. */
  caller(trusted: TrustState, peer: Presented, later?: () => TrustState): Promise<string>;
  /** The proxy's verdict on a server that it calls. */
  server(trusted: TrustState, peer: Presented): Promise<string>;
  visit(
    trusted: TrustState,
    peer: Presented,
    client: { readonly version?: TlsVersion; readonly session?: Buffer | undefined },
    later?: () => TrustState,
  ): Promise<Visit>;
  close(): void;
}

/** `own`: the proxy's SVID. */
export async function startTlsStage(own: IssuedSvid): Promise<TlsStage> {
  const open = new Set<net.Server>();
  const listen = async (onConnection: (socket: net.Socket) => void): Promise<number> => {
    const server = net.createServer(onConnection).listen(0, '127.0.0.1');
    open.add(server);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const identity = (trusted: TrustState, version: TlsVersion = 'TLSv1.2'): OwnIdentity =>
    createOwnIdentity(
      {
        ...trusted,
        generation: 1,
        spiffeId: own.spiffeId,
        certificateChainPem: own.chainPem,
        presentedChainPem: own.chainPem,
        privateKeyPem: own.privateKeyPem ?? '',
        notBeforeMs: 0,
        notAfterMs: own.notAfterMs,
        trustAnchorsPem: trustAnchorsPem(trusted.bundles, own.spiffeId.trustDomain),
      },
      version,
    );
  const stage: TlsStage = {
    async caller(trusted, peer, later) {
      return (await stage.visit(trusted, peer, {}, later)).said;
    },
    async visit(trusted, peer, { version = 'TLSv1.3', session }, later) {
      const mine = identity(trusted);
      const { promise, resolve } = Promise.withResolvers<string>();
      const port = await listen((raw) =>
        judge(raw, mine, later === undefined ? mine : identity(later()), resolve),
      );
      const socket = tls.connect({
        ...presented(peer),
        port,
        host: '127.0.0.1',
        minVersion: version,
        maxVersion: version,
        ...(session === undefined ? {} : { session }),
        rejectUnauthorized: false, // the peer's own doubts are not what is tested
      });
      let kept: Buffer | undefined;
      socket.on('session', (one) => {
        kept = one;
      });
      socket.on('error', () => undefined); // of a refused handshake
      const said = await promise;
      if (said === 'ok') {
        // A byte from the server comes after its tickets, if there were any.
        if (socket.readableLength === 0) await once(socket, 'readable');
      }
      const visit = { said, reused: socket.isSessionReused(), session: kept ?? socket.getSession() };
      socket.destroy();
      return visit;
    },
    async server(trusted, peer) {
      const port = await listen((raw) => serve(raw, peer));
      return call(port, identity(trusted));
    },
    close() {
      for (const server of open) server.close();
    },
  };
  return stage;
}

/** As proxy/arrivals.ts does it. */
function judge(raw: net.Socket, begun: OwnIdentity, own: OwnIdentity, resolve: (said: string) => void): void {
  raw.on('error', () => undefined); // the peer leaves when it is refused
  startHandshake(
    raw,
    {
      context: begun.context,
      own: () => own,
      requestCertificate: true,
      http2: false,
      graceAfterExpiryMs: 0,
      now: Date.now,
    },
    {
      secured({ socket }) {
        socket.end('.');
        resolve('ok');
      },
      failed: (reason, message) => resolve(`${reason}: ${message}`),
    },
  );
}

const presented = ({ chainDer, privateKeyPem }: Presented): { cert: string; key: string } => ({
  cert: chainDer.map((der) => writePem('CERTIFICATE', der)).join(''),
  key: privateKeyPem,
});

function serve(raw: net.Socket, peer: Presented): void {
  const options = { isServer: true, secureContext: tls.createSecureContext(presented(peer)) };
  new tls.TLSSocket(raw, options).on('error', () => undefined); // the caller leaves when it refuses
}

/** As proxy/forward/upstream-connection.ts does it. */
async function call(port: number, own: OwnIdentity): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const peers = new PeerIds(['spiffe://a.example/*', 'spiffe://b.example/*', 'spiffe://c.example/*']);
  const onread = { buffer: Buffer.alloc(64), callback: () => true };
  const socket = connectMutual(
    { host: '127.0.0.1', port, onread, alpn: 'http/1.1' },
    own,
    { kind: 'mutual', identity: () => own, peers, now: Date.now },
    { secured: () => resolve('ok'), failed: (reason, message) => resolve(`${reason}: ${message}`) },
  );
  socket.on('error', () => undefined); // told as the outcome
  const said = await promise;
  socket.destroy();
  return said;
}
