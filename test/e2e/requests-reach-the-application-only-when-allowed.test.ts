// The main path: an allowed request arrives with our headers, a denied one never does, strangers get no
// connection.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK } from './stage/wire.ts';

const SHOP = 'spiffe:\\/\\/example\\.org\\/ns\\/shop\\/sa';
const CLIENT_CERT = new RegExp(
  `^x-forwarded-client-cert: By=${SHOP}\\/cart;Hash=[0-9a-f]{64};URI=${SHOP}\\/web$`,
);

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: web, namespace: shop }
spec:
  selector: { matchLabels: { app: cart } }
  action: ALLOW
  rules:
    - from: [{ source: { principals: ["example.org/ns/shop/sa/web"] } }]
      to: [{ operation: { methods: ["GET", "POST"], paths: ["/items/*", "/upload"] } }]
`;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({ upstreamPort: application.port, policies: { 'web.yaml': POLICY } });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

test('an allowed request arrives once, with the caller identity set, client copies removed', async () => {
  const caller = await call(stage, web);
  caller.send(
    get(
      '/items/7?x=1',
      'X-Forwarded-Client-Cert: URI=spiffe://example.org/ns/shop/sa/admin\r\nX-Forwarded-For: 1.2.3.4\r\n',
    ),
  );
  const answer = await caller.until((text) => text.endsWith('ok'));
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  const received = application.connections.at(-1)?.text ?? '';
  expect(received).toMatch(/^GET \/items\/7\?x=1 HTTP\/1\.1\r\nHost: cart\.shop\r\n/);
  expect(received.match(/x-forwarded-client-cert:[^\r]*/gi)).toEqual([expect.stringMatching(CLIENT_CERT)]);
  expect(received.match(/x-forwarded-for:[^\r]*/gi)).toEqual(['x-forwarded-for: 127.0.0.1']);
  expect(received).toMatch(/x-request-id: [0-9a-f-]{36}\r\n/);
  expect(received).toMatch(/traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n/);
  const line = await proxy.line((one) => one['reason'] === 'allow-rule');
  expect(line).toMatchObject({ verdict: 'allow', enforced: true, rules: ['ns[shop]-policy[web]-rule[0]'] });
  caller.socket.destroy();
});

test('a denied request gets 403 with reason and id, is explained in the log, and never arrives', async () => {
  const caller = await call(stage, web);
  const before = application.connections.map((c) => c.text.length).reduce((a, b) => a + b, 0);
  caller.send(get('/admin'));
  const answer = await caller.until((text) => text.includes('"requestId"') && text.endsWith('\n'));
  expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
  expect(answer).toContain('"code":"default-deny"');
  const id = /x-request-id: ([^\r]+)/.exec(answer)?.[1];
  const line = await proxy.line((one) => one['requestId'] === id);
  expect(line).toMatchObject({
    verdict: 'deny',
    enforced: true,
    near: [{ rule: 'ns[shop]-policy[web]-rule[0]', field: 'to.operation.paths', got: '/admin' }],
  });
  expect(application.connections.map((c) => c.text.length).reduce((a, b) => a + b, 0)).toBe(before);
  caller.send(get('/items/1'));
  await caller.until((text) => text.endsWith('ok')); // the connection goes on
  caller.socket.destroy();
});

test('pipelined requests are judged one by one and answered in order', async () => {
  const caller = await call(stage, web);
  caller.send(get('/items/1') + get('/admin') + get('/items/2') + get('/items/3', 'Connection: close\r\n'));
  const answer = await caller.end();
  expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual([
    'HTTP/1.1 200',
    'HTTP/1.1 403',
    'HTTP/1.1 200',
    'HTTP/1.1 200',
  ]);
});

test.each([
  {
    name: 'a certificate of another CA for a foreign trust domain',
    td: 'evil.org',
    reason: 'wrong-trust-domain',
  },
  {
    name: 'a certificate of another CA that claims our trust domain',
    td: 'example.org',
    reason: 'untrusted-certificate',
  },
])('$name gets no connection', async ({ td, reason }) => {
  const other = await createAuthority({ trustDomain: td });
  const stranger = await stage.svid(`stranger-${td}`, `spiffe://${td}/ns/shop/sa/web`, { authority: other });
  const caller = await call(stage, stranger);
  caller.send(get('/items/7'));
  expect(await caller.end()).toBe('');
  const line = await proxy.line((one) => one['reason'] === reason);
  expect(line).toMatchObject({ verdict: 'deny', source: { ip: '127.0.0.1' } });
});

test('no certificate is refused in the handshake with the alert certificate_required', async () => {
  const caller = await call(stage, { ...web, certificatePem: '', keyPem: '' }, {
    cert: undefined,
    key: undefined,
  } as never);
  await caller.end().catch(() => '');
  expect(caller.error).toMatch(/CERTIFICATE_REQUIRED|ECONNRESET/);
  await proxy.line((one) => one['reason'] === 'no-certificate');
});

test('a body of any framing arrives as it was sent, and the answer comes back', async () => {
  const caller = await call(stage, web);
  caller.send(
    'POST /upload HTTP/1.1\r\nHost: cart.shop\r\nTransfer-Encoding: chunked\r\n\r\n3;ext="a"\r\nabc\r\n0\r\n\r\n',
  );
  await caller.until((text) => text.endsWith('ok'));
  const received = application.connections.map((c) => c.text).join('');
  expect(received).toContain('\r\n\r\n3\r\nabc\r\n0\r\n\r\n');
  caller.socket.destroy();
});
