// A body with Content-Length is over when its stream is (RFC 9113 section 8.1.1), not when so many bytes
// came: before that, the application does not have a request that it could take for whole.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, type Field, FLAG, TYPE } from './stage/http2-frames.ts';
import { answerOk, Http2Application } from './stage/http2-peer.ts';
import { eventually } from './stage/observe.ts';
import { response } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, type Script } from './stage/wire.ts';

let stage: Stage;
let framed: Stage;
let application: Application;
let application2: Http2Application;
let proxy: RunningProxy;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  framed = await Stage.create({ authority: stage.authority });
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  application = await Application.start(answersWhole);
  application2 = await Http2Application.start((asked) => {
    if (asked.last) answerOk(asked);
  });
  proxy = await stage.start({ upstreamPort: application.port });
  await framed.start({ upstreamPort: application2.port, upstream: 'protocol: h2c' });
});

afterAll(async () => {
  await stage.close();
  await framed.close();
  application.close();
  application2.close();
});

/** Answers a request once its body, as long as Content-Length says, came. */
const answersWhole: Script = (wire) => {
  let at = 0;
  wire.socket.on('data', () => {
    const bodyAt = wire.text.indexOf('\r\n\r\n', at) + 4;
    const length = Number(/content-length: (\d+)/.exec(wire.text.slice(at, bodyAt))?.[1] ?? 0);
    if (bodyAt < 4 || wire.text.length < bodyAt + length) return;
    at = bodyAt + length;
    wire.send(response('ok'));
  });
};

const arrived = (): string => application.connections.map(({ text }) => text).join('');
const post = (path: string, length: number, ...more: Field[]): Buffer =>
  h.headers(1, h.post(path, [['content-length', String(length)], ...more]), FLAG.END_HEADERS);
const some = (text: string): Buffer => h.data(1, text, 0);
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nhost: cart.shop\r\n\r\n';

