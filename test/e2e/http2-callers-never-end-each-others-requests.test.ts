// Callers share the connection to an application that speaks HTTP/2. Whatever one of them does to its own
// streams, and whatever the application answers to that, the requests of the others go on.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, FLAG, SETTING, TYPE } from './stage/http2-frames.ts';
import { type Asked, answerOk, Http2Application } from './stage/http2-peer.ts';
import { eventually } from './stage/observe.ts';
import { Stage, type SvidFiles } from './stage/stage.ts';

/** Below the limits of a caller's own connection: what it does is nobody's fault. */
const STREAMS = 90;
const WINDOW = 65_535;

let stage: Stage;
let application: Http2Application;
let web: SvidFiles;
let route: (asked: Asked) => void = answerOk;

beforeAll(async () => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  application = await Http2Application.start((asked) => {
    if (asked.path === '/ok') answerOk(asked);
    else if (!asked.path.startsWith('/waits')) route(asked);
  });
  await stage.start({ upstreamPort: application.port, upstream: 'protocol: h2c' });
});

beforeEach(() => {
  route = answerOk;
});

afterAll(async () => {
  await stage.close();
  application.close();
});

/** Sends frames of `bytes` each, as many as a window of a stream holds. */
function windowful({ peer, streamId }: Asked, bytes: number): void {
  peer.send(h.headers(streamId, [[':status', '200']], FLAG.END_HEADERS));
  const piece = h.data(streamId, 'x'.repeat(bytes), 0);
  peer.send(...Array.from({ length: Math.floor(WINDOW / bytes) }, () => piece));
}

const upload = (id: number, path: string): Buffer =>
  Buffer.concat([h.headers(id, h.post(path), FLAG.END_HEADERS), h.data(id, 'x', 0)]);

interface Trouble {
  readonly name: string;
  /** What the application does with the path `/trouble`. */
  readonly by: (asked: Asked) => void;
  /** One stream of the caller that makes it. */
  readonly stream: (id: number) => Buffer;
  /** Connections of that caller, one after the other. */
  readonly connections?: number;
}

const TROUBLE: readonly Trouble[] = [
  {
    name: 'cancels answers that come in small pieces',
    by: (asked) => windowful(asked, 64),
    stream: (id) => Buffer.concat([h.headers(id, h.get('/trouble')), h.reset(id)]),
  },
  {
    name: 'cancels more answers than are remembered',
    by: (asked) => windowful(asked, 1_000),
    stream: (id) => Buffer.concat([h.headers(id, h.get('/trouble')), h.reset(id)]),
    connections: 6,
  },
  {
    name: 'sends what the application resets',
    by: ({ peer, streamId }) => peer.send(h.reset(streamId, CODE.INTERNAL_ERROR)),
    stream: (id) => upload(id, '/trouble'),
    connections: 5,
  },
  {
    name: 'sends what the application answers wrongly',
    by: ({ peer, streamId }) => peer.send(h.headers(streamId, [['x-a', 'b']])),
    stream: (id) => upload(id, '/trouble'),
    connections: 5,
  },
  {
    name: 'sends what the application answers with a broken window',
    by: ({ peer, streamId }) => peer.send(h.windowUpdate(streamId, 0)),
    stream: (id) => upload(id, '/trouble'),
    connections: 5,
  },
  {
    name: 'cancels uploads for which the application had opened its window',
    by: ({ peer, streamId }) =>
      peer.send(...Array.from({ length: 4 }, () => h.windowUpdate(streamId, 1_000)), h.reset(streamId)),
    stream: (id) => Buffer.concat([upload(id, '/trouble'), h.reset(id)]),
    connections: 12,
  },
];

test.each(TROUBLE)('a caller that $name', async ({ name, by, stream, connections = 1 }) => {
  route = by;
  const waiting = `/waits?${encodeURIComponent(name)}`;
  const other = await Http2Caller.connect(stage, web);
  other.send(h.headers(1, h.get(waiting)));
  const waits = await eventually(
    () => application.asked.find(({ path }) => path === waiting),
    (asked) => asked !== undefined,
  );
  for (let n = 0; n < connections; n++) {
    const asked = application.asked.length;
    const caller = await Http2Caller.connect(stage, web);
    for (let i = 0; i < STREAMS; i++) caller.send(stream(2 * i + 1));
    caller.send(h.ping());
    await caller.until(() => caller.types.includes(TYPE.PING) || caller.goaway !== null);
    await eventually(
      () => application.asked.length,
      (count) => count >= asked + STREAMS,
    );
    expect(caller.goaway).toBeNull();
    caller.close();
  }
  const after = await Http2Caller.connect(stage, web);
  after.send(h.headers(1, h.get('/ok')));
  expect((await after.over(1)).status).toBe(200);
  after.close();
  if (waits !== undefined) answerOk(waits);
  expect((await other.over(1)).status).toBe(200);
  other.close();
  expect(application.connections).toHaveLength(1);
});

test('answers that nobody reads do not use up the window of the others', async () => {
  route = (asked) => windowful(asked, 13_107);
  const slow = await Http2Caller.connect(stage, web, { settings: [[SETTING.WINDOW, 0]], widens: false });
  for (let n = 0; n < STREAMS; n++) slow.send(h.headers(2 * n + 1, h.get('/trouble')));
  await slow.until(() => slow.answer(2 * STREAMS - 1).status === 200);
  const [peer] = application.connections;
  const given = (): number =>
    (peer?.frames ?? [])
      .filter(({ type, streamId }) => type === TYPE.WINDOW_UPDATE && streamId === 0)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), WINDOW);
  // Every byte came; what is left of the window is enough for others.
  await eventually(given, (bytes) => bytes >= STREAMS * WINDOW + WINDOW);
  slow.close();
});
