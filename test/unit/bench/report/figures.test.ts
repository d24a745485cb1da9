// Figures behind the report: summaries of rounds, their cells, and the cost of a fleet.
import { describe, expect, it } from 'vitest';
import { PEER_NAMES } from '../../../../bench/peers/all.ts';
import { direct } from '../../../../bench/peers/direct.ts';
import { haproxy } from '../../../../bench/peers/haproxy.ts';
import { ours } from '../../../../bench/peers/ours.ts';
import { cpuOf, differenceCell } from '../../../../bench/points.ts';
import { cell, differenceOf, OURS, ratioOf, rulesOf, summaryOf } from '../../../../bench/report/figures.ts';
import { fleetCost } from '../../../../bench/report/fleet-cost.ts';
import { FLOOR, REFERENCE } from '../../../../bench/report/markdown.ts';
import { hasStyle } from '../../../../bench/report/plots/peer-style.ts';
import { fixture, point, scenario } from './fixture.ts';

const cpu = (...values: readonly (number | null)[]) =>
  point({ peer: 'a', rounds: values.map((value) => (value === null ? null : { cpu: value })) });

describe('cell', () => {
  it.each([
    { name: 'a median', input: cpu(40, 41, 42), expect: '41.0' },
    { name: 'one round', input: cpu(0.123), expect: '0.12' },
    { name: 'rounds that differ too much', input: cpu(280, 350, 410), expect: '280-410?' },
    { name: 'a round that failed', input: cpu(40, null, 42), expect: '41.0' },
    { name: 'no round', input: cpu(null, null), expect: '-' },
    { name: 'a figure that is none', input: cpu(Number.NaN, Number.NaN), expect: '-' },
    { name: 'no point', input: undefined, expect: '-' },
  ])('$name', ({ input, expect: want }) => expect(cell(summaryOf(input, cpuOf))).toBe(want));

  it('takes ratios inside rounds', () => {
    expect(cell(ratioOf(cpu(10, null, 300), cpu(5, 1, 150), cpuOf))).toBe('2.00');
    expect(cell(ratioOf(cpu(10), undefined, cpuOf))).toBe('-');
  });

  it('takes differences inside rounds, and shows their range even around zero', () => {
    expect(differenceCell(differenceOf(cpu(10, null, 300, 7), cpu(12, 1, 290, null), cpuOf))).toBe(
      '4 [-2..10]',
    );
    expect(differenceCell(differenceOf(undefined, cpu(1), cpuOf))).toBe('-');
  });
});

describe('rulesOf', () => {
  it.each([
    { peer: 'sallyport', expect: '1,000 rules' },
    { peer: 'envoy-1', expect: '1 rule' },
    { peer: 'haproxy', expect: 'no rule' },
    { peer: 'stranger', expect: '-' },
  ])('$peer: $expect', ({ peer, expect: want }) => expect(rulesOf(fixture(), peer)).toBe(want));
});

describe('fleetCost', () => {
  const of = (peer: string, x: number, rounds: Parameters<typeof point>[0]['rounds']) =>
    point({ peer, x, variant: `${x}/s`, rounds });

  it('multiplies one sidecar by a thousand, for the rates that were measured', () => {
    const points = [
      of('sallyport', 10, [{ share: 0.001, rss: 102.4 }]),
      of('sallyport', 1_000, [{ share: 0.05, rss: 204.8 }]),
      of('envoy-1', 1_000, [
        { share: 0.1, rss: 51.2 },
        { share: 0.2, rss: 51.2 },
      ]),
      of('direct', 1_000, [{ share: null, rss: null }]),
      of('sallyport', 5_000, [{ share: 0.9 }]),
    ];
    const table = fleetCost({ scenarios: [scenario('latency', points)] });
    expect(table?.columns).toEqual(['peer', '10/s: cores', 'GB', '1,000/s: cores', 'GB']);
    expect(table?.rows).toEqual([
      ['sallyport', '1.00', '100', '50.0', '200'],
      ['envoy-1', '-', '-', '100-200?', '50.0'],
    ]);
  });

  it('keeps to the peers that are wanted', () => {
    expect(fleetCost(fixture(), (peer) => peer === 'haproxy')?.rows.map(([peer]) => peer)).toEqual([
      'haproxy',
    ]);
  });

  it.each([
    { name: 'without the scenario', scenarios: [] },
    { name: 'of no process', scenarios: [scenario('latency', [of('direct', 10, [{ share: null }])])] },
    { name: 'at other rates', scenarios: [scenario('latency', [of('sallyport', 50, [{}])])] },
    { name: 'of another scenario', scenarios: [scenario('rules', [of('sallyport', 10, [{}])])] },
    { name: 'when every round failed', scenarios: [scenario('latency', [of('sallyport', 10, [null])])] },
  ])('is null $name', ({ scenarios }) => expect(fleetCost({ scenarios })).toBeNull());
});

describe('the report', () => {
  it('knows the peers by the names that the harness gives them', () => {
    expect([OURS, REFERENCE, FLOOR]).toEqual([ours.name, haproxy.name, direct.name]);
    expect([...PEER_NAMES].filter((name) => !hasStyle(name))).toEqual([]);
  });
});
