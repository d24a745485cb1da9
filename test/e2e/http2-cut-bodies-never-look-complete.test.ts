// A body that breaks off on one side breaks off on the other: whatever cuts it, and whichever versions the
// two sides speak, no END_STREAM, last chunk or orderly end says that it was whole.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Http2Application, type Http2Arrival } from './stage/http2-application.ts';
import { Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, type Field, FLAG, SETTING } from './stage/http2-frames.ts';
import { eventually } from './stage/observe.ts';
import { type Arrival, response, routed } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, type Wire } from './stage/wire.ts';

/** Windows of 16 KiB that are never opened again. */
const SMALL = { settings: [[SETTING.WINDOW, 16_384]], widens: false } as const;

let first: Stage;
let second: Stage;
let web: SvidFiles;
let proxies: { readonly http1: RunningProxy; readonly h2c: RunningProxy };
let old: Application;
let framed: Http2Application;
let cut: (arrival: Http2Arrival) => void = () => undefined;
let cuts = 0;
let cutOld: (arrival: Arrival) => void = () => undefined;

beforeAll(async () => {
  first = await Stage.create();
  second = await Stage.create({ authority: first.authority });
  web = await first.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  old = await Application.start(
    routed({
      '/ok': ({ wire }) => wire.send(response('ok')),
      '/stalls': ({ wire }) => void wire.socket.pause(),
      '*': (arrival) => cutOld(arrival),
    }),
  );
  framed = await Http2Application.start(() => ({
    ...SMALL,
    end: (arrival) => (arrival.path === '/ok' ? arrival.answer('ok') : cut(arrival)),
  }));
  const listener = 'timeouts: { idle: 3s }';
  proxies = {
    http1: await first.start({ upstreamPort: old.port, listener }),
    h2c: await second.start({ upstreamPort: framed.port, listener, upstream: 'protocol: h2c' }),
  };
});

afterAll(async () => {
  await Promise.all([first.close(), second.close()]);
  old.close();
  framed.close();
});

const connect = (to: Stage): Promise<Http2Caller> => Http2Caller.connect(to, web);

async function served(caller: Http2Caller, streamId: number): Promise<void> {
  caller.send(h.headers(streamId, h.get('/ok')));
  expect(await caller.over(streamId)).toMatchObject({ status: 200, body: 'ok' });
}

