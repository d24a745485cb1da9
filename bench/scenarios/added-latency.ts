// An open loop, and what it says: percentiles of a peer less those of a call without a proxy in the same
// round, and whether the load itself was in time.
import { round } from '../claim.ts';
import { LATE_US_MAX } from '../load/arrivals.ts';
import { direct } from '../peers/direct.ts';
import { type Column, differenceCell, differences, median } from '../points.ts';
import type { LatencyUs, Point } from '../result.ts';
import { summarize } from '../statistics.ts';
import { P50 } from './columns.ts';
import type { Contestant } from './line-up.ts';
import type { Entry } from './rounds.ts';
import type { Bench } from './scenario.ts';

/** Keep-alive connections that share the rate. */
export const OPEN_LOOP_CONNECTIONS = 16;

/** `contestant` at `perSecond` requests a second, for `ms`. */
export function openLoop(bench: Bench, contestant: Contestant, perSecond: number, ms: number): Entry {
  return {
    contestant,
    variant: rateName(perSecond),
    x: perSecond,
    run: () =>
      bench.load.run({
        kind: 'constant-rate',
        target: contestant.target,
        connections: OPEN_LOOP_CONNECTIONS,
        perSecond,
        ms,
        pids: contestant.pids(),
      }),
  };
}

/** `1,000/s` */
export const rateName = (perSecond: number): string => `${perSecond.toLocaleString('en')}/s`;

/** The median, what is added to direct from p50 to p99.9, and the tail. */
export function addedColumns(): Column[] {
  const percentiles: (keyof LatencyUs)[] = ['p50', 'p90', 'p95', 'p99', 'p999'];
  return [
    P50,
    ...percentiles.map(addedColumn),
    median(
      'p99.9 us',
      ({ latencyUs }) => latencyUs.p999,
      (us) => us.toFixed(0),
    ),
  ];
}

/** How late the load woke. */
export const LATENESS = median(
  'load late p99 us',
  ({ generator }) => generator.lateUsP99,
  (us) => us.toFixed(0),
);

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

/** True when requests came in bursts instead of at a rate: nothing is concluded from it. */
export function isLate(point: Point): boolean {
  return lateUs(point) > LATE_US_MAX;
}

/** Says so when the load was the limit. */
export function lateNotes(points: readonly Point[]): string[] {
  return points.filter(isLate).map((point) => {
    const late = `the load itself woke ${round(lateUs(point) / 1_000)} ms late (p99)`;
    return `${point.peer}, ${point.variant}: ${late}: its figures mislead`;
  });
}

function lateUs({ rounds }: Point): number {
  return summarize(rounds.flatMap((sample) => sample?.generator.lateUsP99 ?? [])).median;
}
