// One process the harness started: its own process group, its output read and its tail kept, stopped by
// group.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const TAIL_CHARS = 8_192;

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** CPU to pin to, as taskset takes it. */
  readonly cpu?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Opens an IPC channel (Node children only). */
  readonly ipc?: boolean;
}

/** A running process. Both output pipes are always read, so it never blocks on its own log. */
export class Child {
  readonly name: string;
  readonly process: ChildProcess;
  readonly #exit: Promise<void>;
  #tail = '';
  #startError: Error | undefined;

  constructor(options: ChildOptions) {
    this.name = options.name;
    const pinned = options.cpu !== undefined;
    const command = pinned ? 'taskset' : options.command;
    // taskset replaces itself by the command: the pid stays that of the measured process.
    const args = pinned ? ['-c', options.cpu ?? '', options.command, ...options.args] : [...options.args];
    this.process = spawn(command, args, {
      detached: true,
      stdio: options.ipc ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.#exit = new Promise((resolve) => {
      this.process.once('exit', () => resolve());
      this.process.once('error', (error) => {
        this.#startError = error;
        resolve();
      });
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#tail = (this.#tail + text).slice(-TAIL_CHARS);
      });
    }
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  get running(): boolean {
    return this.pid !== 0 && this.process.exitCode === null && this.process.signalCode === null;
  }

  /** The last output, for error messages. */
  get tail(): string {
    return (this.#startError?.message ?? this.#tail).trim();
  }

  get exited(): Promise<void> {
    return this.#exit;
  }

  /** SIGTERM to the group, SIGKILL after `graceMs`; resolves when the process has ended. */
  async stop(graceMs = 5_000): Promise<void> {
    if (!this.running) return;
    this.#signal('SIGTERM');
    const timer = setTimeout(() => this.kill(), graceMs);
    await this.#exit;
    clearTimeout(timer);
    this.kill(); // what is left of the group
  }

  /** SIGKILL to the whole group at once; safe to call at any time. */
  kill(): void {
    this.#signal('SIGKILL');
  }

  /** The next IPC message. @throws when the process ends first */
  async nextMessage(): Promise<unknown> {
    const message = once(this.process, 'message').then(([value]: unknown[]) => value);
    const ended = this.#exit.then(() => {
      throw new Error(`${this.name} ended: ${this.tail}`);
    });
    return Promise.race([message, ended]);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.pid === 0) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // ESRCH: the group has already ended
    }
  }
}
