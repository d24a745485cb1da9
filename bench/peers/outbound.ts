// What stands before an inbound proxy of the same make in the scenario `pair`: plaintext from the application
// in, mutual TLS out to the inbound proxy.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Session } from '../session.ts';
import type { Peer, PeerSetup, RunningPeer } from './peer.ts';

export interface OutboundPeer {
  /** Whom it stands before; both have one name, one version and one number of rules. */
  readonly inbound: Peer;
  /** What it can tell the right server by, besides the authority. */
  readonly verifies: 'SPIFFE ID' | 'host name';
  /** Starts it with the caller's certificate, before a server on `port` of the loopback address. */
  start(setup: PeerSetup, port: number): Promise<RunningPeer>;
}

/**
 * An OpenSSL configuration for clients that have no option for what the load offers: X25519 alone, and no
 * session tickets, as OPENSSL_CONF says for servers.
 */
export function clientOpensslConf(session: Session): string {
  const file = join(session.directory, 'client-openssl.cnf');
  writeFileSync(
    file,
    `nodejs_conf = bench
openssl_conf = bench
[bench]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
Groups = X25519
NumTickets = 0
`,
  );
  return file;
}
