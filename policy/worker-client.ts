// The proxy's side of the loader process (worker.ts): one process, started when there is work, gone soon
// after.
import { type ChildProcess, fork } from 'node:child_process';
import { setPriority } from 'node:os';
import { type Clock, systemClock, type Timer } from '../core/clock.ts';
import { CACHE_COMPILED } from '../core/compile-cache.ts';
import type { Config } from '../core/config/config.ts';
import { SallyportError } from '../core/errors.ts';
import type { LoadReply, LoadRequest } from './load.ts';
import type { Answer, Job } from './worker.ts';

/**
 * Loads configurations and policies outside this process. A process and not a thread: after 1,000 rules a
 * thread leaves 75 MB more in this process's memory, a process 2 MB; both end within 20 ms of the event
 * loop's time.
 */
export interface Loader {
  /** @throws what `loadConfig` throws, ERR_LOADER when the process fails */
  loadConfig(file: string): Promise<Config>;
  /** @throws ERR_LOADER when the process fails */
  loadPolicies(request: LoadRequest): Promise<LoadReply>;
  /** Ends the process; what was asked fails. */
  close(): void;
}

/** Starts the process at once, so that it gets ready while the caller does other things. */
export function startLoader(clock: Clock = systemClock): Loader {
  return new LoaderProcess(clock);
}

interface Waiting {
  readonly kind: Job['kind'];
  readonly resolve: (value: Config | LoadReply) => void;
  readonly reject: (error: SallyportError) => void;
}

// Long enough for a burst of changes, short enough that the memory is back before anyone looks.
const IDLE_MS = 2_000;
// 100,000 rules take about half a minute; a file system that hangs never answers.
const JOB_MS_MAX = 120_000;
// For whatever comes after the start: on a shared CPU the requests go first, and a quarter is left.
const RELOAD_NICE = 5;
// From its folder on: the emitted form of this file is in another one.
const WORKER = import.meta.url.endsWith('.ts') ? '../policy/worker.ts' : '../policy/worker.js';

class LoaderProcess implements Loader {
  readonly #clock: Clock;
  #child: ChildProcess | null;
  #waiting: Waiting[] = [];
  #timer: Timer | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#child = this.#start();
    this.#rest();
  }

  async loadConfig(file: string): Promise<Config> {
    return (await this.#ask({ kind: 'config', file })) as Config;
  }

  async loadPolicies(request: LoadRequest): Promise<LoadReply> {
    return (await this.#ask({ kind: 'policies', request })) as LoadReply;
  }

  close(): void {
    this.#closed = true;
    this.#end('the loader was closed');
  }

  #ask(job: Job): Promise<Config | LoadReply> {
    if (this.#closed) return Promise.reject(failure('the loader was closed'));
    this.#child ??= giveWay(this.#start());
    const child = this.#child;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(JOB_MS_MAX, () => this.#end(`no answer within ${JOB_MS_MAX} ms`));
    child.ref(); // a job keeps this process alive, an idle loader does not
    child.channel?.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ kind: job.kind, resolve, reject });
      child.send(job, (error) => {
        if (error !== null && child === this.#child) this.#end(error.message);
      });
    });
  }

  #start(): ChildProcess {
    const child = fork(new URL(WORKER, import.meta.url), {
      serialization: 'advanced',
      execArgv: [],
      // Secrets and NODE_OPTIONS are meant for the proxy alone. PERF: when the first file from sources is not
      // kept, Node loads its remover of types for it, 90 ms; bench `start`.
      env: CACHE_COMPILED,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.on('message', (answer: Answer) => this.#answered(answer));
    child.on('error', (error) => {
      if (child === this.#child) this.#end(error.message);
    });
    child.on('exit', (code, signal) => {
      if (child === this.#child) this.#end(`the loader process ended with ${signal ?? `exit code ${code}`}`);
    });
    return child;
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.shift();
    if (waiting?.kind === 'policies' && this.#child !== null) giveWay(this.#child);
    if (this.#waiting.length === 0) this.#rest();
    if (answer.error === undefined) waiting?.resolve(answer.value);
    else {
      const { code, message, hint, diagnostics } = answer.error;
      waiting?.reject(
        new SallyportError(code, message, { diagnostics, ...(hint === undefined ? {} : { hint }) }),
      );
    }
  }

  /** Nothing to do: no longer a reason for this process to stay, and soon no process. */
  #rest(): void {
    this.#child?.unref();
    this.#child?.channel?.unref();
    this.#timer?.cancel();
    this.#timer = this.#clock.after(IDLE_MS, () => this.#end('idle'));
  }

  #end(reason: string): void {
    this.#timer?.cancel();
    const [child, waiting] = [this.#child, this.#waiting];
    this.#child = null;
    this.#waiting = [];
    child?.kill('SIGKILL'); // it holds nothing that could be lost, and may be stuck in a file system
    for (const { reject } of waiting) reject(failure(reason));
  }
}

const failure = (reason: string): SallyportError =>
  new SallyportError('ERR_LOADER', `loading failed: ${reason}`, {
    hint: 'the process needs memory for a second Node process and the right to start it',
  });

function giveWay(child: ChildProcess): ChildProcess {
  try {
    if (child.pid !== undefined) setPriority(child.pid, RELOAD_NICE);
  } catch {
    // It may be gone, or a sandbox forbids it: the reload then competes with the requests.
  }
  return child;
}
