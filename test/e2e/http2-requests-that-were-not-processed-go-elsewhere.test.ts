// What an application certainly did not look at (RFC 9113 section 8.7: streams above the last one of GOAWAY,
// REFUSED_STREAM) is asked once more, on another connection, while nothing of its body has left. Nothing else
// is, and nothing reaches it twice that it may have acted on.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Http2Application, type Http2Arrival, type Http2Script } from './stage/http2-application.ts';
import { type Answer, Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, FLAG, SETTING } from './stage/http2-frames.ts';
import { eventually } from './stage/observe.ts';
import { Stage, type SvidFiles } from './stage/stage.ts';

let base: Stage;
let web: SvidFiles;
const closing: { close(): unknown }[] = [];

beforeAll(async () => {
  base = await Stage.create();
  web = await base.svid('web', 'spiffe://example.org/ns/shop/sa/web');
});

afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

afterAll(() => base.close());

/** An application, the proxy before it, and a caller. */
async function start(
  script: (index: number) => Http2Script,
): Promise<{ application: Http2Application; caller: Http2Caller }> {
  const application = await Http2Application.start(script);
  const stage = await Stage.create({ authority: base.authority });
  closing.push(application, stage);
  await stage.start({ upstreamPort: application.port, upstream: 'protocol: h2c, connectTimeout: 10s' });
  const caller = await Http2Caller.connect(stage, web);
  closing.push(caller);
  return { application, caller };
}

const ANSWERS: Http2Script = { end: (arrival) => arrival.answer('ok') };
const refuse = ({ connection, streamId }: Http2Arrival): void =>
  connection.send(h.reset(streamId, CODE.REFUSED_STREAM));
/** GOAWAY that names no stream as processed. */
const leave = ({ connection }: Http2Arrival): void => connection.send(h.goaway(0));
const BEGUN = [[':status', '200']] as const;

/** Requests without a body, or whose body has not come yet. */
const WHOLE: readonly { name: string; frames: (streamId: number) => Buffer[]; body?: string }[] = [
  { name: 'GET', frames: (id) => [h.headers(id, h.get('/a'))] },
  { name: 'POST without a body', frames: (id) => [h.headers(id, h.post('/a'))] },
  {
    name: 'POST of trailers alone',
    frames: (id) => [h.headers(id, h.post('/a'), FLAG.END_HEADERS), h.headers(id, [['x-sum', '1']])],
  },
];

describe.each([
  { said: 'REFUSED_STREAM', no: refuse },
  { said: 'GOAWAY', no: leave },
  {
    said: 'GOAWAY with an error',
    no: ({ connection }: Http2Arrival): void => connection.send(h.goaway(0, CODE.ENHANCE_YOUR_CALM)),
  },
])('after $said', ({ no }) => {
  test.each(WHOLE)('$name is answered by the second connection', async ({ frames }) => {
    const { application, caller } = await start((index) => (index === 0 ? { end: no } : ANSWERS));
    caller.send(...frames(1));
    expect(await caller.over(1)).toMatchObject({ status: 200, body: 'ok' });
    expect(application.connections.map(({ arrivals }) => arrivals.size)).toEqual([1, 1]);
    const [first, second] = application.arrivals;
    expect(second).toMatchObject({ fields: first?.fields, trailers: first?.trailers, ended: true });
  });

  test('a body that comes later arrives whole', async () => {
    const { application, caller } = await start((index) => (index === 0 ? { head: no } : ANSWERS));
    caller.send(h.headers(1, h.post('/a'), FLAG.END_HEADERS));
    await eventually(
      () => application.arrivals.length,
      (n) => n === 2,
    );
    caller.send(h.data(1, 'bo', 0), h.data(1, 'dy'));
    expect(await caller.over(1)).toMatchObject({ status: 200, body: 'ok' });
    expect(application.arrivals.map(({ body }) => body)).toEqual(['', 'body']);
  });

  test('a body that has left is not sent again', async () => {
    const { application, caller } = await start((index) => (index === 0 ? { end: no } : ANSWERS));
    caller.send(h.headers(1, h.post('/a'), FLAG.END_HEADERS), h.data(1, 'body'));
    expect(await caller.over(1)).toMatchObject({ status: 503, code: 'upstream-refused' });
    expect(application.arrivals).toHaveLength(1);
    caller.send(h.headers(3, h.get('/b')));
    expect((await caller.over(3)).over).toBe(true);
  });

  test('it is asked once more, and no third time', async () => {
    const { application, caller } = await start(() => ({ end: no }));
    caller.send(h.headers(1, h.get('/a')));
    expect(await caller.over(1)).toMatchObject({ status: 503, code: 'upstream-refused' });
    expect(application.connections.map(({ arrivals }) => arrivals.size)).toEqual([1, 1]);
  });

  test('a call of gRPC is UNAVAILABLE', async () => {
    const { caller } = await start(() => ({ end: no }));
    const call = h.post('/test.Echo/Unary', [['content-type', 'application/grpc']]);
    caller.send(h.headers(1, call, FLAG.END_HEADERS), h.data(1, '\0\0\0\0\0'));
    const answer = await caller.over(1);
    expect([answer.value('grpc-status'), answer.value('grpc-message')]).toEqual(['14', 'upstream-refused']);
  });

  test('an answer that was begun breaks', async () => {
    const { application, caller } = await start(() => ({
      end: (arrival) => {
        arrival.connection.send(h.headers(arrival.streamId, BEGUN, FLAG.END_HEADERS));
        no(arrival);
      },
    }));
    caller.send(h.headers(1, h.get('/a')));
    expect(await caller.over(1)).toMatchObject({ status: 200, ended: false, reset: CODE.INTERNAL_ERROR });
    expect(application.arrivals).toHaveLength(1);
  });
});

