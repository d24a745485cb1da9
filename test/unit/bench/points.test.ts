// From points to tables: medians, ranges and ratios inside a round, and what is said when there is no figure.
import { describe, expect, it } from 'vitest';
import { cpuOf, differences, median, pointTable, range, ratioTo, seriesOf } from '../../../bench/points.ts';
import type { Point, Sample } from '../../../bench/result.ts';

const latencyUs = (us: number): Sample['latencyUs'] => ({
  p50: us,
  p90: us,
  p95: us,
  p99: us,
  p999: us,
  max: us,
});
const sample = (cpu: number | null, us = 100): Sample => ({
  cpuUsPerRequest: cpu,
  cpuShare: cpu === null ? null : 0.5,
  requestsPerSecond: 1_000,
  bytesPerSecond: 1e6,
  latencyUs: latencyUs(us),
  rssMb: 50,
  pssMb: null,
  generator: { cpuShare: 0.3, lateUsP99: null },
});
const point = (peer: string, rounds: Point['rounds'], variant = ''): Point => ({
  peer,
  variant,
  x: null,
  rounds,
});

const points = [
  point('ours', [sample(60), sample(66), null, sample(63)]),
  point('haproxy', [sample(40), sample(44), sample(41), sample(42)]),
  point('noisy', [sample(40), sample(80), sample(60), sample(50)]),
  point('direct', [sample(null), sample(null), sample(null), sample(null)]),
  point('broken', [null, null, null, null]),
];
const columns = [median('CPU us', cpuOf), range(cpuOf), ratioTo('haproxy', cpuOf)];

describe('pointTable', () => {
  it('a row each: median, range, ratio; and why there is none', () => {
    expect(pointTable('T', points, columns)).toEqual({
      title: 'T',
      columns: ['peer', 'CPU us', '[min-max]', 'x haproxy'],
      rows: [
        ['ours', '63.0', '[60.0-66.0]', '1.50'],
        ['haproxy', '41.5', '[40.0-44.0]', '1.00'],
        ['noisy', 'noisy', '[40.0-80.0]', '1.00-1.82?'],
        ['direct', '-', '-', '-'],
        ['broken', 'failed'],
      ],
    });
  });

  it('says the variant when there is one, and compares within it', () => {
    const varied = [
      point('ours', [sample(20)], '1 KiB'),
      point('haproxy', [sample(10)], '1 KiB'),
      point('ours', [sample(90)], '1 MiB'),
      point('haproxy', [sample(30)], '1 MiB'),
    ];
    expect(pointTable('T', varied, [ratioTo('haproxy', cpuOf)]).rows).toEqual([
      ['ours', '1 KiB', '2.00'],
      ['haproxy', '1 KiB', '1.00'],
      ['ours', '1 MiB', '3.00'],
      ['haproxy', '1 MiB', '1.00'],
    ]);
  });
});

describe('seriesOf', () => {
  it('keeps the rounds in their places', () => {
    expect(seriesOf(points, 'ours', cpuOf)).toEqual([60, 66, null, 63]);
    expect(seriesOf(points, 'nobody', cpuOf)).toEqual([]);
  });
});

describe('differences', () => {
  it('are taken within a round; a round that lacks one of them says nothing', () => {
    const direct = point('direct', [sample(null, 200), null, sample(null, 210)]);
    const mine = point('ours', [sample(1, 300), sample(1, 300), sample(1, 290)]);
    expect(differences(mine, direct, ({ latencyUs: { p95 } }) => p95)).toEqual([100, 80]);
    expect(differences(mine, undefined, cpuOf)).toEqual([]);
    expect(differences(mine, direct, cpuOf)).toEqual([]);
  });
});
