// Requests of all callers share a connection to an application of HTTP/2: answers that a caller does not
// read, and bodies that the application does not, hold themselves and nobody else.
import { once } from 'node:events';
import http2 from 'node:http2';
import type net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { FLAG, SETTING } from './stage/http2-frames.ts';
import { connectionsTo } from './stage/observe.ts';
import { writePattern } from './stage/patterned.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';

const STREAMS = 100;
/** More than all windows of a stream on the way hold. */
const SLOW_BYTES = 200_000;
const QUICK_BYTES = 1_000_000;

let stage: Stage;
let proxy: RunningProxy;
let web: SvidFiles;
let other: SvidFiles;
let port: number;
const server = http2.createServer((asked, reply) => {
  const { url } = asked;
  if (url === '/unread') return;
  if (url === '/taken') return void asked.resume().on('end', () => reply.end('taken'));
  void writePattern(reply, url === '/slow' ? SLOW_BYTES : QUICK_BYTES);
});

beforeAll(async () => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  other = await stage.svid('other', 'spiffe://example.org/ns/shop/sa/other');
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as net.AddressInfo);
  proxy = await stage.start({ upstreamPort: port, upstream: 'protocol: h2c' });
});

afterAll(async () => {
  await stage.close();
  server.close();
});

test('100 answers that nobody reads leave room for others', async () => {
  const slow = await Http2Caller.connect(stage, web, { settings: [[SETTING.WINDOW, 0]] });
  const ids = Array.from({ length: STREAMS }, (_, n) => 2 * n + 1);
  slow.send(...ids.map((id) => h.headers(id, h.get('/slow'))));
  await slow.until(() => ids.every((id) => slow.answer(id).status === 200));
  const quick = await Http2Caller.connect(stage, other);
  for (const id of [1, 3, 5]) {
    quick.send(h.headers(id, h.get('/quick')));
    expect((await quick.over(id, 5_000)).bytes).toBe(QUICK_BYTES);
  }
  expect(connectionsTo(proxy.child.pid, port)).toBe(1);
  // And those who begin to read get theirs.
  slow.send(h.settings([SETTING.WINDOW, 65_535]));
  for (const id of ids) expect((await slow.over(id, 20_000)).bytes).toBe(SLOW_BYTES);
  for (const caller of [slow, quick]) caller.close();
});

test('a body that the application does not read leaves room for others', async () => {
  const stuck = await Http2Caller.connect(stage, web);
  const answer = stuck.answer(1);
  stuck.send(h.headers(1, h.post('/unread'), FLAG.END_HEADERS));
  const piece = 'x'.repeat(16_000);
  let sent = 0;
  // Until nobody on the way takes any more of it.
  const room = (): Promise<boolean> =>
    stuck
      .until(() => answer.taken + 65_535 - sent >= piece.length, 500)
      .then(
        () => true,
        () => false,
      );
  for (; await room(); sent += piece.length) stuck.send(h.data(1, piece, 0));
  const quick = await Http2Caller.connect(stage, other);
  for (const id of [1, 3, 5]) {
    quick.send(h.headers(id, h.post('/taken'), FLAG.END_HEADERS), h.data(id, 'y'.repeat(10_000)));
    expect(await quick.over(id, 5_000)).toMatchObject({ status: 200, body: 'taken' });
  }
  for (const caller of [stuck, quick]) caller.close();
});
