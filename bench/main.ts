// The benchmark harness: starts the peers of a scenario, proves that they do the same thing, measures them,
// cleans up. Exit codes: 0 measured, 1 a claim does not hold or sallyport could not be measured, 2 wrong
// usage.
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release } from 'node:os';
import { resolve } from 'node:path';
import { buildWhenStale } from './build.ts';
import { formatClaim } from './claim.ts';
import { LoadDriver } from './load/driver.ts';
import { type BenchOptions, parseOptions, USAGE } from './options.ts';
import { PEER_NAMES } from './peers/all.ts';
import { missingOurs } from './peers/ours.ts';
import { makePki } from './pki.ts';
import { hottestOf } from './profile.ts';
import { handshake } from './scenarios/handshake.ts';
import { idle } from './scenarios/idle.ts';
import { memory } from './scenarios/memory.ts';
import { reload } from './scenarios/reload.ts';
import { requests } from './scenarios/requests.ts';
import type { Report, Scenario } from './scenarios/scenario.ts';
import { start } from './scenarios/start.ts';
import { Session } from './session.ts';
import { formatTable } from './table.ts';

const SCENARIOS: readonly Scenario[] = [requests, memory, idle, start, reload, handshake];

const BUSY_LOAD_PER_CPU = 0.5;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    return wrong(messageOf(error));
  }
  if (options.help) {
    console.log(usage());
    return 0;
  }
  const scenario = SCENARIOS.find(({ name }) => name === options.scenario);
  if (scenario === undefined) return wrong(`there is no scenario \`${options.scenario}\``);
  const stranger = options.peers?.find((name) => !PEER_NAMES.includes(name));
  if (stranger !== undefined)
    return wrong(`there is no peer \`${stranger}\`; peers: ${PEER_NAMES.join(', ')}`);
  if (process.platform !== 'linux') {
    console.error('the harness reads CPU time and memory from /proc: it runs on Linux only');
    return 2;
  }
  return measure(scenario, options);
}

function wrong(message: string): number {
  console.error(`${message}\n\n${usage()}`);
  return 2;
}

function usage(): string {
  return [USAGE, 'scenarios:', ...SCENARIOS.map((s) => `  ${s.name.padEnd(10)} ${s.summary}`)].join('\n');
}

async function measure(scenario: Scenario, options: BenchOptions): Promise<number> {
  const startedMs = performance.now();
  const progress = (text: string): void =>
    console.error(`[${((performance.now() - startedMs) / 1_000).toFixed(1).padStart(5)} s] ${text}`);
  const session = new Session();
  // However this process ends, short of SIGKILL, nothing it started stays behind.
  const closeNow = (): void => session.closeNow();
  const abort = (): void => process.exit(130);
  process.once('exit', closeNow).once('SIGINT', abort).once('SIGTERM', abort);
  let report: Report;
  try {
    if (session.cpus === undefined) progress('warning: nothing is pinned (one CPU, or no taskset)');
    const busy = busyNotes(loadavg()[0] ?? 0, availableParallelism());
    for (const note of busy) progress(note);
    const found = await runScenario(scenario, options, session, progress);
    report = { ...found, notes: [...found.notes, ...busy] };
  } catch (error) {
    progress(`failed: ${messageOf(error)}`);
    return 1;
  } finally {
    await session.close();
    process.off('exit', closeNow).off('SIGINT', abort).off('SIGTERM', abort);
  }
  print(report, options);
  if (options.json !== null) writeJson(options.json, scenario, options, session, report);
  const bad = report.claims.some(({ verdict }) => verdict === 'does not hold' || verdict === 'not measured');
  return bad ? 1 : 0;
}

async function runScenario(
  scenario: Scenario,
  options: BenchOptions,
  session: Session,
  progress: (text: string) => void,
): Promise<Report> {
  if (missingOurs() === null) buildWhenStale(progress);
  const profileDirectory = options.profile === null ? undefined : resolve(options.profile);
  if (profileDirectory !== undefined) mkdirSync(profileDirectory, { recursive: true });
  const pki = await makePki(session.directory);
  const load = await LoadDriver.start(session, options.bodyBytes);
  const allowed = { principal: pki.clientPrincipal, methods: ['GET'], path: '/items/*' };
  const setup = { session, pki, upstreamPort: load.upstreamPort, allowed, profileDirectory };
  return scenario.run({ options, setup, load, progress });
}

/** A warning when others already used the machine before the run. */
function busyNotes(load: number, cpuCount: number): string[] {
  if (load <= cpuCount * BUSY_LOAD_PER_CPU) return [];
  return [`warning: the machine was busy before the run (load average ${load.toFixed(1)}): figures mislead`];
}

/** Claims first: they are what the run was made for. */
function print(report: Report, options: BenchOptions): void {
  const profile = options.profile === null ? null : hottestOf(options.profile);
  const parts = [
    report.claims.map(formatClaim).join('\n'),
    ...report.tables.map(formatTable),
    report.notes.join('\n'),
    profile === null
      ? ''
      : `${formatTable(profile)}\nsallyport ran under --cpu-prof: its figures are too high`,
  ];
  console.log(parts.filter((part) => part !== '').join('\n\n'));
}

function writeJson(
  file: string,
  scenario: Scenario,
  options: BenchOptions,
  session: Session,
  report: Report,
): void {
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: availableParallelism(),
    kernel: release(),
    node: process.version,
    pinned: session.cpus ?? null,
  };
  const { claims, notes, data } = report;
  const content = {
    scenario: scenario.name,
    at: new Date().toISOString(),
    machine,
    options,
    claims,
    notes,
    data,
  };
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
