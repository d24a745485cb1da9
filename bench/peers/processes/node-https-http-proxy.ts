// Baseline: node:https in front, http-proxy 1.18 with a keep-alive agent behind. One rule, no metrics.
import { Agent } from 'node:http';
import { createServer } from 'node:https';
import httpProxy from 'http-proxy';
import { isAllowed, settingsFrom } from './settings.ts';

const settings = settingsFrom(process.argv.slice(2));
const proxy = httpProxy.createProxyServer({
  target: { host: '127.0.0.1', port: settings.upstreamPort },
  agent: new Agent({ keepAlive: true, maxSockets: 1_024 }),
});
proxy.on('error', (_error, _request, response) => response.destroy());

createServer(settings.server, (request, response) => {
  if (isAllowed(request)) proxy.web(request, response);
  else response.writeHead(403).end();
}).listen({ port: settings.port, host: '127.0.0.1', backlog: 4_096 });
