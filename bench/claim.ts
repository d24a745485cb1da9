// A claim: one line of the "must show" list, its bound, and what the rounds say about it.
import { isTooWide, type Summary, summarize } from './statistics.ts';

export type ClaimVerdict = 'holds' | 'does not hold' | 'unclear' | 'not measured';

export interface Claim {
  readonly text: string;
  readonly verdict: ClaimVerdict;
  /** The figure with its spread, or why there is none. */
  readonly figure: string;
  readonly bound: number;
  readonly measured: Summary | null;
}

/**
 * Judges measured values against an upper bound. Rounds that differ too much give no figure, unless their
 * quartiles are on the same side of the bound.
 */
export function upperBound(options: {
  readonly text: string;
  readonly bound: number;
  readonly values: readonly number[];
  /** Printed after the figure: ` x`, ` MB`. */
  readonly unit: string;
  /** How many values there would be if no round had failed. */
  readonly rounds?: number;
  /** Why there are no values. */
  readonly missing?: string;
  /**
   * The same figure of something that must be far below the bound: when it is not, a failure proves nothing.
   */
  readonly floor?: { readonly name: string; readonly values: readonly number[]; readonly max: number };
}): Claim {
  const { text, bound, values, unit } = options;
  if (values.length === 0) {
    const figure = options.missing ?? 'no round was measured';
    return { text, verdict: 'not measured', figure, bound, measured: null };
  }
  const measured = summarize(values);
  const range = `${round(measured.min)}-${round(measured.max)}${unit}`;
  if (isTooWide(measured) && measured.low <= bound && measured.high > bound) {
    const figure = `rounds differ too much: ${range}; run again on an idle machine`;
    return { text, verdict: 'unclear', figure, bound, measured };
  }
  const floor = summarize(options.floor?.values ?? []).median;
  if (options.floor !== undefined && measured.median > bound && floor > options.floor.max) {
    const alone = `${options.floor.name} alone took ${round(floor)}${unit}`;
    const figure = `${range}, but ${alone}: the machine is busy`;
    return { text, verdict: 'unclear', figure, bound, measured };
  }
  const planned = options.rounds ?? values.length;
  if (measured.median <= bound && values.length < planned) {
    const figure = `${range}, but only ${values.length} of ${planned} rounds gave a figure`;
    return { text, verdict: 'unclear', figure, bound, measured };
  }
  const middle = isTooWide(measured) ? `${range}, spread too wide for one figure` : undefined;
  return {
    text,
    verdict: measured.median <= bound ? 'holds' : 'does not hold',
    figure: middle ?? `${round(measured.median)}${unit} (${range} over ${measured.rounds})`,
    bound,
    measured,
  };
}

/** One line for the terminal. */
export function formatClaim(claim: Claim): string {
  return `${claim.verdict.padEnd(13)}  ${claim.text}: ${claim.figure}`;
}

/** Three significant digits, without an exponent. */
export function round(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}
