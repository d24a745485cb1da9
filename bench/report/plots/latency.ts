// Latency distribution of the scenario `latency`: percentiles by their nines, a line per peer.

import type { Point, RunResult } from '../../result.ts';
import { grouped, pointsOf } from '../figures.ts';
import { linePlot, type Series, X_SPAN, Y_SPAN } from './line-plot.ts';
import { logScale, ninesScale } from './scale.ts';
import type { Plot } from './svg.ts';

type Curve = readonly (readonly [percentile: number, us: number])[];

/** Where marks stand, as far as a curve reaches. */
const MARKED = [50, 90, 99, 99.9, 99.99];
/** The rate of the plot, when it was measured; else the highest. */
const RATE = 1_000;

/** Null when no curve was measured. */
export function latencyPlot(result: RunResult): Plot | null {
  const all = pointsOf(result, 'latency').filter((point) => curveOf(point).length > 1);
  const rates = all.map(({ x }) => x ?? 0);
  const rate = rates.includes(RATE) ? RATE : Math.max(...rates);
  const points = all.filter(({ x }) => (x ?? 0) === rate);
  const first = points[0];
  if (first === undefined) return null;
  const values = points.flatMap(curveOf);
  const us = values.map(([, value]) => value);
  const series = points.map(seriesOf);
  return linePlot({
    id: 'latency',
    title: `Latency at a constant rate of ${first.variant}`,
    description: `Latency by percentile. ${series.map(inWords).join('; ')}.`,
    caption: [
      'Latency counts from when a request was seen to be due; the median of the rounds at each percentile. Lower is better.',
      'Both scales are logarithmic: as far from 90 % to 99 % as from 99 % to 99.9 %.',
    ],
    xTitle: 'share of requests answered within this time',
    yTitle: 'latency, logarithmic',
    xText: (percentile) => `${percentile} %`,
    yText: timeText,
    scales: {
      x: ninesScale(Math.max(...values.map(([percentile]) => percentile)), X_SPAN),
      y: logScale(Math.min(...us), Math.max(...us), Y_SPAN),
    },
    dodge: 0,
    series,
  });
}

/** What can be drawn: the maximum has no place on a scale of nines, nor zero on a logarithmic one. */
function curveOf({ curve = [] }: Point): Curve {
  return curve.filter(([percentile, us]) => percentile >= 0 && percentile < 100 && us > 0);
}

function seriesOf(point: Point): Series {
  const curve = curveOf(point);
  const marks = MARKED.flatMap((wanted) => {
    const found = curve.find(([percentile]) => percentile >= wanted);
    return found === undefined ? [] : [{ x: found[0], low: found[1], middle: found[1], high: found[1] }];
  });
  return { peer: point.peer, lines: [curve], marks };
}

function inWords({ peer, marks }: Series): string {
  const said = marks.map(({ x, high }) => `${Number(x.toFixed(4))} % within ${timeText(high)}`);
  return `${peer}: ${said.join(', ')}`;
}

/** `200 µs`, `1.5 ms`, `2 s` */
export function timeText(us: number): string {
  if (us < 1_000) return `${Number(us.toPrecision(3))} µs`;
  if (us < 1_000_000) return `${Number((us / 1_000).toPrecision(3))} ms`;
  return `${grouped(Number((us / 1_000_000).toPrecision(3)))} s`;
}
