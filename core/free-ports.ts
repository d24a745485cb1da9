// TCP ports of the loopback for what is started in a moment: the demo, the benches and the tests.
// Port 0 would give one of the kernel's ephemeral ports, and those the kernel also gives to every outgoing
// connection: between our look and the start, any client on the machine may take it.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from './clock.ts';

const LOWEST = 10_000;
/** Where Linux' ephemeral ports start when nobody changed it. */
const EPHEMERAL_DEFAULT = 32_768;
const TRIES_MAX = 1_000;
/** Longer than a process takes to listen on the port that it was given. */
const HELD_MS = 120_000;

/**
 * `count` distinct ports of 127.0.0.1 that nobody listens on, below the ephemeral range, and that nobody else
 * is given in the next two minutes, in this process or another.
 * @throws Error when none is found, which needs a machine that listens on nearly all of them.
 */
export async function freePorts(count: number): Promise<number[]> {
  const end = ephemeralStart();
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries === TRIES_MAX) throw new Error(`no ${count} free ports from ${LOWEST} to ${end - 1}`);
    const port = LOWEST + Math.floor(Math.random() * (end - LOWEST));
    if (hold(port) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

/** True when nobody was given `port` lately: the file is made, or it is old. */
function hold(port: number): boolean {
  const folder = join(tmpdir(), 'sallyport-ports');
  const file = join(folder, String(port));
  try {
    mkdirSync(folder, { recursive: true });
    const ageMs = systemClock.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    if (ageMs < HELD_MS) return false;
    rmSync(file, { force: true });
    writeFileSync(file, '', { flag: 'wx' });
    return true;
  } catch {
    return false; // another process was faster, or owns the file
  }
}

function ephemeralStart(): number {
  try {
    const start = Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1'), 10);
    return start > LOWEST + TRIES_MAX ? start : EPHEMERAL_DEFAULT;
  } catch {
    return EPHEMERAL_DEFAULT; // Not Linux: IANA's range starts at 49152, which is above.
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