/** Sends one frame after the other; the proxy has read each before the next one leaves. */
async function send(frames: readonly Buffer[], of = stage): Promise<{ caller: Http2Caller; answer: Answer }> {
  const caller = await Http2Caller.connect(of, web);
  for (const frame of frames) {
    const pongs = (): number => caller.types.filter((type) => type === TYPE.PING).length;
    const before = pongs();
    caller.send(frame, h.ping());
    await caller.until(() => pongs() > before);
    // What the proxy wrote to the application before its answer to the PING is there by now, or soon.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { caller, answer: caller.answer(1) };
}

describe('to HTTP/1.1: too much, and nothing that is whole arrives', () => {
  // A connection to wait in the pool, so that nothing waits for one.
  beforeAll(async () => {
    const { caller, answer } = await send([h.headers(1, h.get('/first'))]);
    await caller.until(() => answer.ended);
    caller.close();
  });

  const TOO_MUCH: readonly { name: string; frames: readonly Buffer[]; never: string }[] = [
    { name: '0, and data', frames: [post('/a0', 0), some('x')], never: '/a0' },
    { name: '0, and a request', frames: [post('/a1', 0), some(SMUGGLED)], never: '/a1' },
    { name: '0, and data behind nothing', frames: [post('/a2', 0), some(''), h.data(1, 'x')], never: '/a2' },
    {
      name: '0, 100-continue and data',
      frames: [post('/a3', 0, ['expect', '100-continue']), some('x')],
      never: '/a3',
    },
    { name: '2, and a third', frames: [post('/a4', 2), some('B?'), some('x')], never: 'B?' },
    { name: '2, and a request', frames: [post('/a5', 2), some('C?'), some(SMUGGLED)], never: 'C?' },
    { name: '2 byte by byte, and a third', frames: [post('/a6', 2), ...[...'D?x'].map(some)], never: 'D?' },
    { name: '2, and a third at the end', frames: [post('/a7', 2), some('E?'), h.data(1, 'x')], never: 'E?' },
    {
      name: '2, and a third before trailers',
      frames: [post('/a8', 2), some('F?'), some('x'), h.headers(1, [['x-a', 'b']])],
      never: 'F?',
    },
  ];

  test.each(TOO_MUCH)('content-length $name', async ({ frames, never }) => {
    const { caller, answer } = await send(frames);
    await caller.until(() => answer.over);
    expect(answer).toMatchObject({ reset: CODE.PROTOCOL_ERROR, status: 0 });
    await proxy.line(({ http, reason }) => {
      const path = (http as { path?: string } | undefined)?.path ?? '';
      return reason === 'http2-malformed-request' && frames[0]?.includes(path) === true;
    });
    expect(arrived()).not.toContain(never);
    expect(arrived()).not.toContain('/smuggled');
    caller.close();
  });

  test('the same in a gRPC call is a reset too, and no status', async () => {
    const { caller, answer } = await send([post('/g', 1, ['content-type', 'application/grpc']), some('xx')]);
    await caller.until(() => answer.over);
    expect(answer).toMatchObject({ reset: CODE.PROTOCOL_ERROR, blocks: [] });
    caller.close();
  });
});

describe('to HTTP/1.1: the end, and everything arrives', () => {
  const WHOLE: readonly { name: string; frames: readonly Buffer[]; ends: string }[] = [
    { name: '0, and an empty end', frames: [post('/w0', 0), h.data(1, '')], ends: '\r\n\r\n' },
    { name: '0, and trailers', frames: [post('/w1', 0), h.headers(1, [['x-a', 'b']])], ends: '\r\n\r\n' },
    { name: '0, and padding', frames: [post('/w2', 0), padded('')], ends: '\r\n\r\n' },
    { name: '2, and an empty end', frames: [post('/w3', 2), some('a3'), h.data(1, '')], ends: '\r\n\r\na3' },
    { name: '2 at once', frames: [post('/w4', 2), h.data(1, 'a4')], ends: '\r\n\r\na4' },
    { name: '2 with padding', frames: [post('/w5', 2), padded('a5')], ends: '\r\n\r\na5' },
    {
      name: '2 byte by byte',
      frames: [post('/w6', 2), some('a'), some('6'), some(''), h.data(1, '')],
      ends: '\r\n\r\na6',
    },
    {
      name: '2, and trailers',
      frames: [post('/w7', 2), some('a7'), h.headers(1, [['x-a', 'b']])],
      ends: '\r\n\r\na7',
    },
    { name: '1, and an empty end', frames: [post('/w8', 1), some('8'), h.data(1, '')], ends: '\r\n\r\n8' },
  ];

  function padded(text: string): Buffer {
    const payload = `\x03${text}\0\0\0`;
    return h.frame(TYPE.DATA, { streamId: 1, flags: FLAG.PADDED | FLAG.END_STREAM, payload });
  }

  test.each(WHOLE)('content-length $name', async ({ frames, ends }) => {
    const { caller, answer } = await send(frames);
    await caller.until(() => answer.over);
    expect(answer).toMatchObject({ status: 200, body: 'ok', ended: true });
    const texts = application.connections.map(({ text }) => text);
    expect(texts.some((text) => text.endsWith(ends))).toBe(true);
    expect(texts.join('')).not.toContain('x-a: b');
    caller.close();
  });
});

describe('to HTTP/2', () => {
  const last = async (count: number): Promise<(typeof application2.asked)[number] | undefined> =>
    (
      await eventually(
        () => application2.asked,
        (asked) => asked.length === count,
      )
    ).at(-1);

  test('trailers behind a body with content-length arrive', async () => {
    const before = application2.asked.length;
    const { caller } = await send([post('/t', 2), some('ab'), h.headers(1, [['x-sum', '1']])], framed);
    const asked = await last(before + 1);
    if (asked === undefined) throw new Error('nothing arrived');
    const { peer, streamId } = asked;
    await eventually(
      () => peer.trailers.get(streamId),
      (lines) => lines !== undefined,
    );
    expect(peer.trailers.get(streamId)).toEqual([['x-sum', '1']]);
    expect(peer.body(streamId)).toBe('ab');
    answerOk(asked);
    caller.close();
  });

  test.each([
    { name: '0', frames: [post('/m', 0), some('x')] },
    { name: '2', frames: [post('/m', 2), some('ab'), some('x')] },
  ])('content-length $name and more data: never ended', async ({ frames }) => {
    const before = application2.asked.length;
    const { caller, answer } = await send(frames, framed);
    await caller.until(() => answer.over);
    expect(answer.reset).toBe(CODE.PROTOCOL_ERROR);
    const asked = await last(before + 1);
    if (asked === undefined) throw new Error('nothing arrived');
    const { peer, streamId } = asked;
    expect(peer.ended(streamId)).toBe(false);
    await eventually(
      () => peer.reset(streamId),
      (code) => code === CODE.CANCEL,
    );
    caller.close();
  });
});
