// A server that is not the expected peer, however it comes about: the handshake may end, the request never
// begins. What the server decrypts is asserted.
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { extendedKeyUsage, subjectAltName } from '../../certs/authority/build-certificate.ts';
import { PURPOSE } from '../../certs/x509/extensions.ts';
import { withExtension } from '../unit/certs/make-certificate.ts';
import { CART, outbound } from './stage/pair.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { get, OK, Wire } from './stage/wire.ts';

const DAY_MS = 86_400_000;
const IDENTITY = `trustDomain: example.org
files:
  certificate: server.pem
  key: server.key
  bundles: { example.org: ca.pem }
  crls: { example.org: ca.crl }`;
const SA = 'spiffe://example.org/ns/shop/sa/';

let stage: Stage;
let revoked: SvidFiles;
let proxy: RunningProxy;
let server: net.Server | tls.Server | null = null;
/** What the server of the test got, decrypted. */
let got = '';
let handshaken = 0;
const sockets: net.Socket[] = [];

beforeAll(async () => {
  stage = await Stage.create({ account: 'web' });
  // The server of each test takes this port.
  const reserved = await listening(net.createServer());
  reserved.close();
  revoked = await stage.svid('revoked', CART);
  const revokedSerials = [new X509Certificate(revoked.certificatePem).serialNumber];
  writeFileSync(stage.path('ca.crl'), stage.authority.issueCrl({ revokedSerials }));
  const peers = [CART, 'spiffe://example.org/ns/shop/sa/basket-*'];
  proxy = await stage.start({
    ...outbound({ port: portOf(reserved), peers, upstream: 'connectTimeout: 500ms, maxConnections: 8' }),
    identity: IDENTITY,
  });
});

afterAll(async () => {
  server?.close();
  for (const socket of sockets) socket.destroy();
  await stage.close();
});

let port = 0;
const portOf = (of: net.Server): number => {
  const address = of.address();
  if (address !== null && typeof address === 'object') port = address.port;
  return port;
};

async function listening<S extends net.Server>(of: S, at = 0): Promise<S> {
  of.listen(at, '127.0.0.1');
  await once(of, 'listening');
  portOf(of);
  return of;
}

async function serve(next: net.Server): Promise<void> {
  const gone = server === null ? Promise.resolve() : once(server, 'close');
  server?.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  await gone;
  server = await listening(next, port);
  server.on('connection', (socket: net.Socket) => sockets.push(socket));
  got = '';
  handshaken = 0;
}

/** A TLS server that answers whatever it gets. */
function tlsServer(svid: SvidFiles, options: tls.TlsOptions = {}): tls.Server {
  const of = tls.createServer({
    cert: svid.certificatePem,
    key: svid.keyPem,
    ca: stage.authority.certificatePem,
    requestCert: true,
    rejectUnauthorized: true,
    ...options,
  });
  of.on('secureConnection', (socket) => {
    handshaken++;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1');
      socket.write(OK);
    });
  });
  of.on('tlsClientError', () => undefined);
  return of;
}

async function ask(): Promise<string> {
  const socket = net.connect({ host: '127.0.0.1', port: stage.port, allowHalfOpen: true });
  const app = new Wire(socket);
  app.send(get('/secret-of-the-request', 'Connection: close\r\n'));
  const answer = await app.end();
  socket.destroy();
  return answer;
}

const leaf = (name: string, id = CART, options: Parameters<Stage['svid']>[2] = {}): Promise<SvidFiles> =>
  stage.svid(name, id, options);

interface Row {
  readonly name: string;
  readonly code: string;
  readonly status?: number;
  /** Part of the notice in the proxy's own log. */
  readonly says: string;
  readonly server: () => Promise<net.Server> | net.Server;
  /** True when TLS itself succeeds on the server's side. */
  readonly shakes?: boolean;
}

