// Edges: one hop seen from both ends is one edge; the two sides are never added up.
import { describe, expect, test } from 'vitest';
import { EdgeTable } from '../../../../policy/flows/edges.ts';
import { guessTrustDomain, Names } from '../../../../policy/flows/names.ts';
import type { FlowRecord } from '../../../../policy/flows/record.ts';
import {
  bytesOf,
  countOf,
  deniedOf,
  reachedOf,
  requestsOf,
  seenBy,
  spanOf,
  wouldDenyOf,
} from '../../../../policy/flows/tally.ts';
import { PathTable, RuleTable, topOfEdges } from '../../../../policy/flows/top.ts';
import { call, DENIED, flow, NOON_MS, WEB } from './flow-samples.ts';

function tableOf(...records: readonly FlowRecord[]): EdgeTable {
  const table = new EdgeTable();
  for (const record of records) table.record(record);
  return table;
}

const out = (change: Partial<FlowRecord> = {}): FlowRecord =>
  flow({
    direction: 'outbound',
    destination: { workload: 'cart', namespace: 'shop', port: 8443 },
    ...change,
  });
const AUDITED: Partial<FlowRecord> = { ...DENIED, enforced: false };
const DRY = { verdict: 'deny', reason: 'deny-rule', rules: ['soon'] } as const;

describe('one edge', () => {
  const rows: {
    name: string;
    records: FlowRecord[];
    expect: { requests: number; denied: number; would: number; seen: string; reached: number | null };
  }[] = [
    {
      name: 'both sides saw the same requests',
      records: [out({ count: 5 }), flow({ count: 5 })],
      expect: { requests: 5, denied: 0, would: 0, seen: 'both', reached: 5 },
    },
    {
      name: 'the caller only',
      records: [out({ count: 5 })],
      expect: { requests: 5, denied: 0, would: 0, seen: 'caller', reached: 5 },
    },
    {
      name: 'the workload only',
      records: [flow({ count: 5 })],
      expect: { requests: 5, denied: 0, would: 0, seen: 'workload', reached: 5 },
    },
    {
      name: 'denied by the caller’s proxy: the other never saw it',
      records: [out({ count: 2, ...DENIED }), out({ count: 5 }), flow({ count: 5 })],
      expect: { requests: 7, denied: 2, would: 0, seen: 'both', reached: 5 },
    },
    {
      name: 'denied by the workload’s proxy: the other forwarded it',
      records: [out({ count: 5 }), flow({ count: 5, ...DENIED })],
      expect: { requests: 5, denied: 5, would: 0, seen: 'both', reached: null },
    },
    {
      name: 'denied on both sides are different requests',
      records: [out({ count: 2, ...DENIED }), out({ count: 3 }), flow({ count: 3, ...DENIED })],
      expect: { requests: 5, denied: 5, would: 0, seen: 'both', reached: null },
    },
    {
      name: 'more replicas call than have a proxy',
      records: [out({ count: 3 }), flow({ count: 9 })],
      expect: { requests: 9, denied: 0, would: 0, seen: 'both', reached: 9 },
    },
    {
      name: 'more was forwarded than the workload’s proxy tells',
      records: [out({ count: 9 }), flow({ count: 3, ...DENIED })],
      expect: { requests: 9, denied: 3, would: 0, seen: 'both', reached: 6 },
    },
    {
      name: 'audit forwards',
      records: [flow({ count: 4, ...AUDITED })],
      expect: { requests: 4, denied: 0, would: 4, seen: 'workload', reached: 4 },
    },
    {
      name: 'a dry run would deny',
      records: [flow({ count: 4, dryRun: DRY })],
      expect: { requests: 4, denied: 0, would: 4, seen: 'workload', reached: 4 },
    },
    {
      name: 'both sides would deny the same requests',
      records: [out({ count: 4, ...AUDITED }), flow({ count: 4, ...AUDITED })],
      expect: { requests: 4, denied: 0, would: 4, seen: 'both', reached: 4 },
    },
  ];
  test.each(rows)('$name', ({ records, expect: expected }) => {
    const [edge, ...others] = tableOf(...records).edges();
    expect(others).toEqual([]);
    const sides = edge?.sides ?? { outbound: null, inbound: null };
    expect({
      requests: requestsOf(sides),
      denied: deniedOf(sides),
      would: wouldDenyOf(sides),
      seen: seenBy(sides),
      reached: reachedOf(sides)?.requests ?? null,
    }).toEqual(expected);
  });

  test('has the ports, bytes and times of both sides', () => {
    const [edge] = tableOf(
      out({ bytes: 10, firstSeenMs: NOON_MS - 5 }),
      out({ bytes: 10, lastSeenMs: NOON_MS + 7 }),
      flow({ bytes: 15 }),
      flow({ bytes: 1, destination: { workload: 'cart', namespace: 'shop', port: 9090 } }),
    ).edges();
    const sides = edge?.sides ?? { outbound: null, inbound: null };
    expect(bytesOf(sides)).toBe(20);
    expect(spanOf(sides)).toEqual({ firstMs: NOON_MS - 5, lastMs: NOON_MS + 7 });
    expect([sides.outbound?.ports, sides.inbound?.ports]).toEqual([[8443], [8080, 9090]]);
  });
});

