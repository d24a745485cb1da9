// Cutting bytes into frames: RFC 9113 sections 4.1, 6.1 and 6.2, in pieces of every kind.
import { describe, expect, test } from 'vitest';
import { type FrameHead, FrameReader, type FrameSink } from '../../../../proxy/http2/frame-reader.ts';
import { frame } from '../../../fuzz/nghttp2.ts';
import { hex } from './coding.ts';

/** Writes down every call; `closeAt`: after so many of them it closes its reader. */
class Calls implements FrameSink {
  readonly calls: string[] = [];
  readonly reader = new FrameReader(this);
  private readonly closeAt: number;

  constructor(closeAt = Number.POSITIVE_INFINITY) {
    this.closeAt = closeAt;
  }

  frame(head: FrameHead, payload: Buffer, start: number, end: number): void {
    expect(end - start).toBe(head.length);
    this.note(`frame ${this.tell(head)} ${payload.toString('latin1', start, end)}`);
  }
  dataBegins(head: FrameHead): void {
    this.note(`begins ${this.tell(head)}`);
  }
  data(head: FrameHead, chunk: Buffer, start: number, end: number): void {
    expect(end).toBeGreaterThan(start);
    this.note(`data ${head.streamId} ${chunk.toString('latin1', start, end)}`);
  }
  padding(head: FrameHead, bytes: number): void {
    this.note(`padding ${head.streamId} ${bytes}`);
  }
  dataEnds(head: FrameHead): void {
    this.note(`ends ${this.tell(head)}`);
  }
  oversize(head: FrameHead): void {
    this.note(`oversize ${head.length}`);
    this.reader.close();
  }
  badPadding(head: FrameHead): void {
    this.note(`bad padding ${head.length}`);
    this.reader.close();
  }

  /** The calls with the pieces of one frame's data put together. */
  get joined(): string[] {
    const all: string[] = [];
    for (const call of this.calls) {
      const before = all.at(-1) ?? '';
      const word = call.split(' ', 2).join(' ');
      if (call.startsWith('data ') && before.startsWith(`${word} `))
        all[all.length - 1] = before + call.slice(word.length + 1);
      else all.push(call);
    }
    return all;
  }

  private tell({ type, flags, streamId, length }: FrameHead): string {
    return `${type} ${flags} ${streamId} ${length}`;
  }

  private note(call: string): void {
    this.calls.push(call);
    if (this.calls.length >= this.closeAt) this.reader.close();
  }
}

/** Delivers `bytes` in pieces that end at `cuts`, from memory that is overwritten after each call. */
function read(bytes: Buffer, cuts: readonly number[] = [], closeAt?: number): Calls {
  const sink = new Calls(closeAt);
  const shared = Buffer.alloc(bytes.length + 3);
  let from = 0;
  for (const end of [...cuts, bytes.length]) {
    if (end <= from) continue;
    bytes.copy(shared, 3, from, end);
    sink.reader.push(shared.subarray(0, 3 + end - from), 3);
    shared.fill(0x2e);
    from = end;
  }
  return sink;
}

const text = (latin1: string): Buffer => Buffer.from(latin1, 'latin1');
/** Every type, padded and not, empty and not. */
const STREAM = Buffer.concat([
  frame(4, 0, 0, Buffer.alloc(0)),
  frame(4, 0, 0, text('abcdef')),
  frame(1, 0x2c, 1, text('\x02PPPPPheaders..')),
  frame(9, 4, 1, text('continued')),
  frame(0, 0, 1, text('hello')),
  frame(0, 0, 1, Buffer.alloc(0)),
  frame(0, 8, 1, text('\x03padded...')),
  frame(0, 8, 1, text('\x00unpadded')),
  frame(0, 8, 1, text('\x04....')),
  frame(0, 9, 1, text('\x00')),
  frame(2, 0, 3, text('prior')),
  frame(3, 0, 3, text('code')),
  frame(5, 4, 3, text('push')),
  frame(6, 1, 0, text('12345678')),
  frame(7, 0, 0, text('goaway..')),
  frame(8, 0, 0x7fff_ffff, text('wind')),
  frame(0xfa, 0xff, 5, text('unknown')),
  frame(0xfa, 0, 5, Buffer.alloc(0)),
]);
const CALLS = [
  'frame 4 0 0 0 ',
  'frame 4 0 0 6 abcdef',
  'frame 1 44 1 15 \x02PPPPPheaders..',
  'frame 9 4 1 9 continued',
  'begins 0 0 1 5',
  'data 1 hello',
  'ends 0 0 1 5',
  'begins 0 0 1 0',
  'ends 0 0 1 0',
  'begins 0 8 1 10',
  'padding 1 4',
  'data 1 padded',
  'ends 0 8 1 10',
  'begins 0 8 1 9',
  'padding 1 1',
  'data 1 unpadded',
  'ends 0 8 1 9',
  'begins 0 8 1 5',
  'padding 1 5',
  'ends 0 8 1 5',
  'begins 0 9 1 1',
  'padding 1 1',
  'ends 0 9 1 1',
  'frame 2 0 3 5 prior',
  'frame 3 0 3 4 code',
  'frame 5 4 3 4 push',
  'frame 6 1 0 8 12345678',
  'frame 7 0 0 8 goaway..',
  'frame 8 0 2147483647 4 wind',
  'frame 250 255 5 7 unknown',
  'frame 250 0 5 0 ',
];

