// HAProxy as the application's outbound proxy. It verifies the server's authority and host name: HAProxy 2.6
// cannot compare a URI SAN.
import { haproxy, pemOf, startHaproxy } from './haproxy.ts';
import { clientOpensslConf, type OutboundPeer } from './outbound.ts';
import type { PeerSetup } from './peer.ts';

export const haproxyOutbound: OutboundPeer = {
  inbound: haproxy,
  verifies: 'host name',
  start: (setup, next) =>
    startHaproxy(setup, {
      name: 'haproxy-outbound',
      opensslConf: clientOpensslConf(setup.session),
      configuration: (port) => configuration(setup, { port, next, pair: pemOf(setup, setup.pki.client) }),
    }),
};

function configuration(
  { pki }: PeerSetup,
  at: { readonly port: number; readonly next: number; readonly pair: string },
): string {
  return `global
  nbthread 1
  maxconn 8000
  ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256
  ssl-default-server-options ssl-min-ver TLSv1.3 no-tls-tickets
defaults
  mode http
  retries 1
  timeout connect 1s
  timeout client 300s
  timeout server 300s
  http-reuse always
frontend outbound
  bind 127.0.0.1:${at.port}
  http-request deny deny_status 403 unless { method GET } { path_beg /items/ }
  default_backend next
backend next
  default-server ssl crt ${at.pair} ca-file ${pki.authority} alpn http/1.1 no-ssl-reuse
  default-server verify required verifyhost localhost sni str(localhost) pool-max-conn 1024
  server next 127.0.0.1:${at.next}
`;
}
