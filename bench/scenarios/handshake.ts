// CPU time of a full mutual TLS 1.3 handshake with one request on it, in interleaved rounds.
import { round } from '../claim.ts';
import { bareTls } from '../peers/bare-tls.ts';
import { envoy1 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { ours } from '../peers/ours.ts';
import { isTooWide, ratios, summarize } from '../statistics.ts';
import { type Contestant, lineUp } from './line-up.ts';
import type { Bench, Report, Scenario } from './scenario.ts';

const CONCURRENCY = 8;
const WARMUP = 200;
const BARE_BODY_BYTES = 2;

interface Series {
  readonly contestant: Contestant;
  readonly cpuUs: (number | null)[];
  readonly perSecond: number[];
}

export const handshake: Scenario = {
  name: 'handshake',
  summary: 'CPU per full handshake (and its one request), against HAProxy, Envoy and a bare node:tls server',
  run,
};

async function run(bench: Bench): Promise<Report> {
  const proxies = await lineUp(bench, [ours, haproxy, envoy1]);
  const bare = await lineUp(bench, [bareTls], BARE_BODY_BYTES);
  const notes = [...proxies.notes, ...bare.notes];
  const series = [...proxies.contestants, ...bare.contestants].map(
    (contestant): Series => ({ contestant, cpuUs: [], perSecond: [] }),
  );
  const { rounds, seconds } = bench.options;
  for (let i = 1; i <= rounds; i++) {
    for (const { contestant, cpuUs, perSecond } of series) {
      const { target, peer } = contestant;
      const pids = contestant.pids();
      try {
        const job = { kind: 'handshakes', target, concurrency: CONCURRENCY, warmup: WARMUP, pids } as const;
        const result = await bench.load.run({ ...job, ms: seconds * 1_000 });
        cpuUs.push(result.cpuUs / result.requests);
        perSecond.push(result.requests / (result.elapsedMs / 1_000));
      } catch (error) {
        cpuUs.push(null);
        notes.push(`${peer.name}: round ${i} failed: ${String(error)}`);
      }
    }
    const said = series.map((s) => `${s.contestant.peer.name} ${round(s.cpuUs.at(-1) ?? Number.NaN)}`);
    bench.progress(`round ${i}/${rounds}, CPU us/handshake: ${said.join(', ')}`);
  }
  const reference = series.find(({ contestant }) => contestant.peer === haproxy)?.cpuUs ?? [];
  return {
    claims: [],
    tables: [
      {
        title: 'full mutual TLS 1.3 handshake, P-256 certificates, X25519, one request each; no resumption',
        columns: ['peer', 'CPU us', '[min-max]', 'x haproxy', 'handshakes/s'],
        rows: series.map((s) => rowOf(s, reference)),
      },
    ],
    notes,
    data: Object.fromEntries(series.map(({ contestant, cpuUs }) => [contestant.peer.name, { cpuUs }])),
  };
}

function rowOf({ contestant, cpuUs, perSecond }: Series, reference: readonly (number | null)[]): string[] {
  const cpu = summarize(cpuUs.filter((value) => value !== null));
  const ratio = summarize(ratios(cpuUs, reference));
  return [
    contestant.peer.name,
    isTooWide(cpu) ? 'noisy' : round(cpu.median),
    `[${round(cpu.min)}-${round(cpu.max)}]`,
    isTooWide(ratio) ? `${round(ratio.min)}-${round(ratio.max)}?` : round(ratio.median),
    summarize(perSecond).median.toFixed(0),
  ];
}
