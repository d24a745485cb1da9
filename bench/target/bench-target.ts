// `bench --target URL`: measures the user's own deployment, with their client certificate.
// One request first: the right server, the expected answer. Then what will be sent is said, and sent.
import { accessSync, constants, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname, resolve } from 'node:path';
import { formatDiagnostic, SallyportError } from '../../core/errors.ts';
import { type Endpoint, type Endpoints, openEndpoints } from './endpoint.ts';
import type { Fault } from './faults.ts';
import { figureFor } from './figures.ts';
import { parseTargetOptions, type TargetOptions } from './options.ts';
import { type Probe, probe } from './probe.ts';
import { formatResult } from './report.ts';
import { type SideResult, TARGET_SCHEMA, type TargetResult } from './result.ts';
import { type FirstFaults, measure, type Plan, type RateRounds } from './rounds.ts';
import { judge } from './slo.ts';
import { TARGET_USAGE } from './usage.ts';

export { TARGET_USAGE };

/** Where to print, and from where paths are relative; what cli/io.ts has. */
export interface TargetIo {
  /** Standard output, for results. No newline is added. */
  out(text: string): void;
  /** Standard error, for progress and errors. No newline is added. */
  err(text: string): void;
  readonly color: boolean;
  readonly cwd: string;
}

const INTERRUPTED = 130;
const WRONG_USAGE = 2;

/** Whether `bench ARGS` is about a target, and not about a scenario. */
export function isTargetRun(args: readonly string[]): boolean {
  return args.some((arg) => arg === '--target' || arg.startsWith('--target='));
}

/** Runs `bench ARGS`, in which `--target` is, and resolves to the exit code. */
export async function benchTarget(args: readonly string[], io: TargetIo): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    io.out(TARGET_USAGE);
    return 0;
  }
  try {
    const options = parseTargetOptions(args);
    const endpoints = openEndpoints(options, io.cwd);
    if (options.json !== null && options.json !== '-') checkWritable(resolve(io.cwd, options.json));
    return await run(options, endpoints, io);
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    const findings = error.diagnostics.map((diagnostic) => `${formatDiagnostic(diagnostic)}\n`).join('');
    const hint = error.hint === undefined ? '' : `    hint: ${error.hint}\n`;
    io.err(`${findings}bench: ${error.message} [${error.code}]\n${hint}`);
    return WRONG_USAGE;
  }
}

async function run(options: TargetOptions, endpoints: Endpoints, io: TargetIo): Promise<number> {
  const startedMs = performance.now();
  const progress = (text: string): void => {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1).padStart(5);
    io.err(`[${seconds} s] ${text}\n`);
  };
  const probes = await probeAll(options, endpoints, progress);
  if (probes === null) return 1;
  const firstFaults: FirstFaults = { target: new Map(), direct: new Map() };
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  let rates: RateRounds[];
  try {
    progress(plannedLoad(options, endpoints));
    rates = await measure(endpoints, planOf(options), { firstFaults, signal: interrupt.signal, progress });
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
  const side = (endpoint: Endpoint, found: Probe): SideResult => ({
    url: endpoint.url,
    method: options.method,
    probe: found,
    firstFaults: [...firstFaults[endpoint.side].values()],
  });
  const { target, direct } = endpoints;
  const result = resultOf(options, rates, {
    tookSeconds: (performance.now() - startedMs) / 1_000,
    interrupted: interrupt.signal.aborted,
    sides: {
      target: side(target, probes.target),
      direct: direct === null || probes.direct === null ? null : side(direct, probes.direct),
    },
  });
  write(result, options, io);
  return exitCode(result);
}

