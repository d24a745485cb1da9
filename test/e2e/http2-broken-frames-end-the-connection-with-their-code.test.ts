// A frame that breaks a rule of RFC 9113 ends its connection, or its stream, with the code of that rule, and
// nothing of it reaches the application.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, FLAG, SETTING, TYPE } from './stage/http2-frames.ts';
import { metric } from './stage/observe.ts';
import { response, routed } from './stage/routed.ts';
import { Stage, type SvidFiles } from './stage/stage.ts';
import { StoppedApplication } from './stage/stopped.ts';
import { Application, targets } from './stage/wire.ts';

const PROTOCOL = 'http2-protocol-error';
const FLOW = 'http2-flow-control-error';

let stage: Stage;
let application: Application;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  application = await Application.start(
    routed({ '/hangs': () => undefined, '*': ({ wire }) => wire.send(response('ok')) }),
  );
  await stage.start({ upstreamPort: application.port, listener: 'timeouts: { head: 2s }' });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

const errors = (reason: string): Promise<number> =>
  metric(stage, `sallyport_http2_errors_total{listener="inbound",reason="${reason}"}`);

interface Broken {
  readonly name: string;
  readonly send: readonly Buffer[];
  readonly code: number;
  readonly reason: string;
}

const broken = (name: string, code: number, ...send: readonly Buffer[]): Broken => ({
  name,
  send,
  code,
  reason: code === CODE.FLOW_CONTROL_ERROR ? FLOW : PROTOCOL,
});
const { PROTOCOL_ERROR, FRAME_SIZE_ERROR, STREAM_CLOSED, FLOW_CONTROL_ERROR } = CODE;
const EVIL = h.get('/evil');
const open = (streamId: number): Buffer => h.headers(streamId, h.post('/hangs'), FLAG.END_HEADERS);
/** Data of so many frames of 16 KiB. */
const filler = (streamId: number, count: number): Buffer[] =>
  Array.from({ length: count }, () => h.data(streamId, 'x'.repeat(16_384), 0));