describe('the same frames', () => {
  test('in one piece', () => expect(read(STREAM).calls).toEqual(CALLS));
  test('cut at every place', () => {
    for (let cut = 1; cut < STREAM.length; cut++) expect(read(STREAM, [cut]).joined, `${cut}`).toEqual(CALLS);
  });
  test('cut at every two places', () => {
    for (let a = 1; a < STREAM.length; a += 3) {
      for (let b = a + 1; b < Math.min(STREAM.length, a + 24); b++)
        expect(read(STREAM, [a, b]).joined, `${a} ${b}`).toEqual(CALLS);
    }
  });
  test.each([1, 2, 3, 7, 9, 10])('in pieces of %i', (size) => {
    const cuts = Array.from({ length: Math.floor(STREAM.length / size) }, (_, i) => (i + 1) * size);
    expect(read(STREAM, cuts).joined).toEqual(CALLS);
  });
});

test('nothing is handed on after close, wherever the sink closes', () => {
  for (let closeAt = 1; closeAt <= CALLS.length; closeAt++) {
    expect(read(STREAM, [], closeAt).calls, `whole, ${closeAt}`).toEqual(CALLS.slice(0, closeAt));
    const cuts = Array.from({ length: STREAM.length }, (_, i) => i);
    expect(read(STREAM, cuts, closeAt).calls, `bytes, ${closeAt}`).toHaveLength(closeAt);
  }
});

test('`started` is true within a frame and its head', () => {
  const whole = Buffer.concat([
    frame(1, 0, 1, text('ab')),
    frame(0, 8, 1, text('\x01c.')),
    frame(6, 0, 0, text('')),
  ]);
  const ends = [0, 11, 23, 32];
  for (let cut = 0; cut <= whole.length; cut++)
    expect(read(whole.subarray(0, cut)).reader.started, `${cut}`).toBe(!ends.includes(cut));
});

describe('is refused', () => {
  const large = (type: number, length: number): Buffer =>
    frame(type, 0, 1, Buffer.alloc(length)).subarray(0, 9);
  const rows: { name: string; bytes: Buffer; expect: string[] }[] = [
    { name: 'HEADERS above 16384 bytes', bytes: large(1, 16_385), expect: ['oversize 16385'] },
    { name: 'DATA above 16384 bytes', bytes: large(0, 16_385), expect: ['oversize 16385'] },
    { name: 'SETTINGS above it', bytes: large(4, 20_000), expect: ['oversize 20000'] },
    { name: 'an unknown type above it', bytes: large(0x20, 65_536), expect: ['oversize 65536'] },
    { name: 'the greatest length', bytes: hex('ffffff 00 00 00000001'), expect: ['oversize 16777215'] },
    {
      name: 'more padding than payload',
      bytes: frame(0, 8, 1, text('\x05....')),
      expect: ['begins 0 8 1 5', 'bad padding 5'],
    },
    {
      name: 'the most padding',
      bytes: frame(0, 8, 1, text('\xff....')),
      expect: ['begins 0 8 1 5', 'bad padding 5'],
    },
    {
      name: 'one byte that says one of padding',
      bytes: frame(0, 8, 1, text('\x01')),
      expect: ['begins 0 8 1 1', 'bad padding 1'],
    },
    {
      name: 'padding without its length',
      bytes: frame(0, 8, 1, text('')),
      expect: ['begins 0 8 1 0', 'bad padding 0'],
    },
  ];
  test.each(rows)('$name', ({ bytes, expect: want }) => {
    const behind = Buffer.concat([bytes, frame(6, 0, 0, text('12345678'))]);
    expect(read(behind).calls).toEqual(want);
    for (let cut = 1; cut < behind.length; cut++) expect(read(behind, [cut]).calls, `${cut}`).toEqual(want);
  });
  test.each([0, 1, 0x20])('but 16384 bytes of type %i are not', (type) => {
    const { calls } = read(frame(type, 0, 1, Buffer.alloc(16_384)));
    expect(calls.some((call) => call.includes('oversize'))).toBe(false);
    expect(calls.at(-1)?.includes('16384')).toBe(true);
  });
});

test('the reserved bit of a stream is ignored (section 4.1)', () => {
  expect(read(hex('000000 06 00 80000003')).calls).toEqual(['frame 6 0 3 0 ']);
});

test('pieces of many sizes of data and blocks', () => {
  const bytes = Buffer.concat(
    [1, 100, 5_000, 16_384].flatMap((length) => [
      frame(0, 0, 1, Buffer.alloc(length, 'd')),
      frame(1, 4, 3, Buffer.alloc(length, 'h')),
    ]),
  );
  const want = read(bytes).calls;
  for (let size = 1; size < 20_000; size = Math.ceil(size * 1.7)) {
    const cuts = Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => (i + 1) * size);
    expect(read(bytes, cuts).joined, `${size}`).toEqual(want);
  }
});
