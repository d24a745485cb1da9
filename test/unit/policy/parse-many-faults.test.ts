// What a hostile policy author can write costs a refusal, never the loader: it serves other teams' sets too.
import { expect, test } from 'vitest';
import { parsePolicies } from '../../../policy/parse.ts';
import { OPTIONS } from './policy-text.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
// More than one call can have arguments (about 120,000 on Node 26).
const FAULTS = 130_000;

test('more findings than a call has arguments are all reported', () => {
  const text = `a:\n${'\t- b\n'.repeat(FAULTS)}`;
  const { diagnostics, refused } = parsePolicies([{ file: 'a.yaml', text }], OPTIONS, NOW_MS);
  expect(diagnostics.length).toBeGreaterThanOrEqual(FAULTS);
  expect(refused).toHaveLength(1);
}, 60_000);
