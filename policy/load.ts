// One load of the policies of one workload: files -> sets -> compiled table. Runs off the main thread
// (worker.ts). A set with an error is refused as a whole, and its last good version is compiled instead.
import { type Diagnostic, SallyportError } from '../core/errors.ts';
import { compile } from './compile.ts';
import { fromKept, toKept } from './kept.ts';
import { lintPolicies } from './lint/lint.ts';
import type { Policy, PolicyOptions, Workload } from './model.ts';
import { parsePolicies } from './parse.ts';
import { type Partition, partitionBySource } from './partition.ts';
import { readPolicyFiles } from './read-files.ts';
import type { SerializedTable } from './table-serial.ts';

/** What to load. Plain data: it crosses a thread. */
export interface LoadRequest {
  /** Absolute files and folders. */
  readonly paths: readonly string[];
  readonly workload: Workload;
  readonly options: PolicyOptions;
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** The last good version of each set by namespace, as an earlier load returned it. */
  readonly kept: Readonly<Record<string, Uint8Array>>;
}

/** What became of one set: all policies of one namespace that select the workload. */
export interface LoadedSet {
  readonly namespace: string;
  readonly result: 'ok' | 'refused';
  /** Policies in force: those just read, or those of the last good version; null when there is neither. */
  readonly policies: number | null;
  /** The set in a form to keep for `LoadRequest.kept`; null when it was refused. */
  readonly kept: Uint8Array | null;
}

/** The outcome. Plain data. */
export interface LoadReply {
  /** Null when a set was refused that never had a good version: the workload's policy is not known then. */
  readonly table: SerializedTable | null;
  /** The root namespace's set first; one set when the workload lives there. */
  readonly sets: readonly LoadedSet[];
  /** Errors of refused sets, warnings and notices. */
  readonly diagnostics: readonly Diagnostic[];
  /** When each emergency rule in force ends, Unix milliseconds. */
  readonly emergencyEndsMs: readonly number[];
}

/** Reads, parses and compiles. Never throws for what stands in the files. */
export async function loadPolicies(request: LoadRequest): Promise<LoadReply> {
  const { workload, options, nowMs, kept } = request;
  const { partition, diagnostics } = await readSets(request);
  const sets = partition.sets.map((set) => ({ ...set, good: set.errors.length === 0 }));
  const inForce: (readonly Policy[] | null)[] = await Promise.all(
    sets.map(({ good, namespace, policies }) => {
      const last = kept[namespace];
      if (good) return policies;
      return last === undefined ? null : fromKept(last);
    }),
  );
  const policies = inForce.flatMap((set) => set ?? []);
  return {
    table: inForce.includes(null) ? null : compile(policies, workload, options),
    sets: await Promise.all(
      sets.map(async ({ namespace, good, policies: fresh }, i) => ({
        namespace,
        result: good ? 'ok' : 'refused',
        policies: inForce[i]?.length ?? null,
        kept: good ? await toKept(fresh) : null,
      })),
    ),
    diagnostics: [...diagnostics, ...lintPolicies(policies, options, nowMs)],
    emergencyEndsMs: policies.flatMap(({ emergency, expiresAtMs, rules }) =>
      emergency === null || expiresAtMs === null ? [] : rules.map(() => expiresAtMs),
    ),
  };
}

async function readSets(
  request: LoadRequest,
): Promise<{ partition: Partition; diagnostics: readonly Diagnostic[] }> {
  const { paths, workload, options, nowMs } = request;
  try {
    const { files, notices } = await readPolicyFiles(paths);
    const parsed = parsePolicies(files, options, nowMs);
    const partition = partitionBySource(parsed, workload, options);
    // An error counts in the sets that it refuses; elsewhere it is a warning, and partition.warnings has it.
    const rest = parsed.diagnostics.filter(({ severity }) => severity !== 'error');
    const errors = new Set(partition.sets.flatMap((set) => set.errors));
    return { partition, diagnostics: [...errors, ...partition.warnings, ...notices, ...rest] };
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    // What cannot be read could belong to any set.
    const errors = faultsOf(error);
    const namespaces = [...new Set([options.rootNamespace, workload.namespace])];
    const sets = namespaces.map((namespace) => ({ namespace, policies: [], errors }));
    return { partition: { sets, warnings: [] }, diagnostics: errors };
  }
}

function faultsOf(error: SallyportError): readonly Diagnostic[] {
  if (error.diagnostics.length > 0) return error.diagnostics;
  const { code, message, hint } = error;
  return [{ severity: 'error', code, message, ...(hint === undefined ? {} : { hint }) }];
}
