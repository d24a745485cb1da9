// Service level objectives: `added_p95<5ms,p99<20ms,errors<0.1%`, read and judged.

import assert from 'node:assert/strict';
import { type Diagnostic, didYouMean, SallyportError } from '../../core/errors.ts';
import { round } from '../claim.ts';
import { type Summary, summarize } from '../statistics.ts';

export const PERCENTILES = ['p50', 'p90', 'p95', 'p99', 'p999'] as const;
export type Percentile = (typeof PERCENTILES)[number];
export type LatencyMetric = Percentile | 'max';
export type AddedMetric = `added_${Percentile}`;
export type Metric = LatencyMetric | AddedMetric | 'errors' | 'rps';
export type Operator = '<' | '<=' | '>' | '>=';

export interface Objective {
  /** As it was written. */
  readonly text: string;
  readonly metric: Metric;
  readonly operator: Operator;
  /** Microseconds, percent, or answers a second. */
  readonly bound: number;
  /** The unit it was written in. */
  readonly unit: string;
}

/** What was measured of one metric. */
export interface Figure {
  /** One value a round, in the unit of `Objective.bound`; Infinity = so many requests failed. */
  readonly values: readonly number[];
  /** The rounds differ too much for one figure. */
  readonly tooWide: boolean;
  /** Why the values, if there are any, say nothing; null when they do. */
  readonly missing: string | null;
  /** What a single value is of, when it is not of a round: `3 of 900 requests`. */
  readonly of?: string;
}

export type SloVerdict = 'holds' | 'missed' | 'unclear' | 'not measured';

export interface Judgement {
  readonly objective: string;
  readonly verdict: SloVerdict;
  /** The figure with its spread, or why there is none. */
  readonly figure: string;
  readonly measured: Summary | null;
}

/** In microseconds; `µ` is there twice, as U+00B5 and U+03BC. */
const TIME_UNITS: ReadonlyMap<string, number> = new Map([
  ['us', 1],
  ['\u00b5s', 1],
  ['\u03bcs', 1],
  ['ms', 1_000],
  ['s', 1_000_000],
]);
const OPERATORS = new Map<string, Operator>([
  ['<', '<'],
  ['<=', '<='],
  ['>', '>'],
  ['>=', '>='],
]);
const LATENCY_US_MAX = 3_600e6;
const TEXT_CHARS_MAX = 4_096;

export const isAdded = (metric: Metric): metric is AddedMetric => metric.startsWith('added_');

/** Of which percentile it is the difference. */
export function percentileOf(metric: AddedMetric): Percentile {
  const found = PERCENTILES.find((percentile) => metric === `added_${percentile}`);
  assert(found !== undefined);
  return found;
}

const METRIC_NAMES: readonly Metric[] = [
  ...PERCENTILES,
  'max',
  ...PERCENTILES.map((percentile): Metric => `added_${percentile}`),
  'errors',
  'rps',
];
const METRICS: ReadonlyMap<string, Metric> = new Map(METRIC_NAMES.map((name) => [name, name]));

/** Reads objectives. @throws ERR_SLO with a diagnostic for each that is wrong */
export function parseSlo(text: string): readonly Objective[] {
  const diagnostics: Diagnostic[] = [];
  const objectives: Objective[] = [];
  if (text.length > TEXT_CHARS_MAX) throw new SallyportError('ERR_SLO', '`--slo` is longer than 4 KiB');
  let column = 1;
  for (const part of text.split(',')) {
    const read = readObjective(part);
    if ('fault' in read) {
      const { fault, hint, offset } = read;
      const at = { file: '--slo', line: 1, column: column + offset };
      diagnostics.push({ severity: 'error', code: 'ERR_SLO', message: fault, hint, at, text });
    } else objectives.push(read);
    column += part.length + 1;
  }
  if (diagnostics.length > 0) throw new SallyportError('ERR_SLO', '`--slo` cannot be used', { diagnostics });
  return objectives;
}

interface Fault {
  readonly fault: string;
  readonly hint: string;
  /** Characters of the part before what is wrong. */
  readonly offset: number;
}

/** Metric, operator, value, unit; anything may be missing. */
const SHAPE = /^(\s*)([^\s<>=!~≤≥]*)(\s*)([<>=!~≤≥]*)(\s*)(-?[\d.]*)(\s*)(.*?)\s*$/;

