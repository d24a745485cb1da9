// Scales of a plot: from values to pixels, with the values worth a line and a label.

export interface Scale {
  /** Pixel of a value. */
  readonly at: (value: number) => number;
  /** Ascending. */
  readonly ticks: readonly number[];
}

/** Where the scale lies, in pixels; `to` may be less than `from`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const STEPS = [1, 2, 5] as const;
/** More labels than this are left to whole decades. */
const TICKS_MAX = 12;

/** From zero to a round value at or above `max`. */
export function linearScale(max: number, { from, to }: Span): Scale {
  const step = roundUp(max / 5);
  const count = Math.max(1, Math.ceil(max / step - 1e-9));
  const ticks = Array.from({ length: count + 1 }, (_, i) => i * step);
  return { at: (value) => from + ((to - from) * value) / (step * count), ticks };
}

/** Logarithmic, from and to steps of 1, 2, 5 that enclose the values; all of them above zero. */
export function logScale(min: number, max: number, { from, to }: Span): Scale {
  const high = roundUp(max);
  const low = Math.min(roundDown(min), high / 10);
  const ticks = stepsBetween(low, high);
  const decades = ticks.filter((tick) => Number.isInteger(log10(tick)));
  const at = (value: number): number => from + ((to - from) * log10(value / low)) / log10(high / low);
  return { at, ticks: ticks.length <= TICKS_MAX ? ticks : decades };
}

/** Logarithmic over these values, and a label for each. */
export function logScaleOf(values: readonly number[], { from, to }: Span): Scale {
  const low = Math.min(...values);
  const width = log10(Math.max(...values) / low) || 1;
  return { at: (value) => from + ((to - from) * log10(value / low)) / width, ticks: values };
}

/** Percentiles (0 to below 100) by their nines: as far from 90 to 99 as from 99 to 99.9. */
export function ninesScale(max: number, { from, to }: Span): Scale {
  const width = nines(max);
  const ticks = [50, 90, 99, 99.9, 99.99, 99.999, 99.9999].filter((tick) => nines(tick) <= width + 1e-9);
  return { at: (value) => from + ((to - from) * nines(value)) / width, ticks };
}

function nines(percentile: number): number {
  return -log10(1 - percentile / 100);
}

/** The least of 1, 2, 5 times a power of ten at or above `value`. */
function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(log10(value));
  const step = [...STEPS, 10].find((one) => one * power >= value * (1 - 1e-9)) ?? 10;
  return step * power;
}

function roundDown(value: number): number {
  const power = 10 ** Math.floor(log10(value));
  return (STEPS.findLast((step) => step * power <= value * (1 + 1e-9)) ?? 1) * power;
}

function stepsBetween(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let exponent = Math.floor(log10(low)); exponent <= Math.ceil(log10(high)); exponent++) {
    for (const step of STEPS) {
      const tick = step * 10 ** exponent;
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push(tick);
    }
  }
  return ticks;
}

/** Exact for powers of ten, which a quotient of logarithms is not. */
function log10(value: number): number {
  const found = Math.log10(value);
  return Math.abs(found - Math.round(found)) < 1e-12 ? Math.round(found) : found;
}
