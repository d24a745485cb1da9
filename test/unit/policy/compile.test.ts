// What the compiler writes: the documented layout, a stable hash, and what travels between threads.
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { compile } from '../../../policy/compile.ts';
import { splitOperation } from '../../../policy/compile-operations.ts';
import type { Matcher, Policy } from '../../../policy/model.ts';
import { loadTable } from '../../../policy/table.ts';
import {
  ALIAS,
  ALIAS_ANCHOR,
  EXACT,
  hashText,
  METHOD,
  PATH,
  PRINCIPAL,
  probe,
  SLOT_ALLOW,
  SLOT_WORDS,
  TEMPLATE,
} from '../../../policy/table-layout.ts';
import { type SerializedTable, transferables } from '../../../policy/table-serial.ts';
import { ask, clause, OPTIONS, policy, request, WORKLOAD } from './table-rules.ts';

const WEB = policy('web', [
  { from: [{ principals: ['td/ns/shop/sa/web'] }], to: [{ methods: ['GET'], paths: ['/items/{*}'] }] },
]);

const compiled = (...policies: Policy[]): SerializedTable => compile(policies, WORKLOAD, OPTIONS);

test('the worked example of table-layout.ts is what is written', () => {
  const { blob, groups, code, hash } = compiled(WEB);
  expect(blob).toBe('ns[shop]-policy[web]-rule[0]td/ns/shop/sa/webGET/items/{*}');
  expect([...groups.subarray(1)]).toEqual([-1, 1, 0, 0, 1, 1, PRINCIPAL, 0, -1, 9, 1, 0, ALIAS, 28, 17]);
  expect([...code.subarray(1)]).toEqual([
    ...[0, 1, SLOT_ALLOW, 2],
    ...[METHOD, 1, -1, 9, 1, 0, EXACT, 45, 3],
    ...[PATH, 2, -1, 9, 1, 0, TEMPLATE, 48, 10],
  ]);
  const path = '/ns/shop/sa/web';
  expect(probe(hash, hash.length / SLOT_WORDS - 1, ALIAS_ANCHOR, hashText(path, 0, path.length))).toBe(1);
});

describe('policyHash', () => {
  const { policyHash } = compiled(WEB);
  test('is stable', () => {
    expect(policyHash).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(compiled(structuredClone(WEB)).policyHash).toBe(policyHash);
  });

  const CHANGES: readonly { name: string; table: SerializedTable }[] = [
    { name: 'another rule', table: compiled(WEB, policy('b', [{}])) },
    { name: 'another action', table: compiled({ ...WEB, action: 'DENY' }) },
    { name: 'another expiry', table: compiled({ ...WEB, expiresAtMs: 1 }) },
    { name: 'another deny status', table: compiled({ ...WEB, denyStatus: 404 }) },
    { name: 'a dry run', table: compiled({ ...WEB, dryRun: true }) },
    {
      name: 'another default',
      table: compile([], WORKLOAD, { ...OPTIONS, defaultVerdict: 'allow-when-unselected' }),
    },
    { name: 'another trust domain', table: compile([WEB], WORKLOAD, { ...OPTIONS, trustDomains: ['x'] }) },
    { name: 'another workload', table: compile([WEB], { ...WORKLOAD, serviceAccount: 'x' }, OPTIONS) },
  ];
  test.each(CHANGES)('changes with $name', ({ table }) => expect(table.policyHash).not.toBe(policyHash));
});

test('a table is transferred between threads whole', () => {
  const table = compiled(WEB);
  const { policyHash } = table;
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(table, transferables(table));
  const received: SerializedTable = receiveMessageOnPort(port2)?.message;
  port1.close();
  expect(table.code.byteLength).toBe(0);
  expect(received.policyHash).toBe(policyHash);
  expect(ask(loadTable(received), request('GET /items/7')).verdict).toBe('allow');
});

const MISPLACED: readonly { field: 'ipBlocks' | 'methods' | 'hosts'; value: Matcher }[] = [
  { field: 'ipBlocks', value: { kind: 'exact', value: '10.0.0.1' } },
  {
    field: 'methods',
    value: { kind: 'cidr', text: '::/0', bytes: new Array<number>(16).fill(0), prefixLength: 0 },
  },
  { field: 'hosts', value: { kind: 'template', value: '{*}' } },
];
test.each(MISPLACED)('a $value.kind in $field is refused', ({ field, value }) => {
  const [rule] = WEB.rules;
  const to = [[{ field, name: field, values: [value], notValues: [] }]];
  const broken = { ...WEB, rules: rule === undefined ? [] : [{ ...rule, to }] };
  expect(() => compiled(broken)).toThrow(expect.objectContaining({ code: 'ERR_POLICY_COMPILE' }));
});

describe('splitting operations', () => {
  const many = (prefix: string, n: number): string[] => Array.from({ length: n }, (_, i) => `${prefix}${i}`);
  const ROWS = [
    { name: 'short lists stay', fields: { paths: many('/', 8), hosts: many('h', 8) }, parts: 1 },
    { name: 'paths by eight', fields: { paths: many('/', 20), methods: ['GET'] }, parts: 3 },
    { name: 'paths and hosts', fields: { paths: many('/', 20), hosts: many('h', 17) }, parts: 9 },
    {
      name: 'hosts stay when there are too many parts',
      fields: { paths: many('/', 1000), hosts: many('h', 100) },
      parts: 125,
    },
    { name: 'long not-lists stay', fields: { '!paths': many('/', 100) }, parts: 1 },
  ];
  test.each(ROWS)('$name', ({ fields, parts }) => {
    const operation = clause('to.operation', fields);
    const split = splitOperation(operation);
    expect(split).toHaveLength(parts);
    const values = (field: string, among: readonly (typeof operation)[]) =>
      new Set(among.flatMap((part) => part.filter((c) => c.field === field).flatMap((c) => c.values)));
    for (const field of ['paths', 'hosts', 'methods'])
      expect(values(field, split)).toEqual(values(field, [operation]));
  });
});
