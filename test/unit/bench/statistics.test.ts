// Medians, ratios by round, and when a figure is not quoted.
import { describe, expect, it } from 'vitest';
import { round, upperBound } from '../../../bench/claim.ts';
import { isTooWide, quantile, ratios, summarize } from '../../../bench/statistics.ts';

describe('quantile', () => {
  const rows = [
    { name: 'nothing', input: [], q: 0.5, expect: Number.NaN },
    { name: 'one', input: [3], q: 0.99, expect: 3 },
    { name: 'odd median', input: [1, 2, 9], q: 0.5, expect: 2 },
    { name: 'even median', input: [1, 2, 4, 9], q: 0.5, expect: 3 },
    { name: 'largest', input: [1, 2, 9], q: 1, expect: 9 },
  ];
  it.each(rows)('$name', ({ input, q, expect: want }) => expect(quantile(input, q)).toBe(want));
});

describe('ratios', () => {
  const rows = [
    { name: 'round by round, not median by median', ours: [2, 8], theirs: [1, 8], expect: [2, 1] },
    { name: 'a failed round of ours', ours: [null, 8], theirs: [1, 8], expect: [1] },
    { name: 'a failed round of theirs', ours: [2, 8], theirs: [1, null], expect: [2] },
    { name: 'nothing used', ours: [2], theirs: [0], expect: [] },
    { name: 'a peer that is not there', ours: [2], theirs: [], expect: [] },
  ];
  it.each(rows)('$name', ({ ours, theirs, expect: want }) => expect(ratios(ours, theirs)).toEqual(want));
});

describe('summarize', () => {
  it('keeps the order of its input', () => {
    const input = [3, 1, 2];
    expect(summarize(input)).toEqual({ median: 2, min: 1, max: 3, low: 1, high: 3, rounds: 3 });
    expect(input).toEqual([3, 1, 2]);
  });
  it.each([
    { name: 'steady', input: [10, 11, 12], expect: false },
    { name: 'wide', input: [10, 11, 20], expect: true },
    { name: 'one disturbed round of five', input: [10, 10, 10.5, 11, 20], expect: false },
    { name: 'two disturbed rounds of five', input: [10, 10, 10.5, 13, 20], expect: true },
    { name: 'quartiles wider than 15 %', input: [9, 9.9, 10, 11.5, 12], expect: true },
  ])('$name', ({ input, expect: want }) => expect(isTooWide(summarize(input))).toBe(want));
});

describe('upperBound', () => {
  const rows = [
    { name: 'below', values: [1, 1.1], verdict: 'holds', figure: '1.05 x (1.00-1.10 x over 2)' },
    { name: 'above', values: [1.6, 1.7], verdict: 'does not hold', figure: '1.65 x (1.60-1.70 x over 2)' },
    {
      name: 'wide, on both sides of the bound',
      values: [1, 1.2, 2],
      verdict: 'unclear',
      figure: 'rounds differ too much: 1.00-2.00 x; run again on an idle machine',
    },
    {
      name: 'wide, but all below',
      values: [0.5, 1, 1.4],
      verdict: 'holds',
      figure: '0.50-1.40 x, spread too wide for one figure',
    },
    {
      name: 'wide, but all above',
      values: [2, 3, 4],
      verdict: 'does not hold',
      figure: '2.00-4.00 x, spread too wide for one figure',
    },
    {
      name: 'above, on a machine that is slow without it',
      values: [2, 2.1],
      floor: { name: 'nothing', values: [0.1, 1.2, 1.2], max: 1 },
      verdict: 'unclear',
      figure: '2.00-2.10 x, but nothing alone took 1.20 x: the machine is busy',
    },
    {
      name: 'above, on a machine that is fast without it',
      values: [2, 2.1],
      floor: { name: 'nothing', values: [0.1, 0.2], max: 1 },
      verdict: 'does not hold',
      figure: '2.05 x (2.00-2.10 x over 2)',
    },
    {
      name: 'above, on a machine that was slow without it once',
      values: [2, 2.1],
      floor: { name: 'nothing', values: [0.1, 0.1, 1.2], max: 1 },
      verdict: 'does not hold',
      figure: '2.05 x (2.00-2.10 x over 2)',
    },
    {
      name: 'below, but a round failed',
      values: [1, 1.1],
      rounds: 3,
      verdict: 'unclear',
      figure: '1.00-1.10 x, but only 2 of 3 rounds gave a figure',
    },
    {
      name: 'above, and a round failed',
      values: [1.6, 1.7],
      rounds: 3,
      verdict: 'does not hold',
      figure: '1.65 x (1.60-1.70 x over 2)',
    },
    { name: 'nothing', values: [], verdict: 'not measured', figure: 'no round was measured' },
  ];
  it.each(rows)('$name', ({ values, floor, rounds, verdict, figure }) => {
    const planned = rounds === undefined ? {} : { rounds };
    const options = { text: 'cost', bound: 1.45, values, unit: ' x', ...planned };
    const claim = upperBound(floor === undefined ? options : { ...options, floor });
    expect({ verdict: claim.verdict, figure: claim.figure }).toEqual({ verdict, figure });
  });
});

it.each([
  { input: Number.NaN, expect: '-' },
  { input: 0.123, expect: '0.12' },
  { input: 12.34, expect: '12.3' },
  { input: 1234.5, expect: '1235' },
])('round($input)', ({ input, expect: want }) => expect(round(input)).toBe(want));
