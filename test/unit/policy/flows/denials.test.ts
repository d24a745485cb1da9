// Denials: groups, the pace of retries, the shape of scans, and what a decision log adds.
import { describe, expect, test } from 'vitest';
import { DenialTable, SCAN } from '../../../../policy/flows/denials.ts';
import { Pace } from '../../../../policy/flows/pace.ts';
import { FlowParser } from '../../../../policy/flows/parse.ts';
import type { FlowRecord } from '../../../../policy/flows/record.ts';
import { exampleOf, isOfTemplate } from '../../../../policy/flows/template.ts';
import { call, DENIED, flow, LOGGED, NOON_MS } from './flow-samples.ts';

const denied = (path: string, seconds: number, change: Partial<FlowRecord> = {}): FlowRecord =>
  call(['web', 'cart'], seconds, { ...DENIED, http: { method: 'GET', path }, ...change });

function judged(records: readonly FlowRecord[]) {
  const table = new DenialTable();
  for (const record of records) table.record(record);
  return table.judged();
}

const seconds = (count: number, of: (i: number) => number): number[] =>
  Array.from({ length: count }, (_, i) => of(i));

describe('groups', () => {
  const rows: { name: string; change: Partial<FlowRecord>; groups: number }[] = [
    { name: 'the same again', change: {}, groups: 1 },
    { name: 'another listener', change: { listener: 'second' }, groups: 1 },
    { name: 'another path', change: { http: { method: 'GET', path: '/b' } }, groups: 2 },
    { name: 'another method', change: { http: { method: 'PUT', path: '/a' } }, groups: 2 },
    { name: 'another reason', change: { reason: 'deny-rule', rules: ['r'] }, groups: 2 },
    { name: 'another caller', change: { source: { principal: null, ip: '::1' } }, groups: 2 },
    { name: 'the other side', change: { direction: 'outbound' }, groups: 2 },
    { name: 'forwarded by audit', change: { enforced: false }, groups: 2 },
    { name: 'paths told apart no more', change: { http: null }, groups: 2 },
    { name: 'allowed', change: { verdict: 'allow' }, groups: 1 },
  ];
  test.each(rows)('$name: $groups', ({ change, groups }) => {
    expect(judged([denied('/a', 0), denied('/a', 1, change)])).toHaveLength(groups);
  });

  test('a dry run tells its own reason and rules', () => {
    const dryRun = { verdict: 'deny', reason: 'deny-rule', rules: ['soon'] } as const;
    expect(judged([flow({ count: 3, dryRun })])).toMatchObject([
      { outcome: 'would-deny', reason: 'deny-rule', rules: ['soon'], requests: 3 },
    ]);
    expect(judged([denied('/a', 0, { dryRun })])).toMatchObject([
      { outcome: 'denied', reason: 'default-deny', rules: [] },
    ]);
  });

  test('most requests first, with their span', () => {
    const groups = judged([denied('/a', 3), denied('/b', 1, { count: 9 }), denied('/a', 1)]);
    expect(
      groups.map(({ requests, firstMs, lastMs }) => [requests, firstMs - NOON_MS, lastMs - NOON_MS]),
    ).toEqual([
      [9, 1000, 1000],
      [2, 1000, 3000],
    ]);
  });

  test('what finds no room is counted; a caller that sprays does not take the others’', () => {
    const limits = { total: 4, perOwner: 3 };
    const table = new DenialTable({ groups: limits, samples: limits });
    for (const i of seconds(50, (n) => n)) table.record(denied(`/${i}`, i, { count: 2 }));
    table.record(denied('/x', 60, { source: { principal: null, ip: '10.0.0.7' } }));
    expect(table.judged()).toHaveLength(4);
    expect(table.rest).toMatchObject({ records: 47, requests: 94 });
  });
});

describe('a retry', () => {
  // Each row: when a window's last request was, and how many it had.
  const rows: { name: string; windows: [number, number][]; expect: number | null }[] = [
    {
      name: 'one a window, every 10 s',
      windows: seconds(12, (i) => i * 10).map((s) => [s, 1]),
      expect: 10_000,
    },
    {
      name: 'ten a window, every second',
      windows: seconds(6, (i) => i * 10).map((s) => [s, 10]),
      expect: 1000,
    },
    {
      name: 'every 30 s, windows between are empty',
      windows: seconds(11, (i) => i * 30).map((s) => [s, 1]),
      expect: 30_000,
    },
    {
      name: 'a little uneven',
      windows: seconds(12, (i) => i * 10 + (i % 2)).map((s) => [s, 1]),
      expect: 10_000,
    },
    { name: 'too few requests', windows: seconds(9, (i) => i * 10).map((s) => [s, 1]), expect: null },
    { name: 'too few windows', windows: seconds(5, (i) => i * 10).map((s) => [s, 10]), expect: null },
    { name: 'ever slower', windows: seconds(12, (i) => 2 ** i).map((s) => [s, 1]), expect: null },
    {
      name: 'bursts',
      windows: seconds(20, (i) => Math.floor(i / 4) * 300 + (i % 4)).map((s) => [s, 1]),
      expect: null,
    },
    { name: 'one window, however many', windows: [[0, 10_000]], expect: null },
    { name: 'time that stands still', windows: seconds(20, () => 5).map((s) => [s, 1]), expect: null },
    { name: 'time that goes back', windows: seconds(20, (i) => 100 - i).map((s) => [s, 1]), expect: null },
  ];
  test.each(rows)('$name: $expect', ({ windows, expect: expected }) => {
    const pace = new Pace();
    for (const [at, count] of windows) pace.window(at * 1000, count);
    const steady = pace.steadyMs();
    if (expected === null) expect(steady).toBeNull();
    else expect(Math.abs((steady ?? 0) - expected)).toBeLessThan(expected * 0.1);
  });

  test('is not made of two proxies’ files', () => {
    const table = new DenialTable();
    for (const i of seconds(12, (n) => n)) {
      table.record(denied('/a', i * 10));
      table.sourceEnds();
    }
    expect(table.judged()).toMatchObject([{ requests: 12, mark: null, everyMs: null }]);
  });

  test('is marked, with its interval', () => {
    expect(judged(seconds(12, (i) => i * 10).map((s) => denied('/a', s)))).toMatchObject([
      { requests: 12, mark: 'retry', everyMs: 10_000 },
    ]);
  });
});

