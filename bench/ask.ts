// One request of HTTP/1.1 on a connection of its own, for the checks: what came back, and how it was
// protected.
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { ClientMaterial } from './pki.ts';

/** What came back. */
export interface Answer {
  /** Null when the connection ended without a response. */
  readonly status: number | null;
  readonly bodyBytes: number;
  readonly tls: string;
  /** Session tickets that came. */
  readonly tickets: number;
  /** How the connection ended. */
  readonly ending: string;
}

/** What is asked, by whom. */
export interface Question {
  readonly port: number;
  readonly material: ClientMaterial;
  readonly path: string;
  /** GET when absent. */
  readonly method?: string;
  /** Of the connection, for another handshake. */
  readonly overrides?: ConnectionOptions;
}

/** Longer than any peer takes. */
export const ANSWER_MS_MAX = 5_000;

/** One request on a connection of its own. */
export function ask({ path, method = 'GET', ...to }: Question): Promise<Answer> {
  return new Promise((resolve) => {
    let received = '';
    let tls = '';
    let ending = 'closed';
    let tickets = 0;
    const socket = connectTo(to);
    const timer = setTimeout(() => {
      ending = `nothing within ${ANSWER_MS_MAX} ms`;
      socket.destroy();
    }, ANSWER_MS_MAX);
    socket.once('secureConnect', () => {
      tls = seenOf(socket);
      socket.write(`${method} ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    });
    socket.on('session', () => tickets++);
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text;
    });
    socket.on('error', (error) => {
      ending = error.message; // a refusal is an answer here
      socket.destroy();
    });
    socket.once('close', () => {
      clearTimeout(timer);
      const end = received.indexOf('\r\n\r\n');
      const status = end < 0 ? null : Number(received.slice(9, 12));
      resolve({ status, bodyBytes: end < 0 ? 0 : received.length - end - 4, tls, tickets, ending });
    });
  });
}

/** Begins the handshake that every peer is measured with. */
export function connectTo({ port, material, overrides }: Omit<Question, 'path' | 'method'>): TLSSocket {
  return connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: material.authority,
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
    ecdhCurve: 'X25519',
    ...(material.certificate === '' ? {} : { cert: material.certificate, key: material.key }),
    ...overrides,
  });
}

/** Version, cipher and group of a finished handshake. */
export function seenOf(socket: TLSSocket): string {
  const key = socket.getEphemeralKeyInfo();
  const group = key !== null && 'name' in key ? key.name : '';
  return `${socket.getProtocol()} ${socket.getCipher().name} ${group}`;
}
