// What is printed: tables, growth of a memory curve.
import { describe, expect, it } from 'vitest';
import { growthOverLastHalf } from '../../../bench/scenarios/memory.ts';
import { formatTable } from '../../../bench/table.ts';

describe('formatTable', () => {
  it('aligns names to the left and figures to the right, and forgives a short row', () => {
    const rows = [['a', '10', '2'], ['longer', '5'], []];
    expect(formatTable({ title: 'T', columns: ['peer', 'us', 'x'], rows })).toBe(
      ['T', 'peer    us  x', 'a       10  2', 'longer   5', ''].join('\n'),
    );
  });
});

describe('growthOverLastHalf', () => {
  it.each([
    { name: 'flat', curve: [50, 80, 80, 80, 80, 80, 80, 80], expect: 0 },
    { name: 'early growth only', curve: [10, 40, 70, 80, 80, 80, 80, 80], expect: 0 },
    { name: 'one late spike', curve: [...Array(15).fill(80), 200], expect: 0 },
    { name: 'a leak', curve: [10, 20, 30, 40, 50, 60, 70, 80], expect: 20 },
  ])('$name', ({ curve, expect: want }) => expect(growthOverLastHalf(curve)).toBe(want));
});
