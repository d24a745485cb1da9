// The figures behind every plot and table of the report: medians over rounds with their spread, as cells.
import { round } from '../claim.ts';
import { differences, type Reading, roundsOf } from '../points.ts';
import type { Point, RunResult } from '../result.ts';
import { isTooWide, ratios, type Summary, summarize } from '../statistics.ts';

export const rssMb: Reading = (sample) => sample.rssMb;

/** Our own name among the peers. */
export const OURS = 'sallyport';

/** What figures are taken from: a result, or a part of one that is still being measured. */
export interface HasPoints {
  readonly scenarios: readonly { readonly name: string; readonly points: readonly Point[] }[];
}

/** The points of a scenario; none when it was not run. */
export function pointsOf(result: HasPoints, scenario: string): readonly Point[] {
  return result.scenarios.find(({ name }) => name === scenario)?.points ?? [];
}

/** The points of the scenario's first variant, one a peer. */
export function firstVariant(points: readonly Point[]): readonly Point[] {
  return points.filter(({ variant }) => variant === points[0]?.variant);
}

/** Over the rounds that have a figure; null when none has. */
export function summaryOf(point: Point | undefined, pick: Reading): Summary | null {
  return summaryOfValues(roundsOf(point, pick));
}

/** Ours over theirs, taken inside each round. */
export function ratioOf(ours: Point | undefined, theirs: Point | undefined, pick: Reading): Summary | null {
  return summaryOfValues(ratios(roundsOf(ours, pick), roundsOf(theirs, pick)));
}

/** Ours minus theirs, taken inside each round. */
export function differenceOf(
  ours: Point | undefined,
  theirs: Point | undefined,
  pick: Reading,
): Summary | null {
  return summaryOfValues(differences(ours, theirs, pick));
}

/** The median; a range with a question mark when the rounds differ too much; `-` when there is none. */
export function cell(summary: Summary | null): string {
  if (summary === null) return '-';
  if (!isTooWide(summary)) return round(summary.median);
  return `${round(summary.low)}-${round(summary.high)}?`;
}

/** Figures of `summary` times `factor`. */
export function scaled(summary: Summary | null, factor: number): Summary | null {
  if (summary === null) return null;
  const { median, min, max, low, high, rounds } = summary;
  return {
    median: median * factor,
    min: min * factor,
    max: max * factor,
    low: low * factor,
    high: high * factor,
    rounds,
  };
}

/** `1,000` */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1,000 rules`; `no rule` for a peer that decides nothing. */
export function rulesOf(result: RunResult, peer: string): string {
  const found = result.peers.find(({ name }) => name === peer);
  if (found === undefined) return '-';
  if (found.rules === 0) return 'no rule';
  return `${grouped(found.rules)} ${found.rules === 1 ? 'rule' : 'rules'}`;
}

function summaryOfValues(values: readonly (number | null)[]): Summary | null {
  const numbers = values.filter((value) => value !== null).filter(Number.isFinite);
  return numbers.length === 0 ? null : summarize(numbers);
}
