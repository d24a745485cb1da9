// One client connection of the load: raw TLS (or plaintext) socket, pre-encoded request, one request in
// flight.
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { ClientMaterial } from '../pki.ts';
import type { Target } from './protocol.ts';
import { ResponseReader } from './response.ts';

/** The same handshake and cipher for every peer, whatever its TLS library prefers. */
const TLS_OPTIONS = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
  ecdhCurve: 'X25519',
} as const;

export interface ConnectionEvents {
  /** A response is complete; `status` of its final line. */
  response(connection: Connection, status: number): void;
  /** The connection ended although it was not closed here. */
  fault(error: Error): void;
}

/** A client's certificates, once for all its connections. */
export function clientContext(material: ClientMaterial): SecureContext {
  return createSecureContext({
    ...TLS_OPTIONS,
    ca: material.authority,
    ...(material.certificate === '' ? {} : { cert: material.certificate, key: material.key }),
  });
}

/** GET of `path`, as bytes. */
export function encodeRequest(path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: sallyport-bench\r\n\r\n`);
}

export class Connection {
  /** When the request in flight was sent or due, monotonic milliseconds; owned by the caller. */
  sentMs = 0;
  busy = false;
  readonly #socket: Socket;
  readonly #request: Buffer;
  #closed = false;

  constructor(target: Target, context: SecureContext | null, request: Buffer, events: ConnectionEvents) {
    this.#request = request;
    const where = { host: '127.0.0.1', port: target.port };
    this.#socket =
      context === null
        ? connectPlain(where)
        : connectTls({ ...where, ...TLS_OPTIONS, servername: 'localhost', secureContext: context });
    this.#socket.setNoDelay(true);
    const reader = new ResponseReader((status) => {
      this.busy = false;
      events.response(this, status);
    });
    const fail = (error: Error): void => {
      if (this.#closed) return;
      this.close();
      events.fault(error);
    };
    this.#socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    this.#socket.on('error', fail);
    this.#socket.on('close', () => fail(new Error('the proxy closed the connection')));
  }

  /** Writes the request; before the handshake is complete it is queued by the socket. */
  send(): void {
    this.busy = true;
    this.#socket.write(this.#request);
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }
}