const CONNECTION: readonly Broken[] = [
  broken('a stream with an even number', PROTOCOL_ERROR, h.headers(2, EVIL)),
  broken('a stream with a lower number', STREAM_CLOSED, h.headers(5, h.get('/hangs')), h.headers(3, EVIL)),
  broken('stream 0', PROTOCOL_ERROR, h.headers(0, EVIL)),
  broken('a stream after the last one', STREAM_CLOSED, open(0x7fffffff), h.headers(1, EVIL)),
  broken('a stream again', STREAM_CLOSED, open(1), h.reset(1), h.headers(1, EVIL)),
  broken('DATA on stream 0', PROTOCOL_ERROR, h.data(0, 'x')),
  broken('DATA on an idle stream', PROTOCOL_ERROR, h.data(1, 'x')),
  broken('DATA on an even stream', PROTOCOL_ERROR, h.data(2, 'x')),
  broken('more padding than data', PROTOCOL_ERROR, open(1), padded(TYPE.DATA, '\x05xx')),
  broken('more padding than a header block', PROTOCOL_ERROR, padded(TYPE.HEADERS, '\x05\x82')),
  broken('RST_STREAM on an idle stream', PROTOCOL_ERROR, h.reset(1)),
  broken('RST_STREAM on stream 0', PROTOCOL_ERROR, h.reset(0)),
  broken('RST_STREAM of three bytes', FRAME_SIZE_ERROR, open(1), sized(TYPE.RST_STREAM, 3)),
  broken('PRIORITY on stream 0', PROTOCOL_ERROR, h.priority(0, 1)),
  broken('PRIORITY of four bytes', FRAME_SIZE_ERROR, sized(TYPE.PRIORITY, 4)),
  broken('PRIORITY on itself', PROTOCOL_ERROR, h.priority(3, 3)),
  broken('HEADERS that depend on themselves', PROTOCOL_ERROR, selfish()),
  broken('PUSH_PROMISE', PROTOCOL_ERROR, open(1), sized(TYPE.PUSH_PROMISE, 4)),
  broken('PING of seven bytes', FRAME_SIZE_ERROR, sized(TYPE.PING, 7, 0)),
  broken('PING on a stream', PROTOCOL_ERROR, sized(TYPE.PING, 8)),
  broken('GOAWAY on a stream', PROTOCOL_ERROR, sized(TYPE.GOAWAY, 8)),
  broken('GOAWAY of seven bytes', FRAME_SIZE_ERROR, sized(TYPE.GOAWAY, 7, 0)),
  broken('SETTINGS on a stream', PROTOCOL_ERROR, sized(TYPE.SETTINGS, 6)),
  broken('SETTINGS of seven bytes', FRAME_SIZE_ERROR, sized(TYPE.SETTINGS, 7, 0)),
  broken('an acknowledgement that says something', FRAME_SIZE_ERROR, sized(TYPE.SETTINGS, 6, 0, FLAG.ACK)),
  broken('a push of 2', PROTOCOL_ERROR, h.settings([2, 2])),
  broken('frames of less than 2^14', PROTOCOL_ERROR, h.settings([SETTING.FRAME, 16_383])),
  broken('frames of more than 2^24-1', PROTOCOL_ERROR, h.settings([SETTING.FRAME, 16_777_216])),
  broken('an initial window of 2^31', FLOW_CONTROL_ERROR, h.settings([SETTING.WINDOW, 0x80000000])),
  broken('a window of the connection above 2^31-1', FLOW_CONTROL_ERROR, h.windowUpdate(0, 0x7fffffff)),
  broken(
    'an initial window that lifts another above 2^31-1',
    FLOW_CONTROL_ERROR,
    open(1),
    h.windowUpdate(1, 0x7fff0000),
    h.settings([SETTING.WINDOW, 0x7fffffff]),
  ),
  broken('WINDOW_UPDATE of the connection by 0', PROTOCOL_ERROR, h.windowUpdate(0, 0)),
  broken('WINDOW_UPDATE on an idle stream', PROTOCOL_ERROR, h.windowUpdate(1, 1)),
  broken('WINDOW_UPDATE of five bytes', FRAME_SIZE_ERROR, sized(TYPE.WINDOW_UPDATE, 5, 0)),
  broken('a frame of more than 2^14 bytes', FRAME_SIZE_ERROR, open(1), sized(TYPE.DATA, 16_385)),
  broken('a frame that says 2^24-1 bytes', FRAME_SIZE_ERROR, h.frame(TYPE.HEADERS, { length: 0xffffff })),
  broken('CONTINUATION without HEADERS', PROTOCOL_ERROR, sized(TYPE.CONTINUATION, 4)),
  broken('CONTINUATION of another stream', PROTOCOL_ERROR, begun(), sized(TYPE.CONTINUATION, 4, 3)),
  broken('PING within a header block', PROTOCOL_ERROR, begun(), h.ping()),
  broken('DATA within a header block', PROTOCOL_ERROR, begun(), h.data(1, 'x')),
  broken('HEADERS within a header block', PROTOCOL_ERROR, begun(), h.headers(3, EVIL)),
  broken('an unknown frame within a header block', PROTOCOL_ERROR, begun(), h.frame(0xbe, {})),
];

function padded(type: number, payload: string): Buffer {
  return h.frame(type, { streamId: 1, flags: FLAG.PADDED | FLAG.END_HEADERS, payload });
}

/** A frame of so many bytes. */
function sized(type: number, bytes: number, streamId = 1, flags = 0): Buffer {
  return h.frame(type, { streamId, flags, payload: Buffer.alloc(bytes) });
}

