// Timing of short pieces of code: all pieces in turn, several turns, and the fastest of each, since whatever
// disturbs a run only makes it slower, and what disturbs the machine for a while disturbs all alike.

/** One line of a bench's report. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** At most this much was promised, in the same unit. */
  readonly target?: number;
}

const NS_PER = { ns: 1, µs: 1e3, ms: 1e6 } as const;

/** One measured piece of code. */
export interface Task {
  readonly name: string;
  /** Of the time that one operation takes. */
  readonly unit: keyof typeof NS_PER;
  /** Operations of one run. */
  readonly operations: number;
  readonly target?: number;
  /** `cpu`: the CPU time of this thread, for runs that wait for others; it advances in milliseconds. */
  readonly clock?: 'wall' | 'cpu';
  /** Timed runs in a row in each turn: the first finds the caches full of other tasks. */
  readonly inARow?: number;
  /** Before each run, untimed. */
  readonly before?: () => unknown;
  /** Awaited when it returns a promise. */
  readonly run: () => unknown;
}

/** Runs every task in every turn; the figures are in the order of the tasks. */
export async function fastestOf(tasks: readonly Task[], turns: number): Promise<Figure[]> {
  const bestNs = tasks.map(() => Number.POSITIVE_INFINITY);
  for (let turn = 0; turn < turns; turn++) {
    for (const [i, task] of tasks.entries()) {
      for (let k = task.inARow ?? 1; k > 0; k--) {
        await task.before?.();
        bestNs[i] = Math.min(bestNs[i] ?? 0, await timedNs(task));
      }
    }
  }
  return tasks.map(({ name, unit, operations, target }, i) => ({
    name,
    value: (bestNs[i] ?? Number.NaN) / operations / NS_PER[unit],
    unit,
    ...(target === undefined ? {} : { target }),
  }));
}

/** How many times as long the figure `name` took as the figure `reference`. */
export function ratioOf(figures: readonly Figure[], name: string, reference: string): number {
  const figureOf = (wanted: string): number => figures.find((f) => f.name === wanted)?.value ?? Number.NaN;
  return figureOf(name) / figureOf(reference);
}

async function timedNs({ clock, run }: Task): Promise<number> {
  const now = clock === 'cpu' ? threadCpuNs : wallNs;
  const start = now();
  const pending = run();
  if (pending instanceof Promise) await pending;
  return now() - start;
}

const wallNs = (): number => performance.now() * 1e6;

function threadCpuNs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) * 1e3;
}
