// Slow clients: a few hundred connections that send their heads a byte at a time, and what they do to callers
// who behave, and to the memory of the proxy.

import type { LoadResult } from '../load/protocol.ts';
import { envoy1 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { nginx } from '../peers/nginx.ts';
import { ours } from '../peers/ours.ts';
import { cpuOf, median, pointTable } from '../points.ts';
import { P50, P99, RSS } from './columns.ts';
import { type Entry, measureInTurn, warmUp } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

const SLOW = 256;
/** A head of some seventy bytes takes seven seconds so: below the time that every peer allows. */
const DRIP_MS = 100;
const LOAD = { connections: 16, perSecond: 500 } as const;

export const slow: Scenario = {
  name: 'slow',
  summary: `latency of ${LOAD.perSecond} requests a second beside ${SLOW} clients that send a byte each ${DRIP_MS} ms`,
  full: { rounds: 3, seconds: 3 },
  quick: null,
  run,
};

async function run(bench: Bench): Promise<Found> {
  const { contestants, notes } = await bench.lineUp.of([ours, haproxy, nginx, envoy1]);
  await warmUp(bench, contestants);
  const { points, notes: failures } = await measureInTurn(
    bench,
    [0, SLOW].flatMap((count) =>
      contestants.map(
        (contestant): Entry => ({
          contestant,
          variant: count === 0 ? 'alone' : `${count} slow clients`,
          x: count,
          async run() {
            const { target } = contestant;
            const ms = bench.effort.seconds * 1_000;
            const measured = (): Promise<LoadResult> =>
              bench.load.run({ kind: 'constant-rate', target, ...LOAD, ms, pids: contestant.pids() });
            if (count === 0) return measured();
            await bench.load.run({ kind: 'open', target, count, concurrency: 16, dripMs: DRIP_MS });
            const result = await measured();
            const released = await bench.load.run({ kind: 'release' });
            // A peer that sheds them would look best.
            if (released.refused > 0) throw new Error(`${released.refused} slow clients were cut off`);
            return result;
          },
        }),
      ),
    ),
  );
  return {
    points,
    tables: [
      pointTable(`${LOAD.perSecond} requests a second, alone and beside slow clients`, points, [
        P50,
        P99,
        median('CPU us/req', cpuOf),
        RSS,
      ]),
    ],
    notes: [...notes, ...failures],
  };
}
