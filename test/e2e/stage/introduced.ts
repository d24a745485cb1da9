// Callers that begin with bytes before TLS: a load balancer's PROXY header, or what pretends to be one.
import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { Stage, SvidFiles } from './stage.ts';
import { Wire } from './wire.ts';

/** Where load balancers connect from in these tests, and where everybody else does. */
export const BALANCER = '127.0.0.2';
export const STRANGER = '127.0.0.3';

/** `apart`: a write of its own. `glued`: in one write with what follows. `dripped`: byte by byte. */
export type Manner = 'apart' | 'glued' | 'dripped';

/** How a caller begins. */
export interface Introduction {
  /** What it sends first. */
  readonly header: string | Buffer;
  readonly from?: string;
  readonly manner?: Manner;
  /** Then TLS: with this SVID, or with no certificate when it is null; absent: plaintext. */
  readonly svid?: SvidFiles | null;
}

/** PROXY, version 1, for `ip`. */
export const v1 = (ip: string): string => `PROXY TCP4 ${ip} 198.51.100.200 40000 443\r\n`;

/** Connects to the stage's listener; resolves when TLS, if any, is there. */
export async function introduced(stage: Stage, as: Introduction): Promise<Wire> {
  const { header, from = BALANCER, manner = 'apart', svid } = as;
  const bytes = typeof header === 'string' ? Buffer.from(header, 'latin1') : header;
  const raw = net.connect({
    host: '127.0.0.1',
    port: stage.port,
    localAddress: from,
    noDelay: true,
    allowHalfOpen: true,
  });
  raw.on('error', () => undefined);
  await once(raw, 'connect');
  if (manner === 'apart') raw.write(bytes);
  if (manner === 'dripped') await drip(raw, bytes);
  if (svid === undefined) return plaintext(raw, manner === 'glued' ? bytes : null);
  const socket = tls.connect({
    socket: manner === 'glued' ? prefixed(raw, bytes) : raw,
    servername: 'localhost',
    ca: stage.authority.certificatePem,
    ...(svid === null ? {} : { cert: svid.certificatePem, key: svid.keyPem }),
  });
  await once(socket, 'secureConnect');
  return new Wire(socket);
}

async function drip(socket: net.Socket, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    await new Promise((resolve) => socket.write(Buffer.of(byte), resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A wire whose first `send` goes out together with `first`. */
function plaintext(raw: net.Socket, first: Buffer | null): Wire {
  return new Wire(first === null ? raw : (prefixed(raw, first) as net.Socket));
}

/** `raw`, with `first` in front of the first write. */
function prefixed(raw: net.Socket, first: Buffer): Duplex {
  let due: Buffer | null = first;
  const stream = new Duplex({
    read: () => raw.resume(),
    write(chunk: Buffer, _, done) {
      raw.write(due === null ? chunk : Buffer.concat([due, chunk]), () => done());
      due = null;
    },
    final: (done) => raw.end(done),
    destroy(error, done) {
      raw.destroy();
      done(error);
    },
  });
  raw.on('data', (chunk: Buffer) => stream.push(chunk));
  raw.on('end', () => stream.push(null));
  raw.on('close', () => stream.destroy());
  return stream;
}
