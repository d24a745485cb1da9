// Policies in force: loads them, watches them, and replaces the table in one assignment when they change.
// A bad update keeps each set's last good version; a bad first load is a table that denies everything.
import { type Clock, systemClock, type Timer } from '../core/clock.ts';
import { type Diagnostic, formatDiagnostic, SallyportError } from '../core/errors.ts';
import { type FileWatch, watchPaths } from '../core/file-watch.ts';
import type { LoadedSet, LoadReply } from './load.ts';
import type { PolicyOptions, Workload } from './model.ts';
import { emptyTable, loadTable, nextExpiryMs, type Table } from './table.ts';
import { type Loader, startLoader } from './worker-client.ts';

/** One set of policies: the root namespace's, or the workload's namespace's. */
export interface SetStatus {
  readonly namespace: string;
  /** `refused`: the last load had errors and `policies` are those of the version before, if there was one. */
  readonly result: 'none' | 'ok' | 'refused';
  /** Policies in force that select the workload. */
  readonly policies: number;
  /** The last good load, Unix milliseconds. */
  readonly loadedAtMs: number | null;
}

/** What decides now. Replaced, never changed. */
export interface PolicyState {
  /** Counts up with every change of what is decided: another table, or a rule that expired. */
  readonly revision: number;
  readonly table: Table;
  readonly policyHash: string;
  /** The last load in which no set was refused, Unix milliseconds. */
  readonly loadedAtMs: number | null;
  /** What the last load found: errors of refused sets, warnings, notices. */
  readonly notices: readonly Diagnostic[];
  /** The same status twice when the workload lives in the root namespace. */
  readonly sources: { readonly root: SetStatus; readonly namespace: SetStatus };
}

/** What one load did with one set. */
export type LoadOutcome = Pick<LoadedSet, 'namespace' | 'result'>;

/** A running source of policies. Listeners must not throw. */
export interface PolicySource {
  current(): PolicyState;
  /** Emergency rules in force at this moment: as `evaluate` sees it, before the timer of an expiry runs. */
  emergencyRules(): number;
  /** Calls back after the revision changed. Returns the way to stop. */
  onChange(listener: () => void): () => void;
  /** Calls back with new findings of a load, the same ones only once. */
  onProblem(listener: (diagnostics: readonly Diagnostic[]) => void): () => void;
  /** Calls back after every load with what became of each set, also when nothing changed. */
  onLoad(listener: (sets: readonly LoadOutcome[]) => void): () => void;
  /** What the last load found; empty when all is well. */
  problems(): readonly Diagnostic[];
  /** Resolves after the first load, good or bad. */
  readonly ready: Promise<void>;
  close(): void;
}

/** What to load and for whom. */
export interface FilePolicySourceOptions {
  /** Absolute files and folders. */
  readonly paths: readonly string[];
  readonly workload: Workload;
  readonly options: PolicyOptions;
  readonly clock?: Clock;
  /** A loader that runs already; by default the source starts its own. The source closes it. */
  readonly loader?: Loader;
  /** Quiet time after the last file event, milliseconds. */
  readonly debounceMs?: number;
}

/** Loads `paths` and follows them. Until the first load is done the table is `no-policy`. */
export function createFilePolicySource(options: FilePolicySourceOptions): PolicySource {
  return new FilePolicySource(options);
}

// A loader that fails (no memory, no process) is tried again: nothing else would end a first load that
// failed.
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 60_000;

class FilePolicySource implements PolicySource {
  readonly ready: Promise<void>;
  readonly #options: FilePolicySourceOptions;
  readonly #clock: Clock;
  readonly #loader: Loader;
  readonly #watch: FileWatch;
  readonly #changeListeners = new Set<() => void>();
  readonly #problemListeners = new Set<(diagnostics: readonly Diagnostic[]) => void>();
  readonly #loadListeners = new Set<(sets: readonly LoadOutcome[]) => void>();
  /** The last good version of each set, for the load that needs it. */
  readonly #kept: Record<string, Uint8Array> = {};
  #emergencyEndsMs: readonly number[] = [];
  #state: PolicyState;
  #loading = false;
  #again = false;
  #failures = 0;
  #closed = false;
  #expiry: Timer | undefined;
  #retry: Timer | undefined;

