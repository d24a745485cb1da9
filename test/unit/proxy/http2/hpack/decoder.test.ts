// Header blocks that are none, and those at a limit (RFC 7541 sections 4, 5 and 6, RFC 9113 section 4.3).
import { describe, expect, test } from 'vitest';
import { COOKIE } from '../../../../../proxy/http1/known-headers.ts';
import { HpackDecoder, Scratch } from '../../../../../proxy/http2/hpack/decoder.ts';
import { UNKNOWN_PSEUDO } from '../../../../../proxy/http2/hpack/field.ts';
import {
  decode,
  hex,
  INCREMENTAL,
  indexed,
  integer,
  literal,
  NEVER_INDEXED,
  type Pair,
  sizeUpdate,
} from '../coding.ts';

const newDecoder = (): HpackDecoder => new HpackDecoder(new Scratch());
const decodeNew = (bytes: Buffer): readonly Pair[] | null => decode(newDecoder(), bytes)?.list ?? null;
const add = (name: string, value: string): Buffer => literal(name, value, INCREMENTAL);
const joined = (...parts: Buffer[]): Buffer => Buffer.concat(parts);

describe('is a block', () => {
  const long = 'v'.repeat(20_000);
  const rows: { name: string; block: Buffer; expect: readonly Pair[] }[] = [
    { name: 'nothing', block: hex(''), expect: [] },
    { name: 'the first index', block: indexed(1), expect: [[':authority', '']] },
    { name: 'the last index of the static table', block: indexed(61), expect: [['www-authenticate', '']] },
    { name: 'a size update alone', block: sizeUpdate(0), expect: [] },
    { name: 'the largest size', block: sizeUpdate(4_096), expect: [] },
    {
      name: 'two size updates, the smaller one first',
      block: joined(sizeUpdate(0), sizeUpdate(4_096), add('a', 'b'), indexed(62)),
      expect: [
        ['a', 'b'],
        ['a', 'b'],
      ],
    },
    { name: 'an empty value', block: literal('a', ''), expect: [['a', '']] },
    { name: 'a name by index', block: literal(32, 'a=b'), expect: [['cookie', 'a=b']] },
    { name: 'a text larger than the scratch', block: literal('a', long), expect: [['a', long]] },
    {
      name: 'an entry larger than the table, then one that is not',
      block: joined(add('a', 'b'), add('big', 'v'.repeat(4_096)), add('c', 'd'), indexed(62)),
      expect: [
        ['a', 'b'],
        ['big', 'v'.repeat(4_096)],
        ['c', 'd'],
        ['c', 'd'],
      ],
    },
    {
      // RFC 7541 section 4.4: the entry that is named goes to make room for the one that names it.
      name: 'a name of an entry that is evicted by it',
      block: joined(add('name', 'a'.repeat(3_000)), literal(62, 'b'.repeat(3_000), INCREMENTAL), indexed(62)),
      expect: [
        ['name', 'a'.repeat(3_000)],
        ['name', 'b'.repeat(3_000)],
        ['name', 'b'.repeat(3_000)],
      ],
    },
    {
      name: 'a name of an entry that empties the table',
      block: joined(add('name', 'a'), literal(62, 'b'.repeat(4_096), INCREMENTAL)),
      expect: [
        ['name', 'a'],
        ['name', 'b'.repeat(4_096)],
      ],
    },
  ];
  test.each(rows)('$name', ({ block, expect: want }) => {
    expect(decodeNew(block)).toEqual(want);
  });
});

