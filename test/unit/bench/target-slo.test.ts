// Objectives: the grammar with the column of each fault, and the verdict on what was measured.
import { describe, expect, it } from 'vitest';
import { type Figure, judge, type Objective, parseSlo } from '../../../bench/target/slo.ts';
import { SallyportError } from '../../../core/errors.ts';

function faultsOf(text: string): string[] {
  try {
    parseSlo(text);
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    expect(error.code).toBe('ERR_SLO');
    return error.diagnostics.map(({ at, message, hint }) => `${at?.column}: ${message} | ${hint}`);
  }
  return [];
}

function only(text: string): Objective {
  const [objective] = parseSlo(text);
  if (objective === undefined) throw new Error('no objective');
  return objective;
}

describe('parseSlo', () => {
  it.each([
    { text: 'p50<5ms', expect: { metric: 'p50', operator: '<', bound: 5_000, unit: 'ms' } },
    { text: 'p999<=1.5s', expect: { metric: 'p999', operator: '<=', bound: 1_500_000, unit: 's' } },
    { text: 'max>300us', expect: { metric: 'max', operator: '>', bound: 300, unit: 'us' } },
    { text: 'added_p95 < 300 µs', expect: { metric: 'added_p95', bound: 300, text: 'added_p95 < 300 µs' } },
    { text: 'added_p50<300\u03bcs', expect: { metric: 'added_p50', bound: 300 } },
    { text: ' errors < .1 % ', expect: { metric: 'errors', bound: 0.1, unit: '%', text: 'errors < .1 %' } },
    { text: 'errors<=0%', expect: { metric: 'errors', operator: '<=', bound: 0 } },
    { text: 'rps>=99.5', expect: { metric: 'rps', operator: '>=', bound: 99.5, unit: '' } },
  ])('reads $text', ({ text, expect: want }) => expect(parseSlo(text)).toMatchObject([want]));

  it('reads several', () => {
    const metrics = parseSlo('added_p95<5ms,p99<20ms, errors<0.1%').map(({ metric }) => metric);
    expect(metrics).toEqual(['added_p95', 'p99', 'errors']);
  });

  it.each([
    { text: '', expect: '1: an objective is missing | write `p99<20ms`' },
    { text: 'p99<5ms,', expect: '9: an objective is missing' },
    { text: 'p99<5ms,,p50<1ms', expect: '9: an objective is missing' },
    { text: 'p98<5ms', expect: '1: unknown metric `p98` | did you mean `p90`?' },
    { text: 'p99.9<5ms', expect: '1: unknown metric `p99.9` | did you mean `p999`?' },
    { text: 'P99<5ms', expect: '1: unknown metric `P99` | did you mean `p99`?' },
    { text: 'added_max<5ms', expect: '1: unknown metric `added_max`' },
    { text: 'added p95<5ms', expect: '1: unknown metric `added`' },
    { text: 'throughput>5', expect: '1: unknown metric `throughput` | there are: p50' },
    { text: 'p99<5ms, error<1%', expect: '10: unknown metric `error` | did you mean `errors`?' },
    { text: '<5ms', expect: '1: a metric is missing' },
    { text: 'p99', expect: '4: `p99` is compared with nothing | one of < <= > >=: `p99<20ms`' },
    { text: 'p99=5ms', expect: '4: `=` is no comparison' },
    { text: 'p99 =< 5ms', expect: '5: `=<` is no comparison' },
    { text: 'p99≤5ms', expect: '4: `≤` is no comparison' },
    { text: 'p99!=5ms', expect: '4: `!=` is no comparison' },
    { text: 'p99<', expect: '5: `` is no value | write `p99<20ms`' },
    { text: 'p99<ms', expect: '5: `ms` is no value' },
    { text: 'p99<-5ms', expect: '5: `-5ms` is no value' },
    { text: 'p99<1.2.3ms', expect: '5: `1.2.3ms` is no value' },
    { text: 'p99<5', expect: '6: `5` has no unit | write `5ms`: us, ms or s' },
    { text: 'p99<5%', expect: '6: `%` is no unit of `p99`' },
    { text: 'p99<5 min', expect: '7: `min` is no unit of `p99`' },
    { text: 'p99<1e3ms', expect: '6: `e3ms` is no unit of `p99`' },
    { text: 'p99<20ms p50<5ms', expect: '7: `ms p50<5ms` is no unit' },
    { text: 'errors<0.1', expect: '11: `0.1` has no unit | write `0.1%`' },
    { text: 'errors<5ms', expect: '9: `ms` is no unit of `errors`' },
    { text: 'errors<101%', expect: '8: `101%` is out of range' },
    { text: 'errors<0%', expect: '7: nothing is below `0%` | `errors<=0%`?' },
    { text: 'rps>5ms', expect: '6: `ms` is no unit of `rps` | write `5`: answers a second' },
    { text: 'p99<9999s', expect: '5: `9999s` is out of range' },
  ])('refuses `$text`', ({ text, expect: want }) => {
    const [first] = faultsOf(text);
    expect(first?.slice(0, want.length)).toBe(want);
  });

  it('reports every fault, each at its column', () => {
    expect(faultsOf('p98<5ms,p99<20ms,rps<1%').map((line) => line.slice(0, 3))).toEqual(['1: ', '23:']);
  });

  it('refuses a text without end', () => expect(() => parseSlo('p99<1ms,'.repeat(1_000))).toThrow('4 KiB'));
});

