// Memory as connections are added: every scenario whose variants are numbers of connections.
import type { RunResult } from '../../result.ts';
import { rssMb } from '../figures.ts';
import { plotOverVariants } from './over-variants.ts';
import type { Plot } from './svg.ts';

/** One plot per scenario that has such variants. */
export function connectionsPlots(result: RunResult): Plot[] {
  return result.scenarios.flatMap(({ name, points }) => {
    const counted = points.filter(({ x, variant }) => x !== null && /\bconnections?\b/.test(variant));
    const plot = plotOverVariants({
      id: `memory-${name}`,
      title: `Memory against connections (${name})`,
      xTitle: 'connections',
      yTitle: 'RSS, MB',
      points: counted,
      pick: rssMb,
    });
    return plot === null ? [] : [plot];
  });
}
