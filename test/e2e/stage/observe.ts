// What an operator sees of the stage's proxy: its status and admin addresses, what the kernel knows of its
// process, and a way to wait for a state.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Stage } from './stage.ts';

/** One answer of the status or admin address. */
export interface Page {
  readonly status: number;
  readonly text: string;
}

const POLL_MS = 25;

/** GET on the status address, e.g. `/readyz`. */
export const statusPage = (stage: Stage, path: string): Promise<Page> => page(stage.statusPort, path);

/** GET on the admin address, e.g. `/connections`. */
export const adminPage = (stage: Stage, path: string): Promise<Page> => page(stage.adminPort, path);

/** The value of one series as exposed, e.g. `x_total{listener="inbound"}`; 0 while it does not exist. */
export async function metric(stage: Stage, series: string): Promise<number> {
  const { text } = await statusPage(stage, '/metrics');
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}

/** How many handshakes of the one listener ended as `result`. */
export const handshakes = (stage: Stage, result: string): Promise<number> =>
  metric(stage, `sallyport_handshakes_total{listener="inbound",result="${result}"}`);

/** Open connections of the one listener. */
export async function openConnections(stage: Stage): Promise<number> {
  const of = (state: string): Promise<number> =>
    metric(stage, `sallyport_connections{listener="inbound",state="${state}"}`);
  return (await of('active')) + (await of('idle'));
}

/** Resident memory of process `pid`, in MiB. */
export function residentMb(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
}

/** Connections that process `pid` has to `port` of IPv4, whatever their other end thinks of them. */
export function connectionsTo(pid: number | undefined, port: number): number {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return ''; // closed since
    }
  });
  const inodes = new Set(links);
  const to = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1);
  return rows.filter((row) => {
    const columns = row.trim().split(/\s+/);
    return columns[2]?.endsWith(to) === true && inodes.has(`socket:[${columns[9]}]`);
  }).length;
}

/** Asks again until `wanted` accepts the answer. */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  wanted: (answer: T) => boolean,
  timeoutMs = 15_000,
): Promise<T> {
  const untilMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (performance.now() > untilMs)
      throw new Error(`never came; the last answer: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function page(port: number, path: string): Promise<Page> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  return { status: response.status, text: await response.text() };
}

/** Waits until /readyz says that a signal came. */
export const draining = (stage: Stage): Promise<Page> =>
  eventually(
    () => statusPage(stage, '/readyz'),
    ({ status, text }) => status === 503 && text.includes('shutdown: draining'),
    2_000,
  );
