// `sallyport flows top`: what comes most often.
import { EdgeTable } from '../../policy/flows/edges.ts';
import type { FlowRecord } from '../../policy/flows/record.ts';
import { PathTable, RuleTable, type TopRow, topOfEdges } from '../../policy/flows/top.ts';
import { parseOptions, usage } from '../args.ts';
import type { Io, Verb } from '../io.ts';
import { type Cell, type Column, table } from '../table.ts';
import { counted, shortTime, thousands, timeOrNull } from '../text.ts';
import { DENIED_COLUMNS, deniedCells } from './edges.ts';
import {
  FLOWS_OPTIONS,
  jsonAnswer,
  namesFor,
  nothingFound,
  printRest,
  rangeText,
  readFlows,
} from './input.ts';
import { limitOf, moreText } from './limit.ts';

/** One line for `--help`. */
export const FLOWS_TOP_USAGE =
  'sallyport flows top --flows FILE…|--admin ADDRESS [--by caller|workload|path|rule|denied] [--limit N] [--since TIME] [--until TIME] [--trust-domain TD] [--json]';

const GROUPINGS = ['caller', 'workload', 'path', 'rule', 'denied'] as const;
type Grouping = (typeof GROUPINGS)[number];

/** Exit 0; 1 when there are no records; 2 for wrong usage. */
export const flowsTop: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: { ...FLOWS_OPTIONS, by: { type: 'string', default: 'caller' }, limit: { type: 'string' } },
    },
    FLOWS_TOP_USAGE,
  );
  const by = groupingOf(values.by);
  const limit = limitOf(values);
  const edges = new EdgeTable();
  const groups = by === 'path' ? new PathTable() : by === 'rule' ? new RuleTable() : null;
  const sink = {
    record: (record: FlowRecord): void => {
      edges.record(record); // for the names, in any case
      groups?.record(record);
    },
  };
  const read = await readFlows(values, positionals, { io, sink, line: FLOWS_TOP_USAGE });
  const names = namesFor(values, edges.edges(), io);
  const rows =
    groups?.rows(names) ?? (by === 'path' || by === 'rule' ? [] : topOfEdges(edges.edges(), by, names));
  const rest = groups?.rest ?? edges.rest;
  if (values.json)
    io.out(
      jsonAnswer('top', read, {
        names,
        by,
        rows: rows.slice(0, limit).map(rowJson),
        total: rows.length,
        rest,
      }),
    );
  if (read.reader.counts.records === 0) return nothingFound(io, read);
  if (!values.json) {
    io.out(`${counted(read.reader.counts.records, 'record')}${rangeText(read)}\n\n`);
    io.out(rows.length === 0 ? 'nothing was denied\n' : topTable(io, by, rows.slice(0, limit)));
    io.out(moreText(rows.length, limit));
  }
  printRest(io, rest, by === 'path' ? 'paths' : by === 'rule' ? 'rules' : 'callers and workloads');
  return 0;
};

function groupingOf(text: string): Grouping {
  const by = GROUPINGS.find((one) => one === text);
  if (by === undefined) throw usage(`\`--by ${text}\` is unknown`, `write one of ${GROUPINGS.join(', ')}`);
  return by;
}

function rowJson({ lastMs, ...row }: TopRow): object {
  return { ...row, lastSeen: timeOrNull(lastMs) };
}

const NAMES: Readonly<Record<Grouping, readonly ('caller' | 'workload' | 'method' | 'path' | 'rule')[]>> = {
  caller: ['caller'],
  workload: ['workload'],
  path: ['workload', 'method', 'path'],
  rule: ['rule'],
  denied: ['caller', 'workload'],
};

function topTable(io: Io, by: Grouping, rows: readonly TopRow[]): string {
  const columns: readonly Column[] = [
    { title: by === 'rule' ? 'HITS' : 'REQUESTS', align: 'right' },
    ...DENIED_COLUMNS,
    { title: 'LAST SEEN', align: 'left' },
    ...NAMES[by].map((name): Column => ({ title: name.toUpperCase(), align: 'left' })),
  ];
  return table(
    io,
    columns,
    rows.map((row): Cell[] => [
      { text: thousands(row.requests) },
      ...deniedCells(row),
      { text: shortTime(row.lastMs) },
      ...NAMES[by].map((name): Cell => ({ text: row[name] ?? '(other)', style: 'bold' })),
    ]),
  );
}
