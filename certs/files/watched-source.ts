// A source that reads files: watched, read and verified as one set, swapped in as one set. While a set does
// not verify, the last good one stays.
import { type Clock, systemClock, type Timer } from '../../core/clock.ts';
import { type Diagnostic, SallyportError } from '../../core/errors.ts';
import { type FileWatch, watchPaths } from '../../core/file-watch.ts';
import { Findings } from '../read-files.ts';
import { SourceBase } from '../source-base.ts';

/** One reading of all files. */
export interface Reading<State> {
  /** Everything that was read, to tell a real change from a touched file. */
  readonly contents: string;
  /**
   * Null when nothing of it is taken, for which `findings` has errors. `generation` is the number that the
   * state would have, `before` the last good one.
   */
  verify(generation: number, before: State | null): State | null;
}

export interface WatchedSourceOptions<State> {
  readonly paths: readonly string[];
  /** What there is none of when the first set cannot be used: `identity`. */
  readonly what: 'identity' | 'bundle';
  /** Reads all files; null when that failed, for which `findings` has errors. */
  readonly read: (findings: Findings) => Promise<Reading<State> | null>;
  readonly clock?: Clock | undefined;
  /** Quiet time after the last file event, milliseconds. */
  readonly debounceMs?: number | undefined;
}

// Tools write certificate and key one after the other: a set that does not fit gets this long before it is
// reported.
const GRACE_MS = 1_000;

/**
 * Loads the files and watches them from then on.
 * @throws ERR_IDENTITY_LOAD with every finding when the first set does not verify
 */
export async function openWatchedSource<State>(
  options: WatchedSourceOptions<State>,
): Promise<SourceBase<State>> {
  const source = new WatchedSource(options);
  try {
    await source.loadFirst();
  } catch (error) {
    source.close();
    throw error;
  }
  return source;
}

class WatchedSource<State> extends SourceBase<State> {
  readonly #options: WatchedSourceOptions<State>;
  readonly #clock: Clock;
  readonly #watch: FileWatch;
  /** Contents behind the current state. */
  #loaded = '';
  #generation = 0;
  #retry: Timer | undefined;
  /** When the files stopped to verify; null while they do. */
  #brokenSinceMs: number | null = null;
  #loading = false;
  #changedWhileLoading = false;
  #closed = false;

  constructor(options: WatchedSourceOptions<State>) {
    super();
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    // Watching starts before the first read, so that no change falls between the two.
    this.#watch = watchPaths(options.paths, () => this.#reload(), {
      clock: this.#clock,
      ...(options.debounceMs === undefined ? {} : { debounceMs: options.debounceMs }),
    });
  }

  close(): void {
    this.#closed = true;
    this.#watch.close();
    this.#retry?.cancel();
  }

  async loadFirst(): Promise<void> {
    this.#loading = true;
    const findings = await this.#load();
    this.#loading = false;
    this.report(findings.list);
    if (this.#changedWhileLoading) this.#reload();
    // Also what is wrong with a foreign trust domain alone: a mistake is best seen at the start.
    const [first] = errorsIn(findings);
    if (first === undefined) return;
    throw new SallyportError('ERR_IDENTITY_LOAD', `no ${this.#options.what}: ${first.message}`, {
      ...(first.hint === undefined ? {} : { hint: first.hint }),
      diagnostics: findings.list,
    });
  }

  /** One load at a time; a change that arrives meanwhile is looked at afterwards. */
  #reload(): void {
    if (this.#closed) return;
    if (this.#loading) {
      this.#changedWhileLoading = true;
      return;
    }
    this.#loading = true;
    this.#changedWhileLoading = false;
    this.#retry?.cancel();
    void this.#load().then((findings) => {
      this.#loading = false;
      if (this.#closed) return;
      this.#settle(findings);
      if (this.#changedWhileLoading) this.#reload();
    });
  }

  #settle(findings: Findings): void {
    if (errorsIn(findings).length === 0) {
      this.#brokenSinceMs = null;
      this.report(findings.list);
      return;
    }
    const now = this.#clock.monotonicMs();
    this.#brokenSinceMs ??= now;
    const leftMs = this.#brokenSinceMs + GRACE_MS - now;
    if (leftMs > 0) this.#retry = this.#clock.after(leftMs, () => this.#reload());
    else this.report(findings.list);
  }

  /** Reads and verifies all files; on success the new state is in place. Never rejects. */
  async #load(): Promise<Findings> {
    const findings = new Findings();
    const reading = await this.#options.read(findings);
    if (reading === null || this.#closed) return findings;
    const state = reading.verify(this.#generation + 1, this.current());
    if (state === null || reading.contents === this.#loaded) return findings;
    this.#loaded = reading.contents;
    this.#generation++;
    this.publish(state);
    return findings;
  }
}

const errorsIn = ({ list }: Findings): readonly Diagnostic[] =>
  list.filter(({ severity }) => severity === 'error');
