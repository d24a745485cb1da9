// A change of what sallyport runs by, made several times under a constant rate: how long the data path's
// event loop stands still, seen from inside (a preloaded monitor at 1 ms) and from outside (latency of
// requests that were due), and whether a request failed. Each window with changes has one without beside it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../child.ts';
import { type Claim, round, upperBound } from '../claim.ts';
import type { LoopDelay } from '../load/loop-delay.ts';
import type { LoadResult } from '../load/protocol.ts';
import { isReady, launchOurs, missingOurs, type PreparedOurs, prepareOurs } from '../peers/ours.ts';
import { type PeerSetup, waitUntil } from '../peers/peer.ts';
import { programUrl } from '../program.ts';
import { summarize } from '../statistics.ts';
import { type Bench, type Found, targetOf } from './scenario.ts';

export const RULES = 1_000;
export const LOAD = { connections: 16, perSecond: 2_000 } as const;
export const DELAY_MS_MAX = 20;
/** A loop that is this late without any change is kept waiting by other processes. */
const FLOOR_MS_MAX = 10;
const CHANGES_PER_WINDOW = 5;
const EFFECT_MS_MAX = 10_000;

export interface Change {
  /** `reload`, `rotation`: as it is printed. */
  readonly name: string;
  /** Makes the change number `i`; what it writes differs from all before it. */
  make(prepared: PreparedOurs, i: number): Promise<void>;
  /** Is change `i` what a caller gets? */
  inEffect(prepared: PreparedOurs, i: number): Promise<boolean>;
}

/** One window, with or without changes. */
interface Window {
  readonly loop: LoopDelay;
  /** A sentence when the load broke off: a connection was cut, or answers stayed away. */
  readonly load: LoadResult | string;
  /** Change written to first caller who sees it. */
  readonly effectMs: readonly number[];
}

/** Measures `change` on a sallyport of its own. */
export async function changeUnderLoad(bench: Bench, setup: PeerSetup, change: Change): Promise<Found> {
  const missing = missingOurs();
  if (missing !== null) return { claims: [claimOf(change, [], [], missing)], notes: [missing] };
  const quiet: Window[] = [];
  const changing: Window[] = [];
  const prepared = await prepareOurs(setup, RULES);
  const child = launchOurs(setup.session, prepared, {
    nodeArgs: ['--import', programUrl('load/loop-delay').href],
    cpu: setup.session.cpus?.proxy,
    ipc: true,
  });
  try {
    await waitUntil(child, () => isReady(prepared), 'was not ready');
    await warmUp(bench, prepared);
    const { rounds } = bench.effort;
    for (let i = 0; i < rounds; i++) {
      quiet.push(await runWindow(bench, prepared, child, null));
      const several = (): Promise<number[]> => changeSeveralTimes(bench, prepared, change, i);
      changing.push(await runWindow(bench, prepared, child, several));
      const [without, during] = [quiet, changing].map((windows) => round(windows.at(-1)?.loop.maxMs ?? 0));
      bench.progress(
        `round ${i + 1}/${rounds}: loop delay max ${without} ms quiet, ${during} ms ${change.name}`,
      );
    }
  } finally {
    await child.stop();
  }
  const loads = [...quiet, ...changing].map(({ load }) => load);
  const broken = loads.filter((load) => typeof load === 'string');
  const failed = loads.reduce((sum, load) => sum + (typeof load === 'string' ? 1 : load.refused), 0);
  return {
    claims: [
      claimOf(change, quiet, changing),
      upperBound({
        text: `requests that failed during ${change.name}`,
        bound: 0,
        values: [failed],
        unit: '',
      }),
    ],
    tables: [
      {
        title: `${change.name}: ${CHANGES_PER_WINDOW} in ${bench.effort.seconds} s under ${LOAD.perSecond} requests a second, ${RULES} rules; medians in ms`,
        columns: ['window', 'loop max', 'loop p99', 'request max', 'request p99', 'in effect after'],
        rows: [rowOf('quiet', quiet), rowOf(change.name, changing)],
      },
    ],
    notes: broken.map((fault) => `${change.name}: ${fault}`),
    data: { quiet, changing },
  };
}

function claimOf(
  change: Change,
  quiet: readonly Window[],
  changing: readonly Window[],
  missing?: string,
): Claim {
  return upperBound({
    text: `event-loop delay during ${change.name} < ${DELAY_MS_MAX} ms`,
    bound: DELAY_MS_MAX,
    values: changing.map(({ loop }) => loop.maxMs),
    floor: {
      name: `the loop without ${change.name}`,
      values: quiet.map(({ loop }) => loop.maxMs),
      max: FLOOR_MS_MAX,
    },
    unit: ' ms',
    ...(missing === undefined ? {} : { missing }),
  });
}

async function warmUp(bench: Bench, prepared: PreparedOurs): Promise<void> {
  bench.progress('warming up');
  await bench.load.run({
    kind: 'closed-loop',
    target: targetOf(bench, { port: prepared.port, tls: true }),
    connections: 32,
    status: 200,
    warmup: { requests: 40_000, msMax: 10_000 },
    window: { ms: 100 },
    pids: [],
    samples: 0,
  });
}

async function runWindow(
  bench: Bench,
  prepared: PreparedOurs,
  child: Child,
  changes: (() => Promise<number[]>) | null,
): Promise<Window> {
  await loopDelayOf(child); // resets it
  const target = targetOf(bench, { port: prepared.port, tls: true });
  const ms = bench.effort.seconds * 1_000;
  const loaded = bench.load
    .run({ kind: 'constant-rate', target, ...LOAD, ms, pids: [child.pid] })
    .catch(String);
  const [load, effectMs] = await Promise.all([loaded, changes?.() ?? []]);
  return { loop: await loopDelayOf(child), load, effectMs };
}

async function loopDelayOf(child: Child): Promise<LoopDelay> {
  const answered = child.nextMessage();
  child.process.send('read');
  // SAFETY: the only sender is load/loop-delay.ts.
  return (await answered) as LoopDelay;
}

async function changeSeveralTimes(
  bench: Bench,
  prepared: PreparedOurs,
  change: Change,
  window: number,
): Promise<number[]> {
  const effectMs: number[] = [];
  for (let i = 0; i < CHANGES_PER_WINDOW; i++) {
    const number = window * CHANGES_PER_WINDOW + i;
    await sleep((bench.effort.seconds * 1_000) / (CHANGES_PER_WINDOW + 1) / 2);
    const madeMs = performance.now();
    await change.make(prepared, number);
    while (!(await change.inEffect(prepared, number))) {
      if (performance.now() - madeMs > EFFECT_MS_MAX) throw new Error(`a ${change.name} did not take effect`);
      await sleep(20);
    }
    effectMs.push(performance.now() - madeMs);
  }
  return effectMs;
}

function rowOf(name: string, windows: readonly Window[]): string[] {
  const median = (values: readonly number[]): string => round(summarize(values).median);
  const latencies = windows.flatMap(({ load }) => (typeof load === 'string' ? [] : load.latencyUs));
  return [
    name,
    median(windows.map(({ loop }) => loop.maxMs)),
    median(windows.map(({ loop }) => loop.p99Ms)),
    median(latencies.map(({ max }) => max / 1_000)),
    median(latencies.map(({ p99 }) => p99 / 1_000)),
    median(windows.flatMap(({ effectMs }) => effectMs)),
  ];
}
