// One client connection of the load: raw TLS (or plaintext) socket, pre-encoded request, one request in
// flight.
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { dial } from './dial.ts';
import type { Lane } from './lane.ts';
import type { Target } from './protocol.ts';
import { ResponseReader } from './response.ts';

export interface ConnectionEvents {
  /** A response is complete; `status` of its final line; `reusable` when another request may follow it. */
  response(connection: Connection, status: number, reusable: boolean): void;
  /** The connection ended although it was not closed here. */
  fault(error: Error, connection: Connection): void;
}

/** GET of `path`, as bytes. */
export function encodeRequest(path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: sallyport-bench\r\n\r\n`);
}

const HEAD_METHOD = 'HEAD ';

export class Connection implements Lane {
  /** When the request in flight was sent or due, monotonic milliseconds; owned by the caller. */
  sentMs = 0;
  busy = false;
  /** The handshake is done, where there is one. */
  established = false;
  readonly socket: Socket;
  /** One request at a time. */
  readonly lanes: readonly Lane[] = [this];
  readonly #request: Buffer;
  #closed = false;

  constructor(target: Target, context: SecureContext | null, request: Buffer, events: ConnectionEvents) {
    this.#request = request;
    this.socket = dial(target, context);
    this.socket.once(context === null ? 'connect' : 'secureConnect', () => {
      this.established = true;
    });
    const toHead = request.toString('latin1', 0, HEAD_METHOD.length) === HEAD_METHOD;
    const reader = new ResponseReader((status, reusable) => {
      this.busy = false;
      events.response(this, status, reusable);
    }, toHead);
    const fail = (error: Error): void => {
      if (this.#closed) return;
      this.close();
      events.fault(error, this);
    };
    this.socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    const closed = Object.assign(new Error('the other side closed the connection'), { code: 'ECONNRESET' });
    this.socket.on('error', fail);
    this.socket.on('end', () => {
      reader.end();
      fail(closed);
    });
    this.socket.on('close', () => fail(closed));
  }

  /** Writes the request; before the handshake is complete it is queued by the socket. */
  send(): void {
    this.busy = true;
    this.socket.write(this.#request);
  }

  /** Writes part of a request: a slow client. */
  sendBytes(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Bytes received so far, after decryption. */
  get bytesRead(): number {
    return this.socket.bytesRead;
  }

  close(): void {
    this.#closed = true;
    this.socket.destroy();
  }
}
