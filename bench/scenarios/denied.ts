// What a denied request costs: nothing reaches the application, but the proxy answers, counts and logs.
import { DENIED_PATH } from '../check.ts';
import { envoy1, envoy1000 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { nginx } from '../peers/nginx.ts';
import { ours } from '../peers/ours.ts';
import { pointTable } from '../points.ts';
import { LOAD_COLUMNS } from './columns.ts';
import { closedLoop, measureInTurn, warmUp } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

export const denied: Scenario = {
  name: 'denied',
  summary: 'CPU per denied request; ours explains each one and logs it',
  full: { rounds: 5, seconds: 1.5 },
  quick: null,
  run,
};

async function run(bench: Bench): Promise<Found> {
  const { contestants, notes } = await bench.lineUp.of([ours, haproxy, nginx, envoy1, envoy1000]);
  await warmUp(bench, contestants);
  const measured = await measureInTurn(
    bench,
    contestants.map((contestant) => ({
      contestant,
      variant: '',
      x: null,
      run: () =>
        closedLoop(bench, contestant, { target: { ...contestant.target, path: DENIED_PATH }, status: 403 }),
    })),
  );
  const title = `denied requests, ${bench.options.connections} connections`;
  return {
    points: measured.points,
    tables: [pointTable(title, measured.points, LOAD_COLUMNS)],
    notes: [...notes, ...measured.notes],
  };
}
