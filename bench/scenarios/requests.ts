// The main scenario: CPU time of each proxy per request over keep-alive connections, in interleaved rounds,
// with ratios taken inside a round.
import { type Claim, upperBound } from '../claim.ts';
import { PROXIES, QUICK_PROXIES } from '../peers/all.ts';
import { envoy1, envoy1000 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { baseline, ours } from '../peers/ours.ts';
import { type Column, cpuOf, median, pointTable, range, ratioTo, seriesOf } from '../points.ts';
import type { Point } from '../result.ts';
import { ratios } from '../statistics.ts';
import { closedLoop, measureInTurn, warmUp } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

export const requests: Scenario = {
  name: 'requests',
  summary: 'CPU per request, throughput, latency and memory under keep-alive load, against every peer',
  full: { rounds: 7, seconds: 3 },
  quick: { rounds: 5, seconds: 0.9 },
  run,
};

/** Bounds on our CPU per request, as a multiple of a peer's. */
const BOUNDS = [
  { peer: envoy1, bound: 0.5, text: 'CPU per request <= 0.5 x Envoy with one policy' },
  { peer: envoy1000, bound: 0.12, text: 'CPU per request <= 0.12 x Envoy with 1,000 policies' },
  { peer: haproxy, bound: 1.3, text: 'CPU per request <= 1.3 x HAProxy' },
];

/** Of a closed loop: what the proxy does when it is never idle. */
export const LOAD_COLUMNS: readonly Column[] = [
  median('CPU us/req', cpuOf),
  range(cpuOf),
  ratioTo(haproxy.name, cpuOf),
  ratioTo(envoy1.name, cpuOf),
  median(
    'CPU %',
    ({ cpuShare }) => cpuShare,
    (share) => (share * 100).toFixed(0),
  ),
  median(
    'req/s',
    (sample) => sample.requestsPerSecond,
    (n) => n.toFixed(0),
  ),
  median(
    'MB/s',
    (sample) => sample.bytesPerSecond,
    (bytes) => (bytes / 1e6).toFixed(1),
  ),
  median(
    'p50 us',
    ({ latencyUs }) => latencyUs.p50,
    (us) => us.toFixed(0),
  ),
  median(
    'p99 us',
    ({ latencyUs }) => latencyUs.p99,
    (us) => us.toFixed(0),
  ),
  median(
    'RSS MB',
    ({ rssMb }) => rssMb,
    (mb) => mb.toFixed(0),
  ),
  median(
    'PSS MB',
    ({ pssMb }) => pssMb,
    (mb) => mb.toFixed(0),
  ),
  median(
    'load CPU %',
    ({ generator }) => generator.cpuShare,
    (share) => (share * 100).toFixed(0),
  ),
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
    claims: claims(points),
    tables: [
      pointTable(`HTTP/1.1 over mutual TLS 1.3, ${body}; medians of the rounds`, points, LOAD_COLUMNS),
    ],
    points,
    notes: [...notes, ...measured.notes],
  };
}

function claims(points: readonly Point[]): Claim[] {
  const mine = (peer: string, pick = cpuOf): (number | null)[] => seriesOf(points, peer, pick);
  const cpu = BOUNDS.map(({ peer, bound, text }) =>
    upperBound({
      text,
      bound,
      values: ratios(mine(ours.name), mine(peer.name)),
      unit: ' x',
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
    missing: `needs sallyport and ${envoy1000.name} in this run`,
  });
  return [...cpu, rss];
}
