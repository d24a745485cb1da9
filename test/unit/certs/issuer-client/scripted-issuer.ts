// A server that speaks the issuer's API over real TLS and says what a test wants it to say. It verifies
// nobody: what the client sends, and to whom, is what the tests look at.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Authority, IssuedSvid } from '../../../../certs/authority/authority.ts';
import { DerReader, TAG } from '../../../../certs/x509/der.ts';
import { readPem, writePem } from '../../../../certs/x509/pem.ts';

/** One `POST /v1/svid` as it arrived. */
export interface AskedSvid {
  readonly csr: string;
  readonly joinToken?: string;
  readonly serviceAccountToken?: string;
  /** Lower-case hex of the SVID shown; null without one. */
  readonly serial: string | null;
}

export interface Reply {
  readonly status: number;
  /** Sent as it is when it is text, else as JSON. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** TRUST of the API, as JSON. */
export type TrustJson = Readonly<Record<string, unknown>>;

export interface ScriptedOptions {
  readonly authority: Authority;
  readonly spiffeId?: string;
  readonly port?: number;
  /** What the server presents, root included; default: an SVID of `authority` and its certificate. */
  readonly chainPem?: string;
  readonly privateKeyPem?: string;
}

const ISSUER_ID = 'spiffe://example.org/sallyport/issuer';

/** Serves until `stop`. */
export class ScriptedIssuer {
  readonly asked: AskedSvid[] = [];
  /** Paths of the requests for trust. */
  readonly polls: string[] = [];
  /** Decrypted bytes of every connection. */
  received = '';
  connections = 0;
  clientCertificates = 0;
  port = 0;
  trust: TrustJson;
  renew: boolean | null = false;
  /** Answers a request for an SVID. */
  svid: (asked: AskedSvid) => Promise<Reply> | Reply;
  /** Ends every connection that shows a certificate, as for a revoked one. */
  refuseCertificates = false;
  readonly #options: ScriptedOptions;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<() => void>();
  #server: Server | null = null;

  constructor(options: ScriptedOptions) {
    this.#options = options;
    this.port = options.port ?? 0;
    this.trust = trustJson(options.authority, 1);
    this.svid = async (asked) => ({
      status: 200,
      body: svidJson(await issueFor(options.authority, asked.csr), this.trust),
    });
  }

  static async start(options: ScriptedOptions): Promise<ScriptedIssuer> {
    const issuer = new ScriptedIssuer(options);
    await issuer.listen();
    return issuer;
  }

  /** On the same port as before; nothing when it listens already. */
  async listen(): Promise<void> {
    if (this.#server !== null) return;
    const { authority, spiffeId = ISSUER_ID } = this.#options;
    const own = await authority.issue({ spiffeId });
    const server = createServer(
      {
        cert: this.#options.chainPem ?? own.chainPem + authority.certificatePem,
        key: this.#options.privateKeyPem ?? own.privateKeyPem ?? '',
        minVersion: 'TLSv1.3',
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => void this.#answer(request, response),
    );
    server.on('secureConnection', (socket) => this.#secured(socket));
    server.on('connection', (socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('tlsClientError', () => undefined);
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = once(server, 'close');
    server.close();
    this.cut();
    await closed;
  }

  /** Ends all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** New trust with the next sequence; whoever waits gets it. */
  publish(change: TrustJson = {}): void {
    const sequence = Number(this.trust['sequence']) + 1;
    this.trust = { ...this.trust, sequence, ...change };
    for (const wake of this.#waiting) wake();
  }

  #secured(socket: TLSSocket): void {
    if (socket.getPeerX509Certificate() !== undefined) {
      this.clientCertificates++;
      if (this.refuseCertificates) socket.destroy();
    }
    socket.on('data', (bytes: Buffer) => {
      this.received += bytes.toString('latin1');
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://issuer');
    const certificate = (request.socket as TLSSocket).getPeerX509Certificate();
    if (request.method === 'POST' && url.pathname === '/v1/svid') {
      const body: AskedSvid = JSON.parse(await textOf(request));
      const asked = { ...body, serial: certificate?.serialNumber.toLowerCase() ?? null };
      this.asked.push(asked);
      return send(response, await this.svid(asked));
    }
    this.polls.push(request.url ?? '');
    const after = url.searchParams.get('after');
    const waitMs = Number(url.searchParams.get('wait') ?? 0) * 1_000;
    const newer = (): boolean => after === null || Number(this.trust['sequence']) > Number(after);
    if (!newer()) await this.#change(waitMs, response);
    if (!newer()) return send(response, { status: 204, body: '' });
    const renew = certificate === undefined || this.renew === null ? {} : { renew: this.renew };
    send(response, { status: 200, body: { ...this.trust, ...renew } });
  }

  #change(waitMs: number, response: ServerResponse): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, waitMs);
      this.#waiting.add(end);
      response.on('close', end);
    });
  }
}

/** What `authority` publishes. */
export function trustJson(authority: Authority, sequence: number, more: TrustJson = {}): TrustJson {
  return {
    trustDomain: authority.trustDomain,
    sequence,
    refreshHintSeconds: 300,
    bundle: authority.certificatePem,
    crl: '',
    federated: {},
    ...more,
  };
}

/** The answer that carries `svid`. */
export function svidJson(svid: IssuedSvid, trust: TrustJson, more: TrustJson = {}): TrustJson {
  const nowMs = Date.now();
  const at = (ms: number): string => new Date(ms).toISOString();
  return {
    spiffeId: svid.spiffeId.uri,
    svid: svid.chainPem,
    serial: svid.serial,
    notBefore: at(nowMs - 60_000),
    notAfter: at(svid.notAfterMs),
    renewAt: at((nowMs + svid.notAfterMs) / 2),
    trust,
    ...more,
  };
}

/** Certifies the key of `csr`. */
export function issueFor(
  authority: Authority,
  csr: string,
  request: Partial<Parameters<Authority['issue']>[0]> = {},
): Promise<IssuedSvid> {
  const spiffeId = 'spiffe://example.org/ns/shop/sa/web';
  return authority.issue({ spiffeId, publicKeySpki: keyOf(csr), ...request });
}

/** SubjectPublicKeyInfo of a PKCS#10 request in PEM. */
function keyOf(csr: string): Buffer {
  const der = readPem(csr).blocks[0]?.der ?? Buffer.alloc(0);
  const info = new DerReader(der).enter(TAG.sequence).enter(TAG.sequence);
  info.integer();
  info.raw(TAG.sequence);
  return info.raw(TAG.sequence);
}

/** PEM of a revocation list. */
export const crlPem = (der: Buffer): string => writePem('X509 CRL', der);

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function send(response: ServerResponse, { status, body, headers = {} }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(status === 204 ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
}
