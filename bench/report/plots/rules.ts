// What a request costs as rules are added: the scenario `rules`.
import { cpuOf } from '../../points.ts';
import type { RunResult } from '../../result.ts';
import { pointsOf } from '../figures.ts';
import { plotOverVariants } from './over-variants.ts';
import type { Plot } from './svg.ts';

/** Null when the scenario was not run, or under one number of rules only. */
export function rulesPlot(result: RunResult): Plot | null {
  return plotOverVariants({
    id: 'rules',
    title: 'CPU per request against number of rules',
    xTitle: 'rules',
    yTitle: 'CPU per request, µs',
    points: pointsOf(result, 'rules'),
    pick: cpuOf,
  });
}
