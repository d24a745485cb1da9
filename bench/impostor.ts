// A server that is not the one an outbound proxy may talk to: it answers whatever it gets, and counts it.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createServer, type Server } from 'node:tls';
import type { KeyPair } from './pki.ts';

export class Impostor {
  readonly port: number;
  /** Connections that came, their handshakes over or not. */
  connections = 0;
  /** Bytes that it could decrypt. */
  heardBytes = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on('connection', (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('secureConnection', (socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk: Buffer) => {
        this.heardBytes += chunk.length;
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      });
    });
    server.on('tlsClientError', () => undefined); // that is what it is for
  }

  static async open({ certificate, key }: KeyPair): Promise<Impostor> {
    const server = createServer({
      cert: readFileSync(certificate),
      key: readFileSync(key),
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return new Impostor(server, typeof address === 'object' ? (address?.port ?? 0) : 0);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