function readObjective(part: string): Objective | Fault {
  const groups = SHAPE.exec(part)?.slice(1) ?? [];
  const [space = '', name = '', gap = '', sign = '', gap2 = '', number = '', gap3 = '', unit = ''] = groups;
  const signAt = space.length + name.length + gap.length;
  const numberAt = signAt + sign.length + gap2.length;
  if (part.trim() === '') return { fault: 'an objective is missing', hint: 'write `p99<20ms`', offset: 0 };
  const metric = METRICS.get(name);
  if (metric === undefined) return { ...unknownMetric(name), offset: space.length };
  const example = exampleOf(metric);
  const operator = OPERATORS.get(sign);
  if (operator === undefined) {
    const fault = sign === '' ? `\`${name}\` is compared with nothing` : `\`${sign}\` is no comparison`;
    return { fault, hint: `one of < <= > >=: \`${example}\``, offset: signAt };
  }
  if (!/^(\d+(\.\d+)?|\.\d+)$/.test(number))
    return { fault: `\`${number}${unit}\` is no value`, hint: `write \`${example}\``, offset: numberAt };
  const factor = unitFactor(metric, unit);
  if (factor === undefined) {
    const fault = unit === '' ? `\`${number}\` has no unit` : `\`${unit}\` is no unit of \`${metric}\``;
    const offset = numberAt + number.length + gap3.length;
    return { fault, hint: unitHint(metric, number), offset };
  }
  const bound = Number(number) * factor;
  const max = metric === 'errors' ? 100 : metric === 'rps' ? Number.MAX_SAFE_INTEGER : LATENCY_US_MAX;
  if (bound > max)
    return { fault: `\`${number}${unit}\` is out of range`, hint: `write \`${example}\``, offset: numberAt };
  if (bound === 0 && operator === '<' && !isAdded(metric))
    return {
      fault: `nothing is below \`${number}${unit}\``,
      hint: `\`${name}<=${number}${unit}\`?`,
      offset: signAt,
    };
  return { text: part.trim(), metric, operator, bound, unit };
}

function unknownMetric(name: string): { fault: string; hint: string } {
  const near = didYouMean(name, METRICS.keys());
  const all = [...METRICS.keys()].join(' ');
  return {
    fault: name === '' ? 'a metric is missing' : `unknown metric \`${name}\``,
    hint: `${near === undefined ? '' : `did you mean \`${near}\`? `}there are: ${all}`,
  };
}

function exampleOf(metric: Metric): string {
  if (metric === 'errors') return 'errors<0.1%';
  return metric === 'rps' ? 'rps>=99' : `${metric}<20ms`;
}

function unitFactor(metric: Metric, unit: string): number | undefined {
  if (metric === 'errors') return unit === '%' ? 1 : undefined;
  if (metric === 'rps') return unit === '' ? 1 : undefined;
  return TIME_UNITS.get(unit);
}

function unitHint(metric: Metric, number: string): string {
  if (metric === 'errors') return `write \`${number}%\``;
  return metric === 'rps' ? `write \`${number}\`: answers a second` : `write \`${number}ms\`: us, ms or s`;
}

/**
 * Judges one figure. Rounds that differ too much decide nothing, unless all of them are on the same side of
 * the bound.
 */
export function judge(objective: Objective, { values, tooWide, missing, of }: Figure): Judgement {
  const { text } = objective;
  if (missing !== null || values.length === 0) {
    const figure = missing ?? 'no round was measured';
    return { objective: text, verdict: 'not measured', figure, measured: null };
  }
  const measured = summarize(values);
  const holding = values.filter((value) => holds(value, objective)).length;
  const range = `${inUnit(measured.min, objective)} to ${inUnit(measured.max, objective)}`;
  if (tooWide && holding > 0 && holding < values.length) {
    const figure = `rounds differ too much: ${range}; more \`--rounds\`, or a quieter machine`;
    return { objective: text, verdict: 'unclear', figure, measured };
  }
  const basis = of ?? `${range}, ${measured.rounds} round${measured.rounds === 1 ? '' : 's'}`;
  return {
    objective: text,
    verdict: holds(measured.median, objective) ? 'holds' : 'missed',
    figure: tooWide
      ? `${range}, spread too wide for one figure`
      : `${inUnit(measured.median, objective)} (${basis})`,
    measured,
  };
}

function holds(value: number, { operator, bound }: Objective): boolean {
  switch (operator) {
    case '<':
      return value < bound;
    case '<=':
      return value <= bound;
    case '>':
      return value > bound;
    case '>=':
      return value >= bound;
  }
}

/** A value as the objective is written. */
function inUnit(value: number, { unit }: Objective): string {
  if (value === Number.POSITIVE_INFINITY) return 'failed';
  return `${round(value / (TIME_UNITS.get(unit) ?? 1))}${unit === '' ? '' : ` ${unit}`}`;
}