test('callers and workloads that differ are edges of their own', () => {
  const table = tableOf(
    flow(),
    flow({ source: { principal: `${WEB}2`, ip: null } }),
    flow({ source: { principal: null, ip: '10.0.0.7' } }),
    flow({ source: { principal: null, ip: '' } }),
    flow({ source: null }),
    flow({ destination: { workload: 'cart', namespace: 'other', port: 8080 } }),
    flow({ destination: { workload: 'cart', namespace: '', port: 8080 } }),
  );
  expect(table.size).toBe(7);
});

test('what finds no room is counted, and one caller cannot take all of it', () => {
  const table = new EdgeTable({ total: 3, perOwner: 2 });
  for (const to of ['a', 'b', 'c', 'd']) table.record(call(['web', to], 0, { count: 10 }));
  table.record(call(['api', 'a'], 0));
  table.record(call(['api', 'b'], 0));
  table.record(call(['web', 'a'], 0, { count: 5 }));
  expect(table.size).toBe(3);
  expect(table.rest).toMatchObject({ records: 3, requests: 21 });
  expect([...table.edges()].map(({ sides }) => countOf(sides.inbound))).toEqual([15, 10, 1]);
});

describe('names', () => {
  const names = new Names('example.org');
  const rows: { name: string; caller: Parameters<Names['caller']>[0]; expect: string }[] = [
    { name: 'a workload of ours', caller: { principal: WEB, ip: null }, expect: 'shop/web' },
    {
      name: 'the same name of another trust domain',
      caller: { principal: 'spiffe://evil.example/ns/shop/sa/web', ip: null },
      expect: 'spiffe://evil.example/ns/shop/sa/web',
    },
    {
      name: 'another form of ID',
      caller: { principal: 'spiffe://example.org/db/1', ip: null },
      expect: 'spiffe://example.org/db/1',
    },
    { name: 'plaintext', caller: { principal: null, ip: '10.0.0.7' }, expect: 'plaintext 10.0.0.7' },
    { name: 'many plaintext peers', caller: { principal: null, ip: '' }, expect: '(other plaintext peers)' },
    { name: 'many callers', caller: null, expect: '(other callers)' },
  ];
  test.each(rows)('$name', ({ caller, expect: expected }) => expect(names.caller(caller)).toBe(expected));

  test('the own trust domain is that of outbound callers, however many others call', () => {
    const foreign = ['a', 'b', 'c'].map((sa) =>
      flow({ source: { principal: `spiffe://partner.example/ns/x/sa/${sa}`, ip: null } }),
    );
    expect(guessTrustDomain(tableOf(...foreign).edges())).toEqual({
      trustDomain: 'partner.example',
      others: [],
    });
    expect(guessTrustDomain(tableOf(...foreign, out()).edges())).toEqual({
      trustDomain: 'example.org',
      others: ['partner.example'],
    });
    expect(guessTrustDomain([])).toEqual({ trustDomain: null, others: [] });
  });
});

describe('top', () => {
  const names = new Names('example.org');
  const records = [
    call(['web', 'cart'], 1, { count: 10 }),
    call(['web', 'cart'], 1, { count: 10, direction: 'outbound' }),
    call(['api', 'cart'], 2, { count: 4, ...DENIED }),
    call(['api', 'db'], 3, { count: 1 }),
  ];

  test.each([
    {
      by: 'caller',
      expect: [
        ['web', 10, 0],
        ['api', 5, 4],
      ],
    },
    {
      by: 'workload',
      expect: [
        ['cart', 14, 4],
        ['db', 1, 0],
      ],
    },
    { by: 'denied', expect: [['api', 4, 4]] },
  ] as const)('by $by', ({ by, expect: expected }) => {
    const rows = topOfEdges(tableOf(...records).edges(), by, names);
    expect(
      rows.map((row) => [(row.caller ?? row.workload ?? '').slice(5), row.requests, row.denied]),
    ).toEqual(expected);
  });

  test('by path: of a workload whose own proxy is heard, callers’ templates are left out', () => {
    const table = new PathTable();
    const path = (text: string) => ({ http: { method: 'GET', path: text } });
    table.record(call(['web', 'cart'], 1, { count: 10, ...path('/items/{*}') }));
    table.record(call(['web', 'cart'], 1, { count: 10, direction: 'outbound', ...path('/items/red') }));
    table.record(call(['web', 'cart'], 1, { count: 3, direction: 'outbound', ...DENIED, ...path('/admin') }));
    table.record(call(['web', 'db'], 1, { count: 7, direction: 'outbound', http: null }));
    expect(table.rows(names).map(({ workload, path: p, requests }) => [workload, p, requests])).toEqual([
      ['shop/cart', '/items/{*}', 10],
      ['shop/db', null, 7],
      ['shop/cart', '/admin', 3],
    ]);
  });

  test('by rule: each rule that matched, a reason where none did, a dry run as what it would do', () => {
    const table = new RuleTable();
    table.record(flow({ count: 5, rules: ['a', 'b'] }));
    table.record(flow({ count: 2, ...DENIED }));
    table.record(flow({ count: 3, rules: ['a'], dryRun: DRY }));
    const rows = table
      .rows()
      .map(({ rule, requests, denied, wouldDeny }) => [rule, requests, denied, wouldDeny]);
    expect(rows).toEqual([
      ['a', 8, 0, 0],
      ['b', 5, 0, 0],
      ['soon', 3, 0, 3],
      ['(default-deny)', 2, 2, 0],
    ]);
  });
});
