// Reads points: series and ratios for claims, columns for tables.
import { round } from './claim.ts';
import type { Point, Sample } from './result.ts';
import { isTooWide, ratios, type Summary, summarize } from './statistics.ts';
import type { Table } from './table.ts';

/** One figure of a sample; null when the peer has none. */
export type Reading = (sample: Sample) => number | null;

export const cpuOf: Reading = (sample) => sample.cpuUsPerRequest;

/** A figure of each round, null where it failed or has none; nothing for a point that was not measured. */
export function roundsOf(point: Point | undefined, pick: Reading): (number | null)[] {
  return point?.rounds.map((sample) => (sample === null ? null : pick(sample))) ?? [];
}

/** The rounds of a peer's point; empty when it was not measured. */
export function seriesOf(
  points: readonly Point[],
  peer: string,
  pick: Reading,
  variant?: string,
): (number | null)[] {
  const point = points.find((one) => one.peer === peer && (variant === undefined || one.variant === variant));
  return roundsOf(point, pick);
}

/** A figure of one point less the same one of another, in the rounds that have both. */
export function differences(of: Point | undefined, less: Point | undefined, pick: Reading): number[] {
  const others = roundsOf(less, pick);
  return roundsOf(of, pick).flatMap((value, i) => {
    const other = others[i] ?? null;
    return value === null || other === null ? [] : [value - other];
  });
}

/** For differences, which may be near zero, where a relative spread says nothing: middle and range. */
export function differenceCell(summary: Summary | null): string {
  if (summary === null) return '-';
  const { median: middle, min, max } = summary;
  return `${middle.toFixed(0)} [${min.toFixed(0)}..${max.toFixed(0)}]`;
}

/** A column of a table over points. */
export interface Column {
  readonly name: string;
  cell(point: Point, points: readonly Point[]): string;
}

/** The median of a figure, or why there is none. */
export function median(name: string, pick: Reading, format: (value: number) => string = round): Column {
  return { name, cell: (point) => cellOf(valuesOf(point, pick), format) };
}

/** Minimum and maximum of a figure. */
export function range(pick: Reading): Column {
  return {
    name: '[min-max]',
    cell(point) {
      const values = valuesOf(point, pick);
      if (values.length === 0) return '-';
      const { min, max } = summarize(values);
      return `[${round(min)}-${round(max)}]`;
    },
  };
}

/** The median of the ratios to another peer under the same variant, round by round. */
export function ratioTo(peer: string, pick: Reading): Column {
  return {
    name: `x ${peer}`,
    cell(point, points) {
      return cellOf(ratios(roundsOf(point, pick), seriesOf(points, peer, pick, point.variant)), round, '?');
    },
  };
}

/** One row a point: peer, variant when there are several, columns. */
export function pointTable(title: string, points: readonly Point[], columns: readonly Column[]): Table {
  const varied = points.some(({ variant }) => variant !== '');
  return {
    title,
    columns: ['peer', ...(varied ? ['variant'] : []), ...columns.map(({ name }) => name)],
    rows: points.map((point) => [
      point.peer,
      ...(varied ? [point.variant] : []),
      ...(point.rounds.every((sample) => sample === null)
        ? ['failed']
        : columns.map(({ cell }) => cell(point, points))),
    ]),
  };
}

function valuesOf(point: Point, pick: Reading): number[] {
  return roundsOf(point, pick).filter((value) => value !== null);
}

function cellOf(values: readonly number[], format: (value: number) => string, mark = ''): string {
  if (values.length === 0) return '-';
  const summary = summarize(values);
  if (!isTooWide(summary)) return format(summary.median);
  return mark === '' ? 'noisy' : `${format(summary.low)}-${format(summary.high)}${mark}`;
}
