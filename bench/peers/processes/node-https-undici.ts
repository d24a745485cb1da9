// Baseline: node:https in front, undici's dispatch behind. One rule, no metrics.
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { type Dispatcher, Pool } from 'undici';
import { isAllowed, settingsFrom } from './settings.ts';

const settings = settingsFrom(process.argv.slice(2));
const pool = new Pool(`http://127.0.0.1:${settings.upstreamPort}`, { connections: 1_024, pipelining: 1 });

createServer(settings.server, (request, response) => {
  if (!isAllowed(request)) {
    response.writeHead(403).end();
    return;
  }
  const { connection: _connection, ...headers } = request.headers;
  pool.dispatch(
    {
      path: request.url ?? '/',
      method: request.method ?? 'GET',
      headers,
      body: request.method === 'GET' || request.method === 'HEAD' ? null : request,
    },
    forwardTo(response),
  );
}).listen({ port: settings.port, host: '127.0.0.1', backlog: 4_096 });

function forwardTo(response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller) {
      response.on('close', () => {
        if (!response.writableFinished) controller.abort(new Error('the caller went away'));
      });
    },
    onResponseStart(_controller, status, headers) {
      if (status >= 200) response.writeHead(status, headers);
    },
    onResponseData(controller, chunk) {
      if (response.write(chunk)) return;
      controller.pause();
      response.once('drain', () => controller.resume());
    },
    onResponseEnd() {
      response.end();
    },
    onResponseError() {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    },
  };
}
