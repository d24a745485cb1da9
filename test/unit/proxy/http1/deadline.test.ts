// The one deadline of a connection, before and after its caller half-closed.
import { expect, test } from 'vitest';
import type { Clock } from '../../../../core/clock.ts';
import type { Reason } from '../../../../core/reasons.ts';
import { Deadline } from '../../../../proxy/http1/deadline.ts';
import { Sweeper } from '../../../../proxy/sweeper.ts';

const clock: Clock = { now: () => 0, monotonicMs: () => 1_000, after: () => ({ cancel: () => undefined }) };

/** The delay and reason with which a deadline ends; `halfClosed`: when the caller half-closed, if it did. */
function outcome(armed: { delayMs: number; reason: Reason }, halfClosed: 'before' | 'after' | 'never') {
  const sweeper = new Sweeper(clock);
  const deadline = new Deadline(sweeper);
  if (halfClosed === 'before') deadline.halfClose();
  deadline.arm(armed.delayMs, armed.reason);
  if (halfClosed === 'after') deadline.halfClose();
  for (let ms = 0; ms <= 600_000; ms += 100)
    if (deadline.passed(1_000 + ms)) return { delayMs: ms, reason: deadline.reason };
  return { delayMs: Number.POSITIVE_INFINITY, reason: deadline.reason };
}

const ROWS: { armed: { delayMs: number; reason: Reason }; expect: { delayMs: number; reason: Reason } }[] = [
  // Nothing was answered yet: the caller may be gone.
  {
    armed: { delayMs: 30_000, reason: 'upstream-timeout' },
    expect: { delayMs: 1_000, reason: 'client-closed' },
  },
  {
    armed: { delayMs: 5_000, reason: 'upstream-connect-timeout' },
    expect: { delayMs: 1_000, reason: 'client-closed' },
  },
  {
    armed: { delayMs: 500, reason: 'upstream-timeout' },
    expect: { delayMs: 500, reason: 'upstream-timeout' },
  },
  // The answer began: silence is suspicious, but later.
  {
    armed: { delayMs: 300_000, reason: 'upstream-idle-timeout' },
    expect: { delayMs: 5_000, reason: 'client-closed' },
  },
  {
    armed: { delayMs: 900, reason: 'upstream-idle-timeout' },
    expect: { delayMs: 900, reason: 'upstream-idle-timeout' },
  },
  // Not about the application: unchanged.
  {
    armed: { delayMs: 300_000, reason: 'idle-timeout' },
    expect: { delayMs: 300_000, reason: 'idle-timeout' },
  },
  { armed: { delayMs: 10_000, reason: 'head-timeout' }, expect: { delayMs: 10_000, reason: 'head-timeout' } },
  { armed: { delayMs: 20_000, reason: 'body-timeout' }, expect: { delayMs: 20_000, reason: 'body-timeout' } },
];

test.each(ROWS)('$armed.reason of $armed.delayMs ms and a half-close', ({ armed, expect: expected }) => {
  expect(outcome(armed, 'never')).toEqual(armed);
  expect(outcome(armed, 'before')).toEqual(expected);
  expect(outcome(armed, 'after')).toEqual(expected);
});

test('`none` never passes', () => {
  expect(outcome({ delayMs: Number.POSITIVE_INFINITY, reason: 'idle-timeout' }, 'after').delayMs).toBe(
    Number.POSITIVE_INFINITY,
  );
});
