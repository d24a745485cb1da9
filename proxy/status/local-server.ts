// A small HTTP server for operators, not for traffic: GET on a closed list of paths, tight limits, one bind
// error.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { SallyportError } from '../../core/errors.ts';

/** One answer. A body of pieces is streamed, a turn of the event loop each: traffic is served in between. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Iterable<string>;
}

/** What answers one path. */
export type Handler = () => Answer | Promise<Answer>;

/** What a server is made of. */
export interface LocalServerOptions {
  /** Paths and their handlers; any other path is 404. */
  readonly routes: ReadonlyMap<string, Handler>;
  /** Says who may ask; absent = anyone. */
  readonly admits?: (request: IncomingMessage) => boolean;
  /** Told of a handler that threw; the caller gets 500. */
  readonly defect: (error: unknown) => void;
}

/** A bound address, and how to leave it. */
export interface LocalServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

const HEAD_BYTES_MAX = 8 * 1024;
const CONNECTIONS_MAX = 50;
const TIMEOUT_MS = 5000;
const TEXT = 'text/plain; charset=utf-8';

/** Makes the server; nothing is bound yet. */
export function createLocalServer(options: LocalServerOptions): Server {
  const server = createServer(
    {
      maxHeaderSize: HEAD_BYTES_MAX,
      headersTimeout: TIMEOUT_MS,
      requestTimeout: TIMEOUT_MS,
      keepAliveTimeout: TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => {
      answer(options, request)
        .then((given) => send(response, given))
        .catch((error: unknown) => {
          // A caller that hung up is no defect.
          if (!response.destroyed) options.defect(error);
          response.destroy();
        });
    },
  );
  // An accept that fails later (no descriptor left) must not end the process; `listen` tells about the first
  // bind.
  server.on('error', (error) => {
    if (server.listening) options.defect(error);
  });
  server.maxConnections = CONNECTIONS_MAX;
  // A reader that stalls is cut too, not only a slow request.
  server.setTimeout(TIMEOUT_MS);
  return server;
}

/** Binds. @throws ERR_LISTEN_FAILED with the address, the configuration key and what to do */
export async function listen(
  server: Server,
  address: { host: string; port: number; key: string },
): Promise<LocalServer> {
  const { host, port } = address;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(bindError(error, address)));
    server.listen({ host, port }, resolve);
  });
  const bound = server.address();
  return {
    host,
    port: isInet(bound) ? bound.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** JSON as an answer. */
export function json(body: string | Iterable<string>): Answer {
  return { status: 200, contentType: 'application/json', body };
}

/** Lines of text as an answer. */
export function text(status: number, lines: readonly string[]): Answer {
  return { status, contentType: TEXT, body: `${lines.join('\n')}\n` };
}

/** JSON texts as one array, in pieces of about 32 KiB. */
export function* jsonArray(items: Iterable<string>): Generator<string> {
  let piece = '[';
  let separator = '\n';
  for (const item of items) {
    piece += separator + item;
    separator = ',\n';
    if (piece.length < 32_768) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}\n]\n`;
}

async function answer(options: LocalServerOptions, request: IncomingMessage): Promise<Answer> {
  if (options.admits?.(request) === false) return text(403, ['only for requests to a loopback name']);
  const target = request.url ?? '';
  const query = target.indexOf('?');
  const handler = options.routes.get(query < 0 ? target : target.slice(0, query));
  if (handler === undefined)
    return text(404, [`not found; here are: ${[...options.routes.keys()].join(' ')}`]);
  if (request.method !== 'GET') return text(405, ['only GET']);
  try {
    return await handler();
  } catch (error) {
    options.defect(error);
    return text(500, ['internal error; the log says more']);
  }
}

async function send(response: ServerResponse, given: Answer): Promise<void> {
  response.writeHead(given.status, {
    'content-type': given.contentType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(given.status === 405 ? { allow: 'GET' } : {}),
  });
  if (typeof given.body === 'string') response.end(given.body);
  else await pipeline(inTurns(given.body), response);
}

async function* inTurns(pieces: Iterable<string>): AsyncGenerator<string> {
  for (const piece of pieces) {
    yield piece;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

function isInet(address: AddressInfo | string | null): address is AddressInfo {
  return address !== null && typeof address !== 'string';
}

function bindError(error: Error, { host, port, key }: { host: string; port: number; key: string }): Error {
  const code = 'code' in error ? error.code : '';
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const hint =
    code === 'EADDRINUSE'
      ? `another process listens there; \`ss -ltnp\` names it, or choose another \`${key}\``
      : code === 'EADDRNOTAVAIL'
        ? `this machine has no such address; correct \`${key}\``
        : code === 'EACCES'
          ? `ports below 1024 need CAP_NET_BIND_SERVICE; choose another \`${key}\``
          : `correct \`${key}\``;
  return new SallyportError(
    'ERR_LISTEN_FAILED',
    `cannot listen on \`${where}\` (\`${key}\`): ${error.message}`,
    {
      hint,
      cause: error,
    },
  );
}
