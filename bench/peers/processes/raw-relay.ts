// The floor of Node for this job: mutual TLS in, one head looked at and extended, plaintext out, and back. No
// identity, policy, limit, record or strict parsing. What a proxy adds to this is its own.
import net from 'node:net';
import { createServer } from 'node:tls';
import { relay, type Upstream } from './raw-upstream.ts';
import { settingsFrom } from './settings.ts';

const settings = settingsFrom(process.argv.slice(2));
const idle: Upstream[] = [];

createServer({ ...settings.server, noDelay: true }, (socket) =>
  relay(socket, idle, (onread) =>
    net.connect({ host: '127.0.0.1', port: settings.upstreamPort, noDelay: true, onread }),
  ),
).listen({ port: settings.port, host: '127.0.0.1', backlog: 4_096 });
