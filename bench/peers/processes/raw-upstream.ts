// The upstream side of the raw relays: connections that are reused, each with the caller it answers just now.
import type net from 'node:net';

const LENGTH = 'content-length: ';
const UNREACHABLE = 'HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n';
const ADDED = 'x-request-id: 00000000-0000-4000-8000-000000000000\r\nx-forwarded-for: 127.0.0.1\r\n\r\n';

/** Connects, reading as it is told. */
export type Connect = (onread: net.OnReadOpts) => net.Socket;

/** Relays each head that `caller` sends, extended, over a connection that is idle or made with `connect`. */
export function relay(caller: net.Socket, idle: Upstream[], connect: Connect): void {
  caller.on('data', (chunk: Buffer) => {
    const upstream = idle.pop() ?? new Upstream(idle, connect);
    upstream.caller = caller;
    upstream.socket.write(chunk.toString('latin1', 0, chunk.indexOf('\r\n\r\n') + 2) + ADDED, 'latin1');
  });
  caller.on('error', () => caller.destroy());
}

const buffer = Buffer.allocUnsafeSlow(65_536);

/** One connection, and whom it answers just now. */
export class Upstream {
  readonly socket: net.Socket;
  caller: net.Socket | null = null;
  private left = 0;
  private readonly idle: Upstream[];

  constructor(idle: Upstream[], connect: Connect) {
    this.idle = idle;
    this.socket = connect({ buffer, callback: (length) => this.read(length) });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => this.onClose());
  }

  private onClose(): void {
    const at = this.idle.indexOf(this);
    if (at >= 0) this.idle.splice(at, 1);
    this.caller?.end(UNREACHABLE);
  }

  private read(length: number): boolean {
    // A write may take from the memory it is given later: the shared buffer has to be copied.
    this.caller?.write(Buffer.from(buffer.subarray(0, length)));
    if (this.left === 0) {
      const text = buffer.toString('latin1', 0, length);
      const end = text.indexOf('\r\n\r\n') + 4;
      const at = text.toLowerCase().indexOf(LENGTH) + LENGTH.length;
      this.left = end + Number.parseInt(text.slice(at), 10);
    }
    this.left -= length;
    if (this.left > 0) return true;
    this.caller = null;
    this.idle.push(this);
    return true;
  }
}
