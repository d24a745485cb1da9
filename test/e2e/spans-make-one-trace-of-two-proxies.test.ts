// With tracing on, each proxy is a span between the caller's and the application's: one trace, right parents,
// sampled as an authenticated caller says, and as configured where a trace begins.
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Collector, type SentSpan } from './stage/collector.ts';
import { eventually, metric } from './stage/observe.ts';
import { CART, outbound, Pair } from './stage/pair.ts';
import { Application, answering, call, get, OK, Wire } from './stage/wire.ts';

const WEB = 'spiffe://example.org/ns/shop/sa/web';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const POLICIES = {
  'mesh.yaml': `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: mesh, namespace: shop }
spec:
  rules:
    - from: [{ source: { principals: ["example.org/*"] } }]
      to: [{ operation: { notPaths: ["/admin/*"] } }]
`,
};
const BLOCKS = 'log: { decisions: all }\nshutdown: { delay: 0s, drain: 5s }\n';

let application: Application;
let collector: Collector;
let pair: Pair;

beforeAll(async () => {
  application = await Application.start(answering(OK));
  collector = await Collector.start();
  pair = await Pair.start(application.port, (cart) => ({
    web: { ...outbound({ port: cart.port }), blocks: `${BLOCKS}${collector.block(', sample: 1')}` },
    cart: { policies: POLICIES, blocks: `${BLOCKS}${collector.block(', sample: 0')}` },
  }));
});

afterAll(async () => {
  await pair?.close();
  application?.close();
  await collector?.close();
});

/** Asks as the application beside web's proxy. */
async function ask(path: string, lines = ''): Promise<string> {
  const socket = net.connect({ host: '127.0.0.1', port: pair.web.port, allowHalfOpen: true });
  await once(socket, 'connect');
  const wire = new Wire(socket);
  wire.send(get(path, `${lines}Connection: close\r\n`));
  const answer = await wire.end();
  socket.destroy();
  return answer;
}

/** The head that the application got for `path`, in lower case. */
function received(path: string): string {
  const texts = application.connections.map(({ text }) => text).join('');
  const head = texts.split('\r\n\r\n').find((one) => one.startsWith(`GET ${path}`)) ?? '';
  return head.toLowerCase();
}

async function both(path: string): Promise<{ client: SentSpan; server: SentSpan }> {
  const spans = await collector.of(path, 2);
  const kind = (n: number): SentSpan => {
    const found = spans.filter(({ span }) => span['kind'] === n);
    expect(found).toHaveLength(1);
    return found[0] as SentSpan;
  };
  return { client: kind(3), server: kind(2) };
}