  constructor(options: FilePolicySourceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#loader = options.loader ?? startLoader();
    this.#state = unloaded(options);
    const { debounceMs } = options;
    this.#watch = watchPaths(options.paths, () => void this.#reload(), {
      clock: this.#clock,
      ...(debounceMs === undefined ? {} : { debounceMs }),
    });
    this.ready = this.#reload();
  }

  current(): PolicyState {
    return this.#state;
  }

  emergencyRules(): number {
    const now = this.#clock.now();
    return this.#emergencyEndsMs.filter((end) => end > now).length;
  }

  problems(): readonly Diagnostic[] {
    return this.#state.notices;
  }

  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener);
    return () => void this.#changeListeners.delete(listener);
  }

  onProblem(listener: (diagnostics: readonly Diagnostic[]) => void): () => void {
    this.#problemListeners.add(listener);
    return () => void this.#problemListeners.delete(listener);
  }

  onLoad(listener: (sets: readonly LoadOutcome[]) => void): () => void {
    this.#loadListeners.add(listener);
    return () => void this.#loadListeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#watch.close();
    this.#expiry?.cancel();
    this.#retry?.cancel();
    this.#loader.close();
  }

  /** One load at a time; changes that come meanwhile make one more. */
  async #reload(): Promise<void> {
    this.#again = true;
    if (this.#loading) return;
    this.#loading = true;
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        const reply = await this.#load();
        if (!this.#closed) this.#loaded(reply);
      } catch (error) {
        if (!this.#closed) this.#failed(error);
      }
    }
    this.#loading = false;
  }

  /** Last good versions are sent only when they are needed: they are as large as the policies themselves. */
  async #load(): Promise<LoadReply> {
    const { paths, workload, options } = this.#options;
    const request = { paths, workload, options, nowMs: this.#clock.now(), kept: {} };
    const reply = await this.#loader.loadPolicies(request);
    const keepable = reply.sets.every(
      (set) => set.result === 'ok' || this.#kept[set.namespace] !== undefined,
    );
    return reply.table === null && keepable
      ? this.#loader.loadPolicies({ ...request, kept: this.#kept })
      : reply;
  }

  #loaded({ table, sets, diagnostics, emergencyEndsMs }: LoadReply): void {
    this.#failures = 0;
    const now = this.#clock.now();
    for (const { namespace, kept } of sets) if (kept !== null) this.#kept[namespace] = kept;
    const before = this.#state;
    const statusOf = (old: SetStatus): SetStatus => {
      const set = sets.find((s) => s.namespace === old.namespace);
      return set === undefined ? old : nextStatus(old, set, now);
    };
    this.#emergencyEndsMs = emergencyEndsMs;
    this.#replace(table === null ? emptyTable('invalid-policy') : loadTable(table), {
      loadedAtMs: sets.every((set) => set.result === 'ok') ? now : before.loadedAtMs,
      notices: diagnostics,
      sources: { root: statusOf(before.sources.root), namespace: statusOf(before.sources.namespace) },
    });
    for (const listener of this.#loadListeners) listener(sets);
  }

  #failed(error: unknown): void {
    const known = error instanceof SallyportError;
    const code = known ? error.code : 'ERR_LOADER';
    const message = error instanceof Error ? error.message : String(error);
    const hint = known ? error.hint : undefined;
    const { table, loadedAtMs, sources } = this.#state;
    const first = table.failure === 'no-policy';
    const refused = (set: SetStatus): SetStatus => ({ ...set, result: 'refused' });
    this.#replace(first ? emptyTable('invalid-policy') : table, {
      loadedAtMs,
      sources: { root: refused(sources.root), namespace: refused(sources.namespace) },
      notices: [{ severity: 'error', code, message, ...(hint === undefined ? {} : { hint }) }],
    });
    const namespaces = [...new Set([sources.root.namespace, sources.namespace.namespace])];
    for (const listener of this.#loadListeners)
      listener(namespaces.map((namespace) => ({ namespace, result: 'refused' as const })));
    this.#retry?.cancel();
    const delayMs = Math.min(RETRY_MS * 2 ** this.#failures++, RETRY_MS_MAX);
    this.#retry = this.#clock.after(delayMs, () => void this.#reload());
  }

  /** The one assignment by which everything changes; the old table stays when the new one says the same. */
  #replace(table: Table, about: Pick<PolicyState, 'loadedAtMs' | 'notices' | 'sources'>): void {
    const before = this.#state;
    const same = table.policyHash === before.table.policyHash && table.failure === before.table.failure;
    this.#state = {
      ...about,
      revision: before.revision + (same ? 0 : 1),
      table: same ? before.table : table,
      policyHash: table.policyHash,
    };
    this.#armExpiry();
    const { notices } = about;
    if (!same) this.#tellChange();
    if (notices.length === 0 || textOf(notices) === textOf(before.notices)) return;
    for (const listener of this.#problemListeners) listener(notices);
  }

  #armExpiry(): void {
    this.#expiry?.cancel();
    const now = this.#clock.now();
    const next = nextExpiryMs(this.#state.table, now);
    if (next === null) return;
    this.#expiry = this.#clock.after(next - now, () => {
      // A timer may come early, and one beyond the longest that Node knows does.
      if (this.#clock.now() >= next) {
        this.#state = { ...this.#state, revision: this.#state.revision + 1 };
        this.#tellChange();
      }
      this.#armExpiry();
    });
  }

  #tellChange(): void {
    for (const listener of this.#changeListeners) listener();
  }
}

function unloaded({ workload, options }: FilePolicySourceOptions): PolicyState {
  const table = emptyTable('no-policy');
  const status = (namespace: string): SetStatus => ({
    namespace,
    result: 'none',
    policies: 0,
    loadedAtMs: null,
  });
  return {
    revision: 0,
    table,
    policyHash: table.policyHash,
    loadedAtMs: null,
    notices: [],
    sources: { root: status(options.rootNamespace), namespace: status(workload.namespace) },
  };
}

function nextStatus(old: SetStatus, { result, policies }: LoadedSet, nowMs: number): SetStatus {
  const loadedAtMs = result === 'ok' ? nowMs : old.loadedAtMs;
  return { namespace: old.namespace, result, policies: policies ?? 0, loadedAtMs };
}

const textOf = (diagnostics: readonly Diagnostic[]): string => diagnostics.map(formatDiagnostic).join('\n');
