// TCP ports of the loopback for what is started in a moment: the demo, the benches and the tests.
// Port 0 would give one of the kernel's ephemeral ports, and those the kernel also gives to every outgoing
// connection: between our look and the start, any client on the machine may take it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const LOWEST = 10_000;
/** Where Linux' ephemeral ports start when nobody changed it. */
const EPHEMERAL_DEFAULT = 32_768;
/** Processes side by side draw from different parts of the range, by process id. */
const PARTS = 64;
const TRIES_MAX = 1_000;

/**
 * `count` distinct ports of 127.0.0.1 that nobody listens on, below the ephemeral range.
 * @throws Error when none is found, which needs a machine that listens on nearly all of them.
 */
export async function freePorts(count: number): Promise<number[]> {
  const span = Math.floor((ephemeralStart() - LOWEST) / PARTS);
  const first = LOWEST + span * (process.pid % PARTS);
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries++) {
    if (tries === TRIES_MAX) throw new Error(`no ${count} free ports from ${first} to ${first + span - 1}`);
    const port = first + Math.floor(Math.random() * span);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

function ephemeralStart(): number {
  try {
    const start = Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1'), 10);
    return start >= LOWEST + PARTS * 100 ? start : EPHEMERAL_DEFAULT;
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
