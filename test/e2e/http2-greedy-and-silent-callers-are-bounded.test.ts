// Callers that read nothing, send half of something, or let small things unfold to large ones: memory stays
// bounded, deadlines end them, and the others are served.
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type CallerOptions, Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, FLAG, SETTING, TYPE } from './stage/http2-frames.ts';
import { eventually, openConnections } from './stage/observe.ts';
import { response, routed } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { StoppedApplication } from './stage/stopped.ts';
import { Application } from './stage/wire.ts';

const LARGE = 'x'.repeat(4_000_000);
/** A field that no table keeps. */
const FAT = 'f'.repeat(3_000);
const HEAD_MS = 1_500;
const IDLE_MS = 4_000;
const FAR_MS = 20_000;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;
const callers: Http2Caller[] = [];

beforeAll(async () => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  application = await Application.start(
    routed({
      '/hangs': () => undefined,
      '/empty': ({ wire }) => wire.send(`HTTP/1.1 204 No Content\r\nx-fat: ${FAT}\r\n\r\n`),
      '/large': ({ wire }) => wire.send(response(LARGE)),
      '*': ({ wire }) => wire.send(response('ok', { lines: `x-fat: ${FAT}\r\n` })),
    }),
  );
  proxy = await stage.start({
    upstreamPort: application.port,
    listener: `timeouts: { head: ${HEAD_MS}ms, idle: ${IDLE_MS}ms, request: 60s }`,
    blocks: 'log: { decisions: none }',
  });
  const warm = await connect();
  for (let n = 0; n < 300; n++) {
    warm.send(h.headers(2 * n + 1, h.get('/large?warm'.slice(0, n < 5 ? 6 : 3))));
    await warm.over(2 * n + 1);
  }
});

afterAll(async () => {
  await stage.close();
  application.close();
});

async function connect(options?: CallerOptions): Promise<Http2Caller> {
  const caller = await Http2Caller.connect(stage, web, options);
  callers.push(caller);
  return caller;
}

