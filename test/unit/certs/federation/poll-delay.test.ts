// When a bundle endpoint is asked next.
import { expect, test } from 'vitest';
import { type PollState, pollDelayMs, REFRESH_MS } from '../../../../certs/federation/poll-delay.ts';

const DAY_MS = 86_400_000;
const after = (state: Partial<PollState>): number =>
  pollDelayMs({
    refreshHintMs: null,
    failures: 0,
    refreshMinMs: REFRESH_MS.min,
    refreshMaxMs: REFRESH_MS.max,
    random: 0,
    ...state,
  });

const ROWS: readonly { name: string; state: Partial<PollState>; expect: number }[] = [
  { name: 'no hint', state: {}, expect: 300_000 },
  { name: 'a hint', state: { refreshHintMs: 60_000 }, expect: 60_000 },
  { name: 'a hint of nothing', state: { refreshHintMs: 0 }, expect: 10_000 },
  { name: 'a hint below the minimum', state: { refreshHintMs: 9_999 }, expect: 10_000 },
  { name: 'a hint above a day', state: { refreshHintMs: 2 * DAY_MS }, expect: DAY_MS },
  { name: 'a hint of 2^64 s', state: { refreshHintMs: 1.8e22 }, expect: DAY_MS },
  {
    name: 'a hint below an own minimum',
    state: { refreshHintMs: 60_000, refreshMinMs: 120_000 },
    expect: 120_000,
  },
  {
    name: 'a hint above an own maximum',
    state: { refreshHintMs: 60_000, refreshMaxMs: 30_000 },
    expect: 30_000,
  },
  { name: 'no hint above an own maximum', state: { refreshMaxMs: 30_000 }, expect: 30_000 },
  { name: 'most of the jitter', state: { random: 0.999 }, expect: 270_030 },
  { name: 'the first failure', state: { failures: 1 }, expect: 10_000 },
  { name: 'the second failure', state: { failures: 2 }, expect: 20_000 },
  { name: 'the fifth failure', state: { failures: 5 }, expect: 160_000 },
  { name: 'the sixth failure', state: { failures: 6 }, expect: 300_000 },
  { name: 'the thousandth failure', state: { failures: 1_000 }, expect: 300_000 },
  { name: 'many failures with a short hint', state: { failures: 9, refreshHintMs: 60_000 }, expect: 60_000 },
  {
    name: 'many failures with a hint of a day',
    state: { failures: 9, refreshHintMs: DAY_MS },
    expect: 300_000,
  },
  { name: 'a failure with most of the jitter', state: { failures: 2, random: 0.999 }, expect: 10_010 },
];
test.each(ROWS)('$name', ({ state, expect: wanted }) => expect(after(state)).toBeCloseTo(wanted, 6));
