// From rounds to figures: what is quoted, what is too noisy, and what says nothing.
import { describe, expect, it } from 'vitest';
import { figureFor, figureOf, generatorLimit } from '../../../bench/target/figures.ts';
import type { Round } from '../../../bench/target/round.ts';
import type { Pair } from '../../../bench/target/rounds.ts';
import { parseSlo } from '../../../bench/target/slo.ts';

/** A round in which every percentile is `ms`. */
function round(ms: number, rest: Partial<Round> = {}): Round {
  const us = ms * 1_000;
  return {
    requests: 10_000,
    answered: 10_000,
    faults: {},
    latencyUs: { p50: us, p90: us, p95: us, p99: us, p999: us, max: us },
    requestsPerSecond: 100,
    reconnects: 0,
    waited: 0,
    generator: { cpuShare: 0.1, lateUsP99: 1_100 },
    ...rest,
  };
}

const rate = (...pairs: Pair[]) => ({ perSecond: 100, pairs });
const alone = (...rounds: Round[]) => rate(...rounds.map((target) => ({ target, direct: null })));
const both = (...ms: [number, number][]) =>
  rate(...ms.map(([target, direct]) => ({ target: round(target), direct: round(direct) })));

describe('figureOf', () => {
  it('takes the difference inside a round', () => {
    // Both sides got slower in the second round: that is the machine.
    expect(figureOf(both([2, 1], [9, 8], [3, 2]), 'added_p95')).toMatchObject({
      values: [1_000, 1_000, 1_000],
      tooWide: false,
      missing: null,
    });
  });

  it.each([
    { name: 'close to each other', ms: [1, 1.1, 1.2], tooWide: false },
    { name: 'far from each other', ms: [1, 1.1, 1.5], tooWide: true },
    {
      name: 'far by their ratio, by less than a tenth of a millisecond',
      ms: [0.05, 0.1, 0.14],
      tooWide: false,
    },
    { name: 'failed in a round', ms: [1, 1, Number.POSITIVE_INFINITY], tooWide: true },
    {
      name: 'failed in every round',
      ms: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
      tooWide: false,
    },
  ])('knows rounds that are $name', ({ ms, tooWide }) => {
    expect(figureOf(alone(...ms.map((one) => round(one))), 'p99')).toMatchObject({ tooWide, missing: null });
  });

  it.each([
    {
      name: 'around zero and alike',
      ms: [
        [1, 1.02],
        [1, 0.98],
      ],
      tooWide: false,
    },
    {
      name: 'around zero and not alike',
      ms: [
        [1, 1.2],
        [1, 0.8],
      ],
      tooWide: true,
    },
  ] as { name: string; ms: [number, number][]; tooWide: boolean }[])(
    'knows differences that are $name',
    ({ ms, tooWide }) => expect(figureOf(both(...ms), 'added_p50')).toMatchObject({ tooWide, missing: null }),
  );

  it.each([
    { metric: 'p50', requests: 20, enough: true },
    { metric: 'p50', requests: 19, enough: false },
    { metric: 'p90', requests: 100, enough: true },
    { metric: 'p90', requests: 99, enough: false },
    { metric: 'p95', requests: 199, enough: false },
    { metric: 'p99', requests: 1_000, enough: true },
    { metric: 'p99', requests: 999, enough: false },
    { metric: 'p999', requests: 10_000, enough: true },
    { metric: 'p999', requests: 9_999, enough: false },
    { metric: 'max', requests: 1, enough: true },
  ] as const)('asks for ten requests beyond $metric: $requests', ({ metric, requests, enough }) => {
    const { missing } = figureOf(alone(round(1), round(1, { requests })), metric);
    if (enough) expect(missing).toBeNull();
    else expect(missing).toContain(`${requests} requests a round, and ${metric} needs`);
  });

  it('counts failures over all rounds: an outage in one of them is no outlier', () => {
    const outage = round(1, { answered: 9_000, faults: { reset: 1_000 } });
    const { values, of } = figureOf(alone(round(1), outage, round(1)), 'errors');
    expect(values[0]).toBeCloseTo(3.33, 2);
    expect(of).toBe('1000 of 30000 requests');
  });

  it('has no difference to a side that failed', () => {
    const failed = rate({ target: round(1), direct: round(Number.POSITIVE_INFINITY) });
    expect(figureOf(failed, 'added_p95').missing).toContain('direct');
    expect(figureOf(alone(round(1)), 'added_p95').missing).toContain('direct');
  });
});

describe('figureFor', () => {
  it.each([
    { slo: 'errors<0.1%', answered: 1_000, requests: 1_000, missing: false },
    { slo: 'errors<0.1%', answered: 999, requests: 999, missing: true },
    { slo: 'errors<0.1%', answered: 500, requests: 999, missing: false },
    { slo: 'errors<=0%', answered: 10, requests: 10, missing: false },
    { slo: 'errors<100%', answered: 1, requests: 1, missing: false },
  ])('$slo with $answered of $requests answered', ({ slo, answered, requests, missing }) => {
    const [objective] = parseSlo(slo);
    if (objective === undefined) throw new Error('no objective');
    const figure = figureFor(alone(round(1, { answered, requests })), objective);
    expect(figure.missing !== null).toBe(missing);
  });
});

describe('generatorLimit', () => {
  it.each([
    { name: 'late', rest: { generator: { cpuShare: 0.1, lateUsP99: 19_000 } }, expect: 'woke 19.0 ms late' },
    { name: 'busy', rest: { generator: { cpuShare: 0.95, lateUsP99: 1_000 } }, expect: 'used 95 % of a CPU' },
    { name: 'out of ports', rest: { faults: { local: 1 } }, expect: 'ran out of files or ports' },
  ])('$name', ({ rest, expect: want }) => {
    const rounds = [round(1, rest), round(1, rest), round(1)];
    expect(generatorLimit(rounds)).toContain(want);
    for (const metric of ['p50', 'max', 'rps'] as const)
      expect(figureOf(alone(...rounds), metric).missing).toContain('this machine was the limit');
  });

  it.each([
    { name: 'a calm load', rounds: [round(1)] },
    {
      name: 'one disturbed round of three',
      rounds: [round(1), round(1), round(1, { generator: { cpuShare: 1, lateUsP99: 1e6 } })],
    },
    { name: 'nothing', rounds: [] },
  ])('is not $name', ({ rounds }) => expect(generatorLimit(rounds)).toBeNull());
});
