// What strangers may send to the issuer, byte by byte over TLS: each gets its status or its end, and none
// stops those who come after.
import { connect as connectTcp } from 'node:net';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { IssuerStage, WEB } from './stage/issuer.ts';
import { askIssuer, makeCsr } from './stage/issuer-requests.ts';
import { eventually } from './stage/observe.ts';

let stage: IssuerStage;
beforeAll(async () => {
  stage = await IssuerStage.create('limits: { connectionsPerAddress: 40, failuresPerAddress: 1000 }');
  await stage.start();
});
afterAll(() => stage.close());
afterEach(async () => {
  expect((await stage.ask('/v1/trust')).status).toBe(200);
});

/** Everything that comes back until the end of the connection. */
function exchange(bytes: string | Buffer, options: tls.ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port: stage.port,
      rejectUnauthorized: false,
      ...options,
    });
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('secureConnect', () => socket.write(bytes));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.setTimeout(15_000, () => socket.destroy(new Error(`nothing more came after: ${text}`)));
  });
}

const post = (body: string, more = ''): string =>
  `POST /v1/svid HTTP/1.1\r\nhost: issuer\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`;
const get = (target: string): string => `GET ${target} HTTP/1.1\r\nhost: issuer\r\nconnection: close\r\n\r\n`;

const ANSWERED: readonly { name: string; bytes: string; expect: string; code?: string }[] = [
  { name: 'no body', bytes: post(''), expect: '400', code: 'ERR_ISSUER_REQUEST' },
  { name: 'no JSON', bytes: post('{'), expect: '400', code: 'ERR_ISSUER_REQUEST' },
  { name: 'JSON that is null', bytes: post('null'), expect: '400', code: 'ERR_ISSUER_REQUEST' },
  { name: 'a list', bytes: post('[]'), expect: '400', code: 'ERR_ISSUER_REQUEST' },
  { name: 'a text', bytes: post('"csr"'), expect: '400', code: 'ERR_ISSUER_REQUEST' },
  { name: 'no CSR', bytes: post('{}'), expect: '400', code: 'ERR_ISSUER_REQUEST' },
  {
    name: 'an unknown key',
    bytes: post('{"csr":"a","ttl":"1h"}'),
    expect: '400',
    code: 'ERR_ISSUER_REQUEST',
  },
  { name: 'a key of the prototype', bytes: post('{"__proto__":"a"}'), expect: '400' },
  { name: 'a CSR that is a number', bytes: post('{"csr":1}'), expect: '400', code: 'ERR_ISSUER_REQUEST' },
  { name: 'a CSR that is a list', bytes: post('{"csr":["a"]}'), expect: '400', code: 'ERR_ISSUER_REQUEST' },
  { name: 'an empty token', bytes: post('{"csr":"a","joinToken":""}'), expect: '400' },
  {
    name: 'two attestations',
    bytes: post('{"csr":"a","joinToken":"a","serviceAccountToken":"a"}'),
    expect: '400',
    code: 'ERR_ISSUER_REQUEST',
  },
  { name: 'bytes that are not UTF-8', bytes: post('{"csr":"\xff\xfe"}'), expect: '400' },
  { name: 'a query', bytes: post('{}').replace('/v1/svid', '/v1/svid?a=b'), expect: '400' },
  { name: 'a wait of a minute', bytes: get('/v1/trust?wait=60'), expect: '400', code: 'ERR_ISSUER_REQUEST' },
  { name: 'a wait in hex', bytes: get('/v1/trust?wait=0x1'), expect: '400', code: 'ERR_ISSUER_REQUEST' },
  { name: 'a negative sequence', bytes: get('/v1/trust?after=-1'), expect: '400' },
  { name: 'a sequence twice', bytes: get('/v1/trust?after=1&after=2'), expect: '400' },
  { name: 'an unknown parameter', bytes: get('/v1/trust?renew=1'), expect: '400' },
  { name: 'a parameter without a value', bytes: get('/v1/trust?after'), expect: '400' },
  { name: 'an empty parameter', bytes: get('/v1/trust?'), expect: '200' },
  { name: 'another path', bytes: get('/v1/join-tokens'), expect: '404', code: 'ERR_ISSUER_HTTP_PATH' },
  { name: 'a path above', bytes: get('/v1/../v1/trust'), expect: '404', code: 'ERR_ISSUER_HTTP_PATH' },
  { name: 'an encoded path', bytes: get('/v1/%74rust'), expect: '404', code: 'ERR_ISSUER_HTTP_PATH' },
  { name: 'an absolute target', bytes: get('https://issuer/v1/trust'), expect: '404' },
  { name: 'another method', bytes: get('/v1/svid'), expect: '405', code: 'ERR_ISSUER_HTTP_METHOD' },
  { name: 'DELETE', bytes: get('/v1/trust').replace('GET', 'DELETE'), expect: '405' },
  { name: 'no Host', bytes: 'GET /v1/trust HTTP/1.1\r\nconnection: close\r\n\r\n', expect: '400' },
  { name: 'no HTTP', bytes: 'hello\r\n\r\n', expect: '400' },
  { name: 'two lengths', bytes: post('{}', 'content-length: 3\r\n'), expect: '400' },
  { name: 'length and chunks', bytes: post('{}', 'transfer-encoding: chunked\r\n'), expect: '400' },
  { name: 'a head that is too large', bytes: get(`/v1/trust?after=${'1'.repeat(20_000)}`), expect: '4' },
  {
    name: 'a length that is too large',
    bytes: 'POST /v1/svid HTTP/1.1\r\nhost: issuer\r\ncontent-length: 65537\r\n\r\n',
    expect: '413',
    code: 'ERR_ISSUER_HTTP_BODY',
  },
  {
    name: 'chunks that are too large',
    bytes: `POST /v1/svid HTTP/1.1\r\nhost: issuer\r\ntransfer-encoding: chunked\r\n\r\n11000\r\n${'a'.repeat(0x11000)}\r\n0\r\n\r\n`,
    expect: '413',
    code: 'ERR_ISSUER_HTTP_BODY',
  },
  {
    name: 'a body that does not come',
    bytes: 'POST /v1/svid HTTP/1.1\r\nhost: issuer\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{',
    expect: '400',
    code: 'ERR_ISSUER_REQUEST',
  },
];

