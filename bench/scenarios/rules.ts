// What the number of rules costs: the same rules for sallyport and for Envoy's RBAC, 1 to 100,000.
import { upperBound } from '../claim.ts';
import { envoyWith } from '../peers/envoy.ts';
import { oursWith } from '../peers/ours.ts';
import type { Peer } from '../peers/peer.ts';
import { cpuOf, median, pointTable, range, seriesOf } from '../points.ts';
import { ratios } from '../statistics.ts';
import { RATE, RSS } from './columns.ts';
import type { Contestant } from './line-up.ts';
import { closedLoop, type Entry, measureInTurn, warmUp } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

const COUNTS = [1, 100, 1_000, 10_000, 100_000];
/** Envoy scans its policies: with more it answers a few dozen requests a second, and takes long to start. */
const ENVOY_COUNT_MAX = 10_000;
const FLAT_MAX = 1.15;

export const rules: Scenario = {
  name: 'rules',
  summary: "CPU per request by the number of rules, 1 to 100,000, beside Envoy's RBAC",
  full: { rounds: 5, seconds: 1.5 },
  quick: null,
  run,
};

async function run(bench: Bench): Promise<Found> {
  const families: { name: string; peers: { count: number; peer: Peer }[] }[] = [
    { name: 'sallyport', peers: COUNTS.map((count) => ({ count, peer: oursWith(count) })) },
    {
      name: 'envoy',
      peers: COUNTS.filter((count) => count <= ENVOY_COUNT_MAX).map((count) => ({
        count,
        peer: envoyWith(count),
      })),
    },
  ];
  const entries: Entry[] = [];
  const started: Contestant[] = [];
  const notes: string[] = [];
  for (const { name, peers } of families) {
    for (const { count, peer } of peers) {
      const found = await bench.lineUp.of([peer]);
      notes.push(...found.notes);
      const [contestant] = found.contestants;
      if (contestant === undefined) continue;
      started.push(contestant);
      entries.push({
        contestant: { ...contestant, peer: { ...peer, name } },
        variant: count === 1 ? '1 rule' : `${count.toLocaleString('en')} rules`,
        x: count,
        run: () => closedLoop(bench, contestant),
      });
    }
  }
  await warmUp(bench, started);
  const { points, notes: failures } = await measureInTurn(bench, entries);
  for (const contestant of started) await bench.lineUp.stop(contestant);
  const ofOurs = (variant: string): (number | null)[] => seriesOf(points, 'sallyport', cpuOf, variant);
  return {
    claims: [
      upperBound({
        text: `CPU per request with 100,000 rules <= ${FLAT_MAX} x with 100`,
        bound: FLAT_MAX,
        values: ratios(ofOurs('100,000 rules'), ofOurs('100 rules')),
        unit: ' x',
        rounds: bench.effort.rounds,
      }),
    ],
    points,
    tables: [
      pointTable(
        'CPU per request by number of rules; the one that allows the load is in the middle',
        points,
        [median('CPU us/req', cpuOf), range(cpuOf), RATE, RSS],
      ),
    ],
    notes: [...notes, ...failures],
  };
}
