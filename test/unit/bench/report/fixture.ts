// A small result of a run with everything a report must cope with: figures that are good, that differ too
// much, that failed and that are missing; claims of every verdict. The figures are invented.
import type { Claim } from '../../../../bench/claim.ts';
import type { Point, RunResult, Sample, ScenarioResult } from '../../../../bench/result.ts';

interface Figures {
  readonly cpu?: number | null;
  readonly share?: number | null;
  readonly rss?: number | null;
  readonly p50?: number;
}

function sample({ cpu = 50, share = 0.5, rss = 70, p50 = 200 }: Figures): Sample {
  const latencyUs = { p50, p90: p50 * 2, p95: p50 * 3, p99: p50 * 5, p999: p50 * 9, max: p50 * 20 };
  return {
    cpuUsPerRequest: cpu,
    cpuShare: share,
    requestsPerSecond: 20_000,
    bytesPerSecond: 22_000_000,
    latencyUs,
    rssMb: rss,
    pssMb: null,
    generator: { cpuShare: 0.6, lateUsP99: 40 },
  };
}

interface PointFigures {
  readonly peer: string;
  readonly variant?: string;
  readonly x?: number | null;
  /** Null = the peer failed in that round. */
  readonly rounds: readonly (Figures | null)[];
  readonly curve?: NonNullable<Point['curve']>;
}

export function point({ peer, variant = '', x = null, rounds, curve }: PointFigures): Point {
  const samples = rounds.map((figures) => (figures === null ? null : sample(figures)));
  return { peer, variant, x, rounds: samples, ...(curve === undefined ? {} : { curve }) };
}

export function scenario(
  name: string,
  points: readonly Point[],
  more: Partial<ScenarioResult> = {},
): ScenarioResult {
  return { name, summary: `about ${name}`, claims: [], tables: [], notes: [], points, data: null, ...more };
}

const cpus = (...values: readonly number[]): Figures[] => values.map((cpu) => ({ cpu }));

const requests = [
  point({ peer: 'sallyport', rounds: cpus(60, 61, 62) }),
  point({ peer: 'haproxy', rounds: cpus(40, 41, 42) }),
  point({ peer: 'envoy-1', rounds: cpus(130, 133, 131) }),
  point({ peer: 'envoy-1000', rounds: cpus(280, 350, 410) }),
  point({ peer: 'nginx', rounds: [null, null, null] }),
  point({ peer: 'direct', rounds: [{ cpu: null, rss: null }] }),
];

function curve(us: number): [number, number][] {
  return [0, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 100].map((percentile) => [
    percentile,
    us * (1 - Math.log10(1.0001 - percentile / 100)),
  ]);
}

const latency = [10, 1_000].flatMap((x) =>
  [
    { peer: 'direct', p50: 100, share: null, rss: null },
    { peer: 'sallyport', p50: 240, share: 0.07, rss: 90 },
    { peer: 'envoy-1', p50: 260, share: 0.13, rss: 68 },
    { peer: 'haproxy', p50: 180, share: 0.04, rss: 23 },
  ].map(({ peer, p50, share, rss }) =>
    point({
      peer,
      x,
      variant: `${x.toLocaleString('en')}/s`,
      rounds: [0, 1, 2].map((i) => ({
        p50: p50 + i,
        share: share === null ? null : (share * x) / 1_000,
        rss,
      })),
      curve: curve(p50),
    }),
  ),
);

const rules = [1, 100, 1_000, 10_000, 100_000].flatMap((x) => {
  const variant = x === 1 ? '1 rule' : `${x.toLocaleString('en')} rules`;
  const ours = point({ peer: 'sallyport', variant, x, rounds: cpus(60, 62, 61) });
  if (x > 10_000) return [ours];
  const envoy = 130 + x / 5;
  const rounds = x === 1_000 ? cpus(envoy, envoy * 2, envoy * 1.5) : cpus(envoy, envoy * 1.1);
  return [ours, point({ peer: 'envoy', variant, x, rounds })];
});

