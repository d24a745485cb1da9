// HTTP/2 from caller to application: a GET, unary calls of gRPC, and messages on calls that last.
import { type Claim, upperBound } from '../claim.ts';
import type { Http2Call, Http2Load } from '../load/http2/messages.ts';
import { envoy1, envoy1000 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { ours } from '../peers/ours.ts';
import { cpuOf, pointTable, seriesOf } from '../points.ts';
import type { Point } from '../result.ts';
import { ratios } from '../statistics.ts';
import { LOAD_COLUMNS } from './columns.ts';
import { LineUp } from './line-up.ts';
import { closedLoop, measureInTurn, warmUpOne } from './rounds.ts';
import type { Bench, Found, Scenario } from './scenario.ts';

const CONNECTIONS = 8;
const STREAMS = 10;
const MESSAGE_BYTES = 1_024;
const CPU_MAX = 0.8;

const CALLS: readonly { readonly call: Http2Call; readonly variant: string }[] = [
  { call: 'get', variant: 'GET' },
  { call: 'grpc-unary', variant: 'gRPC unary' },
  { call: 'grpc-streaming', variant: 'gRPC streaming' },
];

export const http2: Scenario = {
  name: 'http2',
  summary:
    'HTTP/2 to an h2c application: CPU per GET, per unary gRPC call and per message of a streaming one',
  full: { rounds: 5, seconds: 1.5 },
  quick: null,
  run,
};

/** The same bench, whose peers speak HTTP/2 on both sides. */
export function overHttp2(bench: Bench): Bench {
  const { setup, options } = bench;
  const allowed = { ...setup.allowed, methods: ['GET', 'POST'] };
  const lineUp = new LineUp({ ...setup, http: 'h2', allowed }, options, (text) => bench.progress(text));
  return { ...bench, lineUp };
}

async function run(plain: Bench): Promise<Found> {
  const bench = overHttp2(plain);
  const { contestants, notes } = await bench.lineUp.of([ours, haproxy, envoy1, envoy1000]);
  const loadOf = (call: Http2Call): { connections: number; http2: Http2Load } => ({
    connections: CONNECTIONS,
    http2: { streams: STREAMS, call, messageBytes: MESSAGE_BYTES },
  });
  for (const contestant of contestants)
    for (const { call } of CALLS) await warmUpOne(bench, contestant, loadOf(call));
  const { points, notes: failures } = await measureInTurn(
    bench,
    CALLS.flatMap(({ call, variant }) =>
      contestants.map((contestant) => ({
        contestant,
        variant,
        x: null,
        run: () => closedLoop(bench, contestant, loadOf(call)),
      })),
    ),
  );
  for (const contestant of contestants) await bench.lineUp.stop(contestant);
  const title = `HTTP/2 over mutual TLS 1.3, h2c behind, ${CONNECTIONS} x ${STREAMS} streams, 1 KiB`;
  return {
    claims: CALLS.map(({ variant }) => claim(points, variant, bench.effort.rounds)),
    tables: [pointTable(title, points, LOAD_COLUMNS)],
    points,
    notes: [...notes, ...failures],
  };
}

function claim(points: readonly Point[], variant: string, rounds: number): Claim {
  const cpu = (peer: string): (number | null)[] => seriesOf(points, peer, cpuOf, variant);
  return upperBound({
    text: `HTTP/2, ${variant}: CPU <= ${CPU_MAX} x Envoy with one policy`,
    bound: CPU_MAX,
    values: ratios(cpu(ours.name), cpu(envoy1.name)),
    unit: ' x',
    rounds,
    missing: `needs sallyport and ${envoy1.name} in this run`,
  });
}
