// The same over HTTP/2, by Node's own client: a foreign reader of what a peer says, and of its gRPC.
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { ANSWER_MS_MAX, type Answer, connectTo, type Question, seenOf } from './ask.ts';
import { grpcMessage } from './load/http2/messages.ts';

const MESSAGE_BYTES = 1_000;

/** One request on a connection of its own. */
export async function askHttp2({ path, method = 'GET', ...to }: Question): Promise<Answer> {
  const seen = { tls: '', tickets: 0 };
  const received = await exchange(to, seen, { ':method': method, ':path': path }, null);
  const { status, body, ending } = received;
  return { status, bodyBytes: body.length, ...seen, ending };
}

/** Asks by one unary call that is answered with its own message; a sentence when it is not. */
export async function unaryCallFault({ path, ...to }: Question): Promise<string | null> {
  const message = grpcMessage(MESSAGE_BYTES);
  const head = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const { status, body, trailers, ending } = await exchange(to, { tls: '', tickets: 0 }, head, message);
  if (status !== 200) return `an allowed gRPC call got ${status === null ? ending : `status ${status}`}`;
  if (!body.equals(message)) return `a gRPC call of ${message.length} bytes was answered with ${body.length}`;
  const code = trailers['grpc-status'];
  return code === '0' ? null : `a gRPC call ended with grpc-status ${String(code)}`;
}

interface Received {
  readonly status: number | null;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
  readonly ending: string;
}

function exchange(
  to: Omit<Question, 'path' | 'method'>,
  seen: { tls: string; tickets: number },
  head: Readonly<Record<string, string>>,
  body: Buffer | null,
): Promise<Received> {
  return new Promise((resolve) => {
    let status: number | null = null;
    let trailers: IncomingHttpHeaders = {};
    let ending = 'closed';
    const chunks: Buffer[] = [];
    const socket: TLSSocket = connectTo({ ...to, overrides: { ...to.overrides, ALPNProtocols: ['h2'] } });
    const timer = setTimeout(() => {
      ending = `nothing within ${ANSWER_MS_MAX} ms`;
      socket.destroy();
    }, ANSWER_MS_MAX);
    socket.on('session', () => seen.tickets++);
    socket.on('error', (error) => {
      ending = error.message; // a refusal is an answer here
      socket.destroy();
    });
    socket.once('close', () => {
      clearTimeout(timer);
      resolve({ status, body: Buffer.concat(chunks), trailers, ending });
    });
    socket.once('secureConnect', () => {
      seen.tls = seenOf(socket);
      if (socket.alpnProtocol !== 'h2') {
        ending = 'HTTP/2 was not chosen';
        return socket.destroy();
      }
      const session: ClientHttp2Session = connect('https://localhost', { createConnection: () => socket });
      session.on('error', (error) => {
        ending = error.message;
        socket.destroy();
      });
      const stream = session.request(head, { endStream: body === null });
      stream.on('response', (fields) => {
        status = Number(fields[constants.HTTP2_HEADER_STATUS]);
      });
      stream.on('trailers', (fields) => {
        trailers = fields;
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', (error) => {
        ending = error.message;
      });
      stream.on('close', () => session.destroy());
      if (body !== null) stream.end(body);
    });
  });
}
