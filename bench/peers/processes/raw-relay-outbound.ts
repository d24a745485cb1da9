// The floor of Node for the application's outbound proxy: plaintext in, one head looked at and extended,
// mutual TLS out, and back. The server is known by its authority and host name.
import net from 'node:net';
import { connect } from 'node:tls';
import { relay, type Upstream } from './raw-upstream.ts';
import { settingsFrom } from './settings.ts';

const settings = settingsFrom(process.argv.slice(2));
const { cert, key, ca, minVersion } = settings.server;
/** What the servers of the bench choose: OpenSSL's own first choice is a longer key. */
const ciphers = 'TLS_AES_128_GCM_SHA256';
const idle: Upstream[] = [];

net
  .createServer({ noDelay: true }, (socket) =>
    relay(socket, idle, (onread) => {
      const to = { host: '127.0.0.1', port: settings.upstreamPort, servername: 'localhost', onread, ciphers };
      const upstream = connect({ ...to, cert, key, ca, minVersion });
      upstream.setNoDelay(true);
      return upstream;
    }),
  )
  .listen({ port: settings.port, host: '127.0.0.1', backlog: 4_096 });
