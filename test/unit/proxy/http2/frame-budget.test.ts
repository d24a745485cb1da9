// What a connection may ask for nothing, and what gives it back (RFC 9113 section 10.5).
import { describe, expect, test } from 'vitest';
import { FrameBudget } from '../../../../proxy/http2/frame-budget.ts';

/** How many calls of `take` go through, at most 10,000. */
function count(take: () => boolean): number {
  let taken = 0;
  while (taken < 10_000 && take()) taken++;
  return taken;
}

test('a burst of frames, and of resets', () => {
  const budget = new FrameBudget(0, 100);
  expect(count(() => budget.idle())).toBe(2_000);
  expect(count(() => budget.reset())).toBe(200);
  expect([budget.idle(), budget.reset()]).toEqual([false, false]);
});

describe('gives back', () => {
  // One of each is owed for the call that was refused.
  const rows: { name: string; work: (budget: FrameBudget) => void; frames: number; resets: number }[] = [
    { name: 'nothing for nothing', work: () => undefined, frames: 0, resets: 0 },
    { name: 'for a header block', work: (budget) => budget.headers(), frames: 3, resets: 0 },
    { name: 'for data that was read', work: (budget) => budget.data(), frames: 3, resets: 0 },
    { name: 'for no data that was sent', work: (budget) => budget.sent(0), frames: 0, resets: 0 },
    { name: 'for a byte that was sent', work: (budget) => budget.sent(1), frames: 3, resets: 0 },
    { name: 'for 4 KiB that were sent', work: (budget) => budget.sent(4_096), frames: 3, resets: 0 },
    { name: 'for 64 KiB that were sent', work: (budget) => budget.sent(65_536), frames: 63, resets: 0 },
    {
      name: 'for two answers',
      work: (budget) => {
        budget.answered();
        budget.answered();
      },
      frames: 0,
      resets: 1,
    },
    { name: 'for a second', work: (budget) => budget.refill(1_000), frames: 199, resets: 49 },
    { name: 'for half a second', work: (budget) => budget.refill(500), frames: 99, resets: 24 },
    {
      name: 'for a day, no more than the burst',
      work: (budget) => budget.refill(86_400_000),
      frames: 2_000,
      resets: 200,
    },
    {
      name: 'for a second that passed in steps',
      work: (budget) => {
        for (let ms = 250; ms <= 1_000; ms += 250) budget.refill(ms);
      },
      frames: 199,
      resets: 49,
    },
  ];
  test.each(rows)('$name', ({ work, frames, resets }) => {
    const budget = new FrameBudget(0, 100);
    count(() => budget.idle());
    count(() => budget.reset());
    work(budget);
    expect([count(() => budget.idle()), count(() => budget.reset())]).toEqual([frames, resets]);
  });

  test.each(['headers', 'data', 'answered'] as const)('no more than the burst for many %s', (work) => {
    const budget = new FrameBudget(0, 100);
    for (let i = 0; i < 10_000; i++) budget[work]();
    expect([count(() => budget.idle()), count(() => budget.reset())]).toEqual([2_000, 200]);
  });
});

test.each([
  { streams: 1, expect: 200 },
  { streams: 100, expect: 200 },
  { streams: 101, expect: 202 },
  { streams: 1_000, expect: 2_000 },
])('$streams streams may be given up twice, and 200 always', ({ streams, expect: want }) => {
  const budget = new FrameBudget(0, streams);
  for (let i = 0; i < 10_000; i++) budget.answered();
  budget.refill(60_000);
  expect(count(() => budget.reset())).toBe(want);
});

test('a download whose client gives both windows back for every 4 KiB goes on, however fast it is', () => {
  const budget = new FrameBudget(0, 100);
  let through = true;
  for (let i = 0; i < 20_000; i++) {
    budget.sent(65_536);
    for (let update = 0; update < 32; update++) through = budget.idle() && through;
  }
  expect(through).toBe(true);
});

test('a flood beside a little work does not', () => {
  const budget = new FrameBudget(0, 100);
  let frames = 0;
  for (; frames < 100_000 && budget.idle(); frames++) if (frames % 10 === 0) budget.headers();
  expect(frames).toBeLessThan(4_000);
});

test('resets that nothing answers end, at any rate above the refill', () => {
  const budget = new FrameBudget(0, 100);
  let ms = 0;
  for (; ms < 100_000 && budget.reset(); ms += 10) budget.refill(ms);
  expect(ms).toBeLessThan(5_000);
  const patient = new FrameBudget(0, 100);
  for (ms = 0; ms < 100_000; ms += 20) {
    patient.refill(ms);
    expect(patient.reset()).toBe(true);
  }
});
