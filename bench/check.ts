// The proof before the measurement: the peer really does what it is compared for.
import type { ConnectionOptions } from 'node:tls';
import { type Answer, ask, type Question } from './ask.ts';
import { askHttp2, unaryCallFault } from './ask-http2.ts';
import type { HttpVersion, Peer, RunningPeer } from './peers/peer.ts';
import { type ClientMaterial, clientMaterial, type Pki } from './pki.ts';

/** What a peer was seen to do; `fault` is why it may not be measured. */
export interface CheckReport {
  readonly tls: string;
  readonly fault: string | null;
}

/** A path that no rule allows. */
export const DENIED_PATH = '/not-in-any-rule';

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
  options: {
    readonly pki: Pki;
    readonly path: string;
    readonly bodyBytes: number;
    readonly http: HttpVersion;
  },
): Promise<CheckReport> {
  if (!peer.tls) return { tls: 'plaintext', fault: null };
  const { pki, http } = options;
  const question = http === 'h2' ? askHttp2 : ask;
  const caller = clientMaterial(pki, pki.client);
  const { port } = running;
  const askAs = (material: ClientMaterial, other: Partial<Question> = {}): Promise<Answer> =>
    question({ port, material, path: options.path, ...other });
  const allowed = await askAs(caller);
  const fault = async (): Promise<string | null> => {
    if (allowed.status !== 200) return `an allowed request got ${describe(allowed)}`;
    if (allowed.bodyBytes !== options.bodyBytes) return `the body had ${allowed.bodyBytes} bytes`;
    if (allowed.tls !== EXPECTED_TLS) return `the handshake was ${allowed.tls}, not ${EXPECTED_TLS}`;
    if (allowed.tickets > 0) return `it sent ${allowed.tickets} session tickets`;
    const older = await askAs(caller, { overrides: TLS_1_2 });
    if (older.status !== null) return `TLS 1.2 was accepted: ${describe(older)}`;
    const nobody = await askAs(clientMaterial(pki, null));
    if (!isRefused(nobody)) return `a client without certificate got ${describe(nobody)}`;
    const stranger = await askAs(clientMaterial(pki, pki.stranger));
    if (!isRefused(stranger)) return `a client of an unknown authority got ${describe(stranger)}`;
    if (peer.rules > 0) {
      const denied = await askAs(caller, { path: DENIED_PATH });
      if (denied.status !== 403) return `a path that no rule allows got ${describe(denied)}`;
      const written = await askAs(caller, { method: 'DELETE' });
      if (written.status !== 403) return `a method that no rule allows got ${describe(written)}`;
    }
    if (peer.knowsCallers) {
      const other = await askAs(clientMaterial(pki, pki.other));
      if (other.status !== 403) return `a caller that no rule allows got ${describe(other)}`;
    }
    const grpc = http === 'h2' ? await unaryCallFault({ port, material: caller, path: options.path }) : null;
    return grpc ?? (await running.verify?.()) ?? null;
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
