// What the number of busy connections costs, in CPU time and in memory.
import { envoy1000 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { nginx } from '../peers/nginx.ts';
import { ours } from '../peers/ours.ts';
import { pointTable } from '../points.ts';
import { LOAD_COLUMNS } from './columns.ts';
import type { Contestant } from './line-up.ts';
import { closedLoop, type Entry, measureInTurn, warmUp } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

const COUNTS = [1, 32, 512];

export const connections: Scenario = {
  name: 'connections',
  summary: 'CPU per request and memory by the number of busy connections, 1 to 512',
  full: { rounds: 3, seconds: 1.5 },
  quick: null,
  run,
};

async function run(bench: Bench): Promise<Found> {
  const notes: string[] = [];
  const entries: Entry[] = [];
  for (const count of COUNTS) {
    // A process for each number: memory that many connections needed does not come back with few.
    const peers = [ours, haproxy, nginx, envoy1000].map((peer) => ({
      ...peer,
      name: `${peer.name} with ${count} connections`,
      family: peer.name,
    }));
    const found = await bench.lineUp.of(peers);
    notes.push(...found.notes);
    await warmUp(bench, found.contestants, count);
    for (const contestant of found.contestants) entries.push(entryOf(bench, contestant, count));
  }
  const measured = await measureInTurn(bench, entries);
  return {
    points: measured.points,
    tables: [pointTable('busy connections, each with one request in flight', measured.points, LOAD_COLUMNS)],
    notes: [...notes, ...measured.notes],
  };
}

function entryOf(bench: Bench, contestant: Contestant, count: number): Entry {
  const { peer } = contestant;
  return {
    contestant: { ...contestant, peer: { ...peer, name: peer.family ?? peer.name } },
    variant: count === 1 ? '1 connection' : `${count} connections`,
    x: count,
    run: () =>
      closedLoop(bench, contestant, {
        connections: count,
        warmup: { requests: Math.max(1_000, count * 4), msMax: 3_000 },
      }),
  };
}
