// What a proxy adds to a request at constant rates: an open loop, percentiles against no proxy at all in the
// same round, and the CPU time of a proxy that is mostly idle.
import { type Claim, round, upperBound } from '../claim.ts';
import { direct } from '../peers/direct.ts';
import { envoy1, envoy1000 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { nginx } from '../peers/nginx.ts';
import { baseline, ours } from '../peers/ours.ts';
import { type Column, cpuOf, differences, median, pointTable } from '../points.ts';
import type { LatencyUs, Point } from '../result.ts';
import { summarize } from '../statistics.ts';
import { type Entry, measureInTurn, warmUp } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

/** Requests a second; the claims are about the last one. The others say what a proxy costs that is idle. */
const RATES = [10, 100, 1_000];
const CLAIMED_RATE = 1_000;
const CLAIMED = '1,000/s';
const QUICK_RATES = [CLAIMED_RATE];
const CONNECTIONS = 16;
/** A load that wakes later than this is part of what it measures. */
const LATE_US_MAX = 3_000;
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
    claims: claims(points),
    points,
    tables: [pointTable(title, points, columns())],
    notes: [...notes, ...failures, ...lateNotes(points)],
  };
}

function columns(): Column[] {
  const percentiles: (keyof LatencyUs)[] = ['p50', 'p90', 'p95', 'p99', 'p999'];
  return [
    median(
      'p50 us',
      ({ latencyUs }) => latencyUs.p50,
      (us) => us.toFixed(0),
    ),
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
      if (values.length === 0) return '-';
      // Differences may be near zero, where a relative spread says nothing: middle and range.
      const { median: middle, min, max } = summarize(values);
      return `${middle.toFixed(0)} [${min.toFixed(0)}..${max.toFixed(0)}]`;
    },
  };
}

function claims(points: readonly Point[]): Claim[] {
  const of = (name: string): Point | undefined =>
    points.find(({ peer, variant }) => peer === name && variant === CLAIMED);
  const added = (peer: string, percentile: keyof LatencyUs): number[] =>
    differences(of(peer), of(direct.name), ({ latencyUs }) => latencyUs[percentile]);
  const missing = `needs sallyport, direct and ${envoy1.name} in this run`;
  const against = (percentile: 'p95' | 'p99'): Claim =>
    upperBound({
      text: `added ${percentile} at ${CLAIMED} <= Envoy's with one policy`,
      bound: 1,
      values: pairRatios(added(ours.name, percentile), added(envoy1.name, percentile)),
      unit: ' x',
      missing,
    });
  return [
    upperBound({
      text: `added p95 at ${CLAIMED} < ${ADDED_P95_US_MAX / 1_000} ms`,
      bound: ADDED_P95_US_MAX / 1_000,
      values: added(ours.name, 'p95').map((us) => us / 1_000),
      unit: ' ms',
      missing: `needs sallyport and direct in this run`,
    }),
    against('p95'),
    against('p99'),
  ];
}

function pairRatios(mine: readonly number[], theirs: readonly number[]): number[] {
  return mine.flatMap((us, i) => {
    const other = theirs[i];
    return other === undefined || other <= 0 ? [] : [us / other];
  });
}

/** Says so when the load was the limit. */
function lateNotes(points: readonly Point[]): string[] {
  return points.flatMap(({ peer, variant, rounds }) => {
    const late = rounds.flatMap((sample) => sample?.generator.lateUsP99 ?? []);
    const { median: us } = summarize(late);
    return us > LATE_US_MAX
      ? [`${peer}, ${variant}: the load itself woke ${round(us / 1_000)} ms late (p99): its figures mislead`]
      : [];
  });
}
