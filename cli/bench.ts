// `sallyport bench …`: the benchmark harness, as a process of its own. Nothing of the product imports it: it
// is started by its path, beside the sources or beside the emitted files.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { SallyportError } from '../core/errors.ts';
import type { Verb } from './io.ts';

/** One line for `--help`. */
export const BENCH_USAGE = 'sallyport bench [SCENARIO] [OPTION…]';

// From its folder on: the emitted form of this file is in another one.
const HARNESS = import.meta.url.endsWith('.ts') ? '../bench/main.ts' : '../bench/main.js';
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Gives the harness every argument and the streams of this process, and takes its exit code. */
export const bench: Verb = async (args) => {
  const child = start(args, 'inherit');
  // Also what a terminal sends to both: this process stays until the harness has cleaned up.
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    const [code, signal]: unknown[] = await once(child, 'exit');
    return typeof code === 'number' ? code : 128 + signalNumber(signal);
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
};

/** The scenarios and options, which the harness alone knows. */
export async function benchHelp(): Promise<string> {
  const child = start(['--help'], ['ignore', 'pipe', 'inherit']);
  return child.stdout === null ? '' : text(child.stdout);
}

/** @throws ERR_USAGE where there is no harness */
function start(args: readonly string[], stdio: SpawnOptions['stdio']): ChildProcess {
  const file = fileURLToPath(new URL(HARNESS, import.meta.url));
  if (!existsSync(file))
    throw new SallyportError('ERR_USAGE', 'this installation is without the benchmark harness', {
      hint: 'the npm package and a checkout have it, the image does not',
    });
  return spawn(process.execPath, [file, ...args], { stdio: stdio ?? 'inherit' });
}

function signalNumber(signal: unknown): number {
  return Object.entries(constants.signals).find(([name]) => name === signal)?.[1] ?? 0;
}