/** Resident memory of the proxy, in MiB. */
function residentMb(of = proxy): number {
  const status = readFileSync(`/proc/${of.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
}

/** The largest growth of memory while `during` runs, in MiB. */
async function growthMb(during: () => Promise<void>, of = proxy): Promise<number> {
  const before = residentMb(of);
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, residentMb(of));
  }, 20);
  await during();
  clearInterval(timer);
  return Math.max(most, residentMb(of)) - before;
}

const WIDE = { settings: [[SETTING.WINDOW, 0x7fffffff]], widens: false } as const;
describe('memory', () => {
  afterEach(async () => {
    const other = await connect();
    other.send(h.headers(1, h.get('/ok')));
    expect((await other.over(1)).status).toBe(200);
    for (const caller of callers.splice(0)) caller.close();
    await eventually(
      () => openConnections(stage),
      (n) => n === 0,
    );
  });

  test('100 streams of a large answer, open windows, and nothing read', async () => {
    const caller = await connect(WIDE);
    const grown = await growthMb(async () => {
      caller.send(h.windowUpdate(0, 0x7fff0000 - 65_535));
      caller.socket.pause();
      for (let n = 0; n < 100; n++) caller.send(h.headers(2 * n + 1, h.get('/large')));
      await new Promise((resolve) => setTimeout(resolve, 1_500));
    });
    expect(grown).toBeLessThan(60);
  });

  test('100 streams of a large answer, and windows that stay shut', async () => {
    const caller = await connect({ settings: [[SETTING.WINDOW, 0]], widens: false });
    const grown = await growthMb(async () => {
      for (let n = 0; n < 100; n++) caller.send(h.headers(2 * n + 1, h.get('/large')));
      await caller.until(() => caller.answer(199).status === 200);
    });
    expect(grown).toBeLessThan(60);
    expect(caller.answer(1).bytes).toBe(0);
  });

  test('small answers that wait for windows count as requests in flight', async () => {
    const narrow = await Stage.create({ authority: stage.authority });
    const small = await Application.start(
      routed({ '*': ({ wire }) => wire.send(response('x'.repeat(60_000))) }),
    );
    await narrow.start({ upstreamPort: small.port, listener: 'limits: { requestsInFlight: 50 }' });
    const shut = { settings: [[SETTING.WINDOW, 0]], widens: false } as const;
    for (let n = 0; n < 3; n++) {
      const caller = await Http2Caller.connect(narrow, web, shut);
      const statuses: number[] = [];
      // One by one: each answer is complete, but for its way to the caller.
      for (let id = 1; id < 2 * 80; id += 2) {
        caller.send(h.headers(id, h.get('/a')));
        await caller.until(() => caller.answer(id).status > 0);
        statuses.push(caller.answer(id).status);
      }
      expect(statuses.lastIndexOf(200)).toBeLessThan(50);
      expect(statuses.filter((status) => status === 503).length).toBeGreaterThanOrEqual(30);
      caller.close();
      await eventually(
        () => openConnections(narrow),
        (open) => open === 0,
      );
    }
    await narrow.close();
    small.close();
  });

  test('answers without a body that are never read', async () => {
    const caller = await connect(WIDE);
    caller.socket.pause();
    let [sent, stalls] = [0, 0];
    const served = (): number =>
      application.connections.reduce((sum, { text }) => sum + text.split('/empty').length - 1, 0);
    const grown = await growthMb(async () => {
      for (; sent < 40_000 && stalls < 20; sent += 50) {
        const ids = Array.from({ length: 50 }, (_, i) => 2 * (sent + i) + 1);
        caller.send(...ids.map((streamId) => h.headers(streamId, h.get('/empty'))));
        // Never more streams than are allowed: the last 50 are answered, or nothing is read any more.
        const all = await eventually(served, (n) => n >= sent + 50, 100).catch(() => -1);
        stalls = all < 0 ? stalls + 1 : 0;
      }
    });
    expect(grown).toBeLessThan(40);
  });

  test('PING without reading the answers', async () => {
    const caller = await connect(WIDE);
    caller.socket.pause();
    const grown = await growthMb(async () => {
      const pings = Array.from({ length: 1_000 }, () => h.ping());
      for (let n = 0; n < 100 && !caller.socket.destroyed; n++) {
        caller.send(...pings);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });
    expect(grown).toBeLessThan(20);
    caller.socket.resume();
    expect(await caller.end()).toBe(CODE.ENHANCE_YOUR_CALM);
  });

  describe('data a byte at a time', () => {
    const STREAMS = Array.from({ length: 16 }, (_, i) => 2 * i + 1);
    const filler = h.frame(0xbe, { payload: 'y'.repeat(16_000) });

    /** Uses the windows up, with as many other bytes around each as count as little. */
    async function drip(caller: Http2Caller, times: number): Promise<void> {
      const frames = STREAMS.map((streamId) => h.data(streamId, 'x', 0));
      for (let n = 0; n < times; n++)
        expect(await caller.sendAll(...(n % 16 === 0 ? [filler] : []), ...frames)).toBe(true);
      await eventually(
        () => caller.socket.writableLength,
        (length) => length === 0,
      );
    }

    test('that waits for a connection to the application', async () => {
      const stopped = await StoppedApplication.start();
      const full = await Stage.create({ authority: stage.authority });
      const held = await full.start({ upstreamPort: stopped.port, upstream: 'connectTimeout: 30s' });
      const caller = await Http2Caller.connect(full, web);
      for (const streamId of STREAMS) caller.send(h.headers(streamId, h.post('/a'), FLAG.END_HEADERS));
      const grown = await growthMb(() => drip(caller, 60_000), held);
      caller.close();
      await full.close();
      stopped.close();
      expect(grown).toBeLessThan(80);
    });

    test('for an application that does not read, and later does: every byte, in order', async () => {
      const stalled = await Application.start(({ socket }) => void socket.pause());
      const slow = await Stage.create({ authority: stage.authority });
      const held = await slow.start({ upstreamPort: stalled.port });
      const caller = await Http2Caller.connect(slow, web);
      const bulk = 'x'.repeat(16_384);
      const answer = caller.answer(1);
      caller.send(h.headers(1, h.post('/a'), FLAG.END_HEADERS));
      let sent = 0;
      const room = (): boolean => answer.taken + 65_535 - sent >= 2 * bulk.length;
      // Until the buffers between the proxy and the application are full.
      for (let full = false; !full && sent < 32_000_000; sent += bulk.length) {
        await caller.sendAll(h.data(1, bulk, 0));
        full = !(await caller.until(room, 500).then(
          () => true,
          () => false,
        ));
      }
      const left = answer.taken + 65_535 - sent;
      const drops = Array.from({ length: left - 1 }, (_, n) => String(n % 10));
      const grown = await growthMb(async () => {
        for (const drop of drops) expect(await caller.sendAll(h.data(1, drop, 0))).toBe(true);
      }, held);
      caller.send(h.data(1, '!'));
      const [wire] = stalled.connections;
      wire?.socket.resume();
      const text = (await wire?.until((all) => all.endsWith('\r\n0\r\n\r\n'))) ?? '';
      caller.close();
      await slow.close();
      stalled.close();
      expect(text.replaceAll(/\r\n(?:[0-9a-f]+\r\n)?/g, '')).toContain(`xx${drops.join('')}!`);
      expect(grown).toBeLessThan(40);
    });
  });

  test.each([
    { name: 'an entry of 4 KiB, 16,000 times', value: 4_000, count: 16_000 },
    { name: 'an entry of 100 bytes, 16,000 times', value: 100, count: 16_000 },
    { name: 'a cookie crumb, 16,000 times', value: 3_000, count: 16_000, field: 'cookie' },
  ])('a header block that unfolds: $name', async ({ value, count, field = 'x-bomb' }) => {
    const caller = await connect();
    const entry = h.kept([field, 'b'.repeat(value)]);
    const many = Buffer.alloc(count, h.indexed(62));
    const grown = await growthMb(async () => {
      for (let n = 0; n < 100; n++) {
        const streamId = 2 * n + 1;
        caller.send(
          h.headers(
            streamId,
            Buffer.concat([h.block(h.get('/bomb')), ...(n === 0 ? [entry] : []), many.subarray(0, 12_000)]),
          ),
        );
        const answer = await caller.over(streamId);
        expect(answer.status).toBe(431);
      }
    });
    expect(grown).toBeLessThan(40);
    expect(application.connections.some(({ text }) => text.includes('/bomb'))).toBe(false);
  });
});

describe('time', () => {
  const silent = { polite: false } as const;
  const SILENT: readonly {
    name: string;
    send: readonly Buffer[];
    options?: CallerOptions;
    mostMs: number;
  }[] = [
    { name: 'nothing at all', send: [], options: silent, mostMs: HEAD_MS },
    { name: 'half a preface', send: [h.PREFACE.subarray(0, 10)], options: silent, mostMs: HEAD_MS },
    { name: 'a preface', send: [h.PREFACE], options: silent, mostMs: HEAD_MS },
    {
      name: 'a preface and half of SETTINGS',
      send: [h.PREFACE, h.settings().subarray(0, 5)],
      options: silent,
      mostMs: HEAD_MS,
    },
    { name: 'SETTINGS', send: [], mostMs: IDLE_MS },
    { name: 'half a header block', send: [h.headers(1, h.get('/evil'), FLAG.END_STREAM)], mostMs: IDLE_MS },
    { name: 'half a frame', send: [h.headers(1, h.get('/evil')).subarray(0, 20)], mostMs: IDLE_MS },
    {
      name: 'a body that does not come',
      send: [h.headers(1, h.post('/hangs'), FLAG.END_HEADERS)],
      mostMs: 2 * IDLE_MS,
    },
    {
      name: 'an answer whose window stays shut',
      send: [h.headers(1, h.get('/large'))],
      options: { settings: [[SETTING.WINDOW, 0]], widens: false },
      mostMs: 2 * IDLE_MS,
    },
    {
      name: 'an answer of ours whose window stays shut',
      send: [h.headers(1, h.get('/%2f'))],
      options: { settings: [[SETTING.WINDOW, 0]], widens: false },
      mostMs: 2 * IDLE_MS,
    },
  ];

  test.concurrent.each(SILENT)('$name, and then silence', async ({ send, options, mostMs }) => {
    const caller = await Http2Caller.connect(stage, web, options);
    // Its acknowledgement is not to come in between.
    if (options?.polite !== false) await caller.until(() => caller.theirs.has(SETTING.STREAMS));
    const startMs = performance.now();
    caller.send(...send);
    await caller.end(FAR_MS);
    expect(performance.now() - startMs).toBeLessThan(mostMs + 2_500);
    expect(application.connections.some(({ text }) => text.includes('/evil'))).toBe(false);
  });

  test('frames that ask for nothing do not keep a connection', async () => {
    const caller = await connect();
    const startMs = performance.now();
    const timer = setInterval(() => caller.send(h.ping()), 200);
    await caller.end(FAR_MS).finally(() => clearInterval(timer));
    expect(performance.now() - startMs).toBeLessThan(IDLE_MS + 2_500);
    expect(caller.goaway?.code).toBe(CODE.NO_ERROR);
    expect(caller.types).toContain(TYPE.PING);
  });
});
