// What the encoder indexes, and that a decoder which lives as long as it does reads the same (RFC 7541).
import { describe, expect, test } from 'vitest';
import { HpackDecoder, Scratch } from '../../../../../proxy/http2/hpack/decoder.ts';
import { type EncodableField, HpackEncoder } from '../../../../../proxy/http2/hpack/encoder.ts';
import { Output } from '../../../../../proxy/http2/output.ts';
import { Random } from '../../../../fuzz/random.ts';
import { decode, hex, indexed, literal, type Pair, sizeUpdate, taken } from '../coding.ts';

const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_000);

function encodable([name, value]: Pair, sensitive = false): EncodableField {
  const source = Buffer.from(`.${name}..${value}.`, 'latin1');
  const [nameStart, nameEnd] = [1, 1 + name.length];
  const valueStart = nameEnd + 2;
  return { source, name: null, nameStart, nameEnd, valueStart, valueEnd: source.length - 1, sensitive };
}

function encode(encoder: HpackEncoder, list: readonly Pair[], sensitive = false): Buffer {
  const out = new Output();
  encoder.begin(out);
  for (const pair of list) encoder.field(out, encodable(pair, sensitive));
  return taken(out);
}

describe('one field', () => {
  const rows: { name: string; list: Pair[]; sensitive?: boolean; expect: Buffer }[] = [
    { name: 'a line of the static table', list: [[':method', 'GET']], expect: hex('82') },
    { name: 'in capitals', list: [['ACCEPT-ENCODING', 'gzip, deflate']], expect: hex('90') },
    { name: 'the last status', list: [[':status', '500']], expect: hex('8e') },
    { name: 'a name of the static table', list: [['Cookie', 'a=b']], expect: literal(32, 'a=b') },
    { name: 'the first of its names', list: [[':path', '/a']], expect: literal(4, '/a') },
    { name: 'another name', list: [['X-A', 'B']], expect: literal('x-a', 'B') },
    { name: 'no value', list: [['accept', '']], expect: literal(19, '') },
    {
      name: 'a sensitive one',
      list: [['authorization', 'x']],
      sensitive: true,
      expect: literal(23, 'x', 0x10),
    },
    {
      name: 'a sensitive line of the static table',
      list: [[':method', 'GET']],
      sensitive: true,
      expect: literal(2, 'GET', 0x10),
    },
  ];
  test.each(rows)('$name', ({ list, sensitive, expect: want }) => {
    expect(encode(new HpackEncoder(), list, sensitive).toString('hex')).toBe(want.toString('hex'));
  });
});

describe('a line that comes again', () => {
  const line: Pair = ['x-a', 'b'];
  test('is indexed the second time, and an index from then on', () => {
    const encoder = new HpackEncoder();
    const blocks = [1, 2, 3].map(() => encode(encoder, [line]));
    expect(blocks).toEqual([literal('x-a', 'b'), literal('x-a', 'b', 0x40), indexed(62)]);
  });
  test('is never indexed when it is sensitive', () => {
    const encoder = new HpackEncoder();
    for (let i = 0; i < 4; i++) expect(encode(encoder, [line], true)).toEqual(literal('x-a', 'b', 0x10));
    // Nor is what is not sensitive compared with it.
    expect(encode(encoder, [line])).toEqual(literal('x-a', 'b'));
  });
  test('is not indexed when it is a large share of the table', () => {
    const encoder = new HpackEncoder();
    const large: Pair = ['x', 'v'.repeat(1_024)];
    for (let i = 0; i < 3; i++) expect(encode(encoder, [large])).toEqual(literal('x', large[1]));
  });
  test('with another value is another line', () => {
    const encoder = new HpackEncoder();
    for (const value of ['a', 'b', 'c']) expect(encode(encoder, [['x', value]])).toEqual(literal('x', value));
  });
});

describe('the size of the table', () => {
  const rows: { name: string; sizes: number[]; expect: Buffer[] }[] = [
    { name: 'as it was: nothing is said', sizes: [4_096], expect: [] },
    { name: 'larger: we stay at ours', sizes: [65_536], expect: [] },
    { name: 'smaller', sizes: [100], expect: [sizeUpdate(100)] },
    { name: 'none', sizes: [0], expect: [sizeUpdate(0)] },
    { name: 'smaller and back', sizes: [100, 4_096], expect: [sizeUpdate(100), sizeUpdate(4_096)] },
    { name: 'the smallest in between', sizes: [300, 0, 500], expect: [sizeUpdate(0), sizeUpdate(500)] },
    { name: 'smaller and smaller', sizes: [300, 200, 100], expect: [sizeUpdate(100)] },
    {
      name: 'the greatest value of 32 bits',
      sizes: [100, 0xffff_ffff],
      expect: [sizeUpdate(100), sizeUpdate(4_096)],
    },
  ];
  test.each(rows)('$name', ({ sizes, expect: want }) => {
    const encoder = new HpackEncoder();
    for (const size of sizes) encoder.tableSizeMax = size;
    expect(encode(encoder, [])).toEqual(Buffer.concat(want));
    expect(encode(encoder, [])).toEqual(Buffer.alloc(0));
  });

  test('nothing is indexed in a table of nothing', () => {
    const encoder = new HpackEncoder();
    encoder.tableSizeMax = 0;
    encode(encoder, []);
    for (let i = 0; i < 3; i++) expect(encode(encoder, [['x-a', 'b']])).toEqual(literal('x-a', 'b'));
  });
});

test(`random lists are what a decoder reads, seed ${seed}`, () => {
  const random = new Random(seed);
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(new Scratch());
  let indexes = 0;
  for (let i = 0; i < 3_000; i++) {
    if (random.chance(0.05)) encoder.tableSizeMax = random.pick([0, 50, 200, 1_000, 4_096, 10_000]);
    const list = Array.from({ length: random.below(12) }, (): Pair => {
      const name = random.pick([':path', ':status', 'x-a', 'accept', 'cookie', `x-${random.below(40)}`]);
      return [name, random.pick(['', 'a', `/${random.below(200)}`, 'v'.repeat(random.below(1_200))])];
    });
    const sensitive = random.chance(0.1);
    const block = encode(encoder, list, sensitive);
    const read = decode(decoder, block);
    expect(read?.list, `list ${i}`).toEqual(list);
    if (sensitive) expect(read?.fields.every((field) => field.sensitive)).toBe(true);
    else indexes += block.filter((c) => c >= 0x80 + 62).length;
  }
  expect(indexes).toBeGreaterThan(1_000);
});