describe('the HTTPS API answers', () => {
  test.each(ANSWERED)('$name', async ({ bytes, expect: status, code }) => {
    const text = await exchange(Buffer.from(bytes, 'latin1'));
    expect(text.slice(0, 12)).toMatch(`HTTP/1.1 ${status}`);
    if (code !== undefined) expect(text).toContain(`"code":"${code}"`);
  });

  test('a service account token where Kubernetes is not configured like any bad attestation', async () => {
    const { csr } = await makeCsr();
    const { status, json } = await stage.ask('/v1/svid', { csr, serviceAccountToken: 'a.b.c' });
    expect([status, json?.['code']]).toEqual([401, 'ERR_ISSUER_ATTESTATION']);
  });
});

describe('a connection ends', () => {
  test.each([
    { name: 'with TLS 1.2', options: { maxVersion: 'TLSv1.2' } },
    { name: 'with an ALPN that is not HTTP/1.1', options: { ALPNProtocols: ['h2'] } },
  ] as const)('$name', async ({ options }) => {
    const more: tls.ConnectionOptions =
      'maxVersion' in options ? { maxVersion: options.maxVersion } : { ALPNProtocols: ['h2'] };
    await expect(exchange(get('/v1/trust'), more)).rejects.toThrow();
  });

  test('in plaintext', async () => {
    const socket = connectTcp({ host: '127.0.0.1', port: stage.port });
    const text = await new Promise<string>((resolve) => {
      let all = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        all += chunk;
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(all));
      socket.write(get('/v1/trust'));
    });
    expect(text).not.toContain('HTTP/1.1 200');
  });

  const STRANGERS = [
    { name: 'of a CA that is not ours, with one of our IDs', trustDomain: 'example.org', id: WEB },
    { name: 'of another trust domain', trustDomain: 'other.example', id: 'spiffe://other.example/web' },
  ];
  test.each(STRANGERS)('with a certificate $name', async ({ trustDomain, id }) => {
    const authority = await createAuthority({ trustDomain });
    const issued = await authority.issue({ spiffeId: id });
    const svid = { certificatePem: issued.chainPem, keyPem: issued.privateKeyPem ?? '' };
    await expect(askIssuer({ port: stage.port, path: '/v1/trust', svid })).rejects.toThrow();
  });

  test('with a handshake that is not finished, after its time', async () => {
    const socket = connectTcp({ host: '127.0.0.1', port: stage.port });
    const startMs = performance.now();
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.on('close', resolve).resume());
    expect(performance.now() - startMs).toBeGreaterThan(4_000);
  });

  test('when one address has too many', async () => {
    const idle = Array.from({ length: 60 }, () => connectTcp({ host: '127.0.0.1', port: stage.port }));
    let ended = 0;
    for (const socket of idle) {
      socket.on('error', () => undefined);
      socket.on('close', () => ended++).resume();
    }
    await eventually(
      () => ended,
      (n) => n >= 20,
      4_000,
    );
    for (const socket of idle) socket.destroy();
    const limited = 'sallyport_issuer_handshakes_total{result="connection-limit"}';
    await eventually(
      async () => (await stage.status('/metrics')).text,
      (text) => text.includes(limited),
    );
    await eventually(
      () => stage.ask('/v1/trust').catch(() => null),
      (answer) => answer?.status === 200,
    );
  });
});

test('no session is resumed', async () => {
  const sessions: Buffer[] = [];
  const first = tls.connect({ host: '127.0.0.1', port: stage.port, rejectUnauthorized: false });
  first.on('session', (session) => sessions.push(session));
  first.on('secureConnect', () => first.write(get('/v1/trust')));
  await new Promise((resolve) => first.on('close', resolve).resume());
  for (const session of sessions) {
    const again = tls.connect({ host: '127.0.0.1', port: stage.port, rejectUnauthorized: false, session });
    await new Promise((resolve) => again.on('secureConnect', resolve));
    expect(again.isSessionReused()).toBe(false);
    again.destroy();
  }
});
