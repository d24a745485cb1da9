// An application that behaves by path, mostly badly: the same of HTTP/1.1 and of HTTP/2 (by node:http and
// node:http2), with a count of what is open.
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import type { Readable, Writable } from 'node:stream';

export type ApplicationProtocol = 'http1' | 'h2c';

/** What the requests and the responses of both versions have in common. */
interface Asked extends Readable {
  readonly url?: string | undefined;
}
interface Reply extends Writable {
  setHeader(name: string, value: string): unknown;
  addTrailers(trailers: Readonly<Record<string, string>>): void;
}
interface Arrival {
  readonly asked: Asked;
  readonly reply: Reply;
  /** Ends it without a word: RST_STREAM, or the end of the connection. */
  readonly breakOff: (code: number) => void;
  /** Takes no further request on its connection, or ends it with all that is on it. */
  readonly leave: (how: 'politely' | 'at once') => void;
}

const LARGE = Buffer.alloc(200_000, 'x');
const STREAMS_MAX = 100;
const SLOW_MS = 20;

const ROUTES: Readonly<Record<string, (arrival: Arrival) => void>> = {
  '/ok': ({ asked, reply }) => void asked.resume().on('end', () => reply.end('ok')),
  '/hangs': () => undefined,
  '/takes': ({ asked }) => void asked.resume(),
  '/early': ({ reply }) => void reply.end('early'),
  '/echo': ({ asked, reply }) => void asked.pipe(reply),
  '/large': ({ reply }) => void reply.end(LARGE),
  '/begins': ({ reply }) => void reply.write('begin'),
  '/dies': ({ reply, breakOff }) =>
    void reply.write('begin', () => breakOff(http2.constants.NGHTTP2_INTERNAL_ERROR)),
  '/refuses': ({ breakOff }) => breakOff(http2.constants.NGHTTP2_REFUSED_STREAM),
  '/stops': ({ breakOff }) => breakOff(http2.constants.NGHTTP2_NO_ERROR),
  '/leaves': ({ reply, leave }) => {
    leave('politely');
    reply.end('bye');
  },
  '/ends': ({ leave }) => leave('at once'),
  '/slow': ({ asked, reply }) => {
    asked.on('data', () => {
      asked.pause();
      setTimeout(() => asked.resume(), SLOW_MS);
    });
    asked.on('end', () => reply.end('slow'));
  },
  '/test.Echo/Call': ({ asked, reply }) => {
    reply.setHeader('content-type', 'application/grpc');
    reply.setHeader('trailer', 'grpc-status');
    reply.write(Buffer.alloc(5));
    asked.resume().on('end', () => {
      reply.addTrailers({ 'grpc-status': '0' });
      reply.end();
    });
  },
};
export const PATHS = Object.keys(ROUTES);

export class ErraticApplication {
  readonly port: number;
  /** Connections that are open now. */
  readonly sockets: Set<net.Socket>;
  /** All there were. */
  served = 0;
  private readonly byUrl = new Map<string, number>();
  private readonly server: http.Server | http2.Http2Server;

  private constructor(server: http.Server | http2.Http2Server, sockets: Set<net.Socket>) {
    this.server = server;
    this.port = (server.address() as net.AddressInfo).port;
    this.sockets = sockets;
  }

  static async start(protocol: ApplicationProtocol): Promise<ErraticApplication> {
    const started: { application?: ErraticApplication } = {};
    const sockets = new Set<net.Socket>();
    const server =
      protocol === 'http1'
        ? http.createServer({ keepAliveTimeout: 60_000 }, (asked, reply) => {
            const { socket } = asked;
            const leave = (how: string): unknown =>
              how === 'politely' ? reply.setHeader('connection', 'close') : socket.destroy();
            started.application?.serve({ asked, reply, breakOff: () => void socket.destroy(), leave });
          })
        : http2.createServer({ settings: { maxConcurrentStreams: STREAMS_MAX } }, (asked, reply) => {
            const { stream } = asked;
            const leave = (how: string): unknown =>
              how === 'politely' ? stream.session?.close() : stream.session?.destroy();
            started.application?.serve({ asked, reply, breakOff: (code) => stream.close(code), leave });
          });
    server.on('sessionError', () => undefined); // the connection was cut: this is what is tried
    server.on('connection', (socket: net.Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    started.application = new ErraticApplication(server, sockets);
    return started.application;
  }

  /** How many requests for `url` there were. */
  asked(url: string): number {
    return this.byUrl.get(url) ?? 0;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private serve(arrival: Arrival): void {
    const { asked, reply } = arrival;
    this.served++;
    for (const stream of [asked, reply]) stream.on('error', () => undefined); // broken off
    const { url = '' } = asked;
    this.byUrl.set(url, this.asked(url) + 1);
    const route = ROUTES[url.split('?')[0] ?? ''];
    if (route === undefined) reply.end('none');
    else route(arrival);
  }
}
