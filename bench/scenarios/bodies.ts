// What the size of an answer costs: none, 1 KiB, 64 KiB, 1 MiB.
import { envoy1 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { nginx } from '../peers/nginx.ts';
import { ours } from '../peers/ours.ts';
import { rawRelay } from '../peers/raw-relay.ts';
import { pointTable } from '../points.ts';
import { LOAD_COLUMNS } from './columns.ts';
import { closedLoop, measureInTurn, warmUp } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

const SIZES = [
  { variant: '0 B', bytes: 0 },
  { variant: '1 KiB', bytes: 1_024 },
  { variant: '64 KiB', bytes: 65_536 },
  { variant: '1 MiB', bytes: 1_048_576 },
];

export const bodies: Scenario = {
  name: 'bodies',
  summary: 'CPU per request by the size of the answer, 0 B to 1 MiB',
  full: { rounds: 3, seconds: 1.5 },
  quick: null,
  run,
};

async function run(bench: Bench): Promise<Found> {
  const { contestants, notes } = await bench.lineUp.of([ours, haproxy, nginx, envoy1, rawRelay]);
  await warmUp(bench, contestants);
  const measured = await measureInTurn(
    bench,
    SIZES.flatMap(({ variant, bytes }) =>
      contestants.map((contestant) => ({
        contestant,
        variant,
        x: bytes,
        run: () => {
          const target = { ...contestant.target, path: `/items/size-${bytes}` };
          return closedLoop(bench, contestant, { target, warmup: { requests: 200, msMax: 500 } });
        },
      })),
    ),
  );
  const title = `answers of several sizes, ${bench.options.connections} connections`;
  return {
    points: measured.points,
    tables: [pointTable(title, measured.points, LOAD_COLUMNS)],
    notes: [...notes, ...measured.notes],
  };
}