function selfish(): Buffer {
  const flags = FLAG.END_HEADERS | FLAG.END_STREAM | FLAG.PRIORITY;
  return h.headers(1, Buffer.concat([h.uint32(1), Buffer.of(0), h.block(EVIL)]), flags);
}

/** HEADERS whose block goes on. */
function begun(): Buffer {
  return h.headers(1, EVIL, FLAG.END_STREAM);
}

const HPACK: readonly { name: string; block: Buffer }[] = [
  { name: 'index 0', block: Buffer.of(0x80) },
  { name: 'an index that no table has', block: Buffer.of(0xff, 0x7f) },
  { name: 'a name that no table has', block: Buffer.of(0x7f, 0x7f, 0) },
  { name: 'a string longer than the block', block: Buffer.of(0, 0x7e) },
  { name: 'an integer without end', block: Buffer.from('ffffffffffffffffffff', 'hex') },
  { name: 'a table larger than ours', block: Buffer.from('3fe2ff07', 'hex') },
  { name: 'a table size behind a field', block: Buffer.of(0x82, 0x20) },
  { name: 'EOS in a Huffman string', block: Buffer.from('008001ff84ffffffff', 'hex') },
];

const STREAM: readonly { name: string; send: readonly Buffer[]; code: number }[] = [
  { name: 'WINDOW_UPDATE by 0', send: [open(1), h.windowUpdate(1, 0)], code: PROTOCOL_ERROR },
  {
    name: 'a window above 2^31-1',
    send: [open(1), h.windowUpdate(1, 0x7fffffff)],
    code: FLOW_CONTROL_ERROR,
  },
  {
    name: 'DATA behind its end',
    send: [h.headers(1, h.get('/hangs')), h.data(1, 'x')],
    code: STREAM_CLOSED,
  },
  {
    name: 'HEADERS behind its end',
    send: [h.headers(1, h.get('/hangs')), h.headers(1, EVIL)],
    code: STREAM_CLOSED,
  },
  {
    name: 'trailers without END_STREAM',
    send: [open(1), h.headers(1, [['x-a', 'b']], FLAG.END_HEADERS)],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'DATA of a stream that was reset',
    send: [open(1), h.reset(1), h.data(1, 'x')],
    code: STREAM_CLOSED,
  },
];

