// HAProxy, one thread: the cheapest TLS-ending proxy around, and therefore the reference. Its one rule names
// method and path; its caller is any certificate of the authority, since HAProxy 2.6 cannot read a URI SAN.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { KeyPair } from '../pki.ts';
import { hasCommand } from '../session.ts';
import { OPENSSL_CONF, type Peer, type PeerSetup, type RunningPeer, versionOf, waitForPort } from './peer.ts';

export const haproxy: Peer = {
  name: 'haproxy',
  tls: true,
  rules: 1,
  knowsCallers: false,
  justInTime: false,
  version: () =>
    versionOf('haproxy', ['-vv'], [/version (\S+)/, /Running on OpenSSL version : (OpenSSL \S+)/]),
  missing: () => (hasCommand('haproxy', ['-v']) ? null : 'apt-get install -y haproxy'),
  start: (setup) =>
    startHaproxy(setup, {
      name: 'haproxy',
      opensslConf: OPENSSL_CONF,
      configuration: (port) => configuration(setup, port, pemOf(setup, setup.pki.server)),
    }),
};

/** Starts it on a free port, which `configuration` is told. */
export async function startHaproxy(
  { session }: PeerSetup,
  options: {
    readonly name: string;
    readonly opensslConf: string;
    readonly configuration: (port: number) => string;
  },
): Promise<RunningPeer> {
  const { name, opensslConf } = options;
  const port = await session.freePort();
  const file = join(session.directory, `${name}-${port}.cfg`);
  writeFileSync(file, options.configuration(port));
  const child = session.start({
    name,
    command: 'haproxy',
    args: ['-db', '-f', file],
    env: { OPENSSL_CONF: opensslConf },
    cpu: session.cpus?.proxy,
  });
  await waitForPort(child, port);
  return { port, child };
}

/** Certificate and key in one file, as HAProxy reads them. */
export function pemOf({ session }: PeerSetup, { certificate, key }: KeyPair): string {
  const file = join(session.directory, `haproxy-${basename(certificate)}`);
  writeFileSync(file, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'));
  return file;
}

function configuration({ pki, upstreamPort, http, allowed }: PeerSetup, port: number, pair: string): string {
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
  bind 127.0.0.1:${port} ssl crt ${pair} ca-file ${pki.authority} verify required alpn ${http}
  http-request deny deny_status 403 unless { method ${allowed.methods.join(' ')} } { path_beg /items/ }
  default_backend application
backend application
  server application 127.0.0.1:${upstreamPort} pool-max-conn 1024${http === 'h2' ? ' proto h2' : ''}
`;
}