const connections = [1, 32, 512].flatMap((x) =>
  [
    { peer: 'sallyport', rss: 80 + x / 12 },
    { peer: 'haproxy', rss: 18 + x / 30 },
  ].map(({ peer, rss }) =>
    point({
      peer,
      x,
      variant: x === 1 ? '1 connection' : `${x} connections`,
      rounds: [{ rss }, { rss: rss * 1.05 }],
    }),
  ),
);

function claim(text: string, verdict: Claim['verdict'], figure: string): Claim {
  return { text, verdict, figure, bound: 1, measured: null };
}

/** Everything measured; `changes` replace whole parts. */
export function fixture(changes: Partial<RunResult> = {}): RunResult {
  return {
    schema: 1,
    at: '2026-01-02T03:04:05.678Z',
    mode: 'quick',
    tookSeconds: 95.4,
    args: ['--quick'],
    machine: {
      cpu: 'Invented CPU @ 3.0 GHz',
      cpus: 2,
      memoryGb: 7.8,
      kernel: '6.1.0',
      pinned: { proxy: '0', load: '1' },
      loadBefore: 0.12,
      stealShare: 0.004,
    },
    software: { sallyport: '0.1.0', commit: 'abc1234+', node: 'v26.10.0', openssl: '3.5.1' },
    peers: [
      { name: 'sallyport', version: '0.1.0', rules: 1_000, tls: 'TLSv1.3 TLS_AES_128_GCM_SHA256 X25519' },
      { name: 'haproxy', version: '2.6.12', rules: 0, tls: 'TLSv1.3 TLS_AES_128_GCM_SHA256 X25519' },
      { name: 'envoy-1', version: '1.40.0', rules: 1, tls: 'TLSv1.3 TLS_AES_128_GCM_SHA256 X25519' },
      { name: 'envoy-1000', version: '1.40.0', rules: 1_000, tls: 'TLSv1.3' },
      { name: 'direct', version: '-', rules: 0, tls: 'plaintext' },
    ],
    scenarios: [
      scenario('requests', requests, {
        claims: [
          claim('CPU per request <= 0.5 x Envoy', 'holds', '0.46 x (0.45-0.47 x over 3)'),
          claim('CPU per request <= 1.3 x HAProxy', 'does not hold', '1.49 x (1.48-1.50 x over 3)'),
          claim('RSS <= Envoy’s', 'unclear', 'rounds differ too much'),
        ],
        tables: [
          {
            title: 'requests table',
            columns: ['peer', 'CPU us/req', 'x haproxy'],
            rows: [['sallyport', '61.0', '1.49'], ['haproxy', '41.0', '1.00'], ['nginx', 'failed'], []],
          },
        ],
        notes: ['nginx: round 1 failed'],
      }),
      scenario('latency', latency, {
        claims: [claim('added p95 < 1 ms', 'holds', '0.42 ms')],
      }),
      scenario('rules', rules, {
        claims: [claim('handshake <= 1.1 x HAProxy', 'not measured', 'needs haproxy')],
      }),
      scenario('connections', connections),
    ],
    ...changes,
  };
}

/** What a program, a file name or a command line could put into a result. */
export const HOSTILE = [
  `<script>alert("1")</script>`,
  `"'><img src=x onerror=alert(1)>`,
  '</style></title></svg>&amp;',
  '<!-- figures:end --> | ![x](y) `*_~',
  '\u0000\u001b[31m\ud800',
  ']]> --> <![CDATA[',
] as const;

/** A result in which every text that may come from outside is `text`. */
export function hostile(text: string): RunResult {
  const base = fixture();
  const bad = claim(text, 'does not hold', text);
  return {
    ...base,
    args: [text],
    machine: { ...base.machine, cpu: text, kernel: text, pinned: { proxy: text, load: text } },
    software: { sallyport: text, commit: text, node: text, openssl: text },
    peers: [{ name: text, version: text, rules: 1, tls: text }],
    scenarios: base.scenarios.map((one) => ({
      ...one,
      summary: text,
      claims: [bad, { ...bad, verdict: 'holds' }],
      notes: [text],
      tables: [{ title: text, columns: [text, text], rows: [[text, text]] }],
      points: one.points.map((of) => ({ ...of, peer: text, variant: of.variant === '' ? text : of.variant })),
    })),
  };
}
