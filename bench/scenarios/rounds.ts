// How every scenario of points is measured: all entries in turn, round after round, each second round
// backwards, so that what disturbs the machine for a while disturbs neighbours alike.
import { round } from '../claim.ts';
import type { Http2Load } from '../load/http2/messages.ts';
import type { Curve } from '../load/latencies.ts';
import type { ClosedLoopJob, LoadResult, Target } from '../load/protocol.ts';
import type { Point, Sample } from '../result.ts';
import { summarize } from '../statistics.ts';
import type { Contestant } from './line-up.ts';
import type { Bench } from './scenario.ts';

/** One peer under one variant, and how it is measured once. */
export interface Entry {
  readonly contestant: Contestant;
  /** As it is printed; empty when the scenario has one variant. */
  readonly variant: string;
  readonly x: number | null;
  run(): Promise<LoadResult>;
}

/** Points in the order of the entries; a round that failed is null in its point, and a note. */
export async function measureInTurn(
  bench: Bench,
  entries: readonly Entry[],
): Promise<{ points: Point[]; notes: string[] }> {
  const notes: string[] = [];
  const samples = entries.map((): (Sample | null)[] => []);
  const curves = entries.map((): Curve[] => []);
  const { rounds } = bench.effort;
  for (let i = 1; i <= rounds; i++) {
    const order = [...entries.keys()];
    for (const at of i % 2 === 0 ? order.reverse() : order) {
      const entry = entries[at] as Entry;
      const sample = await measureOnce(entry, (curve) => curves[at]?.push(curve)).catch((error: unknown) => {
        notes.push(`${nameOf(entry)}: round ${i} failed: ${String(error)}`);
        return null;
      });
      samples[at]?.push(sample);
    }
    bench.progress(`round ${i}/${rounds}, CPU us/request: ${saidOf(entries, samples)}`);
  }
  const points = entries.map(({ contestant, variant, x }, at): Point => {
    const curve = medianCurve(curves[at] ?? []);
    const point = { peer: contestant.peer.name, variant, x, rounds: samples[at] ?? [] };
    return curve.length === 0 ? point : { ...point, curve };
  });
  return { points, notes };
}

async function measureOnce(entry: Entry, onCurve: (curve: Curve) => void): Promise<Sample> {
  const { contestant } = entry;
  const result = await entry.run();
  if (result.refused > 0)
    throw new Error(`${result.refused} of ${result.requests} answers had another status than expected`);
  onCurve(result.curve);
  const own = contestant.running.child !== null;
  const elapsedUs = result.elapsedMs * 1_000;
  const { memory } = result;
  return {
    cpuUsPerRequest: own ? result.cpuUs / result.requests : null,
    cpuShare: own ? result.cpuUs / elapsedUs : null,
    requestsPerSecond: (result.requests / elapsedUs) * 1e6,
    bytesPerSecond: (result.bytes / elapsedUs) * 1e6,
    latencyUs: result.latencyUs,
    rssMb: own ? memory.rssKib / 1_024 : null,
    pssMb: own && memory.pssKib !== null ? memory.pssKib / 1_024 : null,
    generator: {
      cpuShare: result.generator.cpuUs / elapsedUs,
      lateUsP99: result.generator.lateUsP99,
    },
  };
}

/** Compiled and with full pools before the first round; connections are warm before each window. */
const FIRST_WARMUP = { requests: 5_000, msMax: 1_500 };
const FIRST_WARMUP_JUST_IN_TIME = { requests: 40_000, msMax: 4_000 };
const WARMUP = { requests: 2_000, msMax: 500 };

/** Load until a peer that compiles while it runs has compiled. */
export async function warmUp(
  bench: Bench,
  contestants: readonly Contestant[],
  connections = bench.options.connections,
): Promise<void> {
  for (const contestant of contestants) {
    if (bench.lineUp.warm.has(contestant.peer.name)) continue;
    if (await warmUpOne(bench, contestant, { connections })) bench.lineUp.warm.add(contestant.peer.name);
  }
}

/** The same for one of them, whatever it did before; false when it failed: a fault that lasts shows later. */
export async function warmUpOne(
  bench: Bench,
  contestant: Contestant,
  load: Pick<LoadOptions, 'connections' | 'http2'> = {},
): Promise<boolean> {
  bench.progress(`warming up ${contestant.peer.name}`);
  const warmup = contestant.peer.justInTime ? FIRST_WARMUP_JUST_IN_TIME : FIRST_WARMUP;
  return closedLoop(bench, contestant, { ...load, warmup, ms: 10 }).then(
    () => true,
    () => false,
  );
}

/** What differs from the plain closed loop of HTTP/1.1. */
export interface LoadOptions {
  readonly target?: Target;
  readonly connections?: number;
  readonly http2?: Http2Load;
  readonly status?: number;
  readonly warmup?: ClosedLoopJob['warmup'];
  readonly ms?: number;
}

/** One window of a closed loop. */
export function closedLoop(
  bench: Bench,
  contestant: Contestant,
  options: LoadOptions = {},
): Promise<LoadResult> {
  return bench.load.run({
    kind: 'closed-loop',
    target: options.target ?? contestant.target,
    connections: options.connections ?? bench.options.connections,
    ...(options.http2 === undefined ? {} : { http2: options.http2 }),
    status: options.status ?? 200,
    warmup: options.warmup ?? WARMUP,
    window: { ms: options.ms ?? bench.effort.seconds * 1_000 },
    pids: contestant.pids(),
    samples: 0,
  });
}

function nameOf({ contestant, variant }: Entry): string {
  return variant === '' ? contestant.peer.name : `${contestant.peer.name}, ${variant}`;
}

function saidOf(entries: readonly Entry[], samples: readonly (readonly (Sample | null)[])[]): string {
  const said = entries.flatMap((entry, at) => {
    const us = samples[at]?.at(-1)?.cpuUsPerRequest ?? null;
    return us === null ? [] : [`${nameOf(entry)} ${round(us)}`];
  });
  return said.join(', ');
}

/** The median over the rounds at each percentile that all of them have. */
function medianCurve(curves: readonly Curve[]): [number, number][] {
  const [first] = curves;
  if (first === undefined) return [];
  const length = Math.min(...curves.map((curve) => curve.length));
  return first
    .slice(0, length)
    .map(([percentile], i) => [percentile, summarize(curves.map((curve) => curve[i]?.[1] ?? 0)).median]);
}
