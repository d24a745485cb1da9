// The main scenario: CPU time of each proxy per request, in interleaved rounds, with ratios taken inside a
// round.
import { type Claim, round, upperBound } from '../claim.ts';
import type { ClosedLoopJob } from '../load/protocol.ts';
import { PROXIES } from '../peers/all.ts';
import { envoy1 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { baseline, ours } from '../peers/ours.ts';
import { type Memory, memoryOf } from '../proc.ts';
import { isTooWide, ratios, summarize } from '../statistics.ts';
import type { Table } from '../table.ts';
import { type Contestant, lineUp } from './line-up.ts';
import type { Bench, Report, Scenario } from './scenario.ts';

/**
 * Before the first round: code is compiled, pools are full. Then before each window: connections are warm.
 */
const FIRST_WARMUP = { requests: 5_000, msMax: 1_500 };
const FIRST_WARMUP_JUST_IN_TIME = { requests: 40_000, msMax: 4_000 };
const WARMUP = { requests: 2_000, msMax: 500 };

/** One peer in one round. */
interface Sample {
  readonly cpuUsPerRequest: number;
  /** Share of one CPU that the proxy used, 0 to 1. */
  readonly cpuShare: number;
  readonly requestsPerSecond: number;
  readonly latencyUsP50: number;
  readonly latencyUsP99: number;
  readonly memory: Memory;
}

/** All rounds of one peer; null = it failed in that round. */
interface Series {
  readonly contestant: Contestant;
  readonly samples: (Sample | null)[];
}

export const requests: Scenario = {
  name: 'requests',
  summary: 'CPU per request, throughput, latency and memory under keep-alive load, against every peer',
  run,
};

async function run(bench: Bench): Promise<Report> {
  const { options } = bench;
  const peers = options.baseline === null ? PROXIES : [baseline(options.baseline), ...PROXIES];
  const { contestants, notes: startNotes } = await lineUp(bench, peers);
  const notes = [...startNotes];
  const series = contestants.map((contestant): Series => ({ contestant, samples: [] }));
  for (const { contestant } of series) {
    bench.progress(`warming up ${contestant.peer.name}`);
    const warmup = contestant.peer.justInTime ? FIRST_WARMUP_JUST_IN_TIME : FIRST_WARMUP;
    await measure(bench, contestant, warmup).catch(() => null); // a real fault shows in its rounds
  }
  const { rounds } = options;
  for (let i = 1; i <= rounds; i++) {
    const said: string[] = [];
    for (const { contestant, samples } of series) {
      const sample = await measure(bench, contestant, WARMUP).catch((error: unknown) => {
        notes.push(`${contestant.peer.name}: round ${i} failed: ${String(error)}`);
        return null;
      });
      samples.push(sample);
      if (contestant.peer.tls)
        said.push(`${contestant.peer.name} ${round(sample?.cpuUsPerRequest ?? Number.NaN)}`);
    }
    bench.progress(`round ${i}/${rounds}, CPU us/request: ${said.join(', ')}`);
  }
  return { claims: claims(series), tables: [table(series)], notes, data: dataOf(series) };
}

async function measure(
  bench: Bench,
  contestant: Contestant,
  warmup: ClosedLoopJob['warmup'],
): Promise<Sample> {
  const { options, load } = bench;
  const { target } = contestant;
  const pids = contestant.pids();
  const result = await load.run({
    kind: 'closed-loop',
    target,
    connections: options.connections,
    warmup,
    window: { ms: options.seconds * 1_000 },
    pids,
    samples: 0,
  });
  if (result.refused > 0)
    throw new Error(`${result.refused} of ${result.requests} requests were not answered 200`);
  return {
    cpuUsPerRequest: contestant.peer.tls ? result.cpuUs / result.requests : Number.NaN,
    cpuShare: result.cpuUs / (result.elapsedMs * 1_000),
    requestsPerSecond: result.requests / (result.elapsedMs / 1_000),
    latencyUsP50: result.latencyUsP50,
    latencyUsP99: result.latencyUsP99,
    memory: memoryOf(pids),
  };
}

function claims(series: readonly Series[]): Claim[] {
  const bounds = [
    { peer: haproxy, bound: 1.45, text: 'CPU per request <= 1.45 x HAProxy' },
    { peer: envoy1, bound: 0.6, text: 'CPU per request <= 0.6 x Envoy with one policy' },
  ];
  return bounds.map(({ peer, bound, text }) =>
    upperBound({
      text,
      bound,
      values: ratioTo(series, peer.name),
      unit: ' x',
      missing: `needs sallyport and ${peer.name} in this run`,
    }),
  );
}

/** CPU of sallyport over CPU of `name`, round by round. */
function ratioTo(series: readonly Series[], name: string, of = ours.name): number[] {
  return ratios(cpuOf(series, of), cpuOf(series, name));
}

function cpuOf(series: readonly Series[], name: string): (number | null)[] {
  const found = series.find(({ contestant }) => contestant.peer.name === name);
  return found?.samples.map((sample) => sample?.cpuUsPerRequest ?? null) ?? [];
}

function table(series: readonly Series[]): Table {
  return {
    title: 'HTTP/1.1 over mutual TLS 1.3; medians of the rounds, [min-max] where it matters',
    columns: [
      'peer',
      'CPU us/req',
      '[min-max]',
      'x haproxy',
      'x envoy-1',
      'CPU %',
      'req/s',
      'p50 us',
      'p99 us',
      'RSS MB',
      'PSS MB',
    ],
    rows: series.map(({ contestant, samples }) => row(series, contestant, samples)),
  };
}

function row(series: readonly Series[], { peer }: Contestant, samples: readonly (Sample | null)[]): string[] {
  const good = samples.filter((sample) => sample !== null);
  if (good.length === 0) return [peer.name, 'failed'];
  const median = (pick: (sample: Sample) => number): number => summarize(good.map(pick)).median;
  const cpu = summarize(good.map((sample) => sample.cpuUsPerRequest));
  const own = (cell: string): string => (peer.tls ? cell : '-');
  const { memory } = good.at(-1) ?? {};
  return [
    peer.name,
    own(isTooWide(cpu) ? 'noisy' : round(cpu.median)),
    own(`[${round(cpu.min)}-${round(cpu.max)}]`),
    own(ratioCell(ratioTo(series, haproxy.name, peer.name))),
    own(ratioCell(ratioTo(series, envoy1.name, peer.name))),
    own((median((sample) => sample.cpuShare) * 100).toFixed(0)),
    median((sample) => sample.requestsPerSecond).toFixed(0),
    median((sample) => sample.latencyUsP50).toFixed(0),
    median((sample) => sample.latencyUsP99).toFixed(0),
    own(((memory?.rssKib ?? 0) / 1_024).toFixed(0)),
    own(memory?.pssKib == null ? '-' : (memory.pssKib / 1_024).toFixed(0)),
  ];
}

/** The median of per-round ratios, or why there is none. */
function ratioCell(values: readonly number[]): string {
  if (values.length === 0) return '-';
  const summary = summarize(values);
  return isTooWide(summary) ? `${round(summary.min)}-${round(summary.max)}?` : round(summary.median);
}

function dataOf(series: readonly Series[]): object {
  return Object.fromEntries(
    series.map(({ contestant: { peer, tls }, samples }) => [
      peer.name,
      { policies: peer.policies, tls, rounds: samples },
    ]),
  );
}