const ROWS: readonly Row[] = [
  {
    name: 'the right CA and the wrong ID',
    code: 'unexpected-peer',
    says: `the server is \`${SA}mallory\``,
    server: async () => tlsServer(await leaf('mallory', `${SA}mallory`)),
    shakes: true,
  },
  {
    name: 'an ID that begins like an exact one',
    code: 'unexpected-peer',
    says: `the server is \`${SA}cart-2\``,
    server: async () => tlsServer(await leaf('cart-2', `${SA}cart-2`)),
    shakes: true,
  },
  {
    name: 'an ID that a pattern almost covers',
    code: 'unexpected-peer',
    says: `the server is \`${SA}basket\``,
    server: async () => tlsServer(await leaf('basket', `${SA}basket`)),
    shakes: true,
  },
  {
    name: 'the own ID',
    code: 'unexpected-peer',
    says: `the server is \`${SA}web\``,
    server: async () => tlsServer(await leaf('me', `${SA}web`)),
    shakes: true,
  },
  {
    name: 'the right ID by a CA of the same name that nobody knows',
    code: 'upstream-untrusted',
    says: 'unable to',
    server: async () =>
      tlsServer(
        await leaf('fake', CART, { authority: await createAuthority({ trustDomain: 'example.org' }) }),
      ),
  },
  {
    name: 'an expired certificate',
    code: 'upstream-untrusted',
    says: 'certificate has expired',
    server: async () =>
      tlsServer(await leaf('expired', CART, { nowMs: Date.now() - 2 * DAY_MS, ttlMs: DAY_MS })),
  },
  {
    name: 'a certificate that is not valid yet',
    code: 'upstream-untrusted',
    says: 'not yet valid',
    server: async () => tlsServer(await leaf('early', CART, { nowMs: Date.now() + DAY_MS })),
  },
  {
    name: 'a certificate on the CRL',
    code: 'upstream-untrusted',
    says: 'revoked-certificate',
    server: () => tlsServer(revoked),
    shakes: true,
  },
  {
    name: 'a certificate for callers only',
    code: 'upstream-untrusted',
    says: 'purpose',
    server: async () =>
      tlsServer(
        await leaf('caller', CART, { adjust: withExtension((e) => extendedKeyUsage(e, [PURPOSE.client])) }),
      ),
  },
  {
    name: 'a web certificate of the right CA, without SPIFFE ID',
    code: 'upstream-untrusted',
    says: 'invalid-svid',
    server: async () =>
      tlsServer(
        await leaf('dns', CART, {
          adjust: withExtension((e) => subjectAltName(e, { dnsNames: ['localhost', 'cart.shop'] })),
        }),
      ),
    shakes: true,
  },
  {
    name: 'two SPIFFE IDs, one of them right',
    code: 'upstream-untrusted',
    says: '2 URI SANs',
    server: async () =>
      tlsServer(
        await leaf('two', CART, {
          adjust: withExtension((e) => subjectAltName(e, { uris: [CART, `${SA}mallory`] })),
        }),
      ),
    shakes: true,
  },
  {
    name: 'plaintext',
    code: 'upstream-handshake-failed',
    says: '',
    server: () =>
      net.createServer((socket) => {
        socket.on('error', () => undefined);
        socket.end(OK);
      }),
  },
  {
    name: 'TLS 1.2 at most',
    code: 'upstream-handshake-failed',
    says: '',
    server: async () => tlsServer(await leaf('old'), { maxVersion: 'TLSv1.2' }),
  },
  {
    name: 'only h2',
    code: 'upstream-handshake-failed',
    says: 'application protocol',
    server: async () => tlsServer(await leaf('h2'), { ALPNProtocols: ['h2'] }),
  },
  {
    name: 'a server that hangs up',
    code: 'upstream-handshake-failed',
    says: '',
    server: () => net.createServer((socket) => socket.destroy()),
  },
  {
    name: 'a server that says nothing',
    code: 'upstream-connect-timeout',
    status: 504,
    says: '',
    server: () => net.createServer((socket) => void socket.on('error', () => undefined).resume()),
  },
];

test.each(ROWS)('$name', async ({ code, status = 502, says, server: make, shakes = false }) => {
  const seen = proxy.lines.length;
  await serve(await make());
  const answer = await ask();
  expect(answer).toContain(`"code":"${code}"`);
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(got).toBe('');
  if (!shakes) expect(handshaken).toBe(0);
  const mine = (line: Readonly<Record<string, unknown>>): boolean =>
    proxy.lines.indexOf(line) >= seen && line['reason'] === code;
  expect(await proxy.line((line) => mine(line) && 'http' in line)).toMatchObject({ direction: 'outbound' });
  if (says !== '')
    await proxy.line((line) => mine(line) && !('http' in line) && String(line['msg']).includes(says));
});

test('a server that refuses this workload says so', async () => {
  const other = await createAuthority({ trustDomain: 'example.org' });
  await serve(tlsServer(await leaf('picky'), { ca: other.certificatePem }));
  expect(await ask()).toContain('"code":"upstream-handshake-failed"');
});

test.each([CART, `${SA}basket-7`])('the expected peer %s gets the request', async (id) => {
  await serve(tlsServer(await leaf('right', id)));
  expect(await ask()).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(got).toContain('GET /secret-of-the-request HTTP/1.1\r\n');
});
