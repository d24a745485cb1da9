// One run: starts what the scenarios share, measures scenario after scenario, stops everything. A scenario
// that fails is a note in the result, and the next one begins.
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { buildWhenStale } from './build.ts';
import { LoadDriver } from './load/driver.ts';
import { loadOfLastMinute, machineFacts, machineTicks, softwareFacts } from './machine.ts';
import type { BenchOptions } from './options.ts';
import { missingOurs } from './peers/ours.ts';
import { makePki } from './pki.ts';
import { RESULT_SCHEMA, type RunResult, type ScenarioResult } from './result.ts';
import { LineUp } from './scenarios/line-up.ts';
import type { Bench, Effort, Scenario } from './scenarios/scenario.ts';
import { Session } from './session.ts';

const BUSY_LOAD_PER_CPU = 0.5;

/** Measures `scenarios` in their order. @throws when nothing can be measured at all */
export async function runScenarios(
  scenarios: readonly Scenario[],
  options: BenchOptions,
  args: readonly string[],
): Promise<RunResult> {
  const startedMs = performance.now();
  const at = new Date().toISOString();
  const progress = (text: string): void =>
    console.error(`[${((performance.now() - startedMs) / 1_000).toFixed(1).padStart(6)} s] ${text}`);
  const session = new Session();
  // However this process ends, short of SIGKILL, nothing it started stays behind.
  const closeNow = (): void => session.closeNow();
  const abort = (): void => process.exit(130);
  process.once('exit', closeNow).once('SIGINT', abort).once('SIGTERM', abort);
  try {
    const before = { loadBefore: loadOfLastMinute(), ticks: machineTicks() };
    const notes = conditions(before.loadBefore, session);
    for (const note of notes) progress(note);
    const shared = await prepare(options, session, progress);
    const results: ScenarioResult[] = [];
    for (const scenario of scenarios) {
      if (scenarios.length > 1) progress(`== ${scenario.name}: ${scenario.summary}`);
      results.push(
        await runOne(scenario, { ...shared, options, effort: effortOf(scenario, options), progress }),
      );
    }
    const [first, ...rest] = results;
    return {
      schema: RESULT_SCHEMA,
      at,
      mode: options.quick ? 'quick' : 'full',
      tookSeconds: (performance.now() - startedMs) / 1_000,
      args,
      machine: machineFacts(session.cpus, before),
      software: softwareFacts(),
      peers: shared.lineUp.measured(),
      scenarios: first === undefined ? [] : [{ ...first, notes: [...notes, ...first.notes] }, ...rest],
    };
  } finally {
    await session.close();
    process.off('exit', closeNow).off('SIGINT', abort).off('SIGTERM', abort);
  }
}

async function prepare(
  options: BenchOptions,
  session: Session,
  progress: (text: string) => void,
): Promise<Pick<Bench, 'setup' | 'load' | 'lineUp'>> {
  if (missingOurs() === null) buildWhenStale(progress);
  const profileDirectory = options.profile === null ? undefined : resolve(options.profile);
  if (profileDirectory !== undefined) mkdirSync(profileDirectory, { recursive: true });
  const pki = await makePki(session.directory);
  const load = await LoadDriver.start(session, options.bodyBytes);
  const allowed = { principal: pki.clientPrincipal, methods: ['GET'], path: '/items/*' };
  const { upstreamPort } = load;
  const setup = { session, pki, upstreamPort, http: 'http/1.1', allowed, profileDirectory } as const;
  return { setup, load, lineUp: new LineUp(setup, options, progress) };
}

async function runOne(scenario: Scenario, bench: Bench): Promise<ScenarioResult> {
  const { name, summary } = scenario;
  const empty = { claims: [], tables: [], notes: [], points: [], data: null };
  try {
    return { name, summary, ...empty, ...(await scenario.run(bench)) };
  } catch (error) {
    const figure = error instanceof Error ? error.message : String(error);
    bench.progress(`${name}: failed: ${figure}`);
    // What it claims was not shown: a run that lost a scenario must not end as if nothing was missed.
    const claim = { text: name, verdict: 'not measured', figure, bound: 0, measured: null } as const;
    return { name, summary, ...empty, claims: [claim], notes: [`${name}: failed: ${figure}`] };
  }
}

function effortOf(scenario: Scenario, options: BenchOptions): Effort {
  const own = options.quick ? (scenario.quick ?? scenario.full) : scenario.full;
  return { rounds: options.rounds ?? own.rounds, seconds: options.seconds ?? own.seconds };
}

/** What makes figures mislead before the first of them. */
function conditions(load: number, session: Session): string[] {
  const notes: string[] = [];
  if (session.cpus === undefined) notes.push('warning: nothing is pinned (one CPU, or no taskset)');
  if (load > availableParallelism() * BUSY_LOAD_PER_CPU)
    notes.push(
      `warning: the machine was busy before the run (load average ${load.toFixed(1)}): figures mislead`,
    );
  return notes;
}