describe('the connection', () => {
  test.each(CONNECTION)('$name: $code', async ({ send, code, reason }) => {
    const before = await errors(reason);
    const caller = await Http2Caller.connect(stage, web);
    caller.send(...send);
    expect(await caller.end()).toBe(code);
    expect(await errors(reason)).toBe(before + 1);
    expect(targets(application)).not.toContain('/evil');
  });

  test.each(HPACK)('a header block with $name', async ({ block }) => {
    const before = await errors('http2-compression-error');
    const caller = await Http2Caller.connect(stage, web);
    caller.send(h.headers(1, Buffer.concat([h.block(EVIL), block])));
    expect(await caller.end()).toBe(CODE.COMPRESSION_ERROR);
    expect(await errors('http2-compression-error')).toBe(before + 1);
    expect(targets(application)).not.toContain('/evil');
  });

  test.each([
    { name: 'no SETTINGS', send: Buffer.concat([h.PREFACE, h.headers(1, EVIL)]) },
    { name: 'an acknowledgement for SETTINGS', send: Buffer.concat([h.PREFACE, h.SETTINGS_ACK]) },
    { name: 'another preface', send: Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r') },
    { name: 'HTTP/1.1', send: Buffer.from('GET /evil HTTP/1.1\r\nHost: a\r\n\r\n') },
  ])('begun with $name', async ({ send }) => {
    const caller = await Http2Caller.connect(stage, web, { polite: false });
    caller.send(send);
    expect(await caller.end()).toBe(PROTOCOL_ERROR);
    expect(targets(application)).not.toContain('/evil');
  });
});

describe('the stream alone', () => {
  test.each(STREAM)('$name: $code', async ({ send, code }) => {
    const caller = await Http2Caller.connect(stage, web);
    caller.send(...send);
    expect((await caller.over(1)).reset).toBe(code);
    caller.send(h.headers(3, h.get('/ok')));
    expect((await caller.over(3)).status).toBe(200);
    caller.close();
    expect(targets(application)).not.toContain('/evil');
  });

  test('a stream above the limit is refused, and what follows on it passed over', async () => {
    const before = await errors('http2-stream-limit');
    const caller = await Http2Caller.connect(stage, web);
    await caller.until(() => caller.theirs.has(SETTING.STREAMS));
    const limit = caller.theirs.get(SETTING.STREAMS) ?? 0;
    expect(limit).toBe(100);
    for (let n = 0; n < limit; n++) caller.send(open(2 * n + 1));
    const next = 2 * limit + 1;
    caller.send(h.headers(next, EVIL, FLAG.END_HEADERS));
    expect((await caller.over(next)).reset).toBe(CODE.REFUSED_STREAM);
    expect(await errors('http2-stream-limit')).toBe(before + 1);
    // What was on its way when the reset was sent (RFC 9113 section 5.1).
    caller.send(h.data(next, 'x', 0), h.windowUpdate(next, 1), h.headers(next, [['x-a', 'b']]));
    caller.send(h.reset(1));
    caller.send(h.headers(next + 2, h.get('/ok')));
    expect((await caller.over(next + 2)).status).toBe(200);
    caller.close();
    expect(targets(application)).not.toContain('/evil');
  });
});

test('`limits.streams` says how many, and they may all be given up at once', async () => {
  const wide = await Stage.create({ authority: stage.authority });
  await wide.start({ upstreamPort: application.port, listener: 'limits: { streams: 300 }' });
  const caller = await Http2Caller.connect(wide, web);
  await caller.until(() => caller.theirs.get(SETTING.STREAMS) === 300);
  const ids = Array.from({ length: 300 }, (_, i) => 2 * i + 1);
  caller.send(...ids.map(open));
  caller.send(h.headers(601, EVIL, FLAG.END_HEADERS));
  expect((await caller.over(601)).reset).toBe(CODE.REFUSED_STREAM);
  caller.send(...ids.map((streamId) => h.reset(streamId)));
  caller.send(h.headers(603, h.get('/ok')));
  expect((await caller.over(603)).status).toBe(200);
  expect(ids.filter((streamId) => caller.answer(streamId).over)).toEqual([]);
  caller.close();
  await wide.close();
  expect(targets(application)).not.toContain('/evil');
});

describe('windows, while nobody takes the data', () => {
  let stopped: StoppedApplication;
  let full: Stage;
  let caller: SvidFiles;

  beforeAll(async () => {
    stopped = await StoppedApplication.start();
    full = await Stage.create();
    caller = await full.svid('web', 'spiffe://example.org/ns/shop/sa/web');
    await full.start({ upstreamPort: stopped.port, upstream: 'connectTimeout: 20s' });
  });

  afterAll(async () => {
    await full.close();
    stopped.close();
  });

  test('more data than the window of a stream resets the stream alone', async () => {
    const one = await Http2Caller.connect(full, caller);
    one.send(open(1), open(3), ...filler(1, 3), h.data(1, 'x'.repeat(16_384), 0));
    expect((await one.over(1)).reset).toBe(FLOW_CONTROL_ERROR);
    expect(one.answer(3).over).toBe(false);
    one.close();
  });

  test('more data than the window of the connection ends it', async () => {
    const one = await Http2Caller.connect(full, caller);
    const ids = Array.from({ length: 20 }, (_, i) => 2 * i + 1);
    for (const streamId of ids) one.send(open(streamId), ...filler(streamId, 3));
    for (const streamId of ids) one.send(h.data(streamId, 'x'.repeat(16_000), 0));
    expect(await one.end()).toBe(FLOW_CONTROL_ERROR);
  });
});
