// Scales of plots: where values lie, and which of them get a line.
import { describe, expect, it } from 'vitest';
import { spreadApart, Y_SPAN } from '../../../../bench/report/plots/line-plot.ts';
import { linearScale, logScale, logScaleOf, ninesScale } from '../../../../bench/report/plots/scale.ts';

const SPAN = { from: 0, to: 100 };

describe('linearScale', () => {
  it.each([
    { max: 0, expect: [0, 1] },
    { max: 0.9, expect: [0, 0.2, 0.4, 0.6, 0.8, 1] },
    { max: 61, expect: [0, 20, 40, 60, 80] },
    { max: 100, expect: [0, 20, 40, 60, 80, 100] },
    { max: 410, expect: [0, 100, 200, 300, 400, 500] },
  ])('from 0 to $max', ({ max, expect: want }) => {
    const { at, ticks } = linearScale(max, SPAN);
    expect(ticks.map((tick) => Number(tick.toFixed(9)))).toEqual(want);
    expect(at(0)).toBe(0);
    expect(at(ticks.at(-1) ?? 0)).toBeCloseTo(100);
  });
});

describe('logScale', () => {
  it.each([
    { min: 61, max: 2_300, expect: [50, 100, 200, 500, 1_000, 2_000, 5_000] },
    { min: 100, max: 100, expect: [10, 20, 50, 100] },
    { min: 0.3, max: 0.9, expect: [0.1, 0.2, 0.5, 1] },
    { min: 1, max: 1_000_000, expect: [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000] },
  ])('from $min to $max', ({ min, max, expect: want }) => {
    const { at, ticks } = logScale(min, max, SPAN);
    expect(ticks.map((tick) => Number(tick.toPrecision(9)))).toEqual(want);
    expect(at(min)).toBeGreaterThanOrEqual(0);
    expect(at(max)).toBeLessThanOrEqual(100);
  });

  it('labels the values themselves, a single one too', () => {
    const { at, ticks } = logScaleOf([1, 32, 512], SPAN);
    expect([ticks, at(1), at(512)]).toEqual([[1, 32, 512], 0, 100]);
    expect(logScaleOf([32], SPAN).at(32)).toBe(0);
  });
});

describe('ninesScale', () => {
  it('gives every further nine the same width', () => {
    const { at, ticks } = ninesScale(99.9, { from: 0, to: 300 });
    expect(ticks).toEqual([50, 90, 99, 99.9]);
    expect([0, 90, 99, 99.9].map((p) => Math.round(at(p)))).toEqual([0, 100, 200, 300]);
  });

  it('stops where the figures stop', () => expect(ninesScale(99.5, SPAN).ticks).toEqual([50, 90, 99]));
});

describe('spreadApart', () => {
  const { to: top, from: bottom } = Y_SPAN;
  it.each([
    { name: 'none', input: [], expect: [] },
    { name: 'far enough', input: [50, 100], expect: [50, 100] },
    { name: 'the same height', input: [100, 100, 100], expect: [100, 116, 132] },
    { name: 'in another order', input: [105, 100], expect: [116, 100] },
    { name: 'at the bottom', input: [bottom, bottom], expect: [bottom - 16, bottom] },
    { name: 'above the top', input: [top - 30, 200], expect: [top, 200] },
  ])('$name', ({ input, expect: want }) => expect(spreadApart(input)).toEqual(want));
});
