// What the README and docs/benchmarks.md say about a run, between their markers.
import type { Claim } from '../claim.ts';
import { cpuOf, differenceCell, type Reading } from '../points.ts';
import type { Point, RunResult } from '../result.ts';
import type { Table } from '../table.ts';
import { escapeMarkdown } from './escape.ts';
import {
  cell,
  differenceOf,
  firstVariant,
  grouped,
  OURS,
  pointsOf,
  ratioOf,
  rssMb,
  rulesOf,
  summaryOf,
} from './figures.ts';
import { fleetCost } from './fleet-cost.ts';
import { factsOf, notesLine, peersTable, sortedClaims } from './overview.ts';
import { cpuPlot } from './plots/cpu.ts';
import { PUBLISHED_HEADING, PUBLISHED_WARNING, publishedTable } from './published.ts';

/** Whose CPU time the others are compared with. */
export const REFERENCE = 'haproxy';
/** No proxy: what latency is added to. */
export const FLOOR = 'direct';
const RATE = 1_000;
const GENERATED =
  '<!-- Generated from docs/benchmarks/results.json by `node bench/report/main.ts`: edit neither by hand. -->';

/** The README's section, without the markers. */
export function readmeSection(result: RunResult): string {
  const fleet = fleetCost(result, (peer) => peer === OURS || peer.startsWith('envoy'));
  return blocks([
    GENERATED,
    `${runLine(result)} Medians over rounds; a range with a question mark where rounds differ too much.`,
    cpuPlot(result) === null ? '' : '![CPU time of each proxy per request](docs/benchmarks/cpu.svg)',
    peersInShort(result),
    ...claimLists(result),
    fleet === null ? '' : titled(fleet),
    notesLine(result),
    'All figures of this run, with plots: [report](docs/benchmarks/report.html) (one file, open it in a browser), [tables and notes](docs/benchmarks.md#results).',
  ]);
}

/** The section of docs/benchmarks.md, without the markers. */
export function resultsSection(result: RunResult): string {
  const fleet = fleetCost(result);
  const scenarios = result.scenarios.map(({ name, summary, tables, notes }) =>
    blocks([
      `### ${escapeMarkdown(name)}`,
      escapeMarkdown(summary),
      ...tables.map(titled),
      notes.map((note) => `- ${escapeMarkdown(note)}`).join('\n'),
    ]),
  );
  return blocks([
    GENERATED,
    `${runLine(result)} The same with plots: [report.html](benchmarks/report.html); every round: [results.json](benchmarks/results.json).`,
    factsOf(result)
      .map(([name, text]) => `- ${name}: ${escapeMarkdown(text)}`)
      .join('\n'),
    ...claimLists(result),
    fleet === null ? '' : titled(fleet),
    ...scenarios,
    `### ${peersTable(result).title}`,
    table(peersTable(result)),
    `### ${PUBLISHED_HEADING}`,
    PUBLISHED_WARNING,
    table(publishedTable()),
  ]);
}

function runLine({ mode, at, machine, software }: RunResult): string {
  const { cpu, cpus } = machine;
  const commit = software.commit ?? 'not of a checkout';
  const where = escapeMarkdown(`${cpus} CPUs, ${cpu}, Node ${software.node}, commit ${commit}`);
  return `One ${mode} run on ${at.slice(0, 10)}: ${where}.`;
}

/** A row per proxy of the scenario `requests`; empty when it was not run. */
function peersInShort(result: RunResult): string {
  const points = firstVariant(pointsOf(result, 'requests')).filter(({ peer }) => peer !== FLOOR);
  if (points.length === 0) return '';
  const reference = points.find(({ peer }) => peer === REFERENCE);
  const open = pointsOf(result, 'latency').filter(({ x }) => x === RATE);
  const added = (peer: string, pick: Reading): string => {
    const of = (name: string): Point | undefined => open.find((point) => point.peer === name);
    return differenceCell(differenceOf(of(peer), of(FLOOR), pick));
  };
  const columns = [
    '',
    'decides by',
    'CPU µs/request',
    `x ${REFERENCE}`,
    `added p50 µs at ${grouped(RATE)}/s`,
    'added p99 µs',
    'RSS MB',
  ];
  const rows = points.map((point) => [
    point.peer,
    rulesOf(result, point.peer),
    point.rounds.every((sample) => sample === null) ? 'failed' : cell(summaryOf(point, cpuOf)),
    cell(ratioOf(point, reference, cpuOf)),
    added(point.peer, ({ latencyUs }) => latencyUs.p50),
    added(point.peer, ({ latencyUs }) => latencyUs.p99),
    cell(summaryOf(point, rssMb)),
  ]);
  return table({ columns, rows });
}

/** The missed ones first. */
function claimLists(result: RunResult): string[] {
  const { missed, held } = sortedClaims(result);
  const lines = (heading: string, all: readonly Claim[]): string =>
    all.length === 0 ? '' : `**${heading}**\n\n${all.map(claimLine).join('\n')}`;
  return [lines('Missed', missed), lines('Held', held)];
}

function claimLine({ text, verdict, figure }: Claim): string {
  const said = verdict === 'holds' || verdict === 'does not hold' ? '' : `${verdict}: `;
  return `- ${escapeMarkdown(text)}: ${said}${escapeMarkdown(figure)}`;
}

function titled(one: Table): string {
  return blocks([`**${escapeMarkdown(one.title)}**`, table(one)]);
}

/** The first column to the left, figures to the right; short rows are filled. */
function table({ columns, rows }: Omit<Table, 'title'>): string {
  const line = (cells: readonly string[]): string =>
    `| ${columns.map((_, i) => escapeMarkdown(cells[i] ?? '')).join(' | ')} |`;
  const rule = `|${columns.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`;
  return [line(columns), rule, ...rows.map(line)].join('\n');
}

function blocks(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}
