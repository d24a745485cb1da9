// The clocks of an open loop: when each starts, and how late the loop was.
import { describe, expect, it } from 'vitest';
import { Arrivals } from '../../../bench/load/arrivals.ts';

const START_MS = 1_000;

function taken(arrivals: Arrivals): number[] {
  const clocks: number[] = [];
  while (arrivals.waiting > 0) clocks.push(arrivals.takeMs());
  return clocks;
}

describe('Arrivals', () => {
  it.each([
    { name: 'before the first', at: [999], expect: [] },
    { name: 'at the first', at: [1_000], expect: [1_000] },
    { name: 'on time', at: [1_000, 1_010, 1_020], expect: [1_000, 1_010, 1_020] },
    { name: 'often', at: [1_000, 1_001, 1_002, 1_010, 1_011], expect: [1_000, 1_010] },
    { name: 'late: the clock starts when the loop wakes', at: [1_000, 1_024], expect: [1_000, 1_024, 1_024] },
    { name: 'after the last', at: [2_000], expect: [2_000, 2_000, 2_000, 2_000] },
  ])('start clocks when looked at $name', ({ at, expect: want }) => {
    const arrivals = new Arrivals({ perSecond: 100, total: 4, startMs: START_MS });
    for (const ms of at) arrivals.see(ms);
    expect(taken(arrivals)).toEqual(want);
  });

  it('keep the clocks of those that wait, however many, in order', () => {
    const arrivals = new Arrivals({ perSecond: 1_000, total: 10_000, startMs: 0 });
    const clocks: number[] = [];
    for (let ms = 0; ms < 10_000; ms++) {
      arrivals.see(ms);
      if (ms % 3 === 0) clocks.push(arrivals.takeMs());
    }
    expect(arrivals.waiting).toBe(10_000 - clocks.length);
    clocks.push(...taken(arrivals));
    expect(clocks).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
    expect(arrivals.taken).toBe(10_000);
  });

  it('tell how late they were seen, without the first ones', () => {
    const arrivals = new Arrivals({ perSecond: 100, total: 3, startMs: 0, countedFrom: 1 });
    expect(arrivals.lateUsP99).toBeNaN();
    arrivals.see(9);
    expect(arrivals.lateUsP99).toBeNaN();
    arrivals.see(12);
    expect(arrivals.lateUsP99).toBeCloseTo(2_000, -1);
    arrivals.see(25);
    expect(arrivals.lateUsP99).toBeCloseTo(5_000, -1);
  });

  it('show the clock of the one that waits longest', () => {
    const arrivals = new Arrivals({ perSecond: 100, total: 3, startMs: 0 });
    expect(arrivals.peekMs()).toBeNaN();
    arrivals.see(0);
    arrivals.see(10);
    expect(arrivals.peekMs()).toBe(0);
    arrivals.takeMs();
    expect(arrivals.peekMs()).toBe(10);
  });
});
