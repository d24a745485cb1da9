// What a run was made on and with: a figure without these is none.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './program.ts';
import type { RunResult } from './result.ts';
import type { CpuPlan } from './session.ts';

/** CPU time of the machine so far, in ticks: all of it, and what other guests of the host took. */
export interface MachineTicks {
  readonly all: number;
  readonly stolen: number;
}

/** proc(5), /proc/stat, first line: user nice system idle iowait irq softirq steal …; null without it. */
export function machineTicks(): MachineTicks | null {
  try {
    const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n');
    const ticks = line.trim().split(/ +/).slice(1, 9).map(Number);
    return { all: ticks.reduce((sum, n) => sum + n, 0), stolen: ticks[7] ?? 0 };
  } catch {
    return null;
  }
}

/** The machine, with what was stolen from it since `since`. */
export function machineFacts(
  plan: CpuPlan | undefined,
  since: { readonly loadBefore: number; readonly ticks: MachineTicks | null },
): RunResult['machine'] {
  const now = machineTicks();
  const passed = now === null || since.ticks === null ? 0 : now.all - since.ticks.all;
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: availableParallelism(),
    memoryGb: totalmem() / 2 ** 30,
    kernel: release(),
    pinned: plan ?? null,
    loadBefore: since.loadBefore,
    stealShare: passed <= 0 ? null : ((now?.stolen ?? 0) - (since.ticks?.stolen ?? 0)) / passed,
  };
}

/** The load average of the last minute. */
export function loadOfLastMinute(): number {
  return loadavg()[0] ?? 0;
}

export function softwareFacts(): RunResult['software'] {
  return {
    sallyport: versionOfPackage(),
    commit: commitOf(),
    node: process.version,
    openssl: process.versions.openssl,
  };
}

function versionOfPackage(): string {
  const about: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return typeof about === 'object' && about !== null && 'version' in about
    ? String(about.version)
    : 'unknown';
}

/** The checkout's commit, `+` when files differ from it; null outside of a checkout. */
function commitOf(): string | null {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', ROOT, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? '+' : ''}`;
  } catch {
    return null;
  }
}
