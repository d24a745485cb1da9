// The table in use: loading, its lists, and what it refuses.
import { expect, test } from 'vitest';
import { compile } from '../../../policy/compile.ts';
import { emptyTable, loadTable, nextExpiryMs, referencedHeaders, ruleIds } from '../../../policy/table.ts';
import { OPTIONS, policy, tableOf, WORKLOAD } from './table-rules.ts';

test('a table of another format is refused', () => {
  const table = { ...compile([], WORKLOAD, OPTIONS), format: 0 };
  expect(() => loadTable(table)).toThrow(expect.objectContaining({ code: 'ERR_TABLE_FORMAT' }));
});

test('the next expiry is the first that lies ahead', () => {
  const table = tableOf([30, 10, 10, 20].map((at, i) => policy(`p${i}`, [{}], { expiresAtMs: at })));
  expect([9, 10, 19, 29, 30].map((now) => nextExpiryMs(table, now))).toEqual([10, 20, 20, 30, null]);
  expect(nextExpiryMs(tableOf([policy('p', [{}])]), 0)).toBeNull();
});

test('headers that policies name are listed once', () => {
  const table = tableOf([
    policy('a', [{ when: { 'request.headers[x-a]': ['1'] } }, { when: { '!request.headers[x-b]': ['1'] } }]),
    policy('b', [{ when: { 'request.headers[x-a]': ['2'] } }], { action: 'DENY' }),
  ]);
  expect(referencedHeaders(table)).toEqual(['x-a', 'x-b']);
});

test('rule ids are in table order', () => {
  const table = tableOf([policy('a', [{}, {}]), policy('b', [{}], { action: 'DENY' })]);
  expect(ruleIds(table)).toEqual([
    'ns[shop]-policy[a]-rule[0]',
    'ns[shop]-policy[a]-rule[1]',
    'ns[shop]-policy[b]-rule[0]',
  ]);
  expect(ruleIds(table)).toBe(ruleIds(table));
});

test.each(['no-policy', 'invalid-policy'] as const)('the table named %s is empty', (reason) => {
  const table = emptyTable(reason);
  expect([table.policyHash, ruleIds(table), referencedHeaders(table), nextExpiryMs(table, 0)]).toEqual([
    'none',
    [],
    [],
    null,
  ]);
});
