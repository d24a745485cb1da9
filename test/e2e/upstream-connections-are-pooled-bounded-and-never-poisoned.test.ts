// The keep-alive pool: reuse, its limit, its expiry, and that no byte of one answer can end up in another.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { eventually, metric } from './stage/observe.ts';
import { type Arrival, answered, codeOf, response, routed } from './stage/routed.ts';
import { Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, type Wire } from './stage/wire.ts';

/** More than one write, and less than the sockets on the way hold. */
const LARGE = 1_000_000;

let stage: Stage;
let application: Application;
let web: SvidFiles;
const callers: Wire[] = [];
/** Requests that wait for an answer. */
const held: Arrival[] = [];

beforeAll(async () => {
  stage = await Stage.create();
  const later = (text: string, delayMs: number) => (arrival: Arrival) => {
    arrival.wire.send(response('ok'));
    setTimeout(() => arrival.wire.send(text), delayMs);
  };
  application = await Application.start(
    routed({
      '/held': (arrival) => void held.push(arrival),
      '/late-byte': later('x', 50),
      '/late-response': later(response('stolen'), 50),
      '/two-responses': ({ wire }) => wire.send(response('ok') + response('stolen')),
      '/extra-bytes': ({ wire }) => wire.send(`${response('ok')}x`),
      '/says-close': ({ wire }) => wire.send(response('ok', { lines: 'connection: close\r\n' })),
      '/http-1-0': ({ wire }) => wire.send(response('ok').replace('HTTP/1.1', 'HTTP/1.0')),
      '/large': ({ wire }) => wire.send(response('x'.repeat(LARGE))),
      '/head': ({ wire }) => wire.send(response('ok')), // a body although HEAD has none
      '/not-modified': ({ wire }) => wire.send(response('', { status: '304 Not Modified' })),
      '*': ({ wire }) => wire.send(response('ok')),
    }),
  );
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  await stage.start({
    upstreamPort: application.port,
    upstream: 'maxConnections: 3, idleTimeout: 1s',
  });
});

afterEach(() => {
  for (const { socket } of callers.splice(0)) socket.destroy();
  held.length = 0;
});

afterAll(async () => {
  await stage.close();
  application.close();
});

async function caller(): Promise<Wire> {
  const one = await call(stage, web);
  callers.push(one);
  return one;
}

const open = (): Wire[] => application.connections.filter((one) => !one.ended && !one.closed);

test('one connection carries many requests of many callers', async () => {
  const before = application.connections.length;
  for (let i = 0; i < 5; i++) {
    const one = await caller();
    one.send(get(`/${i}`));
    await answered(one, 1);
    one.send(get(`/${i}`));
    await answered(one, 2);
  }
  expect(application.connections.length - before).toBeLessThanOrEqual(1);
});

test('an idle connection is closed after upstream.idleTimeout', async () => {
  const one = await caller();
  one.send(get('/'));
  await answered(one, 1);
  expect(open().length).toBe(1);
  await eventually(open, (left) => left.length === 0);
  one.send(get('/')); // the caller's own stays
  await answered(one, 2);
});

test('a connection whose answer a slow caller held up is not kept as long', async () => {
  const one = await caller();
  one.socket.pause();
  one.send(get('/large'));
  await eventually(
    () => open().filter(({ socket }) => socket.writableLength === 0 && socket.bytesWritten > LARGE).length,
    (n) => n === 1,
  );
  await new Promise((resolve) => setTimeout(resolve, 1_500)); // longer than upstream.idleTimeout
  one.socket.resume();
  await one.until((text) => text.length > LARGE);
  await eventually(open, (left) => left.length === 0, 700);
});

test('beyond upstream.maxConnections a request is a 503, and none waits', async () => {
  const busy = await Promise.all([caller(), caller(), caller()]);
  for (const one of busy) one.send(get('/held'));
  await eventually(
    () => held.length,
    (n) => n === 3,
  );
  const fourth = await caller();
  fourth.send(get('/'));
  const [answer] = await answered(fourth, 1);
  expect([answer?.status, codeOf(answer)]).toEqual([503, 'upstream-limit']);
  for (const { wire } of held) wire.send(response('ok'));
  for (const one of busy) await answered(one, 1);
  const again = await caller();
  again.send(get('/'));
  expect((await answered(again, 1))[0]?.status).toBe(200);
});

test('beyond limits.requestsInFlight a request is a 503 before it is judged', async () => {
  const small = await Stage.create();
  const svid = await small.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  const proxy = await small.start({
    upstreamPort: application.port,
    listener: 'limits: { requestsInFlight: 2 }',
  });
  const three = await Promise.all([call(small, svid), call(small, svid), call(small, svid)]);
  callers.push(...three);
  for (const [i, one] of three.slice(0, 2).entries()) {
    one.send(get('/held'));
    await eventually(
      () => held.length,
      (n) => n === i + 1,
    );
  }
  expect(await metric(small, 'sallyport_connections{listener="inbound",state="active"}')).toBe(2);
  three[2]?.send(get('/third'));
  expect(codeOf((await answered(three[2] as Wire, 1))[0])).toBe('request-limit');
  const line = await proxy.line((one) => one['reason'] === 'request-limit');
  expect(line).toMatchObject({ verdict: 'deny', rules: [], http: { status: 503, path: '/third' } });
  held[0]?.wire.send(response('ok'));
  await answered(three[0] as Wire, 1);
  three[0]?.send(get('/again'));
  expect((await answered(three[0] as Wire, 2))[1]?.status).toBe(200);
  await small.close();
});

const POISON = ['/late-byte', '/late-response', '/two-responses', '/extra-bytes'];
test.each(POISON)('%s: the connection is not used again', async (path) => {
  const one = await caller();
  one.send(get(path));
  const [answer] = await answered(one, 1);
  expect([answer?.status, answer?.body]).toEqual([200, 'ok']);
  await eventually(open, (left) => left.length === 0);
  one.send(get('/after'));
  expect((await answered(one, 2))[1]?.body).toBe('ok');
  expect(one.text).not.toContain('stolen');
});

test.each(['/says-close', '/http-1-0'])('%s: the connection is closed after the answer', async (path) => {
  const one = await caller();
  one.send(get(path));
  const [answer] = await answered(one, 1);
  expect(answer?.head).not.toMatch(/^connection: close/im); // the caller's connection is its own affair
  await eventually(open, (left) => left.length === 0);
  one.send(get('/after'));
  await answered(one, 2);
});

test('a body after HEAD is not taken for an answer', async () => {
  const one = await caller();
  one.send('HEAD /head HTTP/1.1\r\nHost: cart.shop\r\n\r\n');
  await one.until((text) => text.endsWith('\r\n\r\n'));
  expect(one.text).toMatch(/content-length: 2\r\n/);
  await eventually(open, (left) => left.length === 0);
  one.text = '';
  one.send(get('/after'));
  expect((await answered(one, 1))[0]?.body).toBe('ok');
});

test('204, 304 and HEAD end with their head, and the connection goes on', async () => {
  const one = await caller();
  const before = application.connections.length;
  one.send(get('/not-modified'));
  await one.until((text) => text.endsWith('\r\n\r\n'));
  one.send(get('/after'));
  await one.until((text) => text.endsWith('ok'));
  expect(application.connections.length - before).toBeLessThanOrEqual(1);
});
