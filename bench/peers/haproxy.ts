// HAProxy, one thread: the cheapest TLS-ending proxy around, and therefore the reference. Its one rule names
// method and path; its caller is any certificate of the authority, since HAProxy 2.6 cannot read a URI SAN.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCommand } from '../session.ts';
import { OPENSSL_CONF, type Peer, type PeerSetup, versionOf, waitForPort } from './peer.ts';

export const haproxy: Peer = {
  name: 'haproxy',
  tls: true,
  rules: 1,
  knowsCallers: false,
  justInTime: false,
  version: () =>
    versionOf('haproxy', ['-vv'], [/version (\S+)/, /Running on OpenSSL version : (OpenSSL \S+)/]),
  missing: () => (hasCommand('haproxy', ['-v']) ? null : 'apt-get install -y haproxy'),
  async start(setup) {
    const { session, pki } = setup;
    const port = await session.freePort();
    const file = join(session.directory, `haproxy-${port}.cfg`);
    const pair = join(session.directory, `haproxy-${port}.pem`);
    writeFileSync(pair, readFileSync(pki.server.certificate, 'utf8') + readFileSync(pki.server.key, 'utf8'));
    writeFileSync(file, configuration(setup, port, pair));
    const child = session.start({
      name: 'haproxy',
      command: 'haproxy',
      args: ['-db', '-f', file],
      env: { OPENSSL_CONF },
      cpu: session.cpus?.proxy,
    });
    await waitForPort(child, port);
    return { port, child };
  },
};

function configuration({ pki, upstreamPort }: PeerSetup, port: number, pair: string): string {
  return `global
  nbthread 1
  maxconn 8000
  ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets
defaults
  mode http
  timeout connect 1s
  timeout client 300s
  timeout server 300s
  http-reuse always
frontend inbound
  bind 127.0.0.1:${port} ssl crt ${pair} ca-file ${pki.authority} verify required alpn http/1.1
  http-request deny deny_status 403 unless { method GET } { path_beg /items/ }
  default_backend application
backend application
  server application 127.0.0.1:${upstreamPort} pool-max-conn 1024
`;
}
