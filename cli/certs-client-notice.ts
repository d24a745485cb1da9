// How `sallyport certs client` tells a program that its files are new: a command, run without a shell, or a
// signal to the process that a file names.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { errorCode } from '../core/errors.ts';
import { usage } from './args.ts';

/** Whom to tell. */
export type Notice =
  | { readonly kind: 'command'; readonly file: string; readonly args: readonly string[] }
  | { readonly kind: 'signal'; readonly pidFile: string; readonly signal: NodeJS.Signals };

/** `nginx -s reload`: words between blanks; no quoting, no variables. @throws ERR_USAGE */
export function parseCommand(text: string): Notice {
  const [file, ...args] = text.split(' ').filter((word) => word !== '');
  if (file === undefined) throw usage('`--on-renew` is empty', 'for example `--on-renew "nginx -s reload"`');
  return { kind: 'command', file, args };
}

/** `/run/nginx.pid:SIGHUP`. @throws ERR_USAGE */
export function parseSignal(text: string, cwd: string): Notice {
  const colon = text.lastIndexOf(':');
  const signal = text.slice(colon + 1);
  if (colon <= 0 || !isSignal(signal))
    throw usage(`\`--signal ${text}\` is not PIDFILE:SIGNAL`, 'for example `--signal /run/nginx.pid:SIGHUP`');
  return { kind: 'signal', pidFile: resolve(cwd, text.slice(0, colon)), signal };
}

const isSignal = (name: string): name is NodeJS.Signals => Object.hasOwn(constants.signals, name);

const COMMAND_MS_MAX = 30_000;

/** Tells; resolves to what went wrong, or null. Never rejects. */
export function give(notice: Notice): Promise<string | null> {
  return notice.kind === 'command' ? run(notice.file, notice.args) : signalTo(notice.pidFile, notice.signal);
}

async function run(file: string, args: readonly string[]): Promise<string | null> {
  // Its output is not ours: a log of JSON lines stays one.
  const child = spawn(file, [...args], { stdio: ['ignore', 'ignore', 'inherit'], timeout: COMMAND_MS_MAX });
  try {
    const [code, signal]: (number | string | null)[] = await once(child, 'exit');
    if (code === 0) return null;
    return `\`${file}\` ended with ${signal === null ? `exit code ${code}` : signal}`;
  } catch (error) {
    return `\`${file}\` cannot be run: ${errorCode(error)}`;
  }
}

async function signalTo(pidFile: string, signal: NodeJS.Signals): Promise<string | null> {
  try {
    const text = (await readFile(pidFile, 'utf8')).trim();
    // SAFETY: 0 and negative numbers are whole process groups, 1 is everything below init.
    if (!/^[1-9]\d{0,9}$/.test(text) || text === '1') return `\`${pidFile}\` does not hold a process id`;
    process.kill(Number(text), signal);
    return null;
  } catch (error) {
    return `${signal} cannot be sent to the process of \`${pidFile}\`: ${errorCode(error)}`;
  }
}
