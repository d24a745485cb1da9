// The benchmark harness: starts the peers, proves that they do the same thing, measures them, cleans up.
// Exit codes: 0 every claim holds, 1 one does not, is unclear or could not be measured, 2 wrong usage.
import { writeFileSync } from 'node:fs';
import { formatClaim } from './claim.ts';
import { type BenchOptions, parseOptions, USAGE } from './options.ts';
import { PEER_NAMES } from './peers/all.ts';
import { summarizeProfile } from './profile.ts';
import { fleetCost } from './report/fleet-cost.ts';
import { htmlReport } from './report/html.ts';
import { sortedClaims } from './report/overview.ts';
import type { RunResult } from './result.ts';
import { runScenarios } from './run.ts';
import { SCENARIOS } from './scenarios/all.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { formatTable } from './table.ts';
import { benchTarget, isTargetRun, TARGET_USAGE } from './target/bench-target.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (isTargetRun(args)) {
    return benchTarget(args, {
      out: (text) => process.stdout.write(text),
      err: (text) => process.stderr.write(text),
      color: process.stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
      cwd: process.cwd(),
    });
  }
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
  const unknown = options.scenarios.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined) return wrong(`there is no scenario \`${unknown}\``);
  const stranger = options.peers?.find((name) => !PEER_NAMES.includes(name));
  if (stranger !== undefined)
    return wrong(`there is no peer \`${stranger}\`; peers: ${PEER_NAMES.join(', ')}`);
  if (process.platform !== 'linux') {
    console.error('the harness reads CPU time and memory from /proc: it runs on Linux only');
    return 2;
  }
  let result: RunResult;
  try {
    result = await runScenarios(wanted(options), options, args);
  } catch (error) {
    console.error(`failed: ${messageOf(error)}`);
    return 1;
  }
  print(result, options);
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(result, null, 1)}\n`);
  if (options.html !== null) writeFileSync(options.html, htmlReport(result));
  return sortedClaims(result).missed.length === 0 ? 0 : 1;
}

function wanted({ scenarios, quick }: BenchOptions): readonly Scenario[] {
  if (scenarios.length > 0) return SCENARIOS.filter(({ name }) => scenarios.includes(name));
  return quick ? SCENARIOS.filter((scenario) => scenario.quick !== null) : SCENARIOS;
}

function wrong(message: string): number {
  console.error(`${message}\n\n${usage()}`);
  return 2;
}

function usage(): string {
  const lines = SCENARIOS.map(
    ({ name, summary, quick }) => `  ${name.padEnd(12)} ${quick === null ? ' ' : '*'} ${summary}`,
  );
  return [USAGE, '', 'scenarios (* also in a quick run):', ...lines, '', TARGET_USAGE.trimEnd()].join('\n');
}

/** Claims first, those that fail before those that hold: they are what the run was made for. */
function print(result: RunResult, options: BenchOptions): void {
  const { scenarios } = result;
  const { missed, held } = sortedClaims(result);
  const fleet = fleetCost(result);
  const profile = options.profile === null ? null : summarizeProfile(options.profile, Date.parse(result.at));
  const parts = [
    [...missed, ...held].map(formatClaim).join('\n'),
    ...scenarios.flatMap((scenario) => scenario.tables).map(formatTable),
    fleet === null ? '' : formatTable(fleet),
    [...new Set(scenarios.flatMap((scenario) => scenario.notes))].join('\n'),
    ...(profile?.tables ?? []).map(formatTable),
    profile === null
      ? ''
      : `sallyport ran under --cpu-prof: its figures are too high; see ${profile.files.join(', ')}`,
    `${result.mode} run, ${result.tookSeconds.toFixed(0)} s, ${result.machine.cpu}, ${result.machine.cpus} CPUs`,
  ];
  console.log(parts.filter((part) => part !== '').join('\n\n'));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
