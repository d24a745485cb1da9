// Hot reload of 1,000 rules under a constant rate: how long the data path's event loop stands still, seen
// from inside (a preloaded monitor at 1 ms) and from outside (latency of requests that were due).
import { Agent, get } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../child.ts';
import { round, upperBound } from '../claim.ts';
import type { LoopDelay } from '../load/loop-delay.ts';
import type { LoadResult } from '../load/protocol.ts';
import {
  isReady,
  launchOurs,
  missingOurs,
  type PreparedOurs,
  prepareOurs,
  writePolicies,
} from '../peers/ours.ts';
import { waitUntil } from '../peers/peer.ts';
import { clientMaterial } from '../pki.ts';
import { programUrl } from '../program.ts';
import { benchRules } from '../rules.ts';
import { summarize } from '../statistics.ts';
import { type Bench, type Report, type Scenario, targetOf } from './scenario.ts';

const RULES = 1_000;
const DELAY_MS_MAX = 20;
/** A loop that is this late without any reload is kept waiting by other processes. */
const FLOOR_MS_MAX = 10;
const ROUNDS = 3;
const WINDOW_MS = 6_000;
const RELOADS_PER_WINDOW = 5;
const LOAD = { connections: 16, perSecond: 2_000 } as const;
const EFFECT_MS_MAX = 10_000;

/** One window, with or without reloads. */
interface Window {
  readonly loop: LoopDelay;
  readonly load: LoadResult;
  /** File written to first request judged by it. */
  readonly effectMs: readonly number[];
}

export const reload: Scenario = {
  name: 'reload',
  summary: `event-loop delay while ${RULES} rules are reloaded under ${LOAD.perSecond} requests a second`,
  run,
};

async function run(bench: Bench): Promise<Report> {
  const missing = missingOurs();
  const quiet: Window[] = [];
  const reloading: Window[] = [];
  if (missing === null) {
    const prepared = await prepareOurs(bench.setup, RULES);
    const { session } = bench.setup;
    const child = launchOurs(session, prepared, {
      nodeArgs: ['--import', programUrl('load/loop-delay').href],
      cpu: session.cpus?.proxy,
      ipc: true,
    });
    await waitUntil(child, () => isReady(prepared), 'was not ready');
    await warmUp(bench, prepared);
    for (let i = 1; i <= ROUNDS; i++) {
      quiet.push(await runWindow(bench, prepared, child, null));
      reloading.push(await runWindow(bench, prepared, child, i));
      const figures = [quiet, reloading].map((windows) => round(windows.at(-1)?.loop.maxMs ?? 0));
      bench.progress(
        `round ${i}/${ROUNDS}: loop delay max ${figures[0]} ms quiet, ${figures[1]} ms reloading`,
      );
    }
    await child.stop();
  }
  return {
    claims: [
      upperBound({
        text: `event-loop delay while reloading < ${DELAY_MS_MAX} ms`,
        bound: DELAY_MS_MAX,
        values: reloading.map(({ loop }) => loop.maxMs),
        floor: {
          name: 'the loop without a reload',
          values: quiet.map(({ loop }) => loop.maxMs),
          max: FLOOR_MS_MAX,
        },
        unit: ' ms',
        ...(missing === null ? {} : { missing }),
      }),
    ],
    tables: [
      {
        title: `${RELOADS_PER_WINDOW} reloads of ${RULES} rules in ${WINDOW_MS / 1_000} s; medians in ms`,
        columns: ['window', 'loop max', 'loop p99', 'request max', 'request p99', 'in effect after'],
        rows: [rowOf('quiet', quiet), rowOf('reloading', reloading)],
      },
    ],
    notes: missing === null ? [] : [missing],
    data: { quiet, reloading },
  };
}

async function warmUp(bench: Bench, prepared: PreparedOurs): Promise<void> {
  bench.progress('warming up');
  await bench.load.run({
    kind: 'closed-loop',
    target: targetOf(bench, { port: prepared.port, tls: true }),
    connections: 32,
    warmup: { requests: 40_000, msMax: 10_000 },
    window: { ms: 100 },
    pids: [],
    samples: 0,
  });
}

/** `seed` makes the new rules differ from those of every other window; null = no reload. */
async function runWindow(
  bench: Bench,
  prepared: PreparedOurs,
  child: Child,
  seed: number | null,
): Promise<Window> {
  await loopDelayOf(child); // resets it
  const target = targetOf(bench, { port: prepared.port, tls: true });
  const loaded = bench.load.run({ kind: 'constant-rate', target, ...LOAD, ms: WINDOW_MS });
  const effectMs = seed === null ? [] : await reloadSeveralTimes(bench, prepared, seed);
  const load = await loaded;
  if (load.refused > 0) throw new Error(`${load.refused} requests were refused during a reload`);
  return { loop: await loopDelayOf(child), load, effectMs };
}

async function loopDelayOf(child: Child): Promise<LoopDelay> {
  const answered = child.nextMessage();
  child.process.send('read');
  // SAFETY: the only sender is load/loop-delay.ts.
  return (await answered) as LoopDelay;
}

async function reloadSeveralTimes(bench: Bench, prepared: PreparedOurs, seed: number): Promise<number[]> {
  const { pki, allowed } = bench.setup;
  const caller = clientMaterial(pki, pki.client);
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    ca: caller.authority,
    cert: caller.certificate,
    key: caller.key,
  });
  const effectMs: number[] = [];
  for (let i = 0; i < RELOADS_PER_WINDOW; i++) {
    await sleep(WINDOW_MS / (RELOADS_PER_WINDOW + 1) / 2);
    const path = `/reloaded/${seed}-${i}`;
    const rules = benchRules(RULES, allowed);
    rules[0] = { ...allowed, path };
    const writtenMs = performance.now();
    writePolicies(prepared, rules, pki.namespace);
    while ((await statusOf(agent, prepared.port, path)) !== 200) {
      if (performance.now() - writtenMs > EFFECT_MS_MAX) throw new Error('a reload did not take effect');
      await sleep(20);
    }
    effectMs.push(performance.now() - writtenMs);
  }
  agent.destroy();
  return effectMs;
}

function statusOf(agent: Agent, port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get({ agent, host: '127.0.0.1', port, path, servername: 'localhost' }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
  });
}

function rowOf(name: string, windows: readonly Window[]): string[] {
  const median = (values: readonly number[]): string => round(summarize(values).median);
  return [
    name,
    median(windows.map(({ loop }) => loop.maxMs)),
    median(windows.map(({ loop }) => loop.p99Ms)),
    median(windows.map(({ load }) => load.latencyUsMax / 1_000)),
    median(windows.map(({ load }) => load.latencyUsP99 / 1_000)),
    median(windows.flatMap(({ effectMs }) => effectMs)),
  ];
}
