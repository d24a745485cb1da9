// When the issuer is asked: spread, in time, and never in a loop.
import { describe, expect, test } from 'vitest';
import { renewalTime, retryDelay } from '../../../../certs/issuer-client/schedule.ts';

const HOUR = 3_600_000;
const life = { notBeforeMs: 0, notAfterMs: HOUR };

describe('the first attempt', () => {
  test.each([
    { name: 'half life', now: 0, renewAt: HOUR / 2, random: 0.5, expect: HOUR / 2 },
    { name: 'half life, early', now: 0, renewAt: HOUR / 2, random: 0, expect: HOUR * 0.45 },
    { name: 'half life, late', now: 0, renewAt: HOUR / 2, random: 1, expect: HOUR * 0.55 },
    { name: 'too late for us', now: 0, renewAt: HOUR, random: 0.5, expect: (HOUR * 2) / 3 },
    { name: 'too late for us, and late', now: 0, renewAt: HOUR, random: 1, expect: HOUR * (2 / 3) * 1.1 },
    { name: 'in the past: our clock is ahead', now: 0, renewAt: -HOUR, random: 0.5, expect: HOUR * 0.1 },
    { name: 'at once', now: HOUR / 2, renewAt: HOUR / 2, random: 0.5, expect: HOUR * 0.55 },
    {
      name: 'before it is valid: our clock is behind',
      now: -HOUR,
      renewAt: HOUR / 2,
      random: 0.5,
      expect: HOUR / 2,
    },
  ])('$name', ({ now, renewAt, random, expect: expected }) => {
    expect(renewalTime(life, { nowMs: now, renewAtMs: renewAt }, random)).toBeCloseTo(expected, 3);
  });

  test('is at least a second away, however short the life', () => {
    expect(renewalTime({ notBeforeMs: 0, notAfterMs: 2_000 }, { nowMs: 1_900, renewAtMs: 0 }, 0)).toBe(2_900);
  });
});

describe('attempts after failures', () => {
  test.each([
    { failures: 1, lifetime: HOUR, random: 0, expect: 500 },
    { failures: 1, lifetime: HOUR, random: 1, expect: 1_500 },
    { failures: 2, lifetime: HOUR, random: 0.5, expect: 2_000 },
    { failures: 6, lifetime: HOUR, random: 0.5, expect: 32_000 },
    { failures: 7, lifetime: HOUR, random: 0.5, expect: 60_000 },
    { failures: 10_000, lifetime: HOUR, random: 0.5, expect: 60_000 },
    { failures: 10, lifetime: 180_000, random: 0.5, expect: 3_000 },
    { failures: 10, lifetime: 5_000, random: 0.5, expect: 1_000 },
    { failures: 10, lifetime: null, random: 0.5, expect: 60_000 },
  ])('the $failures. of $lifetime ms', ({ failures, lifetime, random, expect: expected }) => {
    expect(retryDelay(failures, lifetime, random)).toBe(expected);
  });

  test.each([60_000, 600_000, HOUR, 24 * HOUR])(
    'are ten at least before an SVID of %i ms ends',
    (lifetime) => {
      // As late as renewal can be, and as long as a wait can be.
      const renewAt = renewalTime(
        { notBeforeMs: 0, notAfterMs: lifetime },
        { nowMs: 0, renewAtMs: lifetime },
        1,
      );
      let [atMs, count] = [renewAt, 0];
      while (atMs < lifetime) atMs += retryDelay(++count, lifetime, 1);
      expect(count).toBeGreaterThanOrEqual(10);
    },
  );
});
