// Installs the peers of the benchmark that are missing, with the commands that they name themselves, and says
// what is there then: npm run bench:peers [-- --dry-run]
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { PROXIES } from './peers/all.ts';
import { ours } from './peers/ours.ts';
import type { Peer } from './peers/peer.ts';
import { hasCommand } from './session.ts';
import { formatTable } from './table.ts';

const USAGE = `usage: npm run bench:peers [-- --dry-run]
  --dry-run  print the commands and run none
  --help`;

/** What this process may do about packages of the system. */
export type Privilege = 'root' | 'sudo' | 'none';

/** One command line. */
export interface Step {
  readonly command: string;
  /** False: only root may, and this process cannot become root. */
  readonly runnable: boolean;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));

/** 0 = every peer is there, 1 = one is missing, 2 = wrong usage. */
function main(args: readonly string[]): number {
  let values: ReturnType<typeof readOptions>;
  try {
    values = readOptions(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const peers = PROXIES.filter((peer) => peer !== ours);
  for (const step of stepsFor(commandsOf(peers), privilege())) {
    console.log(step.runnable ? `$ ${step.command}` : `not run, needs root: ${step.command}`);
    if (step.runnable && !values['dry-run']) run(step.command);
  }
  const rows = peers.map((peer) => {
    const missing = peer.missing();
    return [peer.name, missing === null ? peer.version() : `missing: ${missing}`];
  });
  console.log(formatTable({ title: 'peers', columns: ['name', 'version'], rows }));
  return commandsOf(peers).length === 0 ? 0 : 1;
}

/** @throws on anything else */
function readOptions(args: readonly string[]) {
  const options = {
    'dry-run': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const;
  return parseArgs({ args: [...args], options }).values;
}

/** Each once: two peers may come with one package. */
function commandsOf(peers: readonly Peer[]): string[] {
  return [...new Set(peers.flatMap((peer) => peer.missing() ?? []))];
}

/** `commands` in their order; a fresh machine has no package lists, so these come first. */
export function stepsFor(commands: readonly string[], may: Privilege): Step[] {
  const lists = commands.some(isForRoot) ? ['apt-get update'] : [];
  return [...lists, ...commands].map((command) => {
    if (!isForRoot(command)) return { command, runnable: true };
    return { command: may === 'sudo' ? `sudo ${command}` : command, runnable: may !== 'none' };
  });
}

function isForRoot(command: string): boolean {
  return command.startsWith('apt-get ');
}

function privilege(): Privilege {
  if (process.getuid?.() === 0) return 'root';
  return hasCommand('sudo', ['--version']) ? 'sudo' : 'none';
}

/** The command speaks for itself; whether it helped, the peer knows. */
function run(command: string): void {
  const [program = '', ...args] = command.split(' ');
  const { error, status } = spawnSync(program, args, { stdio: 'inherit' });
  if (error !== undefined) console.error(`${program} cannot be started: ${error.message}`);
  else if (status !== 0) console.error(`${command}: exit code ${status}`);
}
