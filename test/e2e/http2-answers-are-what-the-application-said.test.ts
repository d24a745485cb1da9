// From HTTP/1.1 back to HTTP/2: heads, interim heads, bodies of every framing, trailers, and answers that
// break off, which never look complete.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, type Field, FLAG } from './stage/http2-frames.ts';
import { type Arrival, type Route, response, routed } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application } from './stage/wire.ts';

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;
let caller: Http2Caller;
let nextId = 1;
let arrival: Arrival | null = null;
let route: Route = () => undefined;

beforeAll(async () => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  application = await Application.start(
    routed({ '*': (one) => route(one) }, (one) => {
      arrival = one;
    }),
  );
  proxy = await stage.start({
    upstreamPort: application.port,
    listener: 'timeouts: { request: 2s, idle: 2s }',
  });
  caller = await Http2Caller.connect(stage, web);
});

beforeEach(() => {
  arrival = null;
});

afterAll(async () => {
  caller.close();
  await stage.close();
  application.close();
});

const says =
  (text: string, close = false): Route =>
  ({ wire }) => {
    wire.send(text);
    if (close) wire.socket.end();
  };

interface Said {
  readonly name: string;
  readonly route: Route;
  readonly method?: string;
  readonly more?: readonly Field[];
  readonly blocks: readonly (readonly Field[])[];
  readonly body?: string;
}

const status = (code: number, ...fields: Field[]): Field[] => [[':status', String(code)], ...fields];
const length = (bytes: number): Field => ['content-length', String(bytes)];
const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n';