describe('is none', () => {
  const rows: { name: string; block: Buffer }[] = [
    { name: 'index 0', block: hex('80') },
    { name: 'index 0 behind a field', block: hex('82 80') },
    { name: 'the first index beyond the static table', block: indexed(62) },
    { name: 'an index far beyond', block: indexed(100_000) },
    { name: 'the first index beyond the dynamic table', block: joined(add('a', 'b'), indexed(63)) },
    { name: 'a name index beyond the tables, with indexing', block: literal(62, 'v', INCREMENTAL) },
    { name: 'a name index beyond the tables, without', block: literal(62, 'v') },
    { name: 'a name index beyond the tables, never indexed', block: literal(62, 'v', NEVER_INDEXED) },
    {
      name: 'an entry that was evicted',
      block: joined(add('a', 'b'), add('big', 'v'.repeat(4_060)), indexed(63)),
    },
    { name: 'an entry that was too large', block: joined(add('big', 'v'.repeat(4_096)), indexed(62)) },
    { name: 'an entry without indexing', block: joined(literal('a', 'b'), indexed(62)) },
    { name: 'a size above our setting', block: sizeUpdate(4_097) },
    { name: 'a size far above', block: sizeUpdate(1_000_000) },
    { name: 'a size update behind a field', block: joined(indexed(2), sizeUpdate(100)) },
    { name: 'a size update behind a literal', block: joined(literal('a', 'b'), sizeUpdate(100)) },
    { name: 'a size update at the end', block: joined(sizeUpdate(0), indexed(2), sizeUpdate(4_096)) },
    {
      name: 'an entry that the size update evicts',
      block: joined(sizeUpdate(0), add('a', 'b'), indexed(62)),
    },
    { name: 'an integer without end', block: hex('ff ffffffffffffffffffff') },
    { name: 'an integer of four bytes more', block: hex('ff 80808000') },
    { name: 'an integer beyond 32 bits', block: hex('ff 8080808010') },
    { name: 'an integer that would wrap to 2', block: hex('ff 83ffffff0f') },
    { name: 'a length beyond the block', block: hex('00 01 61 05 6161') },
    { name: 'a name length beyond the block', block: hex('00 7f 61') },
    { name: 'a length of two megabytes', block: hex('00 01 61 7f ffff7f 61') },
    { name: 'a coded name whose padding is zeros', block: hex('00 81 18 01 61') },
    { name: 'a coded value with EOS', block: hex('00 01 61 84 ffffffff') },
    { name: 'a coded value with too much padding', block: hex('00 01 61 82 1fff') },
    { name: 'a literal without its value', block: hex('00 01 61') },
    { name: 'a literal without its name', block: hex('40') },
  ];
  test.each(rows)('$name', ({ block }) => expect(decodeNew(block)).toBeNull());
});

test('an integer may be as long as our limit wants', () => {
  // 127 + 0x1fffff is the most that three bytes more say: far beyond any index, so only the length shows it.
  const bytes = integer(0, 7, 127 + 0x1f_ffff);
  expect(bytes.length).toBe(4);
  const value = Buffer.alloc(127 + 0x1f_ffff, 'v');
  expect(decodeNew(joined(hex('00 01 61'), bytes, value))?.[0]?.[1].length).toBe(value.length);
});

test('a block that is cut off at any byte is none, or is one up to the field before', () => {
  const parts = [
    sizeUpdate(200),
    indexed(2),
    add('custom-key', 'custom-value'),
    literal('x'.repeat(200), 'y'.repeat(300), NEVER_INDEXED),
    literal(15, 'z'.repeat(140)),
    hex('40 88 25a849e95ba97d7f 89 25a849e95bb8e8b4bf'),
    indexed(62),
  ];
  const whole = joined(...parts);
  const ends = parts.map((_, i) => joined(...parts.slice(0, i + 1)).length);
  for (let length = 0; length < whole.length; length++) {
    const list = decodeNew(whole.subarray(0, length));
    const complete = ends.filter((end) => end <= length).length;
    const want = ends.includes(length) || length === 0 ? Math.max(0, complete - 1) : null;
    expect(list?.length ?? null, `${length} bytes`).toBe(want);
  }
  expect(decodeNew(whole)).toHaveLength(parts.length - 1);
});

test('a table outlives a block, and a size update evicts', () => {
  const decoder = newDecoder();
  decode(decoder, joined(add('a', '1'), add('b', '2')));
  expect(decode(decoder, indexed(63))?.list).toEqual([['a', '1']]);
  expect(decode(decoder, joined(sizeUpdate(40), indexed(62)))?.list).toEqual([['b', '2']]);
  expect(decode(decoder, indexed(63))).toBeNull();
});

test('one scratch serves many decoders, whose tables are their own', () => {
  const scratch = new Scratch();
  const [a, b] = [new HpackDecoder(scratch), new HpackDecoder(scratch)];
  decode(a, add('a', '1'));
  decode(b, add('b', 'x'.repeat(10_000)));
  decode(b, add('b', '2'));
  expect([decode(a, indexed(62))?.list, decode(b, indexed(62))?.list]).toEqual([[['a', '1']], [['b', '2']]]);
});

