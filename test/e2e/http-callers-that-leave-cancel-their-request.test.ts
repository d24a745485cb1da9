// A caller that goes away takes its request with it; one that only half-closed still gets its answer. Nothing
// leaks.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adminPage, eventually, metric } from './stage/observe.ts';
import { type Arrival, answered, answers, response, routed } from './stage/routed.ts';
import { type LogLine, type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, type Wire } from './stage/wire.ts';

const ABORTS = 50;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;
let arrivals: Arrival[] = [];

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(
    routed(
      {
        '/hangs': () => undefined,
        '/streams': ({ wire }) => {
          wire.send('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
          let left = 6;
          const timer = setInterval(() => {
            if (left-- === 0 || wire.closed) clearInterval(timer);
            if (!wire.socket.destroyed) wire.send(left >= 0 ? '1\r\nx\r\n' : '0\r\n\r\n');
          }, 300);
        },
        '/begins': ({ wire }) => wire.send('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegin'),
        '/large': ({ wire }) => wire.send(response('x'.repeat(20_000_000))),
        '/late': ({ wire }) => void setTimeout(() => wire.send(response('late')), 400),
        '*': ({ wire }) => wire.send(response('ok')),
      },
      (arrival) => arrivals.push(arrival),
    ),
  );
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({ upstreamPort: application.port, upstream: 'idleTimeout: 1s' });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

const gone = ({ wire }: Arrival): boolean => wire.ended || wire.closed;
const post = (path: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: cart.shop\r\nContent-Length: 50\r\n\r\n`;
const recorded = (path: string): LogLine[] =>
  proxy.lines.filter((line) => (line['http'] as { path?: string } | undefined)?.path === path);

const LEAVING: { name: string; path: string; send: string; seen: (caller: Wire) => boolean }[] = [
  { name: 'while the application thinks', path: '/hangs?a', send: get('/hangs?a'), seen: () => true },
  { name: 'while it sends its body', path: '/hangs?b', send: `${post('/hangs?b')}begin`, seen: () => true },
  {
    name: 'behind a pipelined request',
    path: '/hangs?c',
    send: get('/first') + get('/hangs?c'),
    seen: (caller) => caller.text.endsWith('ok'),
  },
  {
    name: 'within its answer',
    path: '/begins',
    send: get('/begins'),
    seen: (caller) => caller.text.endsWith('begin'),
  },
  { name: 'before it read its answer', path: '/large', send: get('/large'), seen: () => true },
];

const WAYS: { name: string; leave: (caller: Wire) => void }[] = [
  { name: 'closes', leave: ({ socket }) => socket.destroy() },
  { name: 'ends and closes', leave: ({ socket }) => void socket.end(() => socket.destroy()) },
];

const rows = LEAVING.flatMap((one) =>
  WAYS.map((way) => ({ ...one, ...way, name: `${way.name} ${one.name}` })),
);
test.each(rows)(
  'a caller that $name: the application hears it, one record',
  async ({ path, send, seen, leave }) => {
    arrivals = [];
    proxy.lines.length = 0;
    const caller = await call(stage, web);
    if (path === '/large') caller.socket.pause();
    caller.send(send);
    await eventually(
      () => arrivals.some((one) => one.path === path) && seen(caller),
      (arrived) => arrived,
    );
    leave(caller);
    const arrival = arrivals.find((one) => one.path === path) as Arrival;
    await eventually(
      () => gone(arrival),
      (left) => left,
      path === '/begins' ? 8_000 : 4_000,
    );
    const logged = path.split('?')[0] ?? '';
    await eventually(
      () => recorded(logged).length,
      (n) => n > 0,
    );
    expect(recorded(logged)).toMatchObject([{ reason: 'client-closed', verdict: 'allow' }]);
  },
);

test(`${ABORTS} of ${ABORTS} aborted requests are closed at the application`, async () => {
  arrivals = [];
  const callers = await Promise.all(Array.from({ length: ABORTS }, () => call(stage, web)));
  for (const caller of callers) caller.send(get('/hangs'));
  await eventually(
    () => arrivals.length,
    (n) => n === ABORTS,
  );
  for (const caller of callers) caller.socket.destroy();
  const open = await eventually(
    () => arrivals.filter((one) => !gone(one)).length,
    (n) => n === 0,
  );
  expect(open).toBe(0);
});

test('a caller that half-closes after its request gets its answer', async () => {
  const caller = await call(stage, web);
  caller.socket.end(get('/late'), 'latin1');
  const [answer] = answers(await caller.end());
  expect(answer?.body).toBe('late');
  expect(answer?.head).toMatch(/\r\nconnection: close\r\n/);
});

test('a caller that half-closes after its body, or within its answer, gets all of it', async () => {
  const uploader = await call(stage, web);
  uploader.socket.end(post('/late') + 'x'.repeat(50), 'latin1');
  const reader = await call(stage, web);
  reader.send(get('/streams'));
  await reader.until((text) => text.endsWith('x\r\n'));
  reader.socket.end();
  expect(answers(await uploader.end())[0]?.body).toBe('late');
  expect(answers(await reader.end())[0]?.body.replaceAll(/[01\r\n]/g, '')).toBe('xxxxxx');
});

test('a caller that half-closes an idle connection still reads the last answer', async () => {
  const caller = await call(stage, web);
  caller.socket.pause();
  caller.send(get('/large'));
  await eventually(
    () => arrivals.at(-1)?.path,
    (path) => path === '/large',
  );
  caller.socket.end();
  caller.socket.resume();
  let bytes = 0;
  caller.socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await caller.end();
  expect(bytes).toBeGreaterThan(20_000_000);
});

test('a caller that half-closes within its body gets nothing, and the application hears it', async () => {
  arrivals = [];
  const caller = await call(stage, web);
  caller.socket.end(`${post('/hangs')}begin`, 'latin1');
  expect(await caller.end()).toBe('');
  await eventually(
    () => arrivals.every(gone),
    (left) => left,
  );
});

test('after all of it nothing is left open', async () => {
  const one = await call(stage, web);
  one.send(get('/alive'));
  await answered(one, 1);
  one.socket.destroy();
  const series = (state: string): string => `sallyport_connections{listener="inbound",state="${state}"}`;
  for (const state of ['active', 'idle'])
    expect(
      await eventually(
        () => metric(stage, series(state)),
        (n) => n === 0,
      ),
    ).toBe(0);
  expect(JSON.parse((await adminPage(stage, '/connections')).text)).toEqual([]);
  await eventually(
    () => application.connections.filter((wire) => !wire.ended && !wire.closed).length,
    (n) => n === 0,
  );
});