const SAID: readonly Said[] = [
  {
    name: 'a body with a length',
    route: says(response('hello')),
    blocks: [status(200, length(5))],
    body: 'hello',
  },
  { name: 'an empty body', route: says(response('')), blocks: [status(200, length(0))] },
  {
    name: 'a reason phrase, which HTTP/2 has not, and names in lower case',
    route: says('HTTP/1.1 418 I am a teapot\r\nX-Tea: Earl Grey\r\nContent-Length: 0\r\n\r\n'),
    blocks: [status(418, ['x-tea', 'Earl Grey'], length(0))],
  },
  {
    name: 'fields of one connection, which stay there',
    route: says(
      'HTTP/1.1 200 OK\r\nconnection: x-hop, keep-alive\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nproxy-connection: a\r\nx-a: b\r\ncontent-length: 0\r\n\r\n',
    ),
    blocks: [status(200, ['x-a', 'b'], length(0))],
  },
  {
    name: 'chunks',
    route: says(`${CHUNKED}\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\n\r\n`),
    blocks: [status(200)],
    body: 'hello!',
  },
  {
    name: 'chunks and trailers',
    route: says(`${CHUNKED}trailer: x-sum\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 1\r\nx-more: 2\r\n\r\n`),
    blocks: [
      status(200, ['trailer', 'x-sum']),
      [
        ['x-sum', '1'],
        ['x-more', '2'],
      ],
    ],
    body: 'ab',
  },
  {
    name: 'no chunk but trailers',
    route: says(`${CHUNKED}\r\n0\r\nx-sum: 1\r\n\r\n`),
    blocks: [status(200), [['x-sum', '1']]],
  },
  {
    name: 'a body that ends with the connection',
    route: says('HTTP/1.1 200 OK\r\n\r\nall of it', true),
    blocks: [status(200)],
    body: 'all of it',
  },
  { name: 'HTTP/1.0', route: says('HTTP/1.0 200 OK\r\n\r\nold', true), blocks: [status(200)], body: 'old' },
  {
    name: '204',
    route: says('HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\n'),
    blocks: [status(204, ['x-a', 'b'])],
  },
  {
    name: '304 with the length of what it does not send',
    route: says('HTTP/1.1 304 Not Modified\r\ncontent-length: 999\r\n\r\n'),
    blocks: [status(304, length(999))],
  },
  {
    name: 'HEAD with the length of what it does not send',
    method: 'HEAD',
    route: says('HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n'),
    blocks: [status(200, length(999))],
  },
  {
    name: 'HEAD that says chunks',
    method: 'HEAD',
    route: says(`${CHUNKED}\r\n`),
    blocks: [status(200)],
  },
  {
    name: '103 before',
    route: says(`HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n${response('ok')}`),
    blocks: [status(103, ['link', '</a.css>']), status(200, length(2))],
    body: 'ok',
  },
  {
    name: '100 and 103 before',
    method: 'POST',
    more: [
      ['expect', '100-continue'],
      ['content-length', '0'],
    ],
    route: says(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n${response('ok')}`),
    blocks: [status(100), status(103), status(200, length(2))],
    body: 'ok',
  },
  {
    name: 'cookies, one by one',
    route: says(response('', { lines: 'set-cookie: a=b\r\nset-cookie: c=d\r\n' })),
    blocks: [status(200, length(0), ['set-cookie', 'a=b'], ['set-cookie', 'c=d'])],
  },
];

interface Broken {
  readonly name: string;
  readonly text: string;
  readonly close?: boolean;
  /** Of an answer of the proxy's own; absent: the stream is reset. */
  readonly status?: number;
  readonly body?: string;
  readonly reason: string;
}

const BROKEN: readonly Broken[] = [
  {
    name: 'dies within its length',
    text: 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegin',
    close: true,
    body: 'begin',
    reason: 'upstream-reset',
  },
  {
    name: 'dies within its chunks',
    text: `${CHUNKED}\r\n5\r\nbegin\r\n`,
    close: true,
    body: 'begin',
    reason: 'upstream-reset',
  },
  {
    name: 'dies within its trailers',
    text: `${CHUNKED}\r\n0\r\nx-a: b\r\n`,
    close: true,
    reason: 'upstream-reset',
  },
  {
    name: 'sends a chunk that is none',
    text: `${CHUNKED}\r\nzz\r\n`,
    status: 502,
    reason: 'upstream-bad-response',
  },
  {
    name: 'stops within its length',
    text: 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegin',
    body: 'begin',
    reason: 'upstream-idle-timeout',
  },
  {
    name: 'dies within its head',
    text: 'HTTP/1.1 200 OK\r\nx-a',
    close: true,
    status: 502,
    reason: 'upstream-reset',
  },
  {
    name: 'switches protocols unasked',
    text: 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    status: 502,
    reason: 'upstream-unsolicited-upgrade',
  },
  {
    name: 'sends two lengths',
    text: 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
    status: 502,
    reason: 'upstream-bad-response',
  },
  { name: 'is not HTTP', text: 'SSH-2.0-x\r\n\r\n', status: 502, reason: 'upstream-bad-response' },
  { name: 'answers nothing', text: '', status: 504, reason: 'upstream-timeout' },
];

const id = (): number => {
  nextId += 2;
  return nextId - 2;
};

describe('complete', () => {
  test.each(SAID)('$name', async ({ route: by, method = 'GET', more = [], blocks, body = '' }) => {
    route = by;
    const streamId = id();
    caller.send(h.headers(streamId, h.get('/a', more, method)));
    const answer = await caller.over(streamId);
    expect(answer.blocks).toEqual(blocks);
    expect(answer).toMatchObject({ body, ended: true, reset: null });
  });
});

describe('broken: never complete', () => {
  test.each(BROKEN)(
    'the application $name',
    async ({ text, close = false, status: code, body = '', reason }) => {
      route = says(text, close);
      const streamId = id();
      caller.send(h.headers(streamId, h.post('/a', [['content-length', '0']])));
      const answer = await caller.over(streamId);
      if (code === undefined)
        expect(answer).toMatchObject({ body, ended: false, reset: CODE.INTERNAL_ERROR });
      else expect([answer.status, answer.code, answer.ended]).toEqual([code, reason, true]);
      await proxy.line((line) => line['reason'] === reason);
    },
  );
});

describe('early, while the request still comes', () => {
  test('the answer is whole, what still comes is passed over, and the connection goes on', async () => {
    route = says(response('no'));
    const streamId = id();
    caller.send(h.headers(streamId, h.post('/early'), FLAG.END_HEADERS), h.data(streamId, 'some', 0));
    const answer = caller.answer(streamId);
    await caller.until(() => answer.ended);
    expect(answer).toMatchObject({ status: 200, body: 'no' });
    caller.send(h.data(streamId, 'x'.repeat(10_000), 0), h.data(streamId, 'end'));
    const after = id();
    caller.send(h.headers(after, h.get('/after')));
    expect(await caller.over(after)).toMatchObject({ status: 200, body: 'no' });
    expect(answer.reset).toBeNull();
    await application.connections.find(({ text }) => text.includes('/early'))?.end();
  });

  test('a caller that goes on is told to stop, with NO_ERROR', async () => {
    route = says(response('no'));
    const streamId = id();
    caller.send(h.headers(streamId, h.post('/endless'), FLAG.END_HEADERS));
    const answer = caller.answer(streamId);
    await caller.until(() => answer.ended);
    for (let n = 0; n < 100 && answer.reset === null; n++) {
      caller.send(h.data(streamId, 'x'.repeat(1_000), 0));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await caller.until(() => answer.reset !== null);
    expect(answer.reset).toBe(CODE.NO_ERROR);
    expect(caller.goaway).toBeNull();
  });

  test('100 lets the body go, which arrives whole', async () => {
    route = ({ wire }) => {
      wire.send('HTTP/1.1 100 Continue\r\n\r\n');
      void wire.until((text) => text.endsWith('body')).then(() => wire.send(response('thanks')));
    };
    const streamId = id();
    const fields = h.post('/continue', [
      ['expect', '100-continue'],
      ['content-length', '4'],
    ]);
    caller.send(h.headers(streamId, fields, FLAG.END_HEADERS));
    await caller.until(() => caller.answer(streamId).status === 100);
    expect(arrival?.head).toContain('expect: 100-continue\r\n');
    caller.send(h.data(streamId, 'body'));
    expect(await caller.over(streamId)).toMatchObject({ status: 200, body: 'thanks' });
  });
});
