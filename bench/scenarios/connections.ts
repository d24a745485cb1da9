// What the number of busy connections costs, in CPU time and in memory.
import { envoy1000 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { nginx } from '../peers/nginx.ts';
import { ours } from '../peers/ours.ts';
import { pointTable } from '../points.ts';
import { LOAD_COLUMNS } from './requests.ts';
import { closedLoop, measureInTurn, warmUp } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

const COUNTS = [1, 32, 512];

export const connections: Scenario = {
  name: 'connections',
  summary: 'CPU per request and memory by the number of busy connections, 1 to 512',
  full: { rounds: 3, seconds: 2 },
  quick: null,
  run,
};

async function run(bench: Bench): Promise<Found> {
  const { contestants, notes } = await bench.lineUp.of([ours, haproxy, nginx, envoy1000]);
  await warmUp(bench, contestants);
  const measured = await measureInTurn(
    bench,
    COUNTS.flatMap((count) =>
      contestants.map((contestant) => ({
        contestant,
        variant: count === 1 ? '1 connection' : `${count} connections`,
        x: count,
        run: () =>
          closedLoop(bench, contestant, {
            connections: count,
            warmup: { requests: Math.max(1_000, count * 4), msMax: 3_000 },
          }),
      })),
    ),
  );
  return {
    points: measured.points,
    tables: [pointTable('busy connections, each with one request in flight', measured.points, LOAD_COLUMNS)],
    notes: [...notes, ...measured.notes],
  };
}
