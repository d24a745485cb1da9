// The main scenario: CPU time of each proxy per request over keep-alive connections, in interleaved rounds,
// with ratios taken inside a round.
import { type Claim, upperBound } from '../claim.ts';
import { PROXIES, QUICK_PROXIES } from '../peers/all.ts';
import { envoy1, envoy1000 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { baseline, ours } from '../peers/ours.ts';
import { cpuOf, pointTable, seriesOf } from '../points.ts';
import type { Point } from '../result.ts';
import { ratios } from '../statistics.ts';
import { LOAD_COLUMNS } from './columns.ts';
import { closedLoop, measureInTurn, warmUp } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

export const requests: Scenario = {
  name: 'requests',
  summary: 'CPU per request, throughput, latency and memory under keep-alive load, against every peer',
  full: { rounds: 7, seconds: 2.5 },
  quick: { rounds: 5, seconds: 0.9 },
  run,
};

/** Bounds on our CPU per request, as a multiple of a peer's. */
const BOUNDS = [
  { peer: envoy1, bound: 0.5, text: 'CPU per request <= 0.5 x Envoy with one policy' },
  { peer: envoy1000, bound: 0.12, text: 'CPU per request <= 0.12 x Envoy with 1,000 policies' },
  { peer: haproxy, bound: 1.3, text: 'CPU per request <= 1.3 x HAProxy' },
];

async function run(bench: Bench): Promise<Found> {
  const { options } = bench;
  const proxies = options.quick && options.peers === null ? QUICK_PROXIES : PROXIES;
  const peers = options.baseline === null ? proxies : [baseline(options.baseline), ...proxies];
  const { contestants, notes } = await bench.lineUp.of(peers);
  await warmUp(bench, contestants);
  const measured = await measureInTurn(
    bench,
    contestants.map((contestant) => ({
      contestant,
      variant: '',
      x: null,
      run: () => closedLoop(bench, contestant),
    })),
  );
  const { points } = measured;
  const body = `${options.connections} connections, ${options.bodyBytes} B answers`;
  return {
    claims: claims(points, bench.effort.rounds),
    tables: [
      pointTable(`HTTP/1.1 over mutual TLS 1.3, ${body}; medians of the rounds`, points, LOAD_COLUMNS),
    ],
    points,
    notes: [...notes, ...measured.notes],
  };
}

function claims(points: readonly Point[], rounds: number): Claim[] {
  const mine = (peer: string, pick = cpuOf): (number | null)[] => seriesOf(points, peer, pick);
  const cpu = BOUNDS.map(({ peer, bound, text }) =>
    upperBound({
      text,
      bound,
      values: ratios(mine(ours.name), mine(peer.name)),
      unit: ' x',
      rounds,
      missing: `needs sallyport and ${peer.name} in this run`,
    }),
  );
  const rss = upperBound({
    text: "RSS <= Envoy's with the same 1,000 rules",
    bound: 1,
    values: ratios(
      mine(ours.name, ({ rssMb }) => rssMb),
      mine(envoy1000.name, ({ rssMb }) => rssMb),
    ),
    unit: ' x',
    rounds,
    missing: `needs sallyport and ${envoy1000.name} in this run`,
  });
  return [...cpu, rss];
}
