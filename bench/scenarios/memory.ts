// RSS of sallyport over 200,000 requests on 32 connections with 1,000 rules: below the bound, and flat at
// the end.
import { upperBound } from '../claim.ts';
import { ours } from '../peers/ours.ts';
import { quantile } from '../statistics.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

const REQUESTS = 200_000;
const SAMPLES = 200;
const RSS_MB_MAX = 100;
/**
 * A heap between two collections moves by about this much; a leak of 20 bytes a request would show as more.
 */
const GROWTH_MB_MAX = 2;

export const memory: Scenario = {
  name: 'memory',
  summary: `RSS of sallyport after ${REQUESTS} requests with 1,000 rules, and its growth over the last half`,
  full: { rounds: 1, seconds: 1 },
  quick: null,
  run,
};

async function run(bench: Bench): Promise<Found> {
  const { installed, notes } = bench.lineUp.installed([ours]);
  // A process of its own: what other scenarios needed is not what this one measures.
  const contestant = installed.length === 0 ? undefined : await bench.lineUp.fresh(ours);
  const curveMb: number[] = [];
  const endMb: number[] = [];
  if (contestant !== undefined) {
    const { target } = contestant;
    const pids = contestant.pids();
    bench.progress(`${REQUESTS} requests over ${bench.options.connections} connections`);
    const result = await bench.load.run({
      kind: 'closed-loop',
      target,
      connections: bench.options.connections,
      status: 200,
      warmup: { requests: 1, msMax: 5_000 },
      window: { requests: REQUESTS },
      pids,
      samples: SAMPLES,
    });
    curveMb.push(...result.rssKib.map((kib) => kib / 1_024));
    endMb.push(result.memory.rssKib / 1_024);
    await contestant.running.child?.stop();
  }
  return {
    claims: [
      upperBound({ text: `RSS <= ${RSS_MB_MAX} MB`, bound: RSS_MB_MAX, values: endMb, unit: ' MB' }),
      upperBound({
        text: `RSS growth over the last half <= ${GROWTH_MB_MAX} MB`,
        bound: GROWTH_MB_MAX,
        values: curveMb.length === 0 ? [] : [growthOverLastHalf(curveMb)],
        unit: ' MB',
      }),
    ],
    tables: [
      {
        title: `RSS MB after each tenth of ${REQUESTS} requests`,
        columns: ['', ...Array.from({ length: 10 }, (_, i) => `${(i + 1) * 10} %`)],
        rows: [
          [
            'sallyport',
            ...Array.from({ length: 10 }, (_, i) => at(curveMb, (i + 1) / 10)?.toFixed(1) ?? '-'),
          ],
        ],
      },
    ],
    notes,
    data: { curveMb, endMb },
  };
}

/** Median of the last quarter minus median of the third one. */
export function growthOverLastHalf(curve: readonly number[]): number {
  const quarter = (n: number): number[] =>
    curve
      .slice(Math.floor((curve.length * n) / 4), Math.floor((curve.length * (n + 1)) / 4))
      .sort((a, b) => a - b);
  return quantile(quarter(3), 0.5) - quantile(quarter(2), 0.5);
}

function at(curve: readonly number[], share: number): number | undefined {
  return curve[Math.ceil(curve.length * share) - 1];
}
