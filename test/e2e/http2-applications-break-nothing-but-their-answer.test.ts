// An application that speaks HTTP/2 and breaks its rules: the caller gets an error or sees the answer break,
// never a part of it as whole, and the next request is served.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, type Field, FLAG, SETTING, TYPE } from './stage/http2-frames.ts';
import { type Asked, answerOk, Http2Application, type Http2Peer } from './stage/http2-peer.ts';
import { answers, codeOf } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { StoppedApplication } from './stage/stopped.ts';
import { call, get } from './stage/wire.ts';

let stage: Stage;
let application: Http2Application;
let proxy: RunningProxy;
let web: SvidFiles;
let route: (asked: Asked) => void = answerOk;

beforeAll(async () => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  application = await Http2Application.start((asked) => route(asked));
  proxy = await stage.start({
    upstreamPort: application.port,
    upstream: 'protocol: h2c',
    listener: 'timeouts: { request: 2s, idle: 2s }',
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

type By = (asked: Asked) => void;
const OK: Field = [':status', '200'];
/** Sends these frames on the stream. */
const says =
  (...frames: readonly ((streamId: number) => Buffer)[]): By =>
  ({ peer, streamId }) =>
    peer.send(...frames.map((frame) => frame(streamId)));
const head =
  (fields: readonly Field[], flags: number = FLAG.END_HEADERS) =>
  (streamId: number): Buffer =>
    h.headers(streamId, fields, flags);
const ENDS = FLAG.END_HEADERS | FLAG.END_STREAM;
const whole = (...fields: readonly Field[]): By => says(head(fields, ENDS));
const data =
  (text: string, flags: number = FLAG.END_STREAM) =>
  (streamId: number): Buffer =>
    h.data(streamId, text, flags);
const bad = (
  type: number,
  payload: string,
  of?: { flags?: number; streamId?: number; length?: number },
): By => says(() => h.frame(type, { payload, ...of }));

/** Nothing was sent to the caller yet: it is told. */
const REFUSED: readonly { name: string; by: By; method?: string; code?: string }[] = [
  { name: 'data before a head', by: says(data('x')) },
  { name: 'no status', by: whole(['x-a', 'b']) },
  { name: 'two statuses', by: whole(OK, OK) },
  { name: 'a status behind others', by: whole(['x-a', 'b'], OK) },
  { name: 'a status of four digits', by: whole([':status', '2000']) },
  { name: 'a status of two digits', by: whole([':status', '20']) },
  { name: 'a status with a sign', by: whole([':status', '+20']) },
  { name: 'a status that is none', by: whole([':status', 'abc']) },
  { name: 'a status of 099', by: whole([':status', '099']) },
  { name: 'a status of 600', by: whole([':status', '600']) },
  { name: 'a status with a line', by: whole([':status', '2\r\n']) },
  { name: ':path', by: whole(OK, [':path', '/']) },
  { name: 'an unknown pseudo-header field', by: whole(OK, [':x', 'y']) },
  { name: 'a name in upper case', by: whole(OK, ['X-A', 'b']) },
  { name: 'a name with a colon', by: whole(OK, ['x-a: b', 'c']) },
  { name: 'a name with a line', by: whole(OK, ['x-a: b\r\nset-cookie', 'c=d']) },
  { name: 'a name with nothing', by: whole(OK, ['', 'c']) },
  { name: 'a value with a line', by: whole(OK, ['x-a', 'b\r\n\r\nHTTP/1.1 200 OK']) },
  { name: 'a value with a newline', by: whole(OK, ['x-a', 'b\nset-cookie: c=d']) },
  { name: 'a value with NUL', by: whole(OK, ['x-a', 'b\0']) },
  { name: 'a value that begins with a space', by: whole(OK, ['x-a', ' b']) },
  { name: 'connection', by: whole(OK, ['connection', 'close']) },
  { name: 'transfer-encoding', by: whole(OK, ['transfer-encoding', 'chunked']) },
  { name: 'keep-alive', by: whole(OK, ['keep-alive', 'timeout=5']) },
  { name: 'upgrade', by: whole(OK, ['upgrade', 'h2c']) },
  { name: 'two lengths', by: whole(OK, ['content-length', '0'], ['content-length', '0']) },
  { name: 'a length with a sign', by: whole(OK, ['content-length', '+0']) },
  { name: 'a length and nothing', by: whole(OK, ['content-length', '1']) },
  { name: '101', by: says(head([[':status', '101']])) },
  {
    name: '101 to a WebSocket',
    by: says(
      head([
        [':status', '101'],
        ['sec-websocket-accept', 'x'],
      ]),
    ),
  },
  { name: '103 as the end', by: whole([':status', '103']) },
  {
    name: '9 times 103',
    by: says(...Array.from({ length: 9 }, () => head([[':status', '103']]))),
    code: 'upstream-too-many-interim',
  },
  { name: 'a head of 70 KiB', by: says(...fat(70)) },
  { name: '300 fields', by: whole(OK, ...Array.from({ length: 300 }, (_, i): Field => [`x-${i}`, 'y'])) },
  {
    name: 'a reset',
    by: says((id) => h.reset(id, CODE.INTERNAL_ERROR)),
    code: 'upstream-reset',
    method: 'POST',
  },
  {
    name: 'a reset without an error',
    by: says((id) => h.reset(id, 0)),
    code: 'upstream-reset',
    method: 'POST',
  },
  { name: 'WINDOW_UPDATE by 0', by: says((id) => h.windowUpdate(id, 0)) },
  { name: 'a window above 2^31-1', by: says((id) => h.windowUpdate(id, 0x7fffffff)) },
  // what ends the connection
  { name: 'PUSH_PROMISE', by: bad(TYPE.PUSH_PROMISE, '\0\0\0\x02', { streamId: 1 }) },
  { name: 'a stream of its own', by: says(() => h.headers(2, [OK])) },
  { name: 'a stream that nobody opened', by: says((id) => h.headers(id + 2, [OK])) },
  { name: 'data on a stream that nobody opened', by: says((id) => h.data(id + 2, 'x')) },
  { name: 'a reset of a stream that nobody opened', by: says((id) => h.reset(id + 2)) },
  { name: 'HEADERS on stream 0', by: says(() => h.headers(0, [OK])) },
  { name: 'a block that cannot be decoded', by: says((id) => h.headers(id, Buffer.of(0x80))) },
  { name: 'SETTINGS of five bytes', by: bad(TYPE.SETTINGS, '12345') },
  { name: 'an initial window of 2^31', by: says(() => h.settings([SETTING.WINDOW, 0x80000000])) },
  { name: 'frames of 100 bytes', by: says(() => h.settings([SETTING.FRAME, 100])) },
  { name: 'a frame of 2^24-1 bytes', by: bad(TYPE.DATA, '', { streamId: 1, length: 0xffffff }) },
  { name: 'a PING within a block', by: says(head([OK], 0), () => h.ping()) },
  {
    name: 'CONTINUATION without end',
    by: says(head([OK], 0), ...Array.from({ length: 50 }, () => (id: number) => more(id, 'x'))),
  },
  { name: '5,000 times PING', by: says(...Array.from({ length: 5_000 }, () => () => h.ping())) },
  { name: '5,000 times SETTINGS', by: says(...Array.from({ length: 5_000 }, () => () => h.settings())) },
  { name: 'the end', by: ({ peer }) => peer.socket.end(), code: 'upstream-reset', method: 'POST' },
  { name: 'HTTP/1.1', by: ({ peer }) => peer.socket.write('HTTP/1.1 200 OK\r\n\r\n') },
];

function more(streamId: number, name: string): Buffer {
  return h.frame(TYPE.CONTINUATION, { streamId, payload: h.block([[name, 'b'.repeat(2_000)]]) });
}

/** A head of so many KiB, in frames that are small enough. */
function fat(kib: number): ((streamId: number) => Buffer)[] {
  const pieces = Array.from({ length: kib / 10 }, (_, i) => h.block([[`x-${i}`, 'b'.repeat(10_200)]]));
  return [
    head([OK], 0),
    ...pieces.map((payload, i) => (streamId: number): Buffer => {
      const flags = i === pieces.length - 1 ? FLAG.END_HEADERS : 0;
      return h.frame(TYPE.CONTINUATION, { streamId, payload, flags });
    }),
  ];
}

/** The head has left: the caller sees the answer break. */
const CUT: readonly { name: string; by: By; method?: string }[] = [
  { name: 'less than its length', by: says(head([OK, ['content-length', '3']]), data('xx')) },
  { name: 'more than its length', by: says(head([OK, ['content-length', '1']]), data('xx')) },
  { name: 'data behind 204', by: says(head([[':status', '204']]), data('xx')) },
  { name: 'data behind 304', by: says(head([[':status', '304']]), data('xx')) },
  { name: 'data for HEAD', by: says(head([OK]), data('xx')), method: 'HEAD' },
  { name: 'a second head', by: says(head([OK]), head([OK])) },
  { name: 'a second head that ends', by: says(head([OK]), data('x', 0), head([OK], ENDS)) },
  { name: '103 behind the head', by: says(head([OK]), head([[':status', '103']])) },
  { name: 'trailers without an end', by: says(head([OK]), head([['x-a', 'b']])) },
  { name: 'trailers with a length', by: says(head([OK]), head([['content-length', '1']], ENDS)) },
  { name: 'trailers with a line', by: says(head([OK]), head([['x-a', 'b\r\nc: d']], ENDS)) },
  { name: 'a reset', by: says(head([OK]), data('x', 0), (id) => h.reset(id)) },
  { name: 'a reset without an error', by: says(head([OK]), data('x', 0), (id) => h.reset(id, 0)) },
  {
    name: 'more than its window',
    by: says(head([OK]), ...Array.from({ length: 6 }, () => data('x'.repeat(16_000), 0))),
  },
  {
    name: 'more padding than data',
    by: says(head([OK]), (id) => h.frame(TYPE.DATA, { streamId: id, flags: FLAG.PADDED, payload: '\x09x' })),
  },
  {
    name: 'the end of the connection',
    by: (asked) => {
      says(head([OK]), data('x', 0))(asked);
      asked.peer.socket.end();
    },
  },
];

/** The proxy lives, and the application is asked again. */
async function served(): Promise<void> {
  route = answerOk;
  const caller = await Http2Caller.connect(stage, web);
  caller.send(h.headers(1, h.get('/ok')));
  expect((await caller.over(1)).status).toBe(200);
  caller.close();
  expect(proxy.stderr).toBe('');
}

describe('refused', () => {
  test.each(REFUSED)('$name', async ({ by, method = 'GET', code = 'upstream-bad-response' }) => {
    route = by;
    const caller = await Http2Caller.connect(stage, web, { widens: false });
    caller.send(h.headers(1, h.get('/a', [], method)));
    const answer = await caller.over(1);
    expect([answer.code, answer.ended]).toEqual([code, true]);
    expect(caller.goaway).toBeNull();
    caller.close();
    const old = await call(stage, web);
    old.send(get('/a').replace('GET', method));
    await old.until((text) => answers(text).some(({ status }) => status >= 200));
    expect(codeOf(answers(old.text).at(-1))).toBe(code);
    old.socket.destroy();
    await served();
  });
});

describe('seen to break', () => {
  test.each(CUT)('$name', async ({ by, method = 'GET' }) => {
    route = by;
    const caller = await Http2Caller.connect(stage, web, { widens: false });
    caller.send(h.headers(1, h.get('/a', [], method)));
    const answer = await caller.over(1);
    // What has no body is whole with its head.
    const bare = method === 'HEAD' || answer.status === 204 || answer.status === 304;
    if (!bare) expect(answer).toMatchObject({ ended: false, reset: CODE.INTERNAL_ERROR });
    else expect(answer.body).toBe('');
    expect(caller.goaway).toBeNull();
    caller.close();
    const old = await call(stage, web);
    old.send(get('/a').replace('GET', method));
    const text = await old.end();
    expect(text).not.toContain('0\r\n\r\n');
    expect(text.split('HTTP/1.1 ')).toHaveLength(2);
    await served();
  });
});

describe('at the beginning', () => {
  test('100 streams and no more: a burst gets further connections', async () => {
    const open = new Map<Http2Peer, number>();
    const strict = await Http2Application.start(
      ({ peer, streamId }) => {
        const count = (open.get(peer) ?? 0) + 1;
        open.set(peer, count);
        if (count > 100) return peer.send(h.reset(streamId, CODE.REFUSED_STREAM));
        setTimeout(() => peer.send(h.headers(streamId, [OK])), 300);
      },
      { settings: [[SETTING.STREAMS, 100]] },
    );
    const cold = await Stage.create({ authority: stage.authority });
    await cold.start({ upstreamPort: strict.port, upstream: 'protocol: h2c' });
    const callers = await Promise.all(Array.from({ length: 5 }, () => Http2Caller.connect(cold, web)));
    const ids = Array.from({ length: 90 }, (_, i) => 2 * i + 1);
    for (const caller of callers) for (const id of ids) caller.send(h.headers(id, h.post('/a')));
    for (const caller of callers) for (const id of ids) expect((await caller.over(id)).status).toBe(200);
    expect(strict.connections.length).toBe(5);
    await cold.close();
    strict.close();
  });

  test('no connection in time: the next request tries a new one', async () => {
    const stopped = await StoppedApplication.start();
    const cold = await Stage.create({ authority: stage.authority });
    const waits = await cold.start({
      upstreamPort: stopped.port,
      upstream: 'protocol: h2c, connectTimeout: 500ms',
    });
    const caller = await Http2Caller.connect(cold, web);
    let id = 1;
    const asks = setInterval(() => {
      caller.send(h.headers(id, h.get('/a')));
      id += 2;
    }, 100);
    // Without the next one the connection would be idle, and end for that.
    await waits.line(({ msg }) => String(msg).includes('does not take a connection'));
    clearInterval(asks);
    caller.close();
    await cold.close();
    stopped.close();
  });
});
