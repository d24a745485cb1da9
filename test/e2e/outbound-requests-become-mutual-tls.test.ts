// Plain HTTP in, mutual TLS with the workload's SVID out, the same data path on both sides: application ->
// outbound listener -> inbound listener -> application.
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { handshakes, metric } from './stage/observe.ts';
import { CART, outbound, Pair } from './stage/pair.ts';
import type { LogLine, RunningProxy } from './stage/stage.ts';
import { Application, get, OK, targets, Wire } from './stage/wire.ts';

const WEB = 'spiffe://example.org/ns/shop/sa/web';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const POLICIES = {
  'mesh.yaml': `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: out, namespace: shop }
spec:
  selector: { matchLabels: { app: web } }
  rules:
    - from: [{ source: { principals: ["example.org/ns/shop/sa/web"] } }]
      to: [{ operation: { hosts: [cart.shop], notPaths: ["/secret/*"] } }]
`,
};

let application: Application;
let pair: Pair;

beforeAll(async () => {
  application = await Application.start((wire) => {
    let answered = 0;
    wire.socket.on('data', () => {
      const blank = wire.text.split('\r\n\r\n').length - 1;
      const posts = wire.text.split('POST ').length - 1; // those have a second empty line in their body
      for (; answered < blank - posts; answered++) wire.send(OK);
    });
  });
  pair = await Pair.start(application.port, (cart) => ({
    web: { ...outbound({ port: cart.port }), policies: POLICIES },
  }));
});

afterAll(async () => {
  await pair.close();
  application.close();
});

/** The application beside web's proxy. */
async function connect(): Promise<Wire> {
  const socket = net.connect({ host: '127.0.0.1', port: pair.web.port, allowHalfOpen: true });
  await once(socket, 'connect');
  return new Wire(socket);
}

async function ask(path: string, lines = ''): Promise<string> {
  const app = await connect();
  app.send(get(path, `${lines}Connection: close\r\n`));
  const answer = await app.end();
  app.socket.destroy();
  return answer;
}

const record = (proxy: RunningProxy, path: string): Promise<LogLine> =>
  proxy.line((line) => (line['http'] as LogLine | undefined)?.['path'] === path);

/** The head that the application got for `path`. */
function received(path: string): string {
  const texts = application.connections.map(({ text }) => text).join('');
  return texts.split('\r\n\r\n').find((head) => head.startsWith(`GET ${path} `)) ?? '';
}

test('a request arrives, and both sides tell the same story of it', async () => {
  expect(await ask('/items/7?x=1')).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*ok$/);
  const [out, into] = [await record(pair.outbound, '/items/7'), await record(pair.inbound, '/items/7')];
  expect(out).toMatchObject({
    listener: 'inbound',
    direction: 'outbound',
    verdict: 'allow',
    source: { principal: WEB, ip: '127.0.0.1' },
    destination: { workload: 'cart', namespace: 'shop', port: pair.cart.port },
    rules: ['ns[shop]-policy[out]-rule[0]'],
  });
  expect(into).toMatchObject({
    direction: 'inbound',
    verdict: 'allow',
    source: { principal: WEB },
    destination: { workload: 'cart', namespace: 'shop' },
  });
  expect(into['requestId']).toBe(out['requestId']);
  expect(into['trace']).toBe(out['trace']);
  const head = received('/items/7?x=1');
  expect(head).toContain(`x-request-id: ${String(out['requestId'])}`);
  expect(head).toMatch(new RegExp(`x-forwarded-client-cert: By=${CART};Hash=[0-9a-f]{64};URI=${WEB}`));
});

test('the trace of the application goes on, an identity of its making does not', async () => {
  const lines =
    `traceparent: 00-${TRACE}-00f067aa0ba902b7-01\r\ntracestate: a=b\r\nX-Request-Id: mine-1\r\n` +
    'X-Forwarded-Client-Cert: By=me;URI=spiffe://example.org/ns/shop/sa/admin\r\n';
  expect(await ask('/trace', lines)).toMatch(/^HTTP\/1\.1 200 OK/);
  const [out, into] = [await record(pair.outbound, '/trace'), await record(pair.inbound, '/trace')];
  for (const line of [out, into]) expect(line).toMatchObject({ requestId: 'mine-1', trace: TRACE });
  const head = received('/trace').toLowerCase();
  expect(head).toContain('tracestate: a=b');
  expect(head.match(/x-forwarded-client-cert/g)).toHaveLength(1);
  expect(head).not.toContain('admin');
});

test('the policies of the workload decide about its own requests', async () => {
  const denied = await ask('/secret/1');
  expect(denied).toMatch(/^HTTP\/1\.1 403 [\s\S]*"code":"default-deny"/);
  expect(await record(pair.outbound, '/secret/1')).toMatchObject({
    direction: 'outbound',
    verdict: 'deny',
    near: [{ field: 'to.operation.notPaths' }],
  });
  expect(targets(application)).not.toContain('/secret/1');
});

test('requests in a row share one connection to the peer', async () => {
  const before = await handshakes(pair.cart, 'ok');
  const app = await connect();
  for (let i = 1; i <= 5; i++) {
    app.send(get(`/row/${i}`));
    await app.until((text) => text.split('\r\n\r\nok').length === i + 1);
  }
  app.socket.destroy();
  expect(await handshakes(pair.cart, 'ok')).toBeLessThanOrEqual(before + 1);
});

test('plaintext from the own application is no plaintext request, and softens nothing', async () => {
  await ask('/plain');
  expect(await metric(pair.web, 'sallyport_plaintext_requests_total{listener="inbound"}')).toBe(0);
  const ready = await pair.outbound.line((line) => line['msg'] === 'ready');
  expect(ready['mode']).toBe('enforce');
});

test('a large body arrives whole', async () => {
  const app = await connect();
  const body = `${'x'.repeat(300_000)}\r\n\r\n`; // the application answers at the second empty line
  app.send(
    `POST /body HTTP/1.1\r\nHost: cart.shop\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  app.send(body);
  expect(await app.end()).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*ok$/);
  const got = application.connections.map(({ text }) => text).join('');
  expect(got).toContain(`\r\n\r\n${body}`);
});
