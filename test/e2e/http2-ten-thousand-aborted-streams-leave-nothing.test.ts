// Ten thousand streams that are reset, broken, cut or flooded at random: afterwards no stream, no permit of
// limits.requestsInFlight, no connection of either side and no memory is left behind.

import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, FLAG, SETTING, TYPE } from './stage/http2-frames.ts';
import { eventually, metric, openConnections } from './stage/observe.ts';
import { response, routed } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application } from './stage/wire.ts';

const STREAMS = 10_000;
const IN_FLIGHT_MAX = 40;
const GROWTH_MB_MAX = 40;
const LARGE = 'x'.repeat(200_000);

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  application = await Application.start(
    routed({
      '/hangs': () => undefined,
      '/large': ({ wire }) => wire.send(response(LARGE)),
      '/begins': ({ wire }) => wire.send('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegin'),
      '/dies': ({ wire }) => {
        wire.send('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegin');
        wire.socket.end();
      },
      '*': ({ wire }) => wire.send(response('ok')),
    }),
  );
  proxy = await stage.start({
    upstreamPort: application.port,
    upstream: 'idleTimeout: 1s',
    listener: `limits: { requestsInFlight: ${IN_FLIGHT_MAX} }`,
    blocks: 'log: { decisions: none }',
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

function residentMb(): number {
  const status = readFileSync(`/proc/${proxy.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
}

/** Small pseudo-random numbers (mulberry32), the same for the same seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const PATHS = ['/hangs', '/large', '/begins', '/dies', '/ok', '/%2f'];
const upload = (id: number, path: string): Buffer => h.headers(id, h.post(path), FLAG.END_HEADERS);

/** What can happen to a stream. */
const FATES: readonly ((id: number, path: string) => readonly Buffer[])[] = [
  (id, path) => [h.headers(id, h.get(path))],
  (id, path) => [h.headers(id, h.get(path)), h.reset(id)],
  (id, path) => [upload(id, path), h.data(id, 'some', 0)],
  (id, path) => [upload(id, path), h.data(id, 'some', 0), h.reset(id, CODE.NO_ERROR)],
  (id, path) => [upload(id, path), h.data(id, 'all')],
  (id, path) => [upload(id, path), h.headers(id, [['x-sum', '1']])],
  (id, path) => [upload(id, path), h.headers(id, [['host', 'other']])],
  (id, path) => [upload(id, path), h.headers(id, [['x-a', 'b']], FLAG.END_HEADERS)],
  (id, path) => [h.headers(id, h.get(path)), h.windowUpdate(id, 0)],
  (id, path) => [h.headers(id, h.get(path)), h.windowUpdate(id, 0x7fffffff)],
  (id, path) => [h.headers(id, h.get(path)), h.data(id, 'x')],
  (id, path) => [h.headers(id, h.post(path, [['content-length', '9']]), FLAG.END_HEADERS), h.data(id, 'x')],
  (id) => [h.headers(id, [[':method', 'GET']])],
  (id) => [h.headers(id, h.get('/x', [['connection', 'close']]))],
  (id, path) => [h.headers(id, h.get(path)), h.settings([SETTING.WINDOW, 0])],
  (id, path) => [h.headers(id, h.get(path)), h.settings([SETTING.WINDOW, 65_535])],
  (id, path) => [h.headers(id, h.get(path)), h.ping(), h.frame(0xbe, {}), h.priority(id, 0)],
];
/** How a connection ends, besides by too much of the above. */
const ENDS: readonly ((caller: Http2Caller, id: number) => void)[] = [
  (caller) => caller.close(),
  (caller) => void caller.socket.end(),
  (caller, id) => caller.send(h.headers(id, h.get('/ok'), FLAG.END_STREAM), h.ping()),
  (caller, id) =>
    caller.send(h.frame(TYPE.HEADERS, { streamId: id, payload: '\x80', flags: FLAG.END_HEADERS })),
  (caller) => caller.send(...Array.from({ length: 3_000 }, () => h.ping())),
  (caller) => caller.send(h.windowUpdate(0, 0x7fffffff)),
];

/** Streams of random fates on connections of random ends; returns how many. */
async function churn(next: (below: number) => number, streams: number): Promise<void> {
  for (let done = 0; done < streams; ) {
    const caller = await Http2Caller.connect(stage, web, { widens: next(2) === 0 });
    const count = 20 + next(150);
    for (let n = 0; n < count && caller.goaway === null && !caller.closed; n++, done++) {
      const fate = FATES[next(FATES.length)];
      const path = PATHS[next(PATHS.length)] ?? '/';
      if (fate !== undefined) await caller.sendAll(...fate(2 * n + 1, path));
      if (next(10) === 0) await new Promise((resolve) => setTimeout(resolve, next(4)));
    }
    ENDS[next(ENDS.length)]?.(caller, 2 * count + 1);
    if (next(2) === 0) await new Promise((resolve) => setTimeout(resolve, next(10)));
    caller.close();
  }
}

test('random fates', { timeout: 120_000 }, async () => {
  const seed = randomInt(2 ** 31);
  const next = random(seed);
  await churn(next, STREAMS / 4);
  await eventually(
    () => openConnections(stage),
    (n) => n === 0,
  );
  const before = residentMb();
  await Promise.all(Array.from({ length: 3 }, () => churn(next, STREAMS / 4)));
  const idle = (): Promise<number> => openConnections(stage);
  await eventually(idle, (n) => n === 0).catch((error: unknown) => {
    throw new Error(`seed ${seed}`, { cause: error });
  });
  expect(await metric(stage, 'sallyport_connections{listener="inbound",state="active"}')).toBe(0);

  // Every permit is back: as many requests at a time as the limit allows, and none is `request-limit`.
  const caller = await Http2Caller.connect(stage, web);
  const ids = Array.from({ length: IN_FLIGHT_MAX - 1 }, (_, n) => 2 * n + 1);
  const arrived = (): number =>
    application.connections.reduce((sum, { text }) => sum + text.split(`/hangs?${seed}`).length - 1, 0);
  for (const id of ids) caller.send(h.headers(id, h.get(`/hangs?${seed}`)));
  await eventually(arrived, (n) => n === ids.length);
  caller.send(h.headers(1_001, h.get('/ok')));
  expect(await caller.over(1_001), `seed ${seed}`).toMatchObject({ status: 200, body: 'ok' });
  caller.close();

  // No connection to the application is left in use: all of them are idle, and end as idle ones do.
  await eventually(
    () => application.connections.filter((wire) => !wire.ended && !wire.closed).length,
    (n) => n === 0,
  );
  expect(residentMb() - before, `seed ${seed}`).toBeLessThan(GROWTH_MB_MAX);
});
