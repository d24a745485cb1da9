// What a proxy adds to a request at constant rates: an open loop, percentiles against no proxy at all in the
// same round, and the CPU time of a proxy that is mostly idle.

import { type Claim, upperBound } from '../claim.ts';
import { direct } from '../peers/direct.ts';
import { envoy1, envoy1000 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { nginx } from '../peers/nginx.ts';
import { baseline, ours } from '../peers/ours.ts';
import { cpuOf, differences, median, pointTable, type Reading, roundsOf } from '../points.ts';
import type { Point } from '../result.ts';
import { ratios } from '../statistics.ts';
import {
  addedColumns,
  isLate,
  LATENESS,
  lateNotes,
  OPEN_LOOP_CONNECTIONS,
  openLoop,
  rateName,
} from './added-latency.ts';
import { measureInTurn, warmUp } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

/** Requests a second; the claims are about the last one. The others say what a proxy costs that is idle. */
const RATES = [10, 100, 1_000];
const CLAIMED_RATE = 1_000;
const CLAIMED = rateName(CLAIMED_RATE);
const QUICK_RATES = [CLAIMED_RATE];
const ADDED_P95_US_MAX = 1_000;

export const latency: Scenario = {
  name: 'latency',
  summary: `latency that a proxy adds at ${RATES.join(', ')} requests a second (open loop), p50 to p99.9`,
  full: { rounds: 5, seconds: 4 },
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
      contestants.map((contestant) =>
        // Fewer requests have no tail to look at.
        openLoop(
          bench,
          contestant,
          perSecond,
          bench.effort.seconds * (perSecond === CLAIMED_RATE ? 1_000 : 500),
        ),
      ),
    ),
  );
  const title = `open loop, ${OPEN_LOOP_CONNECTIONS} connections; "+" = more than direct in the same round`;
  return {
    claims: claims(points, bench.effort.rounds),
    points,
    tables: [pointTable(title, points, [...addedColumns(), median('CPU us/req', cpuOf), LATENESS])],
    notes: [...notes, ...failures, ...lateNotes(points)],
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