test('the trace that begins at the first proxy is one of three spans', async () => {
  expect(await ask('/items/7?secret=1')).toMatch(/^HTTP\/1\.1 200 OK/);
  const { client, server } = await both('/items/7');
  const { traceId, spanId } = client.span;
  expect(traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(client.span).not.toHaveProperty('parentSpanId');
  expect(server.span).toMatchObject({ traceId, parentSpanId: spanId });
  expect(received('/items/7')).toContain(
    `traceparent: 00-${String(traceId)}-${String(server.span['spanId'])}-01\r\n`,
  );
  expect(client.span).toMatchObject({ name: 'GET /items/{*}', flags: 1 });
  expect(server.span).toMatchObject({ name: 'GET /items/{*}', flags: 0x301 });
  expect(client.resource).toMatchObject({ 'service.name': 'web', 'service.namespace': 'shop' });
  expect(server.resource).toMatchObject({ 'service.name': 'cart', 'service.namespace': 'shop' });
  expect(JSON.stringify(collector.exports)).not.toContain('secret');
});

test('attributes say what was decided, by what, and what it cost', async () => {
  expect(await ask('/items/8')).toMatch(/^HTTP\/1\.1 200 OK/);
  const { client, server } = await both('/items/8');
  const line = await pair.inbound.line(
    (one) => one['http'] !== undefined && one['trace'] === server.span['traceId'],
  );
  expect(server.attributes).toMatchObject({
    'http.request.method': 'GET',
    'url.scheme': 'https',
    'http.response.status_code': '200',
    'server.address': 'cart.shop',
    'client.address': '127.0.0.1',
    'network.protocol.version': '1.1',
    'sallyport.direction': 'inbound',
    'sallyport.verdict': 'allow',
    'sallyport.enforced': true,
    'sallyport.reason': 'allow-rule',
    'sallyport.rule': ['ns[shop]-policy[mesh]-rule[0]'],
    'sallyport.source.principal': WEB,
    'sallyport.destination.workload': 'cart',
    'sallyport.request_id': line['requestId'],
    'sallyport.policy.hash': line['policyHash'],
  });
  expect(client.attributes).toMatchObject({
    'url.scheme': 'http',
    'server.port': String(pair.cart.port),
    'sallyport.direction': 'outbound',
    'sallyport.destination.workload': CART.split('/').at(-1),
    'sallyport.request_id': line['requestId'],
  });
  expect(server.attributes['sallyport.decision_us']).toBeGreaterThan(0);
  const [outer, inner] = [times(client), times(server)];
  for (const { start, end } of [outer, inner]) expect(end).toBeGreaterThan(start);
  // Both run on this machine; their clocks differ by the milliseconds that wall time is cut to.
  expect(Math.abs(inner.start - outer.start)).toBeLessThan(1_000_000_000);
});

function times({ span }: SentSpan): { start: number; end: number } {
  for (const key of ['startTimeUnixNano', 'endTimeUnixNano']) expect(span[key]).toMatch(/^[0-9]{19}$/);
  return { start: Number(span['startTimeUnixNano']), end: Number(span['endTimeUnixNano']) };
}

test('the trace of the application is continued, its state goes on', async () => {
  await ask('/continued', `traceparent: 00-${TRACE}-${SPAN}-01\r\ntracestate: a=b\r\n`);
  const { client, server } = await both('/continued');
  expect(client.span).toMatchObject({ traceId: TRACE, parentSpanId: SPAN });
  expect(server.span).toMatchObject({ traceId: TRACE, parentSpanId: client.span['spanId'] });
  const head = received('/continued');
  expect(head).toContain('tracestate: a=b\r\n');
  expect(head.match(/traceparent/g)).toHaveLength(1);
  expect(head).toContain(`traceparent: 00-${TRACE}-${String(server.span['spanId'])}-01\r\n`);
});

test('a denied request has a span, and fails for the client only', async () => {
  expect(await ask('/admin/1')).toMatch(/^HTTP\/1\.1 403/);
  const { client, server } = await both('/admin/1');
  // What was denied was chosen by the caller: it names no span.
  expect(server.span).toMatchObject({ name: 'GET inbound' });
  expect(server.span).not.toHaveProperty('status');
  expect(server.attributes).toMatchObject({
    'http.response.status_code': '403',
    'sallyport.verdict': 'deny',
    'sallyport.reason': 'default-deny',
  });
  expect(server.attributes).not.toHaveProperty('sallyport.rule');
  expect(client.span).toMatchObject({ status: { code: 2 } });
  expect(client.attributes).toMatchObject({ 'error.type': '403', 'sallyport.verdict': 'allow' });
});

test('an authenticated caller that does not sample is not sampled', async () => {
  await ask('/unsampled', `traceparent: 00-${TRACE}-${SPAN}-00\r\ntracestate: a=b\r\n`);
  await ask('/unsampled-after');
  await collector.of('/unsampled-after', 2);
  expect(collector.spans().filter(({ attributes }) => attributes['url.path'] === '/unsampled')).toEqual([]);
  const head = received('/unsampled ');
  expect(head).toMatch(new RegExp(`traceparent: 00-${TRACE}-[0-9a-f]{16}-00\r\n`));
  expect(head).not.toContain(SPAN);
});

test('a trace that begins at a proxy whose share is 0 has no span', async () => {
  const svid = await pair.cart.svid('peer', WEB);
  const wire = await call(pair.cart, svid);
  wire.send(get('/direct', 'Connection: close\r\n'));
  expect(await wire.end()).toMatch(/^HTTP\/1\.1 200/);
  await ask('/direct-after');
  await collector.of('/direct-after', 2);
  expect(collector.spans().filter(({ attributes }) => attributes['url.path'] === '/direct')).toEqual([]);
  expect(received('/direct ')).toMatch(/traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n/);
});

test('exports are OTLP over HTTP, and counted', async () => {
  for (const { method, path, headers } of collector.exports) {
    expect([method, path, headers['content-type']]).toEqual(['POST', '/v1/traces', 'application/json']);
  }
  const exported = (): Promise<number> => metric(pair.web, 'sallyport_spans_total{result="exported"}');
  expect(await eventually(exported, (count) => count > 0)).toBeGreaterThan(0);
});
