// The dynamic table (RFC 7541 sections 2.3.2 and 4), and its ring of bytes against a list.
import { describe, expect, test } from 'vitest';
import { DynamicTable } from '../../../../../proxy/http2/hpack/dynamic-table.ts';
import { type Field, kindOf, valueEnd, valueStart } from '../../../../../proxy/http2/hpack/field.ts';
import { Random } from '../../../../fuzz/random.ts';

const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_000);

/** The line of a field behind other bytes. */
function field(name: string, value: string): Field {
  const source = Buffer.from(`..${name}: ${value}\r\n..`, 'latin1');
  const nameEnd = 2 + name.length;
  const kind = kindOf(source, 2, nameEnd);
  return { source, start: 2, end: source.length - 2, nameEnd, kind, malformed: false, sensitive: false };
}

function read(entry: Field | undefined): [string, string] | undefined {
  if (entry === undefined) return undefined;
  const { source, start, nameEnd, end } = entry;
  expect(source.toString('latin1', end - 2, end)).toBe('\r\n');
  expect(source.toString('latin1', nameEnd, nameEnd + 2)).toBe(': ');
  return [
    source.toString('latin1', start, nameEnd),
    source.toString('latin1', valueStart(entry), valueEnd(entry)),
  ];
}

/** RFC 7541 section 4.1: bytes of name and value of an entry with this size. */
const ofSize = (size: number): Field => field('n', 'v'.repeat(size - 33));

describe('size', () => {
  test('is the bytes of name and value, and 32 for each entry', () => {
    const table = new DynamicTable(4_096);
    table.add(field('custom-key', 'custom-value'));
    expect(table.size).toBe(54);
    table.add(field('x', ''));
    expect(table.size).toBe(54 + 33);
  });

  const rows: { name: string; limit: number; sizes: number[]; expect: number[] }[] = [
    { name: 'an entry as large as the table stays', limit: 100, sizes: [100], expect: [100] },
    { name: 'a larger one does not (section 4.4)', limit: 100, sizes: [101], expect: [] },
    { name: 'a larger one empties the table', limit: 100, sizes: [40, 40, 101], expect: [] },
    { name: 'the oldest goes', limit: 100, sizes: [40, 41, 42], expect: [42, 41] },
    { name: 'as many as needed go', limit: 100, sizes: [34, 33, 33, 60], expect: [60, 33] },
    { name: 'all go for one as large as the table', limit: 100, sizes: [34, 33, 33, 100], expect: [100] },
    { name: 'none goes while there is room', limit: 100, sizes: [34, 33, 33], expect: [33, 33, 34] },
    { name: 'a table of nothing keeps nothing', limit: 0, sizes: [33], expect: [] },
  ];
  test.each(rows)('$name', ({ limit, sizes, expect: want }) => {
    const table = new DynamicTable(limit);
    for (const size of sizes) table.add(ofSize(size));
    const kept = Array.from({ length: table.length }, (_, i) => read(table.get(i)));
    expect(kept.map((entry) => (entry?.[1].length ?? 0) + 33)).toEqual(want);
    expect(table.size).toBe(want.reduce((sum, size) => sum + size, 0));
    expect(table.get(table.length)).toBeUndefined();
  });
});

describe('resize', () => {
  const rows: { name: string; sizes: number[]; expect: boolean; kept: number; max: number }[] = [
    { name: 'to nothing empties', sizes: [0], expect: true, kept: 0, max: 0 },
    { name: 'evicts what is too much', sizes: [99], expect: true, kept: 2, max: 99 },
    { name: 'to what is there keeps it', sizes: [120], expect: true, kept: 3, max: 120 },
    { name: 'and back does not bring back', sizes: [40, 200], expect: true, kept: 1, max: 200 },
    { name: 'above the limit fails', sizes: [201], expect: false, kept: 3, max: 200 },
  ];
  test.each(rows)('$name', ({ sizes, expect: want, kept, max }) => {
    const table = new DynamicTable(200);
    for (let i = 0; i < 3; i++) table.add(ofSize(40));
    expect(sizes.map((size) => table.resize(size)).at(-1)).toBe(want);
    expect([table.length, table.sizeMax]).toEqual([kept, max]);
  });
});

test('an entry is a copy with what is known of its field', () => {
  const table = new DynamicTable(4_096);
  const added = field('cookie', 'a=b');
  table.add({ ...added, malformed: true, sensitive: true });
  added.source.fill(0);
  expect(read(table.get(0))).toEqual(['cookie', 'a=b']);
  expect(table.get(0)).toMatchObject({ kind: added.kind, malformed: true, sensitive: false });
});

test(`against a list, seed ${seed}`, () => {
  const random = new Random(seed);
  for (const limit of [0, 64, 300, 4_096]) {
    const table = new DynamicTable(limit);
    let model: [string, string][] = [];
    let max = limit;
    let added = 0;
    const sizeOf = ([name, value]: [string, string]): number => name.length + value.length + 32;
    for (let i = 0; i < 2_000; i++) {
      if (random.chance(0.02)) {
        max = random.pick([limit, limit, random.below(limit + 1)]);
        expect(table.resize(max)).toBe(true);
      } else {
        const length = random.pick([random.below(8), random.below(60), random.below(limit + 20)]);
        const entry: [string, string] = [`n${i}`, `${i}.`.repeat(length).slice(0, length)];
        const kept = table.add(field(...entry));
        expect(kept === null).toBe(sizeOf(entry) > max);
        if (kept !== null) added++;
        model = sizeOf(entry) > max ? [] : [entry, ...model];
      }
      const sum = (): number => model.reduce((size, entry) => size + sizeOf(entry), 0);
      while (sum() > max) model.pop();
      const found = Array.from({ length: table.length }, (_, index) => read(table.get(index)));
      expect(found, `limit ${limit}, step ${i}`).toEqual(model);
      expect([table.size, table.added, table.get(model.length)]).toEqual([sum(), added, undefined]);
    }
  }
});
