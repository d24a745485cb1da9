// One plaintext TCP connection to the application. It belongs to one exchange at a time or waits in the pool.
// PERF: every connection reads into one shared buffer (`onread`): a consumer copies what it keeps before it
// returns.
import net from 'node:net';

/** Who a connection reports to while it is in use. Every call is synchronous. */
export interface UpstreamOwner {
  upstreamConnected(): void;
  /** `chunk` is valid only during the call. */
  upstreamData(chunk: Buffer): void;
  /** The application half-closed: no more bytes come. */
  upstreamEnd(): void;
  upstreamDrained(): void;
  /** The connection is gone; `error` is the socket's error code, or '' for an orderly close. */
  upstreamClosed(error: string): void;
}

const READ_BYTES = 65_536;

/** The read buffer that all upstream connections of a process share. */
export function createReadBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(READ_BYTES);
}

export class UpstreamConnection {
  readonly socket: net.Socket;
  /** Requests that were answered completely on this connection. */
  served = 0;
  connected = false;
  closed = false;
  /** Coarse monotonic milliseconds at which an idle connection is closed. */
  deadlineMs = Number.POSITIVE_INFINITY;
  owner: UpstreamOwner | null = null;
  private readonly gone: (connection: UpstreamConnection) => void;
  private errorCode = '';

  constructor(
    address: { host: string; port: number },
    buffer: Buffer,
    gone: (connection: UpstreamConnection) => void,
  ) {
    this.gone = gone;
    this.socket = net.connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      allowHalfOpen: true,
      onread: { buffer, callback: (length, shared) => this.onRead(length, shared) },
    });
    this.socket.on('connect', () => this.onConnect());
    this.socket.on('end', () => this.onEnd());
    this.socket.on('drain', () => this.owner?.upstreamDrained());
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code ?? 'ERROR';
    });
    this.socket.on('close', () => this.onClose());
  }

  /** Closes at once; the owner, if any, is not told. */
  destroy(): void {
    this.owner = null;
    this.socket.destroy();
    this.onClose();
  }

  private onConnect(): void {
    this.connected = true;
    this.owner?.upstreamConnected();
  }

  private onRead(length: number, shared: Uint8Array): boolean {
    const owner = this.owner;
    if (owner === null) {
      // A byte on an idle connection can only be a response nobody asked for.
      this.destroy();
      return false;
    }
    const buffer = shared as Buffer;
    owner.upstreamData(length === buffer.length ? buffer : buffer.subarray(0, length));
    return true;
  }

  private onEnd(): void {
    if (this.owner === null) this.destroy();
    else this.owner.upstreamEnd();
  }

  private onClose(): void {
    if (this.closed) return;
    this.closed = true;
    this.gone(this);
    const owner = this.owner;
    this.owner = null;
    owner?.upstreamClosed(this.errorCode);
  }
}
