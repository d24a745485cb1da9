// `sallyport flows map`: who called whom, as the proxies of both sides saw it.
import { type Edge, EdgeTable } from '../../policy/flows/edges.ts';
import type { Names } from '../../policy/flows/names.ts';
import { deniedOf, requestsOf, seenBy, spanOf, wouldDenyOf } from '../../policy/flows/tally.ts';
import { parseOptions, usage } from '../args.ts';
import type { Io, Verb } from '../io.ts';
import { type Cell, type Column, table } from '../table.ts';
import { counted, shortTime, thousands } from '../text.ts';
import { DENIED_COLUMNS, deniedCells, edgeJson, portsOf, sideCell } from './edges.ts';
import { dotText, MERMAID_EDGES_MAX, mermaidText } from './graph.ts';
import {
  FLOWS_OPTIONS,
  jsonAnswer,
  namesFor,
  nothingFound,
  notice,
  printRest,
  rangeText,
  readFlows,
} from './input.ts';

/** One line for `--help`. */
export const FLOWS_MAP_USAGE =
  'sallyport flows map --flows FILE…|--admin ADDRESS [--format text|mermaid|dot|json] [--since TIME] [--until TIME] [--trust-domain TD] [--json]';

const FORMATS = ['text', 'mermaid', 'dot', 'json'] as const;

/** Exit 0; 1 when there are no records; 2 for wrong usage. */
export const flowsMap: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: { ...FLOWS_OPTIONS, format: { type: 'string' } },
    },
    FLOWS_MAP_USAGE,
  );
  const format = formatOf(values);
  const edgeTable = new EdgeTable();
  const read = await readFlows(values, positionals, { io, sink: edgeTable, line: FLOWS_MAP_USAGE });
  const edges = [...edgeTable.edges()].sort((a, b) => requestsOf(b.sides) - requestsOf(a.sides));
  const names = namesFor(values, edges, io);
  if (format === 'json') {
    const rows = edges.map((edge) => edgeJson(edge, names));
    io.out(jsonAnswer('map', read, { names, rows, rest: edgeTable.rest }));
  }
  if (edges.length === 0) return nothingFound(io, read);
  if (format === 'mermaid' && edges.length > MERMAID_EDGES_MAX)
    notice(
      io,
      `Mermaid draws ${MERMAID_EDGES_MAX} edges unless its \`maxEdges\` is raised; these are ${edges.length}`,
    );
  if (format === 'mermaid') io.out(mermaidText(edges, names));
  else if (format === 'dot') io.out(dotText(edges, names));
  else if (format === 'text') {
    io.out(`${counted(read.reader.counts.records, 'record')}${rangeText(read)}\n\n`);
    io.out(mapTable(io, edges, names));
  }
  printRest(io, edgeTable.rest, 'callers and workloads');
  return 0;
};

function formatOf(values: { readonly format?: string | undefined; readonly json: boolean }): string {
  const { format, json } = values;
  if (format === undefined) return json ? 'json' : 'text';
  if (!FORMATS.some((one) => one === format))
    throw usage(`\`--format ${format}\` is unknown`, `write one of ${FORMATS.join(', ')}`);
  if (json && format !== 'json') throw usage('`--json` and `--format` disagree', FLOWS_MAP_USAGE);
  return format;
}

const COLUMNS: readonly Column[] = [
  { title: 'CALLER', align: 'left' },
  { title: 'WORKLOAD', align: 'left' },
  { title: 'PORTS', align: 'left' },
  { title: 'REQUESTS', align: 'right' },
  ...DENIED_COLUMNS,
  { title: 'OUTBOUND', align: 'right' },
  { title: 'INBOUND', align: 'right' },
  { title: 'LAST SEEN', align: 'left' },
  { title: 'SEEN BY', align: 'left' },
];

function mapTable(io: Io, edges: readonly Edge[], names: Names): string {
  const rows = edges.map((edge): Cell[] => {
    const { sides } = edge;
    const by = seenBy(sides);
    return [
      { text: names.caller(edge.caller), style: 'bold' },
      { text: names.destination(edge), style: 'bold' },
      { text: portsOf(edge).join(' ') },
      { text: thousands(requestsOf(sides)) },
      ...deniedCells({ denied: deniedOf(sides), wouldDeny: wouldDenyOf(sides) }),
      sideCell(sides.outbound),
      sideCell(sides.inbound),
      { text: shortTime(spanOf(sides).lastMs) },
      by === 'both' ? { text: 'both' } : { text: `${by} only`, style: 'dim' },
    ];
  });
  return table(io, COLUMNS, rows);
}
