// Blocks of body memory: whose they are, and when they are anybody's again.
import { expect, test } from 'vitest';
import { type Block, Blocks } from '../../../../proxy/http1/blocks.ts';

const BYTES = 65_536;

test.each([
  { name: 'nothing', length: 0, expect: null },
  { name: 'a small piece', length: 49_151, expect: null },
  { name: 'more than one read and a head', length: 69_633, expect: null },
  { name: 'a piece', length: 49_152, expect: 69_632 },
  { name: 'one read and a head', length: 69_632, expect: 69_632 },
])('$name', ({ length, expect: want }) => {
  expect(new Blocks().take(length)?.bytes.length ?? null).toBe(want);
});

test('no block has two owners: only a released one comes again', () => {
  const blocks = new Blocks();
  const taken = Array.from({ length: 100 }, () => blocks.take(BYTES) as Block);
  const memory = new Set(taken.map(({ bytes }) => bytes.buffer));
  expect(memory.size).toBe(100);
  taken[7]?.release();
  const again = blocks.take(BYTES);
  expect(again).toBe(taken[7]);
  expect(memory.has((blocks.take(BYTES) as Block).bytes.buffer)).toBe(false);
});

test('a block that is released twice has one owner all the same', () => {
  const blocks = new Blocks();
  const block = blocks.take(BYTES) as Block;
  block.release();
  block.release();
  expect(blocks.take(BYTES)).toBe(block);
  expect(blocks.take(BYTES)).not.toBe(block);
});

test('of many released ones 64 are kept', () => {
  const blocks = new Blocks();
  const taken = Array.from({ length: 100 }, () => blocks.take(BYTES) as Block);
  for (const block of taken) block.release();
  const again = Array.from({ length: 100 }, () => blocks.take(BYTES) as Block);
  expect(again.filter((block) => taken.includes(block))).toHaveLength(64);
  expect(new Set(again).size).toBe(100);
});
