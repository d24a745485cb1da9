// A relay between two proxies that are being checked: it sees what crosses the wire, and can lead to another
// server than the expected one.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { readServerHello, type ServerHello } from './server-hello.ts';

/** More than a ServerHello has. */
const FIRST_BYTES_MAX = 4_096;

export class Tap {
  readonly port: number;
  /** Bytes from the outbound proxy so far. */
  sentBytes = 0;
  /** What each connection began with, in order; null = no TLS. */
  readonly hellos: (ServerHello | null)[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number;

  private constructor(server: Server, port: number, target: number) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on('connection', (socket) => this.#relay(socket));
  }

  /** Relays to `target`, a port of the loopback address. */
  static async open(target: number): Promise<Tap> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return new Tap(server, typeof address === 'object' ? (address?.port ?? 0) : 0, target);
  }

  /** Ends every connection; new ones go to `target`. */
  leadTo(target: number): void {
    this.#target = target;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #relay(near: Socket): void {
    const far = connect({ host: '127.0.0.1', port: this.#target });
    let first = Buffer.alloc(0);
    let read = false;
    far.on('data', (chunk: Buffer) => {
      if (read) return;
      first = Buffer.concat([first, chunk]);
      const hello = readServerHello(first);
      if (hello === null && first.length < FIRST_BYTES_MAX) return;
      read = true;
      this.hellos.push(hello);
    });
    far.once('close', () => {
      if (!read && first.length > 0) this.hellos.push(null);
    });
    near.on('data', (chunk: Buffer) => {
      this.sentBytes += chunk.length;
    });
    near.pipe(far).pipe(near);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
