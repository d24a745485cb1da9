// The issuer's HTTPS listener: a TLS handshake, then HTTP/1.1 by node:http, each request with the SVID of who
// asks judged anew. Limits hold before anything is parsed; what is not understood is refused.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../../../core/clock.ts';
import { bindAddress } from '../../bind.ts';
import { ISSUER_HEAD_BYTES_MAX, ISSUER_IDLE_MS_MAX, ISSUER_REQUEST_MS_MAX } from '../../limits.ts';
import type { PeerIdentity } from '../../verify.ts';
import { type Answer, answerTo, problem, send } from './answer.ts';
import type { ListenerIdentity } from './listener-identity.ts';
import { type RouteDeps, route } from './routes.ts';
import { createTlsListener, type SecuredCaller, type TlsListener } from './tls-listener.ts';

/** Who hears what happens; for metrics and log. */
export interface HttpEvents {
  handshake(result: string): void;
  /** One answered request; `status` 0 when the caller left before. */
  answered(status: number): void;
  /** Something that is our fault, or that only the operator may know. */
  problem(message: string, error: unknown): void;
}

export interface HttpServerOptions {
  readonly address: { readonly host: string; readonly port: number };
  readonly limits: { readonly connections: number; readonly connectionsPerAddress: number };
  readonly clock: Clock;
  readonly identity: () => ListenerIdentity;
  readonly routes: RouteDeps;
  readonly events: HttpEvents;
}

/** A bound listener. */
export interface HttpServer {
  readonly port: number;
  /** Takes no more; answers who waits; ends the rest after `drainMs`. */
  close(drainMs: number): Promise<void>;
}

/** Binds. @throws ERR_LISTEN_FAILED */
export async function listenHttps(options: HttpServerOptions): Promise<HttpServer> {
  const { clock, events } = options;
  const callers = new Map<TLSSocket, Connection>();
  const http = createHttp((request, response) => {
    const connection = callers.get(request.socket as TLSSocket);
    if (connection === undefined) return void request.socket.destroy();
    void serve(request, response, connection, options);
  });
  const listener = createTlsListener(
    {
      clock,
      identity: options.identity,
      connectionsMax: options.limits.connections,
      connectionsPerAddressMax: options.limits.connectionsPerAddress,
    },
    {
      handshake: (result) => events.handshake(result),
      secured(caller) {
        const connection = new Connection(caller, clock);
        callers.set(caller.socket, connection);
        caller.socket.once('close', () => {
          connection.close();
          callers.delete(caller.socket);
        });
        http.emit('connection', caller.socket);
      },
    },
  );
  const port = await bindAddress(listener.server, options.address, 'listen.address');
  listener.server.on('error', (error) => events.problem('the listener failed', error));
  return { port, close: (drainMs) => drain({ listener, callers, clock }, options.routes, drainMs) };
}

/** node:http without a socket of its own. */
function createHttp(serveOne: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const http = createServer({ maxHeaderSize: ISSUER_HEAD_BYTES_MAX, requireHostHeader: true }, serveOne);
  // Our own deadline is shorter; without this node:http would answer and close at a time of its own.
  http.keepAliveTimeout = ISSUER_IDLE_MS_MAX * 2;
  http.on('clientError', (_error, socket) => {
    const close = 'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';
    if (socket.writable) socket.end(close, () => socket.destroy());
    else socket.destroy();
  });
  return http;
}

/** One caller's connection, with the deadline of what it does now. */
class Connection {
  readonly caller: SecuredCaller;
  readonly #clock: Clock;
  #late: Timer | null = null;
  closing = false;
  busy = false;

  constructor(caller: SecuredCaller, clock: Clock) {
    this.caller = caller;
    this.#clock = clock;
    this.idle();
  }

  /** From now on a whole head must come in time. */
  idle(): void {
    this.busy = false;
    this.#arm(ISSUER_IDLE_MS_MAX);
  }

  /** From now on a request must be read and its answer taken in time. */
  asked(): void {
    this.busy = true;
    this.#arm(ISSUER_REQUEST_MS_MAX);
  }

  close(): void {
    this.#late?.cancel();
  }

  #arm(afterMs: number): void {
    this.#late?.cancel();
    this.#late = this.#clock.after(afterMs, () => this.caller.socket.destroy());
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  connection: Connection,
  options: HttpServerOptions,
): Promise<void> {
  const { socket, address } = connection.caller;
  connection.asked();
  response.on('close', () => {
    options.events.answered(response.writableFinished ? response.statusCode : 0);
    if (!socket.destroyed) connection.idle();
  });
  const { refused, caller } = judgeAgain(connection.caller, options);
  if (refused) {
    socket.destroy(); // revoked, expired or of a CA that is gone since the handshake
    return;
  }
  const left = (gone: () => void): void => void response.once('close', gone);
  let answer: Answer;
  try {
    answer = await route({ request, address, caller, left }, options.routes);
  } catch (error) {
    answer = faultOf(error, options.events);
  }
  // What was not read of the body would be taken for the next request.
  if (!request.complete || connection.closing) response.setHeader('connection', 'close');
  send(response, answer);
}

function faultOf(error: unknown, events: HttpEvents): Answer {
  const answer = answerTo(error, 'stranger');
  if (answer === null) events.problem('a request failed', error);
  else if (answer.status >= 500) events.problem('a request could not be served', error);
  return answer ?? problem('ERR_ISSUER_HTTP_DEFECT');
}

/** The SVID of the connection against the trust of this moment. */
function judgeAgain(
  { chain, identity }: SecuredCaller,
  { identity: own, clock }: HttpServerOptions,
): { readonly refused: boolean; readonly caller: PeerIdentity | null } {
  if (identity === null) return { refused: false, caller: null };
  const verdict = own().callers.verify(chain, clock.now());
  return verdict.ok ? { refused: false, caller: verdict.identity } : { refused: true, caller: null };
}

async function drain(
  of: { listener: TlsListener; callers: Map<TLSSocket, Connection>; clock: Clock },
  { polls }: RouteDeps,
  drainMs: number,
): Promise<void> {
  const { listener, callers, clock } = of;
  const closed = new Promise<void>((resolve) => listener.server.close(() => resolve()));
  for (const connection of callers.values()) {
    connection.closing = true;
    if (!connection.busy) connection.caller.socket.destroy();
  }
  polls.close();
  const late = clock.after(drainMs, () => listener.destroyAll());
  await closed;
  late.cancel();
}