test('nothing of the piece that was read stays reachable', () => {
  // An idle connection would keep it alive.
  const decoder = newDecoder();
  const block = joined(add('a', '1'), literal('b', '2'), indexed(2));
  decoder.decode(block, 0, block.length, { field: () => undefined });
  const reachable = (from: unknown, depth: number): boolean => {
    if (from === block) return true;
    if (depth === 0 || typeof from !== 'object' || from === null || from instanceof Uint8Array) return false;
    return Object.values(from).some((next: unknown) => reachable(next, depth - 1));
  };
  expect(reachable(decoder, 6)).toBe(false);
});

describe('tells of a field', () => {
  const ok = { malformed: false, sensitive: false };
  const rows: { name: string; block: Buffer; expect: object }[] = [
    { name: 'a known name', block: literal('cookie', 'a'), expect: { ...ok, kind: COOKIE } },
    { name: 'a known name by index', block: literal(32, 'a'), expect: { ...ok, kind: COOKIE } },
    { name: 'an unknown name', block: literal('x-a', 'a'), expect: { ...ok, kind: 0 } },
    { name: 'an unknown pseudo-header', block: literal(':x', 'a'), expect: { ...ok, kind: UNKNOWN_PSEUDO } },
    { name: 'a colon alone', block: literal(':', 'a'), expect: { ...ok, kind: UNKNOWN_PSEUDO } },
    { name: 'its line', block: literal('x-a', 'b c'), expect: { line: 'x-a: b c\r\n' } },
    { name: 'never indexed', block: literal('x', 'a', NEVER_INDEXED), expect: { sensitive: true } },
    { name: 'a capital letter', block: literal('X-a', 'a'), expect: { malformed: true } },
    { name: 'no name', block: literal('', 'a'), expect: { malformed: true } },
    { name: 'a colon within the name', block: literal('a:b', 'a'), expect: { malformed: true } },
    { name: 'two colons', block: literal('::path', '/'), expect: { malformed: true } },
    { name: 'a capital pseudo-header', block: literal(':Path', '/'), expect: { malformed: true } },
    { name: 'a space before the value', block: literal('a', ' b'), expect: { malformed: true } },
    { name: 'a space behind the value', block: literal('a', 'b '), expect: { malformed: true } },
    { name: 'a tab before the value', block: literal('a', '\tb'), expect: { malformed: true } },
    { name: 'a tab alone', block: literal('a', '\t'), expect: { malformed: true } },
    {
      name: 'CR, whose bit makes it the dash of a known name',
      block: literal('content\rlength', '1'),
      expect: { malformed: true },
    },
    {
      name: 'a good name of the table with a bad value',
      block: joined(add('x', 'a'), literal(62, 'a\n')),
      expect: { malformed: true },
    },
    {
      name: 'a name of a field that was bad by its value alone',
      block: joined(add('x', 'a\n'), literal(62, 'a')),
      expect: { malformed: false },
    },
    {
      name: 'a bad name of the table',
      block: joined(add('x y', 'a'), literal(62, 'a')),
      expect: { malformed: true },
    },
    {
      name: 'an entry that is bad',
      block: joined(add('x y', 'a'), indexed(62)),
      expect: { malformed: true },
    },
  ];
  test.each(rows)('$name', ({ block, expect: want }) => {
    expect(decode(newDecoder(), block)?.fields.at(-1)).toMatchObject(want);
  });

  const token = /^[!#$%&'*+\-.^_`|~0-9a-z]$/;
  test.each(['first', 'in the middle', 'last'])('each byte of a name, %s', (place) => {
    for (let c = 0; c < 256; c++) {
      const byte = String.fromCharCode(c);
      const name = place === 'first' ? `${byte}ab` : place === 'last' ? `ab${byte}` : `a${byte}b`;
      const good = token.test(byte) || (c === 0x3a && place === 'first');
      expect(decode(newDecoder(), literal(name, 'v'))?.fields[0]?.malformed, `byte ${c}`).toBe(!good);
    }
  });

  test.each(['first', 'in the middle', 'last'])('each byte of a value, %s', (place) => {
    for (let c = 0; c < 256; c++) {
      const byte = String.fromCharCode(c);
      const value = place === 'first' ? `${byte}ab` : place === 'last' ? `ab${byte}` : `a${byte}b`;
      const blank = c === 0x20 || c === 0x09;
      const good = blank ? place === 'in the middle' : c >= 0x20 && c !== 0x7f;
      expect(decode(newDecoder(), literal('n', value))?.fields[0]?.malformed, `byte ${c}`).toBe(!good);
    }
  });
});