describe('judge', () => {
  const figure = (values: readonly number[], rest: Partial<Figure> = {}): Figure => ({
    values,
    tooWide: false,
    missing: null,
    ...rest,
  });

  it.each([
    { name: 'below', text: 'p99<5ms', figure: figure([4_000, 4_100, 3_900]), expect: 'holds' },
    { name: 'above', text: 'p99<5ms', figure: figure([6_000, 6_100]), expect: 'missed' },
    { name: 'at a bound that is excluded', text: 'p99<5ms', figure: figure([5_000]), expect: 'missed' },
    { name: 'at a bound that is included', text: 'p99<=5ms', figure: figure([5_000]), expect: 'holds' },
    { name: 'a rate above', text: 'rps>=99', figure: figure([99, 100, 100]), expect: 'holds' },
    { name: 'a rate at a bound', text: 'rps>100', figure: figure([100]), expect: 'missed' },
    { name: 'a median below', text: 'p99<5ms', figure: figure([4_800, 4_900, 5_100]), expect: 'holds' },
    { name: 'less than direct', text: 'added_p95<1ms', figure: figure([-10, 20, 5]), expect: 'holds' },
    {
      name: 'a wide spread on both sides',
      text: 'p99<5ms',
      figure: figure([1_000, 2_000, 9_000], { tooWide: true }),
      expect: 'unclear',
    },
    {
      name: 'a wide spread below',
      text: 'p99<10ms',
      figure: figure([1_000, 2_000, 9_000], { tooWide: true }),
      expect: 'holds',
    },
    {
      name: 'a wide spread above',
      text: 'p99<500us',
      figure: figure([1_000, 2_000, 9_000], { tooWide: true }),
      expect: 'missed',
    },
    { name: 'nothing', text: 'p99<5ms', figure: figure([]), expect: 'not measured' },
    {
      name: 'what says nothing',
      text: 'p99<5ms',
      figure: figure([1], { missing: 'x' }),
      expect: 'not measured',
    },
    {
      name: 'failures at the percentile',
      text: 'p99<5ms',
      figure: figure([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]),
      expect: 'missed',
    },
    {
      name: 'failures in one round of two',
      text: 'p99<5ms',
      figure: figure([1, Number.POSITIVE_INFINITY], { tooWide: true }),
      expect: 'unclear',
    },
  ])('$name: $expect', ({ text, figure: measured, expect: want }) => {
    expect(judge(only(text), measured).verdict).toBe(want);
  });

  it.each([
    {
      text: 'p99<5ms',
      figure: figure([4_000, 4_200, 4_100]),
      expect: '4.10 ms (4.00 ms to 4.20 ms, 3 rounds)',
    },
    { text: 'p99<500us', figure: figure([400]), expect: '400 us (400 us to 400 us, 1 round)' },
    {
      text: 'errors<1%',
      figure: figure([0.5], { of: '1 of 200 requests' }),
      expect: '0.50 % (1 of 200 requests)',
    },
    {
      text: 'p99<5ms',
      figure: figure([Number.POSITIVE_INFINITY]),
      expect: 'failed (failed to failed, 1 round)',
    },
    { text: 'p99<5ms', figure: figure([], { missing: 'too few' }), expect: 'too few' },
    {
      text: 'p99<10ms',
      figure: figure([1_000, 2_000], { tooWide: true }),
      expect: '1.00 ms to 2.00 ms, spread too wide for one figure',
    },
  ])('says $expect', ({ text, figure: measured, expect: want }) => {
    expect(judge(only(text), measured).figure).toBe(want);
  });
});
