// CPU per request by peer, from the scenario `requests`: bars of the medians with whiskers from minimum to
// maximum, the cheapest first. It is also the picture of the README.
import { round } from '../../claim.ts';
import { cpuOf } from '../../points.ts';
import type { RunResult } from '../../result.ts';
import { isTooWide, type Summary } from '../../statistics.ts';
import { cell, firstVariant, grouped, OURS, pointsOf, rulesOf, summaryOf } from '../figures.ts';
import { WIDE_NOTE } from './over-variants.ts';
import { linearScale, type Scale } from './scale.ts';
import { label, line, PLOT_WIDTH, type Plot, peerGroup, px } from './svg.ts';

interface Row {
  readonly peer: string;
  readonly rules: string;
  readonly summary: Summary;
}

const LEFT = 260;
const RIGHT = PLOT_WIDTH - 120;
const TOP = 12;
const ROW = 34;
const BAR = 18;

/** Null when no CPU time was measured. */
export function cpuPlot(result: RunResult): Plot | null {
  const rows = rowsOf(result);
  if (rows.length === 0) return null;
  const height = TOP + rows.length * ROW + 40;
  const scale = linearScale(Math.max(...rows.map(({ summary }) => summary.max)), { from: LEFT, to: RIGHT });
  const wide = rows.some(({ summary }) => isTooWide(summary));
  const said = rows.map(({ peer, rules, summary }) => `${peer} (${rules}): ${cell(summary)}`);
  return {
    id: 'cpu',
    title: 'CPU time of the proxy per request, µs',
    description: `CPU time per request in microseconds. ${said.join('; ')}.`,
    height,
    body: [axis(scale, height), ...rows.map((row, i) => bar(row, scale, TOP + i * ROW))].join('\n'),
    caption: [
      'Bars are medians over rounds, thin lines reach from minimum to maximum. Less is better.',
      ...(wide ? [WIDE_NOTE] : []),
    ],
  };
}

function rowsOf(result: RunResult): Row[] {
  const rows = firstVariant(pointsOf(result, 'requests')).flatMap((point) => {
    const summary = summaryOf(point, cpuOf);
    return summary === null ? [] : [{ peer: point.peer, rules: rulesOf(result, point.peer), summary }];
  });
  return rows.sort((a, b) => a.summary.median - b.summary.median);
}

function axis({ at, ticks }: Scale, height: number): string {
  const bottom = height - 34;
  const parts = ticks.map((tick) => {
    const text = label({ x: at(tick), y: bottom + 18, text: grouped(tick), anchor: 'middle', quiet: true });
    return line(at(tick), TOP, at(tick), bottom, 'grid') + text;
  });
  return parts.join('\n');
}

function bar({ peer, rules, summary }: Row, { at }: Scale, top: number): string {
  const middle = top + ROW / 2;
  const { min, max, median } = summary;
  const name = label({ x: LEFT - 12, y: middle + 4, text: `${peer}, ${rules}`, anchor: 'end' });
  const range = isTooWide(summary);
  const place = `x="${LEFT}" y="${px(middle - BAR / 2)}" width="${px(at(median) - LEFT)}" height="${BAR}"`;
  const filled = `<rect class="bar" ${place}/>`;
  const spread = line(at(min), middle, at(max), middle, range ? 'range' : 'whisker');
  const figure = range ? `${round(min)} to ${round(max)} ?` : round(median);
  const value = label({ x: at(max) + 8, y: middle + 4, text: figure });
  return peerGroup(peer, peer === OURS, name + (range ? '' : filled) + spread + value);
}
