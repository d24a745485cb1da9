// What 2,000 open mutual TLS connections cost in memory: sallyport against a bare node:tls server in the
// same run.
import { setTimeout as sleep } from 'node:timers/promises';
import { round, upperBound } from '../claim.ts';
import { bareTls } from '../peers/bare-tls.ts';
import { envoy1 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { ours } from '../peers/ours.ts';
import type { Peer, RunningPeer } from '../peers/peer.ts';
import { memoryOf } from '../proc.ts';
import { ratios, summarize } from '../statistics.ts';
import { treeOf } from './line-up.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

const CONNECTIONS = 2_000;
/** Opened and closed before the first reading, so that code and arenas are not counted as connections. */
const WARM_CONNECTIONS = 100;
const CONCURRENCY = 16;
const RATIO_MAX = 1.2;

export const idle: Scenario = {
  name: 'idle',
  summary: `memory of each of ${CONNECTIONS} open connections, against a bare node:tls server`,
  full: { rounds: 3, seconds: 1 },
  quick: null,
  run,
};

async function run(bench: Bench): Promise<Found> {
  const { installed: peers, notes } = bench.lineUp.installed([ours, bareTls, haproxy, envoy1]);
  const { rounds } = bench.effort;
  const kibPerConnection = new Map<string, (number | null)[]>(peers.map(({ name }) => [name, []]));
  for (let i = 1; i <= rounds; i++) {
    for (const peer of peers) {
      // A fresh process each time: freed memory does not go back to the system.
      const kib = await measure(bench, peer).catch((error: unknown) => {
        notes.push(`${peer.name}: round ${i} failed: ${String(error)}`);
        return null;
      });
      kibPerConnection.get(peer.name)?.push(kib);
      bench.progress(`round ${i}/${rounds}: ${peer.name} ${round(kib ?? Number.NaN)} KiB per connection`);
    }
  }
  const of = (peer: Peer): (number | null)[] => kibPerConnection.get(peer.name) ?? [];
  return {
    claims: [
      upperBound({
        text: `an idle connection <= ${RATIO_MAX} x a bare node:tls server`,
        bound: RATIO_MAX,
        values: ratios(of(ours), of(bareTls)),
        unit: ' x',
      }),
    ],
    tables: [
      {
        title: `RSS per open mutual TLS connection, ${CONNECTIONS} of them`,
        columns: ['peer', 'KiB', '[min-max]'],
        rows: peers.map((peer) => {
          const s = summarize(of(peer).filter((kib) => kib !== null));
          return [peer.name, round(s.median), `[${round(s.min)}-${round(s.max)}]`];
        }),
      },
    ],
    notes,
    data: Object.fromEntries(kibPerConnection),
  };
}

async function measure(bench: Bench, peer: Peer): Promise<number> {
  const { running, target } = await bench.lineUp.fresh(peer);
  try {
    const open = {
      kind: 'open',
      target,
      concurrency: CONCURRENCY,
      dripMs: null,
    } as const;
    await bench.load.run({ ...open, count: WARM_CONNECTIONS });
    await bench.load.run({ kind: 'release' });
    const before = await settledRssKib(running);
    await bench.load.run({ ...open, count: CONNECTIONS });
    const after = await settledRssKib(running);
    const released = await bench.load.run({ kind: 'release' });
    if (released.refused > 0) throw new Error(`${released.refused} connections were closed while idle`);
    return (after - before) / CONNECTIONS;
  } finally {
    await running.child?.stop();
  }
}

/** RSS once it has stayed within 0.5 % for a second; its last value after ten seconds. */
async function settledRssKib(running: RunningPeer): Promise<number> {
  let last = memoryOf(treeOf(running)).rssKib;
  let steady = 0;
  for (let i = 0; i < 40 && steady < 4; i++) {
    await sleep(250);
    const now = memoryOf(treeOf(running)).rssKib;
    steady = Math.abs(now - last) <= last * 0.005 ? steady + 1 : 0;
    last = now;
  }
  return last;
}
