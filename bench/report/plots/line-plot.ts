// A line per peer: the kind that the plots over latency, rules and connections share.
import { OURS } from '../figures.ts';
import { peerStyle } from './peer-style.ts';
import type { Scale, Span } from './scale.ts';
import { label, line, mark, PLOT_WIDTH, type Plot, peerGroup, polyline } from './svg.ts';

export interface Mark {
  readonly x: number;
  readonly low: number;
  /** Null = the rounds differ too much for a middle. */
  readonly middle: number | null;
  readonly high: number;
}

export interface Series {
  readonly peer: string;
  /** Each of at least two points. */
  readonly lines: readonly (readonly (readonly [x: number, y: number])[])[];
  readonly marks: readonly Mark[];
}

export interface LinePlot {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly caption: readonly string[];
  readonly xTitle: string;
  readonly yTitle: string;
  readonly xText: (value: number) => string;
  readonly yText: (value: number) => string;
  readonly scales: { readonly x: Scale; readonly y: Scale };
  /** Pixels between peers at the same x, so that their spreads do not hide each other. */
  readonly dodge: number;
  readonly series: readonly Series[];
}

const HEIGHT = 400;
const LABEL_GAP = 16;
/** Where the axes of every line plot lie: names go right of them. */
export const X_SPAN: Span = { from: 72, to: PLOT_WIDTH - 196 };
export const Y_SPAN: Span = { from: HEIGHT - 56, to: 28 };

/** Axes, then everyone else, then ours on top. */
export function linePlot(plot: LinePlot): Plot {
  const series = [...plot.series].sort((a, b) => Number(a.peer === OURS) - Number(b.peer === OURS));
  const shift = (i: number): number => (i - (series.length - 1) / 2) * plot.dodge;
  const ends = series.map((one, i) => endOf(one, plot.scales, shift(i)));
  const heights = spreadApart(ends.map(([, y]) => y));
  const drawn = series.map((one, i) => {
    const [x, y] = ends[i] ?? [X_SPAN.to, Y_SPAN.from];
    const name = nameOf(one.peer, { x, y, to: heights[i] ?? y });
    return peerGroup(one.peer, one.peer === OURS, drawSeries(one, plot.scales, shift(i)) + name);
  });
  const { id, title, description, caption } = plot;
  return { id, title, description, caption, height: HEIGHT, body: [axes(plot), ...drawn].join('\n') };
}

function axes({ scales, xText, yText, xTitle, yTitle }: LinePlot): string {
  const parts = [label({ x: 8, y: 14, text: yTitle, quiet: true })];
  for (const tick of scales.y.ticks) {
    const y = scales.y.at(tick);
    parts.push(line(X_SPAN.from, y, X_SPAN.to, y, 'grid'));
    parts.push(label({ x: X_SPAN.from - 8, y: y + 4, text: yText(tick), anchor: 'end', quiet: true }));
  }
  for (const tick of scales.x.ticks) {
    const x = scales.x.at(tick);
    parts.push(line(x, Y_SPAN.from, x, Y_SPAN.from + 5, 'grid'));
    parts.push(label({ x, y: Y_SPAN.from + 20, text: xText(tick), anchor: 'middle', quiet: true }));
  }
  const middle = (X_SPAN.from + X_SPAN.to) / 2;
  parts.push(label({ x: middle, y: HEIGHT - 12, text: xTitle, anchor: 'middle', quiet: true }));
  return parts.join('\n');
}

function drawSeries({ peer, lines, marks }: Series, { x, y }: LinePlot['scales'], dx: number): string {
  const style = peerStyle(peer);
  const parts = lines.map((points) =>
    polyline(
      points.map(([left, up]) => [x.at(left) + dx, y.at(up)]),
      style,
    ),
  );
  for (const { x: value, low, middle, high } of marks) {
    const at = x.at(value) + dx;
    if (high > low) parts.push(line(at, y.at(low), at, y.at(high), middle === null ? 'range' : 'whisker'));
    if (middle !== null) parts.push(mark(style.shape, at, y.at(middle)));
  }
  return parts.join('');
}

/** The right end of what is drawn for a peer. */
function endOf(
  { lines, marks }: Series,
  { x, y }: LinePlot['scales'],
  dx: number,
): readonly [number, number] {
  const points = [
    ...lines.flat(),
    ...marks.map(({ x: at, low, middle, high }) => [at, middle ?? (low + high) / 2] as const),
  ];
  const last = points.reduce((best, point) => (point[0] > best[0] ? point : best), points[0] ?? [0, 0]);
  return [x.at(last[0]) + dx, y.at(last[1])];
}

/** The name at the right edge, with its mark, and a thin line to where the peer's own line ends. */
function nameOf(peer: string, { x, y, to }: { x: number; y: number; to: number }): string {
  const left = X_SPAN.to + 22;
  const leader = line(x + 6, y, left - 2, to, 'leader');
  return leader + mark(peerStyle(peer).shape, left + 4, to) + label({ x: left + 14, y: to + 4, text: peer });
}

/** Heights moved apart, as little as keeps names from covering each other. */
export function spreadApart(heights: readonly number[]): number[] {
  const order = heights.map((_, i) => i).sort((a, b) => (heights[a] ?? 0) - (heights[b] ?? 0));
  const placed = [...heights];
  let free = Y_SPAN.to;
  for (const i of order) {
    placed[i] = Math.max(heights[i] ?? 0, free);
    free = placed[i] + LABEL_GAP;
  }
  let limit = Y_SPAN.from;
  for (const i of order.toReversed()) {
    placed[i] = Math.min(placed[i] ?? 0, limit);
    limit = placed[i] - LABEL_GAP;
  }
  return placed;
}
