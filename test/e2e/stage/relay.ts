// A TCP relay between a caller and the proxy that can hold back what the caller sends.
import { once } from 'node:events';
import net from 'node:net';

/** Relays one connection; what follows the caller's first bytes (its ClientHello) is held until `release`. */
export class HoldingRelay {
  readonly port: number;
  /** The connection to the proxy. */
  readonly outward: net.Socket;
  readonly held: Buffer[] = [];
  private readonly server: net.Server;
  private state: 'hello' | 'holding' | 'open' = 'hello';

  private constructor(server: net.Server, outward: net.Socket) {
    this.server = server;
    this.outward = outward;
    this.port = (server.address() as net.AddressInfo).port;
    server.on('connection', (inward) => {
      inward.on('error', () => undefined);
      inward.on('data', (chunk: Buffer) => this.take(chunk));
      inward.on('end', () => outward.end());
      outward.on('data', (chunk: Buffer) => inward.write(chunk));
      outward.on('close', () => inward.destroy());
    });
  }

  static async start(target: net.TcpNetConnectOpts): Promise<HoldingRelay> {
    const outward = net.connect(target);
    outward.on('error', () => undefined);
    const server = net.createServer().listen(0, '127.0.0.1');
    await Promise.all([once(outward, 'connect'), once(server, 'listening')]);
    return new HoldingRelay(server, outward);
  }

  get heldBytes(): number {
    return this.held.reduce((sum, { length }) => sum + length, 0);
  }

  release(): void {
    this.state = 'open';
    for (const chunk of this.held.splice(0)) this.outward.write(chunk);
  }

  close(): void {
    this.server.close();
    this.outward.destroy();
  }

  private take(chunk: Buffer): void {
    if (this.state === 'holding') this.held.push(chunk);
    else this.outward.write(chunk);
    if (this.state === 'hello') this.state = 'holding';
  }
}
