// The bounds of what waits for the collector.
import { describe, expect, test } from 'vitest';
import { type SpanLimits, SpanQueue } from '../../../../../proxy/record/trace/span-queue.ts';

const LIMITS: SpanLimits = { spans: 5, bytes: 100, batchSpans: 2, batchBytes: 40 };

function queueOf(spans: readonly string[]): { queue: SpanQueue; added: boolean[] } {
  const queue = new SpanQueue(LIMITS);
  return { queue, added: spans.map((span) => queue.add(span)) };
}

const x = (bytes: number): string => 'x'.repeat(bytes);

describe('add', () => {
  const rows = [
    { name: 'as many as fit', spans: Array(5).fill('a'), expect: [true, true, true, true, true] },
    { name: 'one more', spans: Array(6).fill('a'), expect: [true, true, true, true, true, false] },
    { name: 'as many bytes as fit', spans: [x(50), x(50)], expect: [true, true] },
    { name: 'one byte more', spans: [x(50), x(51)], expect: [true, false] },
    { name: 'a smaller one after one too large', spans: [x(60), x(41), x(40)], expect: [true, false, true] },
    { name: 'one that never fits', spans: [x(101)], expect: [false] },
    { name: 'bytes, not characters', spans: ['ä'.repeat(51)], expect: [false] },
  ];
  test.each(rows)('$name', ({ spans, expect: wanted }) => expect(queueOf(spans).added).toEqual(wanted));
});

describe('take', () => {
  const rows = [
    { name: 'nothing', spans: [], expect: [] },
    { name: 'fewer than a batch', spans: ['a'], expect: ['a'] },
    { name: 'a batch, oldest first', spans: ['a', 'b', 'c'], expect: ['a', 'b'] },
    { name: 'no more bytes than a batch', spans: [x(30), x(11)], expect: [x(30)] },
    { name: 'one that is larger than a batch', spans: [x(41), 'a'], expect: [x(41)] },
  ];
  test.each(rows)('$name', ({ spans, expect: wanted }) =>
    expect(queueOf(spans).queue.take()).toEqual(wanted),
  );
});

test('what is in flight keeps its place until it is let go', () => {
  const { queue } = queueOf(['a', 'b', 'c', 'd', 'e']);
  expect(queue.take()).toEqual(['a', 'b']);
  expect(queue.add('f')).toBe(false);
  queue.letGo();
  expect([queue.add('f'), queue.add('g'), queue.add('h')]).toEqual([true, true, false]);
  expect(queue.length).toBe(5);
});

test('bytes in flight count as well', () => {
  const { queue } = queueOf([x(60), x(40)]);
  queue.take();
  expect(queue.add('a')).toBe(false);
  queue.letGo();
  expect(queue.add(x(60))).toBe(true);
});

test.each([
  { spans: ['a'], expect: false },
  { spans: ['a', 'b'], expect: true },
  { spans: [x(40)], expect: true },
])('a batch is full: $expect', ({ spans, expect: full }) => {
  expect(queueOf(spans).queue.fillsBatch).toBe(full);
});