describe('a scan', () => {
  const spray = (paths: number, everySeconds: number, change: Partial<FlowRecord> = {}): FlowRecord[] =>
    seconds(paths, (i) => i).map((i) => denied(`/p${i}`, i * everySeconds, change));
  const rows: { name: string; records: FlowRecord[]; expect: boolean }[] = [
    { name: 'many paths in a short time', records: spray(SCAN.paths, 1), expect: true },
    { name: 'within a longer life', records: [...spray(5, 600), ...spray(40, 0.5)], expect: true },
    { name: 'one path fewer', records: spray(SCAN.paths - 1, 1), expect: false },
    { name: 'too slowly', records: spray(SCAN.paths * 2, 10), expect: false },
    {
      name: 'each path often: a client that was denied',
      records: spray(40, 1, { count: 50 }),
      expect: false,
    },
    { name: 'audit only', records: spray(40, 1, { enforced: false }), expect: false },
    {
      name: 'one path of many workloads',
      records: seconds(30, (i) => i).map((i) =>
        denied('/x', i, { destination: { workload: `w${i}`, namespace: 'shop', port: 1 } }),
      ),
      expect: true,
    },
    {
      name: 'many methods of one path',
      records: seconds(30, (i) => i).map((i) => denied('/x', i, { http: { method: `M${i}`, path: '/x' } })),
      expect: false,
    },
    {
      name: 'many callers',
      records: seconds(30, (i) => i).map((i) =>
        denied(`/${i}`, i, { source: { principal: null, ip: `10.0.0.${i}` } }),
      ),
      expect: false,
    },
  ];
  test.each(rows)('$name: $expect', ({ records, expect: expected }) => {
    const marks = new Set(judged(records).map(({ mark }) => mark));
    expect(marks).toEqual(new Set([expected ? 'scanner' : null]));
  });

  test('hides no retry of the same caller', () => {
    const retry = seconds(12, (i) => i * 10).map((s) => denied('/again', s));
    const marks = judged([...spray(30, 1), ...retry]).map(({ http, mark }) => [http?.path, mark]);
    expect(marks[0]).toEqual(['/again', 'retry']);
    expect(marks[1]?.[1]).toBe('scanner');
  });
});

describe('a decision log', () => {
  function withLog(record: Partial<FlowRecord>, logged: object = LOGGED) {
    const table = new DenialTable();
    const line = new FlowParser().line(JSON.stringify(logged));
    if (line.kind === 'denial') table.denial(line.denial, 'decisions.log');
    table.record(flow({ ...DENIED, http: { method: 'DELETE', path: '/items/{*}' }, ...record }));
    return table.judged()[0]?.sample;
  }

  test('tells why, and which request', () => {
    expect(withLog({})).toEqual({
      requestId: 'r-1',
      log: 'decisions.log',
      path: '/items/7',
      near: LOGGED.near,
    });
  });

  test.each([
    { name: 'another path', change: { http: { method: 'DELETE', path: '/carts/{*}' } } },
    { name: 'another method', change: { http: { method: 'PUT', path: '/items/{*}' } } },
    { name: 'another reason', change: { reason: 'deny-rule' } },
    { name: 'another caller', change: { source: { principal: null, ip: '10.0.0.7' } } },
    { name: 'the other side', change: { direction: 'outbound' as const } },
    { name: 'another workload', change: { destination: { workload: 'db', namespace: 'shop', port: 1 } } },
    { name: 'paths told apart no more', change: { http: null } },
  ])('says nothing about $name', ({ change }) => expect(withLog(change)).toBeNull());
});

describe('templates', () => {
  const rows: { template: string; path: string; expect: boolean }[] = [
    { template: '/items/{*}', path: '/items/7', expect: true },
    { template: '/items/{*}/price', path: '/items/7/price', expect: true },
    { template: '/a/{**}', path: '/a/', expect: true },
    { template: '/a/{**}', path: '/a/b/c', expect: true },
    { template: '{**}', path: 'anything', expect: true },
    { template: '*', path: '*', expect: true },
    { template: '', path: '', expect: true },
    { template: '/items/{*}', path: '/items/', expect: false },
    { template: '/items/{*}', path: '/items/7/8', expect: false },
    { template: '/items/{*}', path: '/items', expect: false },
    { template: '/a/{**}', path: '/a', expect: false },
    { template: '/a', path: '/a/', expect: false },
    { template: '/a/', path: '/a', expect: false },
    { template: '/{**}/b', path: '/a/b', expect: false },
  ];
  test.each(rows)('$template and $path: $expect', ({ template, path, expect: expected }) => {
    expect(isOfTemplate(template, path)).toBe(expected);
  });

  test.each(['/items/{*}/price', '/{*}/{**}', '/plain', ''])('an example of `%s` is of it', (template) => {
    expect(isOfTemplate(template, exampleOf(template))).toBe(true);
  });
});
