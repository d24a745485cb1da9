// `npm test`: lint, types, build, then the unit and the e2e tests; the last line is `N passed, N failed`.
// Every tool runs on the Node that runs this file, whatever `node` the machine's PATH finds first.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { missingRequirements } from './requirements.ts';

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const ROOT = join(import.meta.dirname, '..');
const STEP_TIMEOUT_MS = 25 * 60_000;
const FAILED_STEP: Counts = { passed: 0, failed: 1, skipped: 0 };
const PASSED_STEP: Counts = { passed: 0, failed: 0, skipped: 0 };

const modules = (...path: string[]): string => join(ROOT, 'node_modules', ...path);

function main(): void {
  const startMs = Date.now();
  const steps: [name: string, run: () => Counts][] = [
    ['requirements', checkRequirements],
    ['lint', () => tool(modules('@biomejs', 'biome', 'bin', 'biome'), 'check', '.')],
    ['typecheck', () => tool(modules('typescript', 'bin', 'tsc'), '--noEmit')],
    ['build', () => tool(modules('rolldown', 'bin', 'cli.mjs'), '-c', 'rolldown.config.ts')],
    ['unit tests', () => tests('unit')],
    ['e2e tests', () => tests('e2e')],
  ];
  const failed: string[] = [];
  let total = PASSED_STEP;
  for (const [name, run] of steps) {
    console.log(`\n== ${name}`);
    const counts = run();
    if (counts.failed > 0) failed.push(name);
    total = {
      passed: total.passed + counts.passed,
      failed: total.failed + counts.failed,
      skipped: total.skipped + counts.skipped,
    };
  }
  console.log(`\n== ${Math.round((Date.now() - startMs) / 1000)} s on Node ${process.version}`);
  if (total.skipped > 0) console.log(`${total.skipped} tests did not run: see requirements above`);
  if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed === 0 ? 0 : 1;
}

/** Says what is missing and how to get it; in CI a missing required part fails the run. */
function checkRequirements(): Counts {
  const missing = missingRequirements();
  for (const { command, required, usedFor, install } of missing) {
    const weight = required ? 'MISSING' : 'optional';
    console.log(`${weight}: \`${command}\` (${usedFor}) is not installed; run: ${install}`);
  }
  if (missing.length === 0) console.log('everything is here');
  const fatal = process.env['CI'] === 'true' && missing.some(({ required }) => required);
  return fatal ? FAILED_STEP : PASSED_STEP;
}

/** Runs a JavaScript command of a dependency with its output shown. */
function tool(script: string, ...args: string[]): Counts {
  const { status, signal, error } = spawnSync(process.execPath, [script, ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    timeout: STEP_TIMEOUT_MS,
    env: {
      ...process.env,
      ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }),
      PATH: [dirname(process.execPath), modules('.bin'), process.env['PATH'] ?? ''].join(delimiter),
    },
  });
  if (error !== undefined) console.log(error.message);
  if (signal !== null) console.log(`ended by ${signal}`);
  return status === 0 ? PASSED_STEP : FAILED_STEP;
}

/** Runs one vitest project; its JSON report counts, its own report is for the reader. */
function tests(project: string): Counts {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-test-'));
  try {
    const report = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const run = tool(modules('vitest', 'vitest.mjs'), 'run', '--project', project, ...reporters);
    const counts = readReport(report);
    // A file that does not load, an unhandled error or an empty project has no failed test of its own.
    return run.failed > 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readReport(path: string): Counts {
  let report: unknown;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return FAILED_STEP; // vitest ended before it could write one, and has said why
  }
  const count = (name: string): number => {
    const value = report !== null && typeof report === 'object' ? Reflect.get(report, name) : undefined;
    return typeof value === 'number' ? value : 0;
  };
  const passed = count('numPassedTests');
  const failed = count('numFailedTests');
  return {
    passed,
    failed: passed + failed === 0 ? 1 : failed,
    skipped: count('numPendingTests') + count('numTodoTests'),
  };
}

main();
