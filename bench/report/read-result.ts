// A file of results, checked before anything is made of it: it may be old, cut off or edited.
import { readFileSync } from 'node:fs';
import * as z from 'zod/mini';
import { RESULT_SCHEMA, type RunResult } from '../result.ts';

/** A file that cannot be reported on; the message names it and what to do. */
export class ResultFileError extends Error {}

const list = <T extends z.ZodMiniType>(item: T) => z.readonly(z.array(item));
const number = z.number();
const orNull = z.nullable(number);
const text = z.string();

const summary = z.object({
  median: number,
  min: number,
  max: number,
  low: number,
  high: number,
  rounds: number,
});

const claim = z.object({
  text,
  verdict: z.enum(['holds', 'does not hold', 'unclear', 'not measured']),
  figure: text,
  bound: number,
  measured: z.nullable(summary),
});

const sample = z.object({
  cpuUsPerRequest: orNull,
  cpuShare: orNull,
  requestsPerSecond: number,
  bytesPerSecond: number,
  latencyUs: z.object({ p50: number, p90: number, p95: number, p99: number, p999: number, max: number }),
  rssMb: orNull,
  pssMb: orNull,
  generator: z.object({ cpuShare: number, lateUsP99: orNull }),
});

const point = z.object({
  peer: text,
  variant: text,
  x: orNull,
  rounds: list(z.nullable(sample)),
  curve: z.exactOptional(list(z.readonly(z.tuple([number, number])))),
});

const scenario = z.object({
  name: text,
  summary: text,
  claims: list(claim),
  tables: list(z.object({ title: text, columns: list(text), rows: list(list(text)) })),
  notes: list(text),
  points: list(point),
  data: z.custom<object | null>((value) => typeof value === 'object'),
});

const runResult: z.ZodMiniType<RunResult> = z.object({
  schema: z.literal(RESULT_SCHEMA),
  at: z.iso.datetime({ offset: true }),
  mode: z.enum(['quick', 'full']),
  tookSeconds: number,
  args: list(text),
  machine: z.object({
    cpu: text,
    cpus: number,
    memoryGb: number,
    kernel: text,
    pinned: z.nullable(z.object({ proxy: text, load: text })),
    loadBefore: number,
    stealShare: orNull,
  }),
  software: z.object({ sallyport: text, commit: z.nullable(text), node: text, openssl: text }),
  peers: list(z.object({ name: text, version: text, rules: number, tls: text })),
  scenarios: list(scenario),
});

/** Reads and checks `file`. @throws ResultFileError */
export function readResult(file: string): RunResult {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw new ResultFileError(`${file} is not JSON: ${error.message}`);
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!missing) throw error;
    throw new ResultFileError(`${file} is not there: measure first, with \`--json ${file}\``);
  }
  const version = z.object({ schema: number }).safeParse(value);
  if (version.success && version.data.schema !== RESULT_SCHEMA) {
    const found = version.data.schema;
    throw new ResultFileError(
      `${file} has schema ${found}, this program reads ${RESULT_SCHEMA}: measure again, or take the program of then`,
    );
  }
  const checked = runResult.safeParse(value);
  if (checked.success) return checked.data;
  const faults = checked.error.issues.slice(0, 5).map(({ path, message }) => `${placeOf(path)}: ${message}`);
  throw new ResultFileError(`${file} holds no result of a run: ${faults.join('; ')}`);
}

/** `scenarios[0].points[2].x` */
function placeOf(path: readonly PropertyKey[]): string {
  const parts = path.map((key, i) =>
    typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`,
  );
  return parts.join('') || 'the whole file';
}
