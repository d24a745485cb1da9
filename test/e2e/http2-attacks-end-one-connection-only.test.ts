// Attacks with frames of HTTP/2 (RFC 9113 section 10.5): each ends its own connection with a code and a
// reason, memory stays flat, and the other connections go on being served.
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type CallerOptions, Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, FLAG, TYPE } from './stage/http2-frames.ts';
import { eventually, metric, openConnections } from './stage/observe.ts';
import { response, routed } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application } from './stage/wire.ts';

/** Resident memory that one attack may cost; what it buffers if nothing bounds it is far more. */
const GROWTH_MB_MAX = 60;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;
/** Is served all along. */
let other: Http2Caller;
let otherId = 1;
const callers: Http2Caller[] = [];

beforeAll(async () => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  application = await Application.start(
    routed({
      '/hangs': () => undefined,
      '/empty': ({ wire }) => wire.send('HTTP/1.1 204 No Content\r\n\r\n'),
      '*': ({ wire }) => wire.send(response('ok')),
    }),
  );
  proxy = await stage.start({ upstreamPort: application.port, blocks: 'log: { decisions: none }' });
  other = await Http2Caller.connect(stage, web);
  await served();
});

afterEach(async () => {
  for (const caller of callers.splice(0)) caller.close();
  await served();
  await eventually(
    () => openConnections(stage),
    (n) => n === 1,
  );
});

afterAll(async () => {
  other.close();
  await stage.close();
  application.close();
});

/** The connection that attacks nobody gets an answer. */
async function served(): Promise<void> {
  const streamId = otherId;
  otherId += 2;
  other.send(h.headers(streamId, h.get('/ok')));
  expect((await other.over(streamId)).status).toBe(200);
}

async function attacker(options?: CallerOptions): Promise<Http2Caller> {
  const caller = await Http2Caller.connect(stage, web, options);
  callers.push(caller);
  return caller;
}

const errors = (reason: string): Promise<number> =>
  metric(stage, `sallyport_http2_errors_total{listener="inbound",reason="${reason}"}`);

