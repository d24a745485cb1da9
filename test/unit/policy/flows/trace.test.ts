// Traces: what was reached, in the order of time, and what was tried.
import { describe, expect, test } from 'vitest';
import { EdgeTable } from '../../../../policy/flows/edges.ts';
import { Names } from '../../../../policy/flows/names.ts';
import type { FlowRecord } from '../../../../policy/flows/record.ts';
import { meansCaller, trace } from '../../../../policy/flows/trace.ts';
import { call, DENIED, NOON_MS, WEB } from './flow-samples.ts';

function traced(records: readonly FlowRecord[], options: { direct?: boolean; since?: number } = {}) {
  const table = new EdgeTable();
  for (const record of records) table.record(record);
  const sinceMs = options.since === undefined ? Number.NEGATIVE_INFINITY : NOON_MS + options.since * 1000;
  const from = { start: 'shop/web', sinceMs, direct: options.direct ?? false };
  return trace(table.edges(), new Names('example.org'), from);
}

const shown = (
  records: readonly FlowRecord[],
  options: { direct?: boolean; since?: number } = {},
): string[] =>
  traced(records, options).hops.map(
    ({ step, from, to, earliestMs }) =>
      `${step} ${from.slice(5)}>${to.slice(5)}@${(earliestMs - NOON_MS) / 1000}`,
  );

describe('reached', () => {
  const rows: { name: string; records: FlowRecord[]; expect: string[] }[] = [
    { name: 'nothing', records: [call(['api', 'db'], 1)], expect: [] },
    { name: 'directly', records: [call(['web', 'cart'], 5)], expect: ['1 web>cart@5'] },
    {
      name: 'through another',
      records: [call(['web', 'cart'], 5), call(['cart', 'db'], 6)],
      expect: ['1 web>cart@5', '2 cart>db@6'],
    },
    {
      name: 'not by a call that was over before',
      records: [call(['web', 'cart'], 5), call(['cart', 'db'], 4)],
      expect: ['1 web>cart@5'],
    },
    {
      name: 'by one that began before and went on',
      records: [call(['web', 'cart'], 5), call(['cart', 'db'], [1, 9])],
      expect: ['1 web>cart@5', '2 cart>db@5'],
    },
    {
      name: 'in the same millisecond',
      records: [call(['web', 'cart'], 5), call(['cart', 'db'], 5)],
      expect: ['1 web>cart@5', '2 cart>db@5'],
    },
    {
      name: 'a chain is as late as its latest link',
      records: [
        call(['web', 'a'], 5),
        call(['a', 'b'], [1, 20]),
        call(['b', 'c'], [1, 4]),
        call(['b', 'd'], [1, 5]),
      ],
      expect: ['1 web>a@5', '2 a>b@5', '3 b>d@5'],
    },
    {
      name: 'once, by the earliest way',
      records: [
        call(['web', 'a'], 1),
        call(['web', 'b'], 2),
        call(['a', 'db'], 9),
        call(['b', 'db'], 3),
        call(['db', 'disk'], [3, 4]),
      ],
      expect: ['1 web>a@1', '1 web>b@2', '2 b>db@3', '3 db>disk@3'],
    },
    {
      name: 'directly and before that through another: as direct, and the rest early',
      records: [call(['web', 'a'], 1), call(['web', 'db'], 9), call(['a', 'db'], 2), call(['db', 'disk'], 3)],
      expect: ['1 web>a@1', '1 web>db@9', '3 db>disk@3'],
    },
    {
      name: 'round in a circle',
      records: [call(['web', 'cart'], 1), call(['cart', 'web'], 2), call(['web', 'db'], 1)],
      expect: ['1 web>cart@1', '1 web>db@1'],
    },
    {
      name: 'not where it was denied',
      records: [call(['web', 'cart'], 1, DENIED), call(['cart', 'db'], 2)],
      expect: [],
    },
    {
      name: 'where audit forwarded',
      records: [call(['web', 'cart'], 1, { ...DENIED, enforced: false })],
      expect: ['1 web>cart@1'],
    },
    {
      name: 'the caller’s proxy forwarded, the workload’s refused',
      records: [call(['web', 'cart'], 1, { direction: 'outbound' }), call(['web', 'cart'], 1, DENIED)],
      expect: [],
    },
    {
      name: 'when a refusal came later than what was let through',
      records: [
        call(['web', 'a'], 5),
        call(['a', 'db'], 2),
        call(['a', 'db'], 2, { direction: 'outbound' }),
        call(['a', 'db'], 7, DENIED),
        call(['a', 'db'], 7, { direction: 'outbound' }),
      ],
      expect: ['1 web>a@5'],
    },
    {
      name: 'not through one of another trust domain that has the name',
      records: [
        call(['web', 'cart'], 1),
        call(['cart', 'db'], 2, { source: { principal: 'spiffe://evil.example/ns/shop/sa/cart', ip: null } }),
      ],
      expect: ['1 web>cart@1'],
    },
  ];
  test.each(rows)('$name', ({ records, expect: expected }) => expect(shown(records)).toEqual(expected));

  test('only directly, when asked', () => {
    expect(shown([call(['web', 'cart'], 5), call(['cart', 'db'], 6)], { direct: true })).toEqual([
      '1 web>cart@5',
    ]);
  });

  test('not before the time it is asked from', () => {
    expect(shown([call(['web', 'cart'], [1, 9]), call(['cart', 'db'], [1, 4])], { since: 5 })).toEqual([
      '1 web>cart@5',
    ]);
  });

  test('unconfirmed where only the caller’s proxy saw it', () => {
    const { hops } = traced([call(['web', 'cart'], 1, { direction: 'outbound' }), call(['web', 'db'], 1)]);
    expect(hops.map(({ to, reached }) => [to, reached.confirmed])).toEqual([
      ['shop/cart', false],
      ['shop/db', true],
    ]);
  });

  test('a long chain and a dense graph end in time', () => {
    const chain = Array.from({ length: 3000 }, (_, i) => call([i === 0 ? 'web' : `w${i}`, `w${i + 1}`], i));
    expect(traced(chain).hops).toHaveLength(3000);
    const dense = Array.from({ length: 150 * 150 }, (_, i) =>
      call([i % 150 === 0 ? 'web' : `w${i % 150}`, `w${Math.floor(i / 150)}`], [i % 97, 200]),
    );
    expect(traced(dense).hops).toHaveLength(150);
  });
});

