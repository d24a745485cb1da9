// What a proxy adds to a request at constant rates: an open loop, percentiles against no proxy at all in the
// same round, and the CPU time of a proxy that is mostly idle.

import { type Claim, round, upperBound } from '../claim.ts';
import { LATE_US_MAX } from '../load/arrivals.ts';
import { direct } from '../peers/direct.ts';
import { envoy1, envoy1000 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { nginx } from '../peers/nginx.ts';
import { baseline, ours } from '../peers/ours.ts';
import {
  type Column,
  cpuOf,
  differenceCell,
  differences,
  median,
  pointTable,
  type Reading,
  roundsOf,
} from '../points.ts';
import type { LatencyUs, Point } from '../result.ts';
import { ratios, summarize } from '../statistics.ts';
import { P50 } from './columns.ts';
import { type Entry, measureInTurn, warmUp } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

/** Requests a second; the claims are about the last one. The others say what a proxy costs that is idle. */
const RATES = [10, 100, 1_000];
const CLAIMED_RATE = 1_000;
const CLAIMED = '1,000/s';
const QUICK_RATES = [CLAIMED_RATE];
const CONNECTIONS = 16;
const ADDED_P95_US_MAX = 1_000;

export const latency: Scenario = {
  name: 'latency',
  summary: `latency that a proxy adds at ${RATES.join(', ')} requests a second (open loop), p50 to p99.9`,
  full: { rounds: 5, seconds: 5 },
  quick: { rounds: 5, seconds: 1 },
  run,
};

async function run(bench: Bench): Promise<Found> {
  const { options } = bench;
  const proxies = options.quick ? [ours, haproxy, envoy1] : [ours, haproxy, nginx, envoy1, envoy1000];
  const others = options.baseline === null ? proxies : [baseline(options.baseline), ...proxies];
  const { contestants, notes } = await bench.lineUp.of([direct, ...others]);
  await warmUp(bench, contestants);
  const rates = options.quick ? QUICK_RATES : RATES;
  const { points, notes: failures } = await measureInTurn(
    bench,
    rates.flatMap((perSecond) =>
      contestants.map(
        (contestant): Entry => ({
          contestant,
          variant: `${perSecond.toLocaleString('en')}/s`,
          x: perSecond,
          run: () =>
            bench.load.run({
              kind: 'constant-rate',
              target: contestant.target,
              connections: CONNECTIONS,
              perSecond,
              // Fewer requests have no tail to look at.
              ms: bench.effort.seconds * (perSecond === CLAIMED_RATE ? 1_000 : 500),
              pids: contestant.pids(),
            }),
        }),
      ),
    ),
  );
  const title = `open loop, ${CONNECTIONS} connections; "+" = more than direct in the same round`;
  return {
    claims: claims(points, bench.effort.rounds),
    points,
    tables: [pointTable(title, points, columns())],
    notes: [...notes, ...failures, ...lateNotes(points)],
  };
}

function columns(): Column[] {
  const percentiles: (keyof LatencyUs)[] = ['p50', 'p90', 'p95', 'p99', 'p999'];
  return [
    P50,
    ...percentiles.map(addedColumn),
    median(
      'p99.9 us',
      ({ latencyUs }) => latencyUs.p999,
      (us) => us.toFixed(0),
    ),
    median('CPU us/req', cpuOf),
    median(
      'load late p99 us',
      ({ generator }) => generator.lateUsP99,
      (us) => us.toFixed(0),
    ),
  ];
}

function addedColumn(percentile: keyof LatencyUs): Column {
  return {
    name: `+${percentile === 'p999' ? 'p99.9' : percentile} us`,
    cell(point, points) {
      if (point.peer === direct.name) return '-';
      const floor = points.find(({ peer, variant }) => peer === direct.name && variant === point.variant);
      const values = differences(point, floor, ({ latencyUs }) => latencyUs[percentile]);
      return differenceCell(values.length === 0 ? null : summarize(values));
    },
  };
}

function claims(points: readonly Point[], rounds: number): Claim[] {
  const of = (name: string): Point | undefined =>
    points.find(({ peer, variant }) => peer === name && variant === CLAIMED);
  const [mine, theirs, floor] = [of(ours.name), of(envoy1.name), of(direct.name)];
  const late = [mine, theirs, floor].some((point) => point !== undefined && isLate(point));
  const missing = late
    ? 'the load itself woke too late'
    : `needs sallyport, direct and ${envoy1.name} in this run`;
  // What direct takes is on both sides: p95 against p95 is the same question, and has no zero to divide by.
  const against = (percentile: 'p95' | 'p99'): Claim => {
    const reading: Reading = ({ latencyUs }) => latencyUs[percentile];
    return upperBound({
      text: `added ${percentile} at ${CLAIMED} <= Envoy's with one policy (${percentile} over ${percentile})`,
      bound: 1,
      values: late ? [] : ratios(roundsOf(mine, reading), roundsOf(theirs, reading)),
      unit: ' x',
      rounds,
      missing,
    });
  };
  return [
    upperBound({
      text: `added p95 at ${CLAIMED} < ${ADDED_P95_US_MAX / 1_000} ms`,
      bound: ADDED_P95_US_MAX / 1_000,
      values: late ? [] : differences(mine, floor, ({ latencyUs }) => latencyUs.p95 / 1_000),
      unit: ' ms',
      rounds,
      missing,
    }),
    against('p95'),
    against('p99'),
  ];
}

function lateUs({ rounds }: Point): number {
  return summarize(rounds.flatMap((sample) => sample?.generator.lateUsP99 ?? [])).median;
}

function isLate(point: Point): boolean {
  return lateUs(point) > LATE_US_MAX;
}

/** Says so when the load was the limit. */
function lateNotes(points: readonly Point[]): string[] {
  return points.filter(isLate).map((point) => {
    const late = `the load itself woke ${round(lateUs(point) / 1_000)} ms late (p99)`;
    return `${point.peer}, ${point.variant}: ${late}: its figures mislead`;
  });
}
