// One figure of a scenario's points against its variants, a line per peer: medians over rounds with spread.
import type { Reading } from '../../points.ts';
import type { Point } from '../../result.ts';
import { isTooWide } from '../../statistics.ts';
import { cell, grouped, summaryOf } from '../figures.ts';
import { linePlot, type Mark, type Series, X_SPAN, Y_SPAN } from './line-plot.ts';
import { linearScale, logScale, logScaleOf, type Scale } from './scale.ts';
import type { Plot } from './svg.ts';

/** From here on, a linear scale would press the small values together. */
const LOGARITHMIC_FROM = 20;
const DODGE = 5;

export interface Wanted {
  readonly id: string;
  readonly title: string;
  readonly xTitle: string;
  /** Figure and unit. */
  readonly yTitle: string;
  readonly points: readonly Point[];
  readonly pick: Reading;
}

/** Null unless some peer was measured under two variants or more. */
export function plotOverVariants({ id, title, xTitle, yTitle, points, pick }: Wanted): Plot | null {
  const series = seriesOf(points, pick);
  const marks = series.flatMap((one) => one.marks);
  if (!series.some((one) => one.marks.length > 1)) return null;
  const xs = [...new Set(marks.map(({ x }) => x))].sort((a, b) => a - b);
  const y = scaleFor(Math.min(...marks.map(({ low }) => low)), Math.max(...marks.map(({ high }) => high)));
  const wide = marks.some(({ middle }) => middle === null);
  return linePlot({
    id,
    title,
    description: `${yTitle}. ${inWords(points, pick)}.`,
    caption: captionOf(y.logarithmic, wide),
    xTitle: `${xTitle}, logarithmic`,
    yTitle: y.logarithmic ? `${yTitle}, logarithmic` : yTitle,
    xText: grouped,
    yText: grouped,
    scales: { x: logScaleOf(xs, { from: X_SPAN.from + 20, to: X_SPAN.to - 20 }), y: y.scale },
    dodge: DODGE,
    series,
  });
}

function seriesOf(points: readonly Point[], pick: Reading): Series[] {
  const peers = [...new Set(points.map(({ peer }) => peer))];
  return peers.flatMap((peer) => {
    const marks = points
      .filter((point) => point.peer === peer)
      .flatMap((point) => markOf(point, pick))
      .sort((a, b) => a.x - b.x);
    return marks.length === 0 ? [] : [{ peer, lines: linesThrough(marks), marks }];
  });
}

function markOf(point: Point, pick: Reading): Mark[] {
  const summary = summaryOf(point, pick);
  if (summary === null || summary.min <= 0 || point.x === null || point.x <= 0) return [];
  const { min, max, median } = summary;
  return [{ x: point.x, low: min, middle: isTooWide(summary) ? null : median, high: max }];
}

/** Lines end where the rounds give no middle. */
function linesThrough(marks: readonly Mark[]): (readonly [number, number])[][] {
  const lines: (readonly [number, number])[][] = [[]];
  for (const { x, middle } of marks) {
    if (middle === null) lines.push([]);
    else lines.at(-1)?.push([x, middle]);
  }
  return lines.filter((points) => points.length > 1);
}

function scaleFor(min: number, max: number): { scale: Scale; logarithmic: boolean } {
  const logarithmic = max / min > LOGARITHMIC_FROM;
  return { scale: logarithmic ? logScale(min, max, Y_SPAN) : linearScale(max, Y_SPAN), logarithmic };
}

function captionOf(logarithmic: boolean, wide: boolean): string[] {
  return [
    'Marks are medians over rounds, thin bars reach from minimum to maximum. Lower is better.',
    ...(logarithmic ? ['Both scales are logarithmic.'] : []),
    ...(wide ? [WIDE_NOTE] : []),
  ];
}

/** Said below every plot that shows a range. */
export const WIDE_NOTE =
  'A thick pale bar without a mark is a range: its rounds differ too much for one figure.';

function inWords(points: readonly Point[], pick: Reading): string {
  return points
    .map((point) => `${point.peer} at ${point.variant}: ${cell(summaryOf(point, pick))}`)
    .join('; ');
}
