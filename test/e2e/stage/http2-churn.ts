// Streams of random fates on connections of random ends: answered, aborted, broken, flooded.
import { setTimeout as pass } from 'node:timers/promises';
import type { Random } from '../../fuzz/random.ts';
import { PATHS } from './erratic-application.ts';
import { type CallerOptions, Http2Caller } from './http2-caller.ts';
import * as h from './http2-frames.ts';
import { CODE, type Field, FLAG, SETTING, TYPE } from './http2-frames.ts';
import type { Stage, SvidFiles } from './stage.ts';

/** Frames of stream `id`, which asks for `path`; `next` is random, below its argument. */
type Fate = (id: number, path: string, next: (below: number) => number) => readonly Buffer[];

const open = (id: number, path: string, more: readonly Field[] = []): Buffer =>
  h.headers(id, h.post(path, more), FLAG.END_HEADERS);
const whole = (id: number, path: string): Buffer => h.headers(id, h.get(path));
const piece = Buffer.alloc(4_000, 'p');
const GRPC: readonly Field[] = [
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
];
const message = Buffer.alloc(5);

/** What can happen to a stream, by name. */
const FATES: Readonly<Record<string, Fate>> = {
  answered: (id, path) => [whole(id, path)],
  uploaded: (id, path) => [open(id, path), h.data(id, piece, 0), h.data(id, piece)],
  'with trailers': (id, path) => [open(id, path), h.headers(id, [['x-sum', '1']])],
  'reset at once': (id, path) => [whole(id, path), h.reset(id)],
  'reset in its body': (id, path) => [open(id, path), h.data(id, piece, 0), h.reset(id)],
  'reset without error': (id, path) => [open(id, path), h.data(id, 'x', 0), h.reset(id, CODE.NO_ERROR)],
  'reset short of its length': (id, path) => [
    open(id, path, [['content-length', '90000']]),
    ...Array.from({ length: 8 }, () => h.data(id, piece, 0)),
    h.reset(id),
  ],
  'never ended': (id, path) => [open(id, path), h.data(id, 'some', 0)],
  'shorter than its length': (id, path) => [open(id, path, [['content-length', '9']]), h.data(id, 'x')],
  'longer than its length': (id, path) => [open(id, path, [['content-length', '1']]), h.data(id, 'xx')],
  'bad trailers': (id, path) => [open(id, path), h.headers(id, [['host', 'other']])],
  'trailers that do not end it': (id, path) => [
    open(id, path),
    h.headers(id, [['x-a', 'b']], FLAG.END_HEADERS),
  ],
  'widened by nothing': (id, path) => [whole(id, path), h.windowUpdate(id, 0)],
  'widened too far': (id, path) => [whole(id, path), ...times(2, h.windowUpdate(id, 0x7fffffff))],
  'data behind its end': (id, path) => [whole(id, path), h.data(id, 'x')],
  'no path': (id) => [h.headers(id, [[':method', 'GET']])],
  'a field of HTTP/1.1': (id) => [h.headers(id, h.get('/x', [['connection', 'close']]))],
  'an ambiguous path': (id) => [whole(id, '/%2f')],
  'windows shut': (id, path) => [whole(id, path), h.settings([SETTING.WINDOW, 0])],
  'windows open': (id, path) => [whole(id, path), h.settings([SETTING.WINDOW, 65_535])],
  'beside idle frames': (id, path) => [whole(id, path), h.ping(), h.frame(0xbe, {}), h.priority(id, 0)],
  'a call': (id, _path, next) => [
    open(id, '/test.Echo/Call', [...GRPC, ['grpc-timeout', `${1 + next(80)}m`]]),
    h.data(id, message),
  ],
  'a call that hangs until its deadline': (id, path, next) => [
    open(id, path, [...GRPC, ['grpc-timeout', `${1 + next(80)}m`]]),
    h.data(id, message, 0),
  ],
  'a call that is given up': (id, path) => [open(id, path, GRPC), h.data(id, message, 0), h.reset(id)],
};

