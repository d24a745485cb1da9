// The result as text: objectives first, then a table a rate, then what failed and what to know about it.
import { round } from '../claim.ts';
import { summarize } from '../statistics.ts';
import { formatTable, type Table } from '../table.ts';
import type { Side } from './endpoint.ts';
import { FAULT_KINDS } from './faults.ts';
import { figureOf, generatorLimit, latencyFigure, roundsOf } from './figures.ts';
import { sidesOf, type TargetResult } from './result.ts';
import { formatMs, type Round, total } from './round.ts';
import type { RateRounds } from './rounds.ts';
import { type Figure, PERCENTILES, type SloVerdict } from './slo.ts';

const COLOURS: Readonly<Record<SloVerdict, number>> = {
  holds: 32,
  missed: 31,
  unclear: 33,
  'not measured': 33,
};
const VERDICT_WIDTH = 'not measured'.length;
/** In a cell instead of a figure. */
const TOO_FEW = 'n/a';
const NOISY = 'noisy';
/** Above this share, waiting for a free connection is worth a word. */
const WAITED_SHARE = 0.01;

/** Everything, for a terminal. */
export function formatResult(result: TargetResult, color: boolean): string {
  const tables = result.rates.map((measured) =>
    formatTable(rateTable(measured, result.sides.direct !== null)),
  );
  const legend = [
    tables.some((table) => table.includes(TOO_FEW))
      ? `${TOO_FEW}: too few requests, or no fair measurement`
      : '',
    tables.some((table) => table.includes(NOISY))
      ? `${NOISY}: the rounds differ too much, and by more than 0.1 ms`
      : '',
  ];
  const parts = [
    result.interrupted ? 'interrupted: this is what was measured so far' : '',
    objectiveLines(result, color).join('\n'),
    ...tables,
    ...sidesOf(result).map(([side]) => faultLines(result, side).join('\n')),
    [...notes(result), ...legend].filter((line) => line !== '').join('\n'),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function objectiveLines({ objectives, rates }: TargetResult, color: boolean): string[] {
  return objectives.map(({ objective, perSecond, verdict, figure }) => {
    const where = rates.length > 1 ? ` at ${perSecond}/s` : '';
    const padded = verdict.padEnd(VERDICT_WIDTH);
    const shown = color ? `\u001b[${COLOURS[verdict]}m${padded}\u001b[0m` : padded;
    return `${shown}  ${objective}${where}: ${figure}`;
  });
}

/** One row a metric; a side is its median and its range. */
function rateTable(measured: RateRounds, withDirect: boolean): Table {
  const sides: readonly Side[] = withDirect ? ['target', 'direct'] : ['target'];
  const rounds = measured.pairs.length;
  const latencyRows = [...PERCENTILES, 'max' as const].map((metric) => [
    `${metric} ms`,
    ...sides.flatMap((side) => cells(latencyFigure(roundsOf(measured, side), metric), formatMs)),
    ...(withDirect && metric !== 'max' ? cells(figureOf(measured, `added_${metric}`), formatMs) : []),
  ]);
  return {
    title: `${measured.perSecond} requests a second; medians of ${rounds} round${rounds === 1 ? '' : 's'}, [min-max]`,
    columns: ['', ...[...sides, ...(withDirect ? ['added'] : [])].flatMap((name) => [name, '[min-max]'])],
    rows: [
      ...latencyRows,
      ['errors %', ...sides.flatMap((side) => [errorPercent(roundsOf(measured, side)), ''])],
      ['rps', ...sides.flatMap((side) => plain(measured, side, (one) => one.requestsPerSecond, round))],
      [
        'load late p99 ms',
        ...sides.flatMap((side) => plain(measured, side, (one) => one.generator.lateUsP99, formatMs)),
      ],
    ],
  };
}

function cells({ values, tooWide, missing }: Figure, format: (value: number) => string): [string, string] {
  if (missing !== null || values.length === 0) return [TOO_FEW, ''];
  const { median, min, max } = summarize(values);
  return [tooWide ? NOISY : format(median), `[${format(min)}-${format(max)}]`];
}

/** Cells of what is no finding, so that no spread is too wide. */
function plain(
  measured: RateRounds,
  side: Side,
  pick: (one: Round) => number,
  format: (value: number) => string,
): [string, string] {
  return cells({ values: roundsOf(measured, side).map(pick), tooWide: false, missing: null }, format);
}

function errorPercent(rounds: readonly Round[]): string {
  const requests = total(rounds, (one) => one.requests);
  const answered = total(rounds, (one) => one.answered);
  return requests === 0 ? TOO_FEW : (((requests - answered) / requests) * 100).toFixed(3);
}

/** How many failed in which way, and what to do about each way. */
function faultLines(result: TargetResult, side: Side): string[] {
  const rounds = result.rates.flatMap((measured) => roundsOf(measured, side));
  const failed = FAULT_KINDS.flatMap((kind) => {
    const count = total(rounds, ({ faults }) => faults[kind] ?? 0);
    return count === 0 ? [] : [{ kind, count }];
  });
  if (failed.length === 0) return [];
  const requests = total(rounds, (one) => one.requests);
  const firstFaults = result.sides[side]?.firstFaults ?? [];
  return [
    `${side}: of ${requests} requests failed`,
    ...failed.flatMap(({ kind, count }) => {
      const first = firstFaults.find((fault) => fault.kind === kind);
      const what = `  ${kind.padEnd(8)}  ${count}; the first: ${first?.message ?? 'unknown'}`;
      return first === undefined ? [what] : [what, `    hint: ${first.hint}`];
    }),
  ];
}

function notes(result: TargetResult): string[] {
  const found: string[] = [];
  if (result.insecure) found.push('--insecure: nobody verified who answered');
  for (const measured of result.rates) {
    for (const [side] of sidesOf(result)) {
      const rounds = roundsOf(measured, side);
      const limit = generatorLimit(rounds);
      const at = `${measured.perSecond}/s, ${side}`;
      if (limit !== null) found.push(`${at}: ${limit}`);
      const requests = total(rounds, (one) => one.requests);
      const waited = total(rounds, (one) => one.waited);
      if (waited > requests * WAITED_SHARE) {
        const share = `${((waited / requests) * 100).toFixed(0)} %`;
        found.push(
          `${at}: ${share} of the requests waited for a free connection (\`--connections\`), on the clock`,
        );
      }
      const reconnects = total(rounds, (one) => one.reconnects);
      if (reconnects > 0) found.push(`${at}: ${reconnects} connections were dialled again`);
    }
  }
  const { target, direct } = result.sides;
  if (direct !== null && direct.probe.status !== target.probe.status)
    found.push(`the direct side answered ${direct.probe.status}, the target ${target.probe.status}`);
  return found;
}
