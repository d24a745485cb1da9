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

/** Prints figures as a table, or as one line of JSON. */
export function report(figures: readonly Figure[], json: boolean): void {
  if (json) console.log(JSON.stringify(figures));
  else
    for (const { name, value, unit } of figures) console.log(`${name.padEnd(56)} ${rounded(value)} ${unit}`);
}

function rounded(value: number): string {
  return value.toFixed(value < 10 ? 3 : 1).padStart(12);
}
