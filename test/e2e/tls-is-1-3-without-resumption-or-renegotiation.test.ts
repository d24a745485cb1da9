// The TLS facts of the design: version, ALPN, no resumption, no renegotiation; with node, openssl and curl as
// clients.
import { existsSync } from 'node:fs';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { type Ran, run } from './stage/foreign.ts';
import { eventually, handshakes } from './stage/observe.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK } from './stage/wire.ts';

const CLOSING = get('/', 'Connection: close\r\n');

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({ upstreamPort: application.port });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

/** `openssl s_client` as `web`, with one request; ends when the proxy closes. */
function openssl(...args: readonly string[]): Promise<Ran> {
  const identity = ['-CAfile', stage.path('ca.pem'), '-cert', web.certificate, '-key', web.key];
  const target = ['-connect', `127.0.0.1:${stage.port}`, '-servername', 'localhost'];
  return run('openssl', ['s_client', ...target, ...identity, '-ign_eof', ...args], { input: CLOSING });
}

/** Connects and resolves to what the socket says: `secure`, or the error code. */
function outcome(options: tls.ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port: stage.port,
      servername: 'localhost',
      ca: stage.authority.certificatePem,
      cert: web.certificatePem,
      key: web.keyPem,
      ...options,
    });
    socket.on('secureConnect', () => {
      resolve(`secure ${socket.getProtocol()} ${socket.alpnProtocol}`);
      socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

test.each([
  { name: 'TLS 1.3', version: 'TLSv1.3', expect: 'secure TLSv1.3 false' },
  { name: 'TLS 1.2', version: 'TLSv1.2', expect: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' },
  { name: 'TLS 1.1', version: 'TLSv1.1', expect: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' },
] as const)('a node client that speaks only $name', async ({ version, expect: wanted }) => {
  const before = await handshakes(stage, 'handshake-failed');
  const ciphers = 'DEFAULT@SECLEVEL=0'; // without it the client itself does not offer TLS 1.1
  expect(await outcome({ minVersion: version, maxVersion: version, ciphers })).toBe(wanted);
  if (wanted.startsWith('secure')) return;
  await eventually(
    () => handshakes(stage, 'handshake-failed'),
    (n) => n > before, // a client that left right after its handshake may count here too
  );
});

test('openssl with TLS 1.2 only gets the alert protocol_version', async () => {
  const { code, err } = await openssl('-tls1_2');
  expect(code).not.toBe(0);
  expect(err).toMatch(/alert protocol version/i);
});

test.each([
  { offer: undefined, expect: 'secure TLSv1.3 false' },
  { offer: ['http/1.1'], expect: 'secure TLSv1.3 http/1.1' },
  { offer: ['http/1.1', 'h2'], expect: 'secure TLSv1.3 h2' },
  { offer: ['h2'], expect: 'secure TLSv1.3 h2' },
  { offer: ['h2c'], expect: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' },
  { offer: ['spdy/3'], expect: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' },
  { offer: ['http/1.0'], expect: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' },
  { offer: ['HTTP/1.1'], expect: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' },
])('ALPN $offer -> $expect', async ({ offer, expect: wanted }) => {
  expect(await outcome(offer === undefined ? {} : { ALPNProtocols: offer })).toBe(wanted);
});

test('openssl sees the protocol it agreed on, and the alert when there is none', async () => {
  expect((await openssl('-alpn', 'http/1.1')).out).toMatch(
    /ALPN protocol: http\/1\.1[\s\S]*HTTP\/1\.1 200 OK/,
  );
  expect((await openssl('-alpn', 'h2,http/1.1')).out).toMatch(/ALPN protocol: h2\b/);
  expect((await openssl('-alpn', 'spdy/3')).err).toMatch(/alert no application protocol/i);
});

test('curl reaches the application, by each version', async () => {
  const identity = ['--cacert', stage.path('ca.pem'), '--cert', web.certificate, '--key', web.key];
  for (const version of ['--http1.1', '--http2']) {
    const url = `https://localhost:${stage.port}/items/7`;
    const { out, err } = await run('curl', [
      '-sS',
      '-4',
      '-w',
      '\n%{http_code} %{http_version}',
      ...identity,
      version,
      url,
    ]);
    expect({ out, err }).toEqual({ out: `ok\n200 ${version === '--http2' ? '2' : '1.1'}`, err: '' });
  }
  const { code, err } = await run('curl', [
    '-sS',
    '-4',
    '--http1.1', // over HTTP/2 curl writes its preface, and may see the reset before the alert
    '--cacert',
    stage.path('ca.pem'),
    `https://localhost:${stage.port}/`,
  ]);
  expect(code).not.toBe(0);
  expect(err).toMatch(/certificate required/i);
});

test('openssl that offers the session of its last connection does a full handshake', async () => {
  const session = stage.path('session.pem');
  const first = await openssl('-sess_out', session);
  expect(first.out).toContain('New, TLSv1.3');
  expect(existsSync(session)).toBe(true);
  const second = await openssl('-sess_in', session);
  expect(second.out).toContain('New, TLSv1.3');
  expect(second.out).not.toContain('Reused');
  expect(second.out).toContain('HTTP/1.1 200 OK');
});

test('node that offers the sessions it was given does a full handshake, intermediates included', async () => {
  const intermediate = await stage.authority.createIntermediate();
  const leaf = await stage.svid('below', 'spiffe://example.org/ns/shop/sa/below', {
    authority: intermediate,
  });
  const sessions: Buffer[] = [];
  const caller = await call(stage, leaf);
  caller.socket.on('session', (session: Buffer) => sessions.push(session));
  caller.send(CLOSING);
  await caller.end();
  await eventually(
    () => sessions.length,
    (n) => n > 0,
  );
  for (const session of sessions) {
    const again = await call(stage, leaf, { session });
    expect((again.socket as tls.TLSSocket).isSessionReused()).toBe(false);
    again.send(CLOSING);
    expect(await again.end()).toMatch(/^HTTP\/1\.1 200 OK/);
  }
});

test('a session that was issued under a removed CA opens nothing', async () => {
  const old = await createAuthority({ trustDomain: 'example.org' });
  const leaf = await stage.svid('old', 'spiffe://example.org/ns/shop/sa/old', { authority: old });
  const swapped = (): number => proxy.lines.filter((line) => line['msg'] === 'identity swapped').length;
  const swap = async (pem: string): Promise<void> => {
    const before = swapped();
    stage.write('ca.pem', pem);
    await eventually(swapped, (n) => n > before);
  };
  await swap(stage.authority.certificatePem + old.certificatePem);
  const sessions: Buffer[] = [];
  const caller = await call(stage, leaf);
  caller.socket.on('session', (session: Buffer) => sessions.push(session));
  caller.send(CLOSING);
  expect(await caller.end()).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(sessions).not.toEqual([]);
  await swap(stage.authority.certificatePem);
  const served = application.connections.map(({ text }) => text.length).reduce((a, b) => a + b, 0);
  for (const session of sessions) {
    const again = await call(stage, leaf, { session });
    expect((again.socket as tls.TLSSocket).isSessionReused()).toBe(false);
    again.send(CLOSING);
    expect(await again.end()).toBe('');
  }
  expect(application.connections.map(({ text }) => text.length).reduce((a, b) => a + b, 0)).toBe(served);
});

test('a client that asks for renegotiation is refused, and the next one is served', async () => {
  // TLS 1.3 has none: openssl itself says so.
  const identity = ['-CAfile', stage.path('ca.pem'), '-cert', web.certificate, '-key', web.key];
  const target = ['-connect', `127.0.0.1:${stage.port}`, '-servername', 'localhost'];
  const { out, err } = await run('openssl', ['s_client', ...target, ...identity], {
    input: 'R\n',
    closeInputWhen: (text) => text.includes('RENEGOTIATING'),
  });
  expect(out + err).toMatch(/RENEGOTIATING[\s\S]*(wrong ssl version|no renegotiation|unexpected message)/i);
  expect((await openssl()).out).toContain('HTTP/1.1 200 OK');
});