/** Resident memory of the proxy, in MiB. */
function residentMb(): number {
  const status = readFileSync(`/proc/${proxy.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
}

/** Frames of the `n`th piece of an attack, sent until the connection ends. */
type Piece = (n: number) => readonly Buffer[];

interface Attack {
  readonly name: string;
  readonly piece: Piece;
  readonly reason: string;
  readonly code: number;
  /** Sent before. */
  readonly first?: readonly Buffer[];
  /** Pieces after which the connection has to be over. */
  readonly most?: number;
}

const times = (count: number, one: Buffer): readonly Buffer[] => Array.from({ length: count }, () => one);
const stream = (n: number): number => 2 * n + 1;
const flood = (name: string, one: Buffer, first: readonly Buffer[] = []): Attack => ({
  name,
  first,
  piece: () => times(100, one),
  reason: 'http2-frame-flood',
  code: CODE.ENHANCE_YOUR_CALM,
});
const resets = (name: string, piece: Piece): Attack => ({
  name,
  piece,
  reason: 'http2-rapid-reset',
  code: CODE.ENHANCE_YOUR_CALM,
});
const OPEN = h.headers(1, h.post('/hangs'), FLAG.END_HEADERS);
const HANGS = h.get('/hangs');
const PADDED = h.frame(TYPE.DATA, { streamId: 1, flags: FLAG.PADDED, payload: '\x01x\0' });

const ATTACKS: readonly Attack[] = [
  resets('rapid reset (CVE-2023-44487)', (n) => [h.headers(stream(n), HANGS), h.reset(stream(n))]),
  resets('rapid reset of uploads', (n) => [
    h.headers(stream(n), h.post('/hangs'), FLAG.END_HEADERS),
    h.data(stream(n), 'x', 0),
    h.reset(stream(n)),
  ]),
  resets('resets provoked by WINDOW_UPDATE 0 (CVE-2025-8671)', (n) => [
    h.headers(stream(n), HANGS),
    h.windowUpdate(stream(n), 0),
  ]),
  resets('resets provoked by a window above 2^31-1', (n) => [
    h.headers(stream(n), HANGS),
    h.windowUpdate(stream(n), 0x7fffffff),
  ]),
  resets('resets provoked by DATA behind END_STREAM', (n) => [
    h.headers(stream(n), HANGS),
    h.data(stream(n), 'x'),
  ]),
  resets('resets provoked by HEADERS behind END_STREAM', (n) => [
    h.headers(stream(n), HANGS),
    h.headers(stream(n), [['x-a', 'b']]),
  ]),
  resets('resets provoked by trailers without END_STREAM', (n) => [
    h.headers(stream(n), h.post('/hangs'), FLAG.END_HEADERS),
    h.headers(stream(n), [['x-a', 'b']], FLAG.END_HEADERS),
  ]),
  resets('resets provoked by malformed requests', (n) => [h.headers(stream(n), [[':method', 'GET']])]),
  resets('resets provoked by data beyond Content-Length', (n) => [
    h.headers(stream(n), h.post('/hangs', [['content-length', '1']]), FLAG.END_HEADERS),
    h.data(stream(n), 'xx', 0),
  ]),
  resets('trailers that take a request back', (n) => [
    h.headers(stream(n), h.post('/hangs'), FLAG.END_HEADERS),
    h.headers(stream(n), [['host', 'other.shop']]),
  ]),
  resets('more streams than are allowed', (n) => [h.headers(stream(n), HANGS)]),
  {
    name: 'CONTINUATION without end (CVE-2024-27316)',
    first: [h.headers(1, h.get('/a'), FLAG.END_STREAM)],
    piece: () => [
      h.frame(TYPE.CONTINUATION, { streamId: 1, payload: h.block([['x-a', 'b'.repeat(1_000)]]) }),
    ],
    reason: 'http2-continuation-flood',
    code: CODE.ENHANCE_YOUR_CALM,
  },
  {
    name: 'empty CONTINUATION without end',
    first: [h.headers(1, h.get('/a'), FLAG.END_STREAM)],
    piece: () => [h.frame(TYPE.CONTINUATION, { streamId: 1 })],
    reason: 'http2-continuation-flood',
    code: CODE.ENHANCE_YOUR_CALM,
    most: 100,
  },
  {
    name: 'CONTINUATION of a byte each',
    first: [h.frame(TYPE.HEADERS, { streamId: 1 })],
    piece: () => [h.frame(TYPE.CONTINUATION, { streamId: 1, payload: '\x82' })],
    reason: 'http2-continuation-flood',
    code: CODE.ENHANCE_YOUR_CALM,
    most: 100,
  },
  flood('SETTINGS', h.settings([h.SETTING.WINDOW, 1])),
  flood('empty SETTINGS', h.settings()),
  flood('SETTINGS whose table size changes', h.settings([h.SETTING.TABLE, 0], [h.SETTING.TABLE, 0xffffffff])),
  flood('acknowledgements of SETTINGS', h.SETTINGS_ACK),
  flood('PING', h.ping()),
  flood('answers to PING', h.ping(FLAG.ACK)),
  flood('PRIORITY', h.priority(1, 3)),
  flood('WINDOW_UPDATE of the connection', h.windowUpdate(0, 1)),
  flood('WINDOW_UPDATE of a stream', h.windowUpdate(1, 1), [OPEN]),
  flood('WINDOW_UPDATE of a closed stream', h.windowUpdate(1, 1), [OPEN, h.reset(1)]),
  flood('empty DATA', h.data(1, '', 0), [OPEN]),
  flood('DATA of padding only', h.frame(TYPE.DATA, { streamId: 1, flags: FLAG.PADDED, payload: '\0' }), [
    OPEN,
  ]),
  flood('DATA on a closed stream', h.data(1, 'x', 0), [OPEN, h.reset(1)]),
  flood('padded DATA on a closed stream', PADDED, [OPEN, h.reset(1)]),
  flood('RST_STREAM of a closed stream', h.reset(1), [OPEN]),
  flood('frames of a type that nobody knows', h.frame(0xbe, { streamId: 1, payload: 'x' })),
  flood('GOAWAY', h.frame(TYPE.GOAWAY, { payload: Buffer.alloc(8) })),
];

describe('a flood ends its connection', () => {
  test.each(ATTACKS)('$name: $reason', async ({ piece, first = [], reason, code, most = 5_000 }) => {
    const before = await errors(reason);
    const beforeMb = residentMb();
    const caller = await attacker();
    caller.send(...first);
    let sent = 0;
    while (sent < most && (await caller.sendAll(...piece(sent)))) {
      sent++;
      if (sent % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await caller.end()).toBe(code);
    expect(await errors(reason)).toBeGreaterThan(before);
    expect(residentMb() - beforeMb).toBeLessThan(GROWTH_MB_MAX);
  });
});