describe('an answer of HTTP/1.1 to a caller of HTTP/2', () => {
  const heads = [
    { of: 'until the end of the connection', head: 'HTTP/1.1 200 OK\r\n\r\n' },
    { of: 'the same of HTTP/1.0', head: 'HTTP/1.0 200 OK\r\n\r\n' },
    { of: 'with a length', head: 'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n' },
    { of: 'in chunks', head: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n' },
  ];
  test.each(heads)('$of, cut by a TCP reset', async ({ head }) => {
    let wire: Wire | undefined;
    cutOld = (arrival) => {
      ({ wire } = arrival);
      wire.send(`${head}part`);
    };
    const caller = await connect(first);
    caller.send(h.headers(1, h.get('/cut')));
    await caller.until(() => caller.answer(1).body === 'part');
    wire?.socket.resetAndDestroy();
    expect(await caller.over(1)).toMatchObject({ ended: false, reset: CODE.INTERNAL_ERROR });
    await proxies.http1.line((line) => line['reason'] === 'upstream-reset');
    await served(caller, 3);
    caller.close();
  });

  test('until the end of the connection, cut before its first byte', async () => {
    let wire: Wire | undefined;
    cutOld = (arrival) => {
      ({ wire } = arrival);
      wire.send('HTTP/1.1 200 OK\r\n\r\n');
    };
    const caller = await connect(first);
    caller.send(h.headers(1, h.get('/cut')));
    await caller.until(() => caller.answer(1).status === 200);
    wire?.socket.resetAndDestroy();
    expect(await caller.over(1)).toMatchObject({ ended: false, reset: CODE.INTERNAL_ERROR });
    caller.close();
  });

  test('until the end of the connection, while the caller does not read', async () => {
    let wire: Wire | undefined;
    cutOld = (arrival) => {
      ({ wire } = arrival);
      wire.send(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(200_000)}`);
    };
    const caller = await Http2Caller.connect(first, web, { widens: false });
    caller.send(h.headers(1, h.get('/cut')));
    await caller.until(() => caller.answer(1).bytes === 65_535);
    wire?.socket.resetAndDestroy();
    await eventually(
      () => wire?.closed,
      (closed) => closed === true,
    );
    caller.send(h.windowUpdate(0, 1_000_000), h.windowUpdate(1, 1_000_000));
    expect(await caller.over(1)).toMatchObject({ ended: false, reset: CODE.INTERNAL_ERROR });
    caller.close();
  });
});

/** How an application that speaks HTTP/2 breaks an answer off. */
const CUTS: readonly { name: string; by: (arrival: Http2Arrival) => void; reason: string }[] = [
  ...(['NO_ERROR', 'CANCEL', 'INTERNAL_ERROR', 'REFUSED_STREAM'] as const).map((code) => ({
    name: `RST_STREAM ${code}`,
    by: ({ connection, streamId }: Http2Arrival): void => connection.send(h.reset(streamId, CODE[code])),
    reason: 'upstream-reset',
  })),
  {
    name: 'the end of the connection',
    by: ({ connection }) => void connection.socket.end(),
    reason: 'upstream-reset',
  },
  {
    name: 'GOAWAY and the end of the connection',
    by: ({ connection, streamId }) => {
      connection.send(h.goaway(streamId));
      connection.socket.end();
    },
    reason: 'upstream-reset',
  },
  {
    name: 'a TCP reset',
    by: ({ connection }) => void connection.socket.resetAndDestroy(),
    reason: 'upstream-reset',
  },
  {
    name: 'a frame that is none',
    by: ({ connection }) => connection.send(h.data(0, 'x')),
    reason: 'upstream-bad-response',
  },
  {
    name: 'less data than it said',
    by: ({ connection, streamId }) => connection.send(h.data(streamId, '')),
    reason: 'upstream-bad-response',
  },
];

describe.each([
  { of: 'without a length', fields: [] },
  { of: 'with a length', fields: [['content-length', '99']] },
] as { of: string; fields: Field[] }[])('an answer of HTTP/2 $of, cut by', ({ of, fields }) => {
  const rows = CUTS.filter(({ name }) => of === 'with a length' || name !== 'less data than it said');

  const begin = (): { held: Http2Arrival | null } => {
    const begun: { held: Http2Arrival | null } = { held: null };
    cut = (arrival) => {
      begun.held = arrival;
      const { connection, streamId } = arrival;
      connection.send(
        h.headers(streamId, [[':status', '200'], ...fields], FLAG.END_HEADERS),
        h.data(streamId, 'part', 0),
      );
    };
    return begun;
  };

  test.each(rows)('$name, to a caller of HTTP/2', async ({ by, reason }) => {
    const begun = begin();
    const caller = await connect(second);
    const path = `/cut/${++cuts}`;
    caller.send(h.headers(1, h.get(path)));
    await caller.until(() => caller.answer(1).body === 'part');
    if (begun.held !== null) by(begun.held);
    expect(await caller.over(1)).toMatchObject({ ended: false, reset: CODE.INTERNAL_ERROR });
    const line = await proxies.h2c.line((one) => JSON.stringify(one).includes(`"${path}"`));
    expect(line).toMatchObject({ reason, http: { status: 200 } });
    await served(caller, 3);
    caller.close();
  });

  test.each(rows)('$name, to a caller of HTTP/1.1', async ({ by }) => {
    const begun = begin();
    const caller = await call(second, web);
    caller.send(get('/cut'));
    await caller.until((text) => text.includes('part'));
    if (begun.held !== null) by(begun.held);
    const text = await caller.end();
    expect(text).toMatch(of === 'with a length' ? /\r\n\r\npart$/ : /\r\n4\r\npart\r\n$/);
    caller.socket.destroy();
  });
});

describe('a request beyond its window, while the application takes nothing', () => {
  const full = 'x'.repeat(16_384);

  /** Fills the window of stream 1 as long as it is opened again. */
  async function fill(caller: Http2Caller): Promise<void> {
    const answer = caller.answer(1);
    let sent = 0;
    const room = (): boolean => answer.taken + 65_535 - sent >= full.length;
    for (let open = true; open; ) {
      expect(await caller.sendAll(h.data(1, full, 0))).toBe(true);
      sent += full.length;
      expect(sent).toBeLessThan(64_000_000);
      open = await caller.until(room, 300).then(
        () => true,
        () => false,
      );
    }
  }

  test('to one of HTTP/1.1: reset, and its connection ends without the last chunk', async () => {
    const caller = await connect(first);
    caller.send(h.headers(1, h.post('/stalls'), FLAG.END_HEADERS));
    await fill(caller);
    caller.send(h.data(1, full, FLAG.END_STREAM));
    expect(await caller.over(1)).toMatchObject({ ended: false, reset: CODE.FLOW_CONTROL_ERROR });
    const wire = old.connections.find(({ text }) => text.includes('/stalls'));
    wire?.socket.resume();
    await eventually(
      () => wire?.closed === true || wire?.ended === true,
      (over) => over,
    );
    expect(wire?.text.endsWith('0\r\n\r\n')).toBe(false);
    await served(caller, 3);
    caller.close();
  });

  test('to one of HTTP/2: reset on both sides, and the connections go on', async () => {
    const caller = await connect(second);
    caller.send(h.headers(1, h.post('/stalls2'), FLAG.END_HEADERS));
    await fill(caller);
    const arrival = framed.arrivals.find(({ path }) => path === '/stalls2');
    expect(arrival).toMatchObject({ bytes: 16_384, ended: false, reset: null });
    caller.send(h.data(1, full, FLAG.END_STREAM));
    expect(await caller.over(1)).toMatchObject({ ended: false, reset: CODE.FLOW_CONTROL_ERROR });
    await eventually(
      () => arrival?.reset,
      (code) => code !== null,
    );
    expect(arrival).toMatchObject({ bytes: 16_384, ended: false, reset: CODE.CANCEL });
    await served(caller, 3);
    expect(arrival?.connection.closed).toBe(false);
    caller.close();
  });
});