test('what was tried: by the workload, and by those it reached once it had', () => {
  const { attempts } = traced([
    call(['web', 'cart'], 5),
    call(['web', 'vault'], 3, { ...DENIED, count: 4 }),
    call(['cart', 'vault'], 6, { ...DENIED, count: 2 }),
    call(['cart', 'bank'], 4, DENIED),
    call(['api', 'bank'], 9, DENIED),
  ]);
  expect(attempts.map(({ step, from, to, denied }) => [step, from, to, denied])).toEqual([
    [1, 'shop/web', 'shop/vault', 4],
    [2, 'shop/cart', 'shop/vault', 2],
  ]);
});

describe('a workload is named by', () => {
  const rows: { text: string; principal: string | null; expect: boolean }[] = [
    { text: WEB, principal: WEB, expect: true },
    { text: 'shop/web', principal: WEB, expect: true },
    { text: 'web', principal: WEB, expect: true },
    { text: 'other/web', principal: WEB, expect: false },
    { text: 'we', principal: WEB, expect: false },
    { text: 'shop', principal: WEB, expect: false },
    { text: 'spiffe://example.org/ns/shop/sa/we', principal: WEB, expect: false },
    { text: 'web', principal: 'spiffe://example.org/web', expect: false },
    { text: 'spiffe://example.org/web', principal: 'spiffe://example.org/web', expect: true },
    { text: 'web', principal: null, expect: false },
  ];
  test.each(rows)('$text, $principal: $expect', ({ text, principal, expect: expected }) => {
    expect(meansCaller(text, { principal, ip: '10.0.0.7' })).toBe(expected);
  });
});
