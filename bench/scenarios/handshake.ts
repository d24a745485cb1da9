// CPU time of a full mutual TLS 1.3 handshake with one request on it: callers whose certificate was seen
// before (warm), and callers who each come with a new one (cold).
import { VERIFIED_LEAVES_MAX } from '../../certs/limits.ts';
import { type Claim, upperBound } from '../claim.ts';
import type { LoadResult } from '../load/protocol.ts';
import { bareTls } from '../peers/bare-tls.ts';
import { envoy1 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { ours } from '../peers/ours.ts';
import { leafCertificates } from '../pki.ts';
import { cpuOf, median, pointTable, range, ratioTo, seriesOf } from '../points.ts';
import type { Point } from '../result.ts';
import { ratios } from '../statistics.ts';
import { LOAD_CPU, P99 } from './columns.ts';
import type { Contestant } from './line-up.ts';
import { type Entry, measureInTurn } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

const CONCURRENCY = 8;
const WARMUP = 50;
/** More than our cache of verified leaves keeps, shown in turn: none is seen again while it is kept. */
const COLD_CERTIFICATES = VERIFIED_LEAVES_MAX + 100;
/** Of each variant, until code that is compiled while it runs is compiled. */
const WARM_UP_MS = 1_500;
const VARIANTS = ['warm', 'cold'] as const;
const BOUNDS = { warm: 1.1, cold: 1.25 } as const;

export const handshake: Scenario = {
  name: 'handshake',
  summary: 'CPU per full handshake with one request, callers known (warm) and never seen before (cold)',
  full: { rounds: 5, seconds: 2 },
  quick: { rounds: 5, seconds: 0.7 },
  run,
};

async function run(bench: Bench): Promise<Found> {
  const peers = bench.options.quick ? [ours, haproxy] : [ours, haproxy, envoy1, bareTls];
  const { contestants, notes } = await bench.lineUp.of(peers);
  bench.progress(`issuing ${COLD_CERTIFICATES} certificates`);
  const certificates = { warm: [], cold: await leafCertificates(bench.setup.pki, COLD_CERTIFICATES) };
  for (const contestant of contestants) {
    bench.progress(`warming up ${contestant.peer.name}`);
    for (const variant of VARIANTS) // a fault shows in the rounds
      await handshakes(bench, contestant, certificates[variant], WARM_UP_MS).catch(() => null);
  }
  const windowMs = bench.effort.seconds * 1_000;
  const { points, notes: failures } = await measureInTurn(
    bench,
    VARIANTS.flatMap((variant) =>
      contestants.map(
        (contestant): Entry => ({
          contestant,
          variant,
          x: null,
          run: () => handshakes(bench, contestant, certificates[variant], windowMs),
        }),
      ),
    ),
  );
  return {
    claims: VARIANTS.map((variant) => claim(points, variant, bench.effort.rounds)),
    points,
    tables: [
      pointTable(
        'full mutual TLS 1.3 handshake, P-256 certificates, X25519, one request each; no resumption',
        points,
        [
          median('CPU us', cpuOf),
          range(cpuOf),
          ratioTo(haproxy.name, cpuOf),
          median(
            'handshakes/s',
            (sample) => sample.requestsPerSecond,
            (n) => n.toFixed(0),
          ),
          LOAD_CPU,
          P99,
        ],
      ),
    ],
    notes: [...notes, ...failures],
  };
}

function handshakes(
  bench: Bench,
  { target, pids }: Contestant,
  certificates: readonly string[],
  ms: number,
): Promise<LoadResult> {
  const job = { kind: 'handshakes', target, certificates, ms, pids: pids() } as const;
  return bench.load.run({ ...job, concurrency: CONCURRENCY, warmup: WARMUP });
}

function claim(points: readonly Point[], variant: 'warm' | 'cold', rounds: number): Claim {
  const bound = BOUNDS[variant];
  const of = (peer: string): (number | null)[] => seriesOf(points, peer, cpuOf, variant);
  return upperBound({
    text: `CPU per full handshake, ${variant} <= ${bound} x HAProxy`,
    bound,
    values: ratios(of(ours.name), of(haproxy.name)),
    unit: ' x',
    rounds,
    missing: 'needs sallyport and haproxy in this run',
  });
}
