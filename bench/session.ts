// Everything one run of the harness owns: the temporary directory, the processes, the ports and the CPU plan.
// Closing it stops and removes all of it, also after an error or a signal.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../core/free-ports.ts';
import { Child, type ChildOptions } from './child.ts';
import { allowedCpus } from './proc.ts';

/** Which CPU the measured process and which the load and the application run on. */
export interface CpuPlan {
  readonly proxy: string;
  readonly load: string;
}

export class Session {
  readonly directory: string;
  /** Undefined when nothing is pinned: one CPU, or no taskset. */
  readonly cpus: CpuPlan | undefined;
  readonly #children: Child[] = [];
  readonly #ports = new Set<number>();

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
    this.cpus = planCpus(allowedCpus(), hasCommand('taskset', ['--version']));
  }

  start(options: ChildOptions): Child {
    const child = new Child(options);
    this.#children.push(child);
    return child;
  }

  /** A TCP port of 127.0.0.1 that was free a moment ago and is handed out once. */
  async freePort(): Promise<number> {
    for (;;) {
      const [port] = await freePorts(1);
      if (port === undefined || this.#ports.has(port)) continue;
      this.#ports.add(port);
      return port;
    }
  }

  /** Stops every process, then removes the directory. */
  async close(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop()));
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** For the last moment of the harness process, when nothing can be awaited. */
  closeNow(): void {
    for (const child of this.#children) child.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The first CPU for the proxy, the second for everything else. */
export function planCpus(allowed: readonly number[], canPin: boolean): CpuPlan | undefined {
  const [first, second] = allowed;
  if (!canPin || first === undefined || second === undefined) return undefined;
  return { proxy: String(first), load: String(second) };
}

/** True when `command` can be started. */
export function hasCommand(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).error === undefined;
}