test('streams up to the last one of GOAWAY are answered where they are, new ones elsewhere', async () => {
  const held: Http2Arrival[] = [];
  const { application, caller } = await start((index) =>
    index === 0 ? { end: (arrival) => void held.push(arrival) } : ANSWERS,
  );
  for (const streamId of [1, 3, 5]) caller.send(h.headers(streamId, h.post(`/${streamId}`)));
  await eventually(
    () => held.length,
    (n) => n === 3,
  );
  const [first, second] = held;
  first?.connection.send(h.goaway(second?.streamId ?? 0));
  expect(await caller.over(5)).toMatchObject({ status: 200 });
  caller.send(h.headers(7, h.post('/7')));
  expect(await caller.over(7)).toMatchObject({ status: 200 });
  expect([caller.answer(1).over, caller.answer(3).over]).toEqual([false, false]);
  for (const one of [second, first]) one?.answer('late');
  expect((await caller.over(1)).body + (await caller.over(3)).body).toBe('latelate');
  expect(
    application.connections.map(({ arrivals }) => [...arrivals.values()].map(({ path }) => path)),
  ).toEqual([
    ['/1', '/3', '/5'],
    ['/5', '/7'],
  ]);
  await eventually(
    () => application.connections[0]?.ended,
    (ended) => ended === true,
  );
});

test('a warning by GOAWAY, as a server that drains sends it, costs nothing', async () => {
  const { application, caller } = await start((index) => ({
    end: (arrival) => {
      if (index === 0) arrival.connection.send(h.goaway(0x7fffffff));
      arrival.answer('ok');
    },
  }));
  for (let n = 0; n < 5; n++) {
    caller.send(h.headers(2 * n + 1, h.post('/a'), FLAG.END_HEADERS), h.data(2 * n + 1, 'body'));
    expect(await caller.over(2 * n + 1)).toMatchObject({ status: 200, body: 'ok' });
  }
  expect(application.connections.map(({ arrivals }) => arrivals.size)).toEqual([1, 4]);
});

describe('a request that may have been processed is not asked again', () => {
  const POST = [h.headers(1, h.post('/a'))];
  const rows: { name: string; frames: Buffer[]; act: (arrival: Http2Arrival) => void }[] = [
    ...(['CANCEL', 'INTERNAL_ERROR', 'NO_ERROR', 'ENHANCE_YOUR_CALM'] as const).map((code) => ({
      name: `RST_STREAM ${code}`,
      frames: POST,
      act: ({ connection, streamId }: Http2Arrival): void => connection.send(h.reset(streamId, CODE[code])),
    })),
    {
      name: 'GOAWAY that counts it in, and the end',
      frames: POST,
      act: ({ connection, streamId }) => {
        connection.send(h.goaway(streamId));
        connection.socket.end();
      },
    },
    { name: 'the end alone', frames: POST, act: ({ connection }) => void connection.socket.end() },
    { name: 'a TCP reset', frames: POST, act: ({ connection }) => void connection.socket.resetAndDestroy() },
  ];
  test.each(rows)('$name', async ({ frames, act }) => {
    const { application, caller } = await start(() => ({ end: act }));
    caller.send(...frames);
    expect(await caller.over(1)).toMatchObject({ status: 502, code: 'upstream-reset' });
    expect(application.arrivals).toHaveLength(1);
  });
});

test('a burst on a new connection stays within what servers allow, before they have said so', async () => {
  // The settings come late: a connection that says nothing yet is not given more than 100 streams.
  const { application, caller } = await start(() => ({
    settings: [[SETTING.STREAMS, 100]],
    settingsMs: 300,
    head: (arrival) => arrival.connection.arrivals.size > 100 && refuse(arrival),
    end: (arrival) => arrival.connection.arrivals.size <= 100 && arrival.answer('ok'),
  }));
  const other = await Http2Caller.connect(closing[1] as Stage, web);
  closing.push(other);
  const answers: Promise<Answer>[] = [];
  for (const one of [caller, other]) {
    for (let n = 0; n < 90; n++) {
      const streamId = 2 * n + 1;
      one.send(h.headers(streamId, h.post('/a'), FLAG.END_HEADERS), h.data(streamId, 'body'));
      answers.push(one.over(streamId));
    }
  }
  expect((await Promise.all(answers)).filter(({ status }) => status !== 200)).toEqual([]);
  expect(application.connections).toHaveLength(2);
});