/** How a connection ends, besides by too much of the above. `id`: the next stream. */
const ENDS: Readonly<Record<string, (caller: Http2Caller, id: number) => void>> = {
  closed: (caller) => caller.close(),
  'half closed': (caller) => void caller.socket.end(),
  'cut by RST': (caller) => caller.cut(),
  'told by GOAWAY': (caller) => caller.send(h.frame(TYPE.GOAWAY, { payload: Buffer.alloc(8) })),
  'half a frame': (caller, id) => caller.send(h.data(id, piece, 0).subarray(0, 100)),
  'a frame within a block': (caller, id) =>
    caller.send(h.headers(id, h.get('/ok'), FLAG.END_STREAM), h.ping()),
  'a block that cannot be decoded': (caller, id) =>
    caller.send(h.frame(TYPE.HEADERS, { streamId: id, payload: '\x80', flags: FLAG.END_HEADERS })),
  'a block without end': (caller, id) =>
    caller.send(
      h.headers(id, h.get('/ok'), FLAG.END_STREAM),
      ...times(
        100,
        h.frame(TYPE.CONTINUATION, { streamId: id, payload: h.block([['x-a', 'b'.repeat(1_000)]]) }),
      ),
    ),
  'the window widened too far': (caller) => caller.send(h.windowUpdate(0, 0x7fffffff)),
  'a flood of PING': (caller) => caller.send(...times(3_000, h.ping())),
  'a flood of SETTINGS': (caller) => caller.send(...times(3_000, h.settings([SETTING.WINDOW, 1]))),
  'a flood of empty DATA': (caller, id) =>
    caller.send(open(id, '/takes'), ...times(3_000, h.data(id, '', 0))),
  'a flood of resets': (caller, id) =>
    caller.send(
      ...Array.from({ length: 400 }, (_, n) => id + 2 * n).flatMap((one) => [
        whole(one, '/hangs'),
        h.reset(one),
      ]),
    ),
  'a flood of data': (caller, id) => caller.send(open(id, '/hangs'), ...times(300, h.data(id, piece, 0))),
};

function times(count: number, one: Buffer): Buffer[] {
  return Array.from({ length: count }, () => one);
}

const CALLERS: readonly CallerOptions[] = [
  {},
  {},
  { widens: false },
  { widens: false, settings: [[SETTING.WINDOW, 0]] },
  { settings: [[SETTING.WINDOW, 1]] },
  { settings: [[SETTING.WINDOW, 1_000_000]] },
];

/** What was begun so far. */
export class Churn {
  streams = 0;
  readonly fates: Record<string, number> = {};
  readonly ends: Record<string, number> = {};
  private readonly stage: Stage;
  private readonly svid: SvidFiles;
  private readonly random: Random;

  constructor(stage: Stage, svid: SvidFiles, random: Random) {
    this.stage = stage;
    this.svid = svid;
    this.random = random;
  }

  get connections(): number {
    return Object.values(this.ends).reduce((sum, count) => sum + count, 0);
  }

  /** One connection after the other while `more` says so. */
  async run(more: () => boolean): Promise<void> {
    while (more()) await this.connection(more);
  }

  private async connection(more: () => boolean): Promise<void> {
    const next = (below: number): number => this.random.below(below);
    const caller = await Http2Caller.connect(this.stage, this.svid, CALLERS[next(CALLERS.length)]);
    const count = 20 + next(150);
    // Reads nothing, or in pieces.
    const stalls = next(8) === 0;
    if (stalls) caller.socket.pause();
    for (let n = 0; n < count && more() && caller.goaway === null && !caller.closed; n++) {
      const [fate, frames] = this.pick(FATES);
      this.fates[fate] = (this.fates[fate] ?? 0) + 1;
      this.streams++;
      const path = PATHS[next(PATHS.length)] ?? '/';
      const sent = caller.sendAll(...frames(2 * n + 1, path, next));
      await (stalls ? Promise.race([sent, pass(100)]) : sent);
      if (next(10) === 0) await pass(next(4));
      if (stalls && next(30) === 0) caller.socket.resume();
    }
    const [end, act] = this.pick(ENDS);
    this.ends[end] = (this.ends[end] ?? 0) + 1;
    act(caller, 2 * count + 1);
    // Some stay until deadlines come for their streams.
    await pass(next(60) === 0 ? next(4_000) : 1 + next(10));
    caller.close();
  }

  private pick<T>(of: Readonly<Record<string, T>>): [string, T] {
    const all = Object.entries(of);
    const one = all[this.random.below(all.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }
}
