// Waits that grow, and end growing.
import { expect, test } from 'vitest';
import { backOffMs } from '../../../certs/back-off.ts';

test.each([
  { failures: 1, expect: 1_000 },
  { failures: 2, expect: 2_000 },
  { failures: 6, expect: 32_000 },
  { failures: 7, expect: 60_000 },
  { failures: 1_000_000, expect: 60_000 },
])('after $failures failures', ({ failures, expect: expected }) => {
  expect(backOffMs(failures, { firstMs: 1_000, mostMs: 60_000 })).toBe(expected);
});

test('the most holds from the first failure on', () => {
  expect(backOffMs(1, { firstMs: 10_000, mostMs: 5_000 })).toBe(5_000);
});