/** Asks each side once. Null when one cannot be measured: it was said why. */
async function probeAll(
  { timeoutSeconds, expect, insecure }: TargetOptions,
  { target, direct }: Endpoints,
  progress: (text: string) => void,
): Promise<{ target: Probe; direct: Probe | null } | null> {
  const ask = async (endpoint: Endpoint): Promise<Probe | null> => {
    const found = await probe(endpoint, timeoutSeconds * 1_000, expect);
    progress(`${endpoint.side} ${endpoint.url}: ${describe(found, insecure)}`);
    return 'kind' in found ? null : found;
  };
  const first = await ask(target);
  const second = direct === null ? null : await ask(direct);
  return first === null || (direct !== null && second === null) ? null : { target: first, direct: second };
}

function describe(found: Probe | Fault, insecure: boolean): string {
  if ('kind' in found) return `${found.kind}: ${found.message}\n    hint: ${found.hint}`;
  const { status, bytes, tls } = found;
  const answer = `${status}, ${bytes} bytes`;
  if (tls === null) return `${answer}, plaintext`;
  const server = insecure ? `NOT VERIFIED (--insecure), it says ${tls.server}` : tls.server;
  return `${answer}, ${tls.version} ${tls.cipher}, server ${server}`;
}

function plannedLoad(options: TargetOptions, { target, direct }: Endpoints): string {
  const { rates, rounds, seconds, warmupSeconds, connections, method } = options;
  const sides = direct === null ? 1 : 2;
  const each = rounds * sides * (warmupSeconds + seconds);
  const requests = Math.round(rates.reduce((total, rate) => total + rate * each, 0));
  const to = direct === null ? target.url : `${target.url} and ${direct.url} in turn`;
  const rate = `${rates.join(', ')} requests/s over ${connections} connections`;
  const windows = `${rounds} rounds of ${warmupSeconds} + ${seconds} s each`;
  const total = `${requests} requests in ${Math.ceil(each * rates.length)} s`;
  return `sending ${method} to ${to}: ${rate}, ${windows}; ${total}; Ctrl-C stops`;
}

function planOf(options: TargetOptions): Plan {
  const { rates, rounds, connections, expect } = options;
  const warmupMs = options.warmupSeconds * 1_000;
  const windowMs = options.seconds * 1_000;
  const timeoutMs = options.timeoutSeconds * 1_000;
  return { rates, rounds, load: { connections, warmupMs, windowMs, timeoutMs, expect } };
}

function resultOf(
  options: TargetOptions,
  rates: readonly RateRounds[],
  rest: Pick<TargetResult, 'tookSeconds' | 'interrupted' | 'sides'>,
): TargetResult {
  const { connections, seconds, warmupSeconds, timeoutSeconds, rounds, insecure } = options;
  return {
    schema: TARGET_SCHEMA,
    at: new Date().toISOString(),
    machine: { cpu: cpus()[0]?.model ?? 'unknown', cpus: availableParallelism(), node: process.version },
    insecure,
    load: { connections, seconds, warmupSeconds, timeoutSeconds, rounds },
    rates,
    objectives: rates.flatMap((measured) =>
      options.objectives.map((objective) => ({
        perSecond: measured.perSecond,
        ...judge(objective, figureFor(measured, objective)),
      })),
    ),
    ...rest,
  };
}

function write(result: TargetResult, { json }: TargetOptions, io: TargetIo): void {
  const content = `${JSON.stringify(result, null, 2)}\n`;
  if (json === '-') return io.out(content);
  io.out(formatResult(result, io.color));
  if (json !== null) writeFileSync(resolve(io.cwd, json), content);
}

/** Before the load: a minute later it would be lost. */
function checkWritable(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch {
    throw new SallyportError('ERR_USAGE', `\`--json ${path}\` cannot be written`, {
      hint: 'its folder must exist and be writable',
    });
  }
}

function exitCode({ interrupted, objectives, rates }: TargetResult): number {
  if (interrupted) return INTERRUPTED;
  const answered = rates.every(({ pairs }) => pairs.some(({ target }) => (target?.answered ?? 0) > 0));
  return answered && objectives.every(({ verdict }) => verdict === 'holds') ? 0 : 1;
}
