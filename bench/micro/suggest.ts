// `sallyport policy suggest` on a million lines, as a user runs it: a process of its own, from the file to
// the policies. Flow records of windows, and a decision log in which every path has an id of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENTRY } from '../build.ts';
import { cpuTimeUs, rssKibOf } from '../proc.ts';
import { FROM_SOURCES } from '../program.ts';
import type { Figure } from './measure.ts';

const LINES_PER_TURN = 10_000;
const TURNS = 100;
const SECONDS_MAX = 30;
const CALLERS = 40;
const WORKLOADS = 25;
const START_MS = Date.UTC(2026, 8, 1);
const LINES_PER_WRITE = 1_000;
const MEMORY_EVERY_MS = 20;
const MIB = 1024 * 1024;

/** Seconds and peak memory for `turns` times 10,000 lines of each kind. */
export async function suggestFigures(turns = TURNS): Promise<Figure[]> {
  const lines = turns * LINES_PER_TURN;
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  try {
    const figures: Figure[] = [];
    for (const [name, line] of [
      ['flow records', recordLine],
      ['decision log, each path another', logLine],
    ] as const) {
      const file = join(folder, 'input.jsonl');
      const bytes = await write(file, lines, line);
      const { seconds, cpuSeconds, peakBytes } = await suggest(file);
      const what = `${lines.toLocaleString('en')} lines, ${name}`;
      figures.push({ name: what, value: seconds, unit: 's', target: SECONDS_MAX });
      figures.push({ name: `${what}: CPU time`, value: cpuSeconds, unit: 's' });
      figures.push({ name: `${what}: length`, value: bytes / MIB, unit: 'MiB' });
      figures.push({ name: `${what}: peak memory`, value: peakBytes / MIB, unit: 'MiB' });
    }
    return figures;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function write(file: string, lines: number, line: (i: number) => object): Promise<number> {
  const stream = createWriteStream(file);
  for (let from = 0; from < lines; from += LINES_PER_WRITE) {
    let text = '';
    for (let i = from; i < Math.min(lines, from + LINES_PER_WRITE); i++)
      text += `${JSON.stringify(line(i))}\n`;
    if (!stream.write(text)) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'finish');
  return stream.bytesWritten;
}

interface Took {
  readonly seconds: number;
  /** Last looked at shortly before the end. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

async function suggest(file: string): Promise<Took> {
  const entry = FROM_SOURCES ? ENTRY.source : ENTRY.emitted;
  const start = performance.now();
  const child = spawn(process.execPath, [entry, 'policy', 'suggest', '--flows', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let [peakBytes, cpuUs] = [0, 0];
  const timer = setInterval(() => {
    if (child.pid === undefined) return;
    peakBytes = Math.max(peakBytes, rssKibOf([child.pid]) * 1024);
    cpuUs = Math.max(cpuUs, cpuTimeUs([child.pid]));
  }, MEMORY_EVERY_MS);
  const [code] = await once(child, 'exit');
  clearInterval(timer);
  if (code !== 0) throw new Error(`policy suggest ended with ${code}`);
  return { seconds: (performance.now() - start) / 1000, cpuSeconds: cpuUs / 1e6, peakBytes };
}

const pairOf = (i: number) => ({ caller: i % CALLERS, workload: (i * 7 + (i % 3)) % WORKLOADS });
const idOf = (caller: number): string => `spiffe://example.org/ns/shop/sa/caller-${caller}`;
const PATHS = ['/items/{*}', '/items/{*}/price', '/orders', '/orders/{*}', '/health/ready', '/v1/search'];
const iso = (ms: number): string => new Date(ms).toISOString();

function recordLine(i: number): object {
  const { caller, workload } = pairOf(i);
  const ms = START_MS + Math.floor(i / 1_000) * 10_000;
  return {
    ...{ time: iso(ms), listener: 'inbound', direction: 'inbound', verdict: 'allow', enforced: true },
    ...{ reason: 'allow-rule', rules: [`ns[shop]-policy[workload-${workload}]-rule[0]`] },
    source: { principal: idOf(caller) },
    destination: { workload: `workload-${workload}`, namespace: 'shop', port: 8080 },
    http: { method: i % 5 === 0 ? 'POST' : 'GET', path: PATHS[(caller + workload + i) % PATHS.length] },
    ...{ count: 1 + (i % 90), bytes: 900, firstSeen: iso(ms - 9_000), lastSeen: iso(ms - 1_000), window: 10 },
  };
}

function logLine(i: number): object {
  const { caller, workload } = pairOf(i);
  const ms = START_MS + i * 100;
  return {
    ...{ time: iso(ms), level: 'info', listener: 'inbound', direction: 'inbound', verdict: 'allow' },
    ...{ enforced: true, reason: 'allow-rule', rules: [`ns[shop]-policy[workload-${workload}]-rule[0]`] },
    policyHash: 'sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b',
    ...{ requestId: `0199-${i}`, connectionId: `c-${i % 1000}` },
    source: { principal: idOf(caller), ip: '10.0.0.9', remoteIp: '10.0.0.9', remoteIpFrom: 'peer' },
    destination: { workload: `workload-${workload}`, namespace: 'shop', ip: '10.0.1.9', port: 8080 },
    sni: `workload-${workload}.shop`,
    http: {
      ...{
        method: 'GET',
        path: `/tenants/${i % 37}/orders/${i * 7919}`,
        host: `workload-${workload}.shop:8080`,
      },
      ...{ status: 200, version: '1.1' },
    },
    ...{
      durationUs: 310,
      decisionUs: 12,
      bytesIn: 90,
      bytesOut: 240,
      trace: '0af7651916cd43dd8448eb211c80319c',
    },
  };
}
