// From rounds to figures: one value a round for each metric, and when they say nothing.

import { LATE_US_MAX } from '../load/arrivals.ts';
import { isTooWide, type Summary, summarize } from '../statistics.ts';
import type { Side } from './endpoint.ts';
import { type Round, total } from './round.ts';
import type { RateRounds } from './rounds.ts';
import {
  type Figure,
  isAdded,
  type LatencyMetric,
  type Metric,
  type Objective,
  type Percentile,
  percentileOf,
} from './slo.ts';

/** Above this share of a CPU this process waits for itself. */
const CPU_SHARE_MAX = 0.9;
/**
 * Rounds that differ by less are alike, however close to zero their median is: an added latency of 0.02 ms
 * with a spread of 0.04 ms is a good figure, although the spread is twice the median.
 */
const SPREAD_US = 100;
/** In a round: ten beyond the percentile, so that it is not the story of a single one. */
const REQUESTS_MIN: Readonly<Record<Percentile, number>> = {
  p50: 20,
  p90: 100,
  p95: 200,
  p99: 1_000,
  p999: 10_000,
};

/** All rounds of one side. */
export function roundsOf({ pairs }: RateRounds, side: Side): Round[] {
  return pairs.flatMap((pair) => pair[side] ?? []);
}

/** The values of one metric at one rate. */
export function figureOf(measured: RateRounds, metric: Metric): Figure {
  if (isAdded(metric)) return addedFigure(measured, percentileOf(metric));
  if (metric === 'errors') return errorFigure(measured);
  const rounds = roundsOf(measured, 'target');
  if (metric === 'rps') {
    const values = rounds.map(({ requestsPerSecond }) => requestsPerSecond);
    return { values, tooWide: isTooWide(summarize(values)), missing: generatorLimit(rounds) };
  }
  return latencyFigure(rounds, metric);
}

/** As `figureOf`, and whether so many requests can tell on which side of the bound it is. */
export function figureFor(measured: RateRounds, objective: Objective): Figure {
  const figure = figureOf(measured, objective.metric);
  const [percent] = figure.values;
  if (objective.metric !== 'errors' || percent !== 0 || objective.bound === 0) return figure;
  const needed = Math.ceil(100 / objective.bound);
  const requests = total(roundsOf(measured, 'target'), (round) => round.requests);
  if (requests >= needed) return figure;
  const seen = `none of ${requests} requests failed, and less than one in ${needed} is asked for`;
  return { ...figure, missing: `${seen}: more \`--seconds\`` };
}

/** Latencies of one side. */
export function latencyFigure(rounds: readonly Round[], metric: LatencyMetric): Figure {
  const values = rounds.map(({ latencyUs }) => latencyUs[metric]);
  return {
    values,
    tooWide: differ(summarize(values)),
    missing: generatorLimit(rounds) ?? tooFew(rounds, metric),
  };
}

function addedFigure({ pairs }: RateRounds, percentile: Percentile): Figure {
  const both = pairs.flatMap(({ target, direct }) => {
    const answered = direct !== null && Number.isFinite(direct.latencyUs[percentile]);
    return target === null || !answered ? [] : [{ target, direct }];
  });
  const values = both.map(
    ({ target, direct }) => target.latencyUs[percentile] - direct.latencyUs[percentile],
  );
  const rounds = both.flatMap(({ target, direct }) => [target, direct]);
  const missing =
    both.length === 0
      ? 'no round of the direct side was measured'
      : (generatorLimit(rounds) ?? tooFew(rounds, percentile));
  return { values, tooWide: differ(summarize(values)), missing };
}

/** Of all rounds together: an outage in one of them must not vanish in a median. */
function errorFigure(measured: RateRounds): Figure {
  const rounds = roundsOf(measured, 'target');
  const requests = total(rounds, (round) => round.requests);
  const failed = requests - total(rounds, ({ answered }) => answered);
  const values = requests === 0 ? [] : [(failed / requests) * 100];
  return { values, tooWide: false, missing: outOfResources(rounds), of: `${failed} of ${requests} requests` };
}

/** Why rounds of this process's own making say nothing about the server; null when they do. */
export function generatorLimit(rounds: readonly Round[]): string | null {
  if (rounds.length === 0) return null;
  const late = summarize(rounds.map(({ generator }) => generator.lateUsP99)).median;
  if (late > LATE_US_MAX)
    return `this machine was the limit: the load woke ${(late / 1_000).toFixed(1)} ms late (p99)`;
  const share = summarize(rounds.map(({ generator }) => generator.cpuShare)).median;
  if (share > CPU_SHARE_MAX)
    return `this machine was the limit: the load used ${(share * 100).toFixed(0)} % of a CPU`;
  return outOfResources(rounds);
}

function outOfResources(rounds: readonly Round[]): string | null {
  const local = total(rounds, ({ faults }) => faults.local ?? 0);
  return local === 0 ? null : 'this machine was the limit: it ran out of files or ports';
}

function tooFew(rounds: readonly Round[], metric: LatencyMetric): string | null {
  if (metric === 'max') return null;
  const needed = REQUESTS_MIN[metric];
  const fewest = Math.min(...rounds.map(({ requests }) => requests));
  if (fewest >= needed) return null;
  const seen = `${fewest} requests a round, and ${metric} needs ${needed}`;
  return `${seen}: a higher \`--rate\`, or more \`--seconds\``;
}

/** As `isTooWide`, but sensible around zero. */
function differ(summary: Summary): boolean {
  const { low, high } = summary;
  return high !== low && high - low > SPREAD_US && isTooWide(summary);
}
