// What a hostile policy author can write costs a refusal, never the loader: it serves other teams' sets too.
import { describe, expect, test } from 'vitest';
import { POLICY_FILE_DOCUMENTS_MAX as DOCUMENTS_MAX } from '../../../policy/limits.ts';
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

describe('documents of one file', () => {
  const rows = [
    { name: 'as many as are accepted', text: '--- {}\n'.repeat(DOCUMENTS_MAX), limit: undefined },
    { name: 'empty ones, as many', text: '---\n'.repeat(DOCUMENTS_MAX), limit: undefined },
    { name: 'one more', text: '--- {}\n'.repeat(DOCUMENTS_MAX + 1), limit: `${DOCUMENTS_MAX + 1}:1` },
    { name: 'one more, empty', text: '---\n'.repeat(DOCUMENTS_MAX + 1), limit: `${DOCUMENTS_MAX + 1}:1` },
    {
      name: 'one more, broken',
      text: '--- a: ]\n'.repeat(DOCUMENTS_MAX + 1),
      limit: `${DOCUMENTS_MAX + 1}:1`,
    },
    { name: '32 MB of them', text: '--- a\n'.repeat(5_500_000), limit: `${DOCUMENTS_MAX + 1}:1` },
  ];
  test.each(rows)(
    '$name',
    ({ text, limit }) => {
      const { policies, diagnostics, refused } = parsePolicies([{ file: 'a.yaml', text }], OPTIONS, NOW_MS);
      const found = diagnostics.find(({ code }) => code === 'ERR_POLICY_LIMIT');
      expect(found && `${found.at?.line}:${found.at?.column}`).toBe(limit);
      if (limit === undefined) return;
      expect(found).toMatchObject({ severity: 'error', hint: expect.stringContaining('split') });
      expect(found?.message).toContain(`${DOCUMENTS_MAX}`);
      expect(policies).toEqual([]);
      expect(diagnostics).toHaveLength(1);
      expect(refused).toMatchObject([{ namespace: null, selector: null, attached: false }]);
    },
    60_000,
  );
});
