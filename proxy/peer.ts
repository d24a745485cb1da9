// The caller of one connection, as everything behind the handshake sees it. Made once per connection.
import type { PeerIdentity } from '../certs/verify.ts';
import type { ConnectionFacts } from '../policy/request.ts';
import type { ConnectionClient } from './client.ts';
import type { ConnectionRecord, ListenerRef } from './record/record.ts';

export interface Peer {
  /** What a certificate showed; null for a plaintext or anonymous TLS peer. */
  readonly identity: PeerIdentity | null;
  /** DER as sent, leaf first, to be verified again when bundles change; empty without identity. */
  readonly chain: readonly Buffer[];
  /** The port changes where requests name their destination. */
  readonly facts: ConnectionFacts & { destinationPort: number };
  /** Who opened the connection. */
  readonly client: ConnectionClient;
  /** True when its request id and trace context go on: a verified caller, or the own application. */
  readonly authenticated: boolean;
  readonly record: ConnectionRecord;
  /** Value of x-forwarded-client-cert (Envoy's format: By, Hash, URI); null when there is no identity. */
  readonly forwardedClientCert: string | null;
  /** `http` or `https`, for X-Forwarded-Proto. */
  readonly scheme: 'http' | 'https';
  /** Unix milliseconds from which the identity is no longer accepted; Infinity without identity. */
  readonly expiresAtMs: number;
}

/** What the transport knows when a connection is ready for its first request. */
export interface Transport {
  readonly connectionId: string;
  readonly sourceIp: string;
  readonly destinationIp: string;
  readonly client: ConnectionClient;
  readonly sni: string | null;
  readonly tlsVersion: string | null;
  readonly identity: PeerIdentity | null;
  readonly chain: readonly Buffer[];
  /** The proxy's own SPIFFE ID, or null when it has none (mtls: off). */
  readonly ownId: { readonly uri: string; readonly trustDomain: string } | null;
  readonly graceAfterExpiryMs: number;
  /** True when X-Forwarded-For decides the client's address, request by request. */
  readonly remoteIpPerRequest: boolean;
}

export function createPeer(listener: ListenerRef, transport: Transport): Peer {
  const { identity, ownId, sourceIp, destinationIp, client, sni, remoteIpPerRequest } = transport;
  // Outbound without TLS is the application beside this proxy: the configuration allows loopback only.
  const own = listener.direction === 'outbound' && transport.tlsVersion === null;
  const principal = own ? (ownId?.uri ?? null) : (identity?.spiffeId.uri ?? null);
  return {
    identity,
    authenticated: own || identity !== null,
    chain: transport.chain,
    client,
    facts: {
      principal,
      sourceIp,
      remoteIp: remoteIpPerRequest ? undefined : client.source.ip,
      destinationIp,
      destinationPort: listener.destinationPort,
      sni,
    },
    record: {
      id: transport.connectionId,
      listener,
      principal,
      local: own || (identity !== null && identity.spiffeId.trustDomain === ownId?.trustDomain),
      sourceIp,
      remoteIp: remoteIpPerRequest ? null : client.source.ip,
      remoteIpFrom: remoteIpPerRequest ? 'x-forwarded-for' : client.from,
      destinationIp,
      sni,
      tlsVersion: transport.tlsVersion,
    },
    forwardedClientCert: identity === null ? null : clientCertValue(identity, ownId?.uri ?? ''),
    scheme: transport.tlsVersion === null ? 'http' : 'https',
    expiresAtMs:
      identity === null ? Number.POSITIVE_INFINITY : identity.notAfterMs + transport.graceAfterExpiryMs,
  };
}

/** IPv4-mapped IPv6 addresses of dual-stack sockets become IPv4, a zone is dropped. */
export function plainIp(address: string | undefined): string {
  if (address === undefined) return '';
  const zone = address.indexOf('%');
  const bare = zone < 0 ? address : address.slice(0, zone);
  return bare.startsWith('::ffff:') && bare.includes('.') ? bare.slice(7) : bare;
}

function clientCertValue(identity: PeerIdentity, by: string): string {
  const own = by === '' ? '' : `By=${by};`;
  return `${own}Hash=${identity.fingerprintSha256};URI=${identity.spiffeId.uri}`;
}
