// The proof before the measurement: the peer really does what it is compared for.
import { type ConnectionOptions, connect } from 'node:tls';
import type { Peer, RunningPeer } from './peers/peer.ts';
import { type ClientMaterial, clientMaterial, type Pki } from './pki.ts';

/** What a peer was seen to do; `fault` is why it may not be measured. */
export interface CheckReport {
  readonly tls: string;
  readonly fault: string | null;
}

interface Answer {
  /** Null when the connection ended without a response. */
  readonly status: number | null;
  readonly bodyBytes: number;
  readonly tls: string;
  /** Session tickets that came. */
  readonly tickets: number;
  /** How the connection ended. */
  readonly ending: string;
}

/** A path that no rule allows. */
export const DENIED_PATH = '/not-in-any-rule';

const ANSWER_MS_MAX = 5_000;
/** A willing TLS 1.2 client; its groups must include the certificate's curve (RFC 8422 section 5.1). */
const TLS_1_2: ConnectionOptions = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  ciphers: 'DEFAULT',
  ecdhCurve: 'auto',
};
export const EXPECTED_TLS = 'TLSv1.3 TLS_AES_128_GCM_SHA256 X25519';

/** Asks a started peer with and without certificates, and for a path that no rule allows. */
export async function check(
  peer: Peer,
  running: RunningPeer,
  options: { readonly pki: Pki; readonly path: string; readonly bodyBytes: number },
): Promise<CheckReport> {
  if (!peer.tls) return { tls: 'plaintext', fault: null };
  const { pki } = options;
  const caller = clientMaterial(pki, pki.client);
  const { port } = running;
  const allowed = await ask(port, caller, options.path);
  const fault = async (): Promise<string | null> => {
    if (allowed.status !== 200) return `an allowed request got ${describe(allowed)}`;
    if (allowed.bodyBytes !== options.bodyBytes) return `the body had ${allowed.bodyBytes} bytes`;
    if (allowed.tls !== EXPECTED_TLS) return `the handshake was ${allowed.tls}, not ${EXPECTED_TLS}`;
    if (allowed.tickets > 0) return `it sent ${allowed.tickets} session tickets`;
    const older = await ask(port, caller, options.path, TLS_1_2);
    if (older.status !== null) return `TLS 1.2 was accepted: ${describe(older)}`;
    const nobody = await ask(port, clientMaterial(pki, null), options.path);
    if (!isRefused(nobody)) return `a client without certificate got ${describe(nobody)}`;
    const stranger = await ask(port, clientMaterial(pki, pki.stranger), options.path);
    if (!isRefused(stranger)) return `a client of an unknown authority got ${describe(stranger)}`;
    if (peer.rules > 0) {
      const denied = await ask(port, caller, DENIED_PATH);
      if (denied.status !== 403) return `a path that no rule allows got ${describe(denied)}`;
      const written = await ask(port, caller, options.path, {}, 'DELETE');
      if (written.status !== 403) return `a method that no rule allows got ${describe(written)}`;
    }
    if (peer.knowsCallers) {
      const other = await ask(port, clientMaterial(pki, pki.other), options.path);
      if (other.status !== 403) return `a caller that no rule allows got ${describe(other)}`;
    }
    return (await running.verify?.()) ?? null;
  };
  return { tls: allowed.tls, fault: await fault() };
}

/** nginx ends the handshake and answers 400; the others end the connection. */
function isRefused(answer: Answer): boolean {
  return answer.status === null || answer.status === 400;
}

function describe(answer: Answer): string {
  return answer.status === null ? `no response (${answer.ending})` : `status ${answer.status}`;
}

/** One request on a connection of its own. */
export function ask(
  port: number,
  material: ClientMaterial,
  path: string,
  overrides: ConnectionOptions = {},
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve) => {
    let received = '';
    let tls = '';
    let ending = 'closed';
    let tickets = 0;
    const socket = connect({
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
    const timer = setTimeout(() => {
      ending = `nothing within ${ANSWER_MS_MAX} ms`;
      socket.destroy();
    }, ANSWER_MS_MAX);
    socket.once('secureConnect', () => {
      const key = socket.getEphemeralKeyInfo();
      const group = key !== null && 'name' in key ? key.name : '';
      tls = `${socket.getProtocol()} ${socket.getCipher().name} ${group}`;
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
