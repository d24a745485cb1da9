// A small HTTP server for operators, not for traffic: GET on a closed list of paths, one request a
// connection, tight limits, one bind error. It reads heads with the data path's own parser: node:http would
// cost every sidecar 10 MB.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '../../core/clock.ts';
import { SallyportError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { REASONS } from '../../core/reasons.ts';
import { RequestParser, type RequestParserOptions } from '../http1/parse-request.ts';
import { ProtectedNames } from '../http1/protected-names.ts';

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
  /** Says by the Host as it was sent, '' without one, who may ask; absent = anyone. */
  readonly admits?: (host: string) => boolean;
  /** Told of a handler that threw; the caller gets 500. */
  readonly defect: (error: unknown) => void;
}

/** A bound address, and how to leave it. */
export interface LocalServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** For the whole head, and for a reader that stalls. */
const TIMEOUT_MS = 5000;
const TEXT = 'text/plain; charset=utf-8';
const PARSER: RequestParserOptions = {
  headBytesMax: 8 * 1024,
  headersMax: 100,
  targetBytesMax: 2048,
  paths: 'reject',
  proxy: false,
  names: new ProtectedNames([]),
};
const TITLES: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
};

/** Makes the server; nothing is bound yet. */
export function createLocalServer(options: LocalServerOptions): Server {
  const server = createServer((socket) => serve(socket, options));
  // An accept that fails later (no descriptor left) must not end the process; `listen` tells about the first
  // bind.
  server.on('error', (error) => {
    if (server.listening) options.defect(error);
  });
  // Who came first and is still there is slow, on purpose or not; a probe that comes now is not. So room is
  // made for it.
  const connections = new Set<Socket>();
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    const [oldest] = connections;
    if (connections.size <= LIMITS.localConnections || oldest === undefined) return;
    connections.delete(oldest);
    oldest.destroy();
  });
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
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  const bound = server.address();
  return {
    host,
    port: isInet(bound) ? bound.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
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

function serve(socket: Socket, options: LocalServerOptions): void {
  const parser = new RequestParser(PARSER);
  const late = systemClock.after(TIMEOUT_MS, () => socket.destroy());
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
  socket.on('error', () => undefined); // a caller that hung up; `close` follows
  socket.on('close', () => late.cancel());
  socket.on('data', (chunk: Buffer) => {
    // One request a connection: what follows is not read.
    if (parser.method !== '' || parser.fault !== null) return;
    const next = parser.push(chunk, 0);
    if (next === 0) return;
    late.cancel();
    respond(socket, parser, options).catch((error: unknown) => {
      if (!socket.destroyed) options.defect(error);
      socket.destroy();
    });
  });
}

async function respond(socket: Socket, head: RequestParser, options: LocalServerOptions): Promise<void> {
  const { status, contentType, body } = await answer(options, head);
  const title = TITLES[status] ?? 'Error';
  const length = typeof body === 'string' ? `content-length: ${Buffer.byteLength(body)}\r\n` : '';
  const allow = status === 405 ? 'allow: GET\r\n' : '';
  socket.write(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: ${contentType}\r\n${length}${allow}` +
      'cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n',
  );
  // Without a length the end of the connection is the end of the body (RFC 9112 section 6.3).
  for (const piece of typeof body === 'string' ? [body] : body) {
    if (socket.destroyed) return;
    if (!socket.write(piece)) await new Promise<void>((resolve) => untilWritable(socket, resolve));
    else if (typeof body !== 'string') await new Promise<void>((resolve) => setImmediate(resolve));
  }
  socket.end();
}

function untilWritable(socket: Socket, done: () => void): void {
  socket.once('drain', done);
  socket.once('close', done);
}

async function answer(options: LocalServerOptions, head: RequestParser): Promise<Answer> {
  if (head.fault !== null) return text(REASONS[head.fault].status, [REASONS[head.fault].hint]);
  if (options.admits?.(head.headerValues('host')?.[0] ?? '') === false)
    return text(403, ['only for requests to a loopback name']);
  // A path that had to be repaired, or an absolute-form target, is none of ours.
  const handler = head.pathUnchanged ? options.routes.get(head.path) : undefined;
  if (handler === undefined)
    return text(404, [`not found; here are: ${[...options.routes.keys()].join(' ')}`]);
  if (head.method !== 'GET') return text(405, ['only GET']);
  try {
    return await handler();
  } catch (error) {
    options.defect(error);
    return text(500, ['internal error; the log says more']);
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
