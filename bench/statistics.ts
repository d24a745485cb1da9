// Medians, spreads and per-round ratios: how the harness turns noisy rounds into one honest figure.

/** What a series of rounds says. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Half of the rounds lie from `low` to `high`; of fewer than five rounds all do. */
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
}

/** Fewer rounds have no quartiles worth the name. */
const QUARTILES_FROM = 5;
/** Above this (high - low) / median a figure says more about the machine than about the program. */
const SPREAD_MAX = 0.3;
/** The same for quartiles: half as far apart as the ends, unless single rounds were disturbed. */
const QUARTILE_SPREAD_MAX = 0.15;

/** Median, ends and quartiles of at least one value. */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    low: quantile(sorted, sorted.length < QUARTILES_FROM ? 0 : 0.25),
    high: quantile(sorted, sorted.length < QUARTILES_FROM ? 1 : 0.75),
    rounds: sorted.length,
  };
}

/** The `q` quantile (0 to 1) of ascending values, interpolated; NaN when there are none. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? low;
  return low === high ? low : low + (high - low) * (at - Math.floor(at)); // also between infinities
}

/** Ratios of the rounds that both series have; a round is null when the peer failed in it. */
export function ratios(ours: readonly (number | null)[], theirs: readonly (number | null)[]): number[] {
  const found: number[] = [];
  for (let i = 0; i < Math.min(ours.length, theirs.length); i++) {
    const a = ours[i];
    const b = theirs[i];
    if (a != null && b != null && b > 0) found.push(a / b);
  }
  return found;
}

/** True when the rounds differ too much for their median to be quoted. */
export function isTooWide({ low, high, median, rounds }: Summary): boolean {
  return (high - low) / Math.abs(median) > (rounds < QUARTILES_FROM ? SPREAD_MAX : QUARTILE_SPREAD_MAX);
}
