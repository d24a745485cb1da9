// How `policy simulate` shows what changes: totals, a table of each kind of change, and the same by rule.
import type { ChangeKind, ChangeRow, Changes, CountedName } from '../../policy/simulate/changes.ts';
import type { RecordReader } from '../../policy/simulate/read.ts';
import type { Tally } from '../../policy/simulate/tally.ts';
import { moreText } from '../flows/limit.ts';
import type { Io } from '../io.ts';
import { paint } from '../paint.ts';
import { type Cell, type Column, table } from '../table.ts';
import { counted, jsonText, printable, shortTime, thousands, timeOrNull } from '../text.ts';
import { type RecordInput, readingJson } from './record-input.ts';

/** What is shown. */
export interface ShownSimulation {
  readonly changes: Changes;
  readonly reader: RecordReader;
  readonly records: RecordInput;
  /** Rows of each table. */
  readonly limit: number;
  /** Policies were asked; else the would-be verdicts of the records are shown. */
  readonly judged: boolean;
  /** Two sets of policies are compared, and not one with what became of the requests. */
  readonly compared: boolean;
}

const KINDS = ['denied', 'allowed', 'unknown'] as const;
const TITLES = { denied: 'newly denied', allowed: 'newly allowed', unknown: 'unknown' } as const;
const COLOURS = { denied: 'red', allowed: 'yellow', unknown: 'dim' } as const;
const TOTAL_WIDTH = 14;

const COLUMNS: readonly Column[] = [
  { title: 'REQUESTS', align: 'right' },
  { title: 'CALLER', align: 'left' },
  { title: 'WORKLOAD', align: 'left' },
  { title: 'METHOD', align: 'left' },
  { title: 'PATH', align: 'left' },
  { title: 'FIRST SEEN', align: 'left' },
  { title: 'LAST SEEN', align: 'left' },
];

/** For people. */
export function simulationText(io: Io, shown: ShownSimulation): string {
  const { changes, limit } = shown;
  const sections = KINDS.map((kind) => kindText(io, changes, kind, limit));
  const { rest } = changes;
  const dropped =
    rest.records === 0
      ? ''
      : `\n${counted(rest.requests, 'request')} counted above are in no row: too many are different\n`;
  return `${headText(io, shown)}${sections.join('')}${dropped}`;
}

function headText(io: Io, { changes, reader, judged, compared }: ShownSimulation): string {
  const { totals } = changes;
  const { span, counts } = reader;
  const against = compared ? 'the baseline' : 'what became of them';
  const what = judged ? `the policies against ${against}` : 'would-be verdicts against what became of them';
  const line = (title: string, { requests }: Tally, style: Cell['style'], more = ''): string => {
    const count = thousands(requests).padStart(TOTAL_WIDTH);
    return requests === 0 && more === '' && title.startsWith('refused')
      ? ''
      : `${requests > 0 && style !== undefined ? paint(io, style, count) : count}  ${title}${more}\n`;
  };
  const read = `${counted(span.requests, 'request')} of ${counted(counts.records, 'record')}`;
  return [
    `${read}, ${shortTime(span.firstMs)} to ${shortTime(span.lastMs)}: ${what}\n`,
    line('newly denied', totals.denied, 'red'),
    line('newly allowed', totals.allowed, 'yellow'),
    line('unknown', totals.unknown, 'bold', missingText(changes)),
    line('unchanged', totals.same, undefined),
    line('refused before any policy was asked', totals.refused, undefined),
  ].join('');
}

/** `: 12 lack http.host, 3 lack destination.labels (--workload names them)`. */
function missingText(changes: Changes): string {
  const lacks = changes.named('unknown').map(({ name, tally }) => {
    const help = name === 'destination.labels' ? ' (--workload gives them)' : '';
    return `${thousands(tally.requests)} lack ${printable(name)}${help}`;
  });
  return lacks.length === 0 ? '' : `: ${lacks.join(', ')}`;
}

