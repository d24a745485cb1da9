// What changes while streams are open: windows and tables by SETTINGS, policies, callers that leave by the
// thousand. Every stream that goes on gets all of its answer, and of the others nothing is left.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, FLAG, SETTING, TYPE } from './stage/http2-frames.ts';
import { type Asked, answerOk, Http2Application } from './stage/http2-peer.ts';
import { eventually, openConnections } from './stage/observe.ts';
import { type RunningProxy, Stage, type StageOptions, type SvidFiles } from './stage/stage.ts';

const NOBODY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: nobody, namespace: shop }
spec: {}
`;
const BYTES = 20_000;
const VALUE = 'b'.repeat(50);

let stage: Stage;
let application: Http2Application;
let web: SvidFiles;

beforeEach(async () => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  application = await Http2Application.start(answer);
});

afterEach(async () => {
  await stage.close();
  application.close();
});

const start = (options: StageOptions = {}): Promise<RunningProxy> =>
  stage.start({ upstreamPort: application.port, upstream: 'protocol: h2c, idleTimeout: 1s', ...options });

function answer(asked: Asked): void {
  const { peer, streamId, path, last } = asked;
  if (path === '/ok' && last) answerOk(asked);
  if (path !== '/large') return;
  const head = h.headers(
    streamId,
    [
      [':status', '200'],
      ['x-a', VALUE],
    ],
    FLAG.END_HEADERS,
  );
  const half = h.data(streamId, 'x'.repeat(BYTES / 2), 0);
  peer.send(head, half, half, h.headers(streamId, [['x-sum', '1']]));
}

/** The proxy has read everything so far. */
async function turn(caller: Http2Caller): Promise<void> {
  const pongs = (): number => caller.types.filter((type) => type === TYPE.PING).length;
  const before = pongs();
  caller.send(h.ping());
  await caller.until(() => pongs() > before);
}

test('windows that shrink below zero and grow again, tables that vanish', async () => {
  await start();
  const caller = await Http2Caller.connect(stage, web, { settings: [[SETTING.WINDOW, 100]], widens: false });
  const ids = Array.from({ length: 20 }, (_, i) => 2 * i + 1);
  for (const id of ids) caller.send(h.headers(id, h.get('/large')));
  for (const id of ids) await caller.until(() => caller.answer(id).bytes === 100);
  caller.send(h.settings([SETTING.WINDOW, 0], [SETTING.TABLE, 0])); // -100
  caller.send(h.windowUpdate(1, 100), h.settings([SETTING.TABLE, 4_096]));
  await turn(caller);
  expect(caller.answer(1).bytes).toBe(100);
  caller.send(h.settings([SETTING.WINDOW, 1], [SETTING.TABLE, 100], [SETTING.TABLE, 0xffffffff]));
  await caller.until(() => caller.answer(1).bytes === 101);
  expect(caller.answer(3).bytes).toBe(100);
  caller.send(h.windowUpdate(0, 10_000_000), h.settings([SETTING.WINDOW, 0x7fffffff]));
  caller.send(h.settings([SETTING.FRAME, 0xffffff]));
  for (const id of ids) {
    const { bytes, trailers } = await caller.over(id);
    expect({ bytes, trailers }).toEqual({ bytes: BYTES, trailers: [['x-sum', '1']] });
  }
  for (let n = 20; n < 40; n++) {
    const id = 2 * n + 1;
    caller.send(h.settings([SETTING.TABLE, n % 3 === 0 ? 0 : 4_096]), h.headers(id, h.get('/large')));
    expect((await caller.over(id)).value('x-a')).toBe(VALUE);
  }
  caller.close();
});

test('thousands of streams whose callers leave: no stream, no permit, no connection is left', async () => {
  const limits = 'limits: { requestsInFlight: 150 }';
  const proxy = await start({ listener: limits, blocks: 'log: { decisions: none }' });
  const ids = Array.from({ length: 90 }, (_, i) => 2 * i + 1);
  for (let n = 0; n < 40; n++) {
    const caller = await Http2Caller.connect(stage, web);
    const [fields, flags] =
      n % 3 === 0
        ? [h.get('/hangs'), FLAG.END_HEADERS | FLAG.END_STREAM]
        : [h.post('/hangs'), FLAG.END_HEADERS];
    for (const id of ids) caller.send(h.headers(id, fields, flags));
    if (n % 2 === 0) for (const id of ids) caller.send(h.reset(id));
    await turn(caller);
    caller.close();
  }
  await eventually(
    () => openConnections(stage),
    (count) => count === 0,
  );
  expect(application.connections).toHaveLength(1);
  const [peer] = application.connections;
  for (const { streamId } of application.asked) expect(peer?.reset(streamId)).toBe(CODE.CANCEL);
  const caller = await Http2Caller.connect(stage, web);
  for (const id of ids) caller.send(h.headers(id, h.get('/ok')));
  for (const id of ids) expect((await caller.over(id)).status).toBe(200);
  caller.close();
  await eventually(
    () => application.connections.filter(({ closed }) => !closed).length,
    (count) => count === 0,
  );
  expect(proxy.stderr).toBe('');
});

test('a policy that denies between a head and its data: the application never gets the end', async () => {
  await start();
  const caller = await Http2Caller.connect(stage, web);
  const uploads = [
    h.post('/ok'),
    h.post('/ok', [['content-length', '0']]),
    h.post('/ok', [['content-length', '1']]),
    h.post('/ok', [['content-type', 'application/grpc']]),
  ];
  for (const [i, fields] of uploads.entries()) caller.send(h.headers(2 * i + 1, fields, FLAG.END_HEADERS));
  await eventually(
    () => application.asked.length,
    (count) => count === uploads.length,
  );
  stage.write('policies/mesh.yaml', NOBODY);
  await caller.until(() => uploads.every((_, i) => caller.answer(2 * i + 1).status > 0));
  expect([1, 3, 5].map((id) => caller.answer(id).code)).toEqual(Array(3).fill('policy-revoked'));
  expect(caller.answer(7).value('grpc-status')).toBe('7');
  for (const [i] of uploads.entries()) caller.send(h.data(2 * i + 1, i === 1 ? '' : 'x'));
  await turn(caller);
  for (const { peer, streamId } of application.asked) {
    expect(peer.ended(streamId)).toBe(false);
    expect(peer.body(streamId)).toBe('');
    expect(peer.reset(streamId)).toBe(CODE.CANCEL);
  }
  caller.close();
});
