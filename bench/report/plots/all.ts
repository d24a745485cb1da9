// Every plot that the figures of a result allow, in the order of the report.
import type { RunResult } from '../../result.ts';
import { connectionsPlots } from './connections.ts';
import { cpuPlot } from './cpu.ts';
import { latencyPlot } from './latency.ts';
import { rulesPlot } from './rules.ts';
import type { Plot } from './svg.ts';

export function plotsOf(result: RunResult): Plot[] {
  const plots = [latencyPlot(result), cpuPlot(result), rulesPlot(result), ...connectionsPlots(result)];
  return plots.filter((plot) => plot !== null);
}
