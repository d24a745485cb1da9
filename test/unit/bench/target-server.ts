// Servers to be measured: real sockets, real TLS, certificates of an authority of their own.
import { createServer as createPlain, type RequestListener, type Server } from 'node:http';
import { createServer as createTls } from 'node:https';
import { type AddressInfo, createServer as createRaw, type Server as RawServer, type Socket } from 'node:net';
import type { SecureVersion } from 'node:tls';
import type { IssuedSvid } from '../../../certs/authority/authority.ts';

export interface TestServer {
  readonly port: number;
  close(): Promise<void>;
}

/** A plaintext server of node:http. */
export function httpServer(handler: RequestListener): Promise<TestServer> {
  return listen(createPlain({ keepAliveTimeout: 60_000 }, handler));
}

/** A TLS server of node:https that wants a certificate of `authority`. */
export function httpsServer(
  options: { svid: IssuedSvid; authority: string | null; maxVersion?: SecureVersion },
  handler: RequestListener,
): Promise<TestServer> {
  const { svid, authority, maxVersion } = options;
  const tls = {
    cert: svid.chainPem,
    key: svid.privateKeyPem ?? '',
    ...(authority === null ? {} : { ca: authority, requestCert: true, rejectUnauthorized: true }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
    keepAliveTimeout: 60_000,
  };
  return listen(createTls(tls, handler));
}

/** A server of bytes: `onRequest` is called at each chunk that arrives, with its number on this server. */
export function rawServer(onRequest: (socket: Socket, number: number) => void): Promise<TestServer> {
  let number = 0;
  const sockets = new Set<Socket>();
  const server = createRaw((socket) => {
    sockets.add(socket);
    socket.on('data', () => onRequest(socket, ++number));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  return listen(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

/** A port of this machine on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = await rawServer(() => undefined);
  await server.close();
  return server.port;
}

function listen(server: Server | RawServer, end?: () => void): Promise<TestServer> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      // SAFETY: a listening TCP server has an AddressInfo.
      const { port } = server.address() as AddressInfo;
      const close = (): Promise<void> =>
        new Promise((closed) => {
          server.close(() => closed());
          end?.();
          if ('closeAllConnections' in server) server.closeAllConnections();
        });
      resolve({ port, close });
    });
  });
}