function kindText(io: Io, changes: Changes, kind: ChangeKind, limit: number): string {
  const rows = changes.rows(kind);
  if (rows.length === 0) return '';
  const head = `\n${paint(io, 'bold', TITLES[kind])}\n`;
  const lines = table(
    io,
    COLUMNS,
    rows.slice(0, limit).map((row) => cellsOf(row, kind)),
  ).split('\n');
  const [title = '', ...texts] = lines;
  const detailed = texts.map((text, index) => {
    const row = rows[index];
    return text === '' || row === undefined ? text : `${text}\n${detailText(io, row)}`;
  });
  const more = moreText(rows.length, limit);
  const byRule = kind === 'unknown' ? '' : rulesText(io, changes.named(kind), limit);
  return `${head}${title}\n${detailed.join('\n')}${more}${byRule}`;
}

function cellsOf({ tally, caller, workload, method, path }: ChangeRow, kind: ChangeKind): Cell[] {
  return [
    { text: thousands(tally.requests), style: COLOURS[kind] },
    { text: caller, style: 'bold' },
    { text: workload, style: 'bold' },
    { text: method ?? '(unknown)' },
    { text: path ?? '(unknown)' },
    { text: shortTime(tally.firstMs) },
    { text: shortTime(tally.lastMs) },
  ];
}

/** The rules of both sides, and one request. */
function detailText(io: Io, { before, after, missing, example }: ChangeRow): string {
  const side = ({ verdict, reason, rules }: ChangeRow['before']): string =>
    verdict === 'unknown' && rules.length === 0 ? 'unknown' : `${verdict} by ${rules.join(', ') || reason}`;
  const lacks = missing.length === 0 ? '' : `; lacks ${missing.join(', ')}`;
  const path = example.path === null ? '' : ` ${example.path}`;
  const text = `${side(before)} -> ${side(after)}${lacks}; e.g. ${example.file}:${example.line}${path}`;
  return `          ${paint(io, 'dim', printable(text))}`;
}

function rulesText(io: Io, named: readonly CountedName[], limit: number): string {
  const columns: readonly Column[] = [
    { title: 'REQUESTS', align: 'right' },
    { title: 'BY RULE', align: 'left' },
    { title: 'LAST SEEN', align: 'left' },
  ];
  const rows = named
    .slice(0, limit)
    .map(({ name, tally }): Cell[] => [
      { text: thousands(tally.requests) },
      { text: name },
      { text: shortTime(tally.lastMs) },
    ]);
  return `\n${table(io, columns, rows)}${moreText(named.length, limit)}`;
}

/** For machines. */
export function simulationJson({
  changes,
  reader,
  records,
  limit,
  judged,
  compared,
}: ShownSimulation): string {
  const { totals, rest } = changes;
  const total = (kind: keyof typeof totals): number => totals[kind].requests;
  return jsonText({
    after: judged ? 'policies' : 'would-be',
    before: compared ? 'baseline' : 'recorded',
    read: readingJson(reader, records),
    requests: {
      newlyDenied: total('denied'),
      newlyAllowed: total('allowed'),
      unknown: total('unknown'),
      unchanged: total('same'),
      refused: total('refused'),
    },
    newlyDenied: changes.rows('denied').slice(0, limit).map(rowJson),
    newlyAllowed: changes.rows('allowed').slice(0, limit).map(rowJson),
    unknown: changes.rows('unknown').slice(0, limit).map(rowJson),
    byRule: [...changes.named('denied'), ...changes.named('allowed')].map(({ kind, name, tally }) => ({
      change: kind === 'denied' ? 'newly-denied' : 'newly-allowed',
      rule: name,
      ...countJson(tally),
    })),
    missing: changes.named('unknown').map(({ name, tally }) => ({ field: name, ...countJson(tally) })),
    rest: { records: rest.records, requests: rest.requests },
  });
}

function rowJson({
  caller,
  workload,
  method,
  path,
  before,
  after,
  missing,
  example,
  tally,
}: ChangeRow): object {
  return { caller, workload, method, path, before, after, missing, ...countJson(tally), example };
}

const countJson = ({ requests, firstMs, lastMs }: Tally): object => ({
  requests,
  firstSeen: timeOrNull(firstMs),
  lastSeen: timeOrNull(lastMs),
});
