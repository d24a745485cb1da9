// Timing of short pieces of code: the fastest of several runs, since whatever disturbs a run only makes it
// slower.

/** One line of a bench's report. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** Nanoseconds of one of the `n` operations that `run` does. */
export function nanosecondsPer(n: number, run: () => void): number {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start) / n;
}

/** Nanoseconds of the fastest of `times` calls. */
export function fastest(times: number, run: (i: number) => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++)
    best = Math.min(
      best,
      nanosecondsPer(1, () => run(i)),
    );
  return best;
}
