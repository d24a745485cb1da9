// Memory with a thousand streams of HTTP/2, on each a message of 16 KiB on its way there and back all the
// time.
import { upperBound } from '../claim.ts';
import { envoy1 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { ours } from '../peers/ours.ts';
import { summarize } from '../statistics.ts';
import { overHttp2 } from './http2.ts';
import type { Contestant } from './line-up.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

const CONNECTIONS = 10;
const STREAMS = 100;
const MESSAGE_BYTES = 16_384;
const MESSAGES = 30_000;
const SAMPLES = 100;
const RSS_MB_MAX = 110;

export const streams: Scenario = {
  name: 'streams',
  summary: 'RSS with 1,000 streams of HTTP/2, 16 KiB in flight on each',
  full: { rounds: 3, seconds: 1 },
  quick: null,
  run,
};

async function run(plain: Bench): Promise<Found> {
  const bench = overHttp2(plain);
  const { installed, notes } = bench.lineUp.installed([ours, haproxy, envoy1]);
  const mb = new Map<string, number[]>();
  for (let round = 1; round <= bench.effort.rounds; round++) {
    for (const peer of installed) {
      bench.progress(`round ${round}/${bench.effort.rounds}: ${MESSAGES} messages through ${peer.name}`);
      try {
        // A process of its own: what came before is not what this measures.
        const contestant = await bench.lineUp.fresh(peer);
        mb.set(peer.name, [...(mb.get(peer.name) ?? []), await highestRssMb(bench, contestant)]);
        await contestant.running.child?.stop();
      } catch (error) {
        notes.push(`${peer.name}: round ${round} failed: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
  const values = mb.get(ours.name) ?? [];
  return {
    claims: [
      upperBound({
        text: `RSS with 1,000 streams of HTTP/2 <= ${RSS_MB_MAX} MB`,
        bound: RSS_MB_MAX,
        values,
        unit: ' MB',
        rounds: bench.effort.rounds,
      }),
    ],
    tables: [
      {
        title: `highest RSS over ${MESSAGES} messages of 16 KiB, there and back on ${CONNECTIONS} x ${STREAMS} streams`,
        columns: ['peer', 'RSS MB', '[min-max]'],
        rows: [...mb].map(([name, found]) => {
          const { median, min, max } = summarize(found);
          return [name, median.toFixed(1), `[${min.toFixed(1)}-${max.toFixed(1)}]`];
        }),
      },
    ],
    notes,
    data: Object.fromEntries(mb),
  };
}

async function highestRssMb(bench: Bench, contestant: Contestant): Promise<number> {
  const { rssKib } = await bench.load.run({
    kind: 'closed-loop',
    target: contestant.target,
    connections: CONNECTIONS,
    http2: { streams: STREAMS, call: 'grpc-streaming', messageBytes: MESSAGE_BYTES },
    status: 200,
    warmup: { requests: 1, msMax: 5_000 },
    window: { requests: MESSAGES },
    pids: contestant.pids(),
    samples: SAMPLES,
  });
  return Math.max(...rssKib) / 1_024;
}
