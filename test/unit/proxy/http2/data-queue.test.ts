// What waits comes out in order, and its memory is used again only when it is gone.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DataBlocks, DataQueue } from '../../../../proxy/http2/data-queue.ts';

const letters = (text: string): Buffer => Buffer.from(text);

/** Takes `count` bytes at most from the first piece. */
function take(queue: DataQueue, count: number): string {
  const { first } = queue;
  if (first === undefined) return '';
  const end = Math.min(first.to, first.from + count);
  const text = first.bytes.toString('latin1', first.from, end);
  queue.drop(end - first.from);
  return text;
}

function takeAll(queue: DataQueue, count = 1_000_000): string {
  let text = '';
  while (!queue.empty) text += take(queue, count);
  return text;
}

test.each([
  { name: 'nothing', pieces: [''], expect: '' },
  { name: 'a short piece', pieces: ['abc'], expect: 'abc' },
  { name: 'short ones', pieces: ['abc', 'd', 'ef'], expect: 'abcdef' },
  {
    name: 'a long one behind a short one',
    pieces: ['a', 'b'.repeat(20_000)],
    expect: `a${'b'.repeat(20_000)}`,
  },
  { name: 'two that share a block', pieces: ['a'.repeat(5_000), 'bc'], expect: `${'a'.repeat(5_000)}bc` },
  { name: 'one that goes over blocks', pieces: ['a'.repeat(8_192), 'b'], expect: `${'a'.repeat(8_192)}b` },
])('$name', ({ pieces, expect: wanted }) => {
  const queue = new DataQueue(new DataBlocks());
  for (const piece of pieces) queue.push(letters(piece), 0, piece.length);
  expect(takeAll(queue)).toBe(wanted);
});

test('what is pushed is a copy', () => {
  const queue = new DataQueue(new DataBlocks());
  for (const length of [3, 5_000]) {
    const chunk = Buffer.alloc(length, 'a');
    queue.push(chunk, 0, length);
    chunk.fill('b');
  }
  expect(takeAll(queue)).toBe('a'.repeat(5_003));
});

test('queues that share blocks never share bytes', () => {
  const step = fc.record({
    queue: fc.nat(3),
    push: fc.option(fc.integer({ min: 0, max: 30_000 }), { nil: null }),
    take: fc.integer({ min: 1, max: 9_000 }),
    clear: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const blocks = new DataBlocks();
      const queues = Array.from({ length: 4 }, () => ({ queue: new DataQueue(blocks), wanted: '' }));
      let pushed = 0;
      for (const one of steps) {
        const at = queues[one.queue];
        if (at === undefined) continue;
        if (one.push !== null) {
          const text = String.fromCharCode(97 + (pushed++ % 26)).repeat(one.push);
          at.queue.push(letters(text), 0, one.push);
          at.wanted += text;
        } else if (one.clear) {
          at.queue.clear();
          at.wanted = '';
        } else {
          const text = take(at.queue, one.take);
          expect(at.wanted.startsWith(text)).toBe(true);
          at.wanted = at.wanted.slice(text.length);
        }
      }
      for (const { queue, wanted } of queues) expect(takeAll(queue, 4_000)).toBe(wanted);
    }),
  );
});
