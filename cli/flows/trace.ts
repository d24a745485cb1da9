// `sallyport flows trace`: what a workload reached since a time, directly and through others, and what it was
// denied; for incidents.
import { didYouMean } from '../../core/errors.ts';
import { EdgeTable } from '../../policy/flows/edges.ts';
import type { Names } from '../../policy/flows/names.ts';
import type { FlowRecord } from '../../policy/flows/record.ts';
import { seenBy, wouldDenyOf } from '../../policy/flows/tally.ts';
import { PathTable } from '../../policy/flows/top.ts';
import { type Attempt, type Hop, meansCaller, type Trace, trace } from '../../policy/flows/trace.ts';
import { parseOptions, usage } from '../args.ts';
import type { Io, Verb } from '../io.ts';
import { paint } from '../paint.ts';
import { counted, printable, thousands, timeOrNull } from '../text.ts';
import { edgeJson, portsOf } from './edges.ts';
import {
  FLOWS_OPTIONS,
  type FlowsRead,
  jsonAnswer,
  namesFor,
  nothingFound,
  printRest,
  rangeText,
  readFlows,
} from './input.ts';
import { deniedTable, pathTable, reachedTable } from './trace-tables.ts';

/** One line for `--help`. */
export const FLOWS_TRACE_USAGE =
  'sallyport flows trace WORKLOAD --flows FILE…|--admin ADDRESS [--since TIME] [--until TIME] [--direct] [--trust-domain TD] [--json]';

/** Exit 0; 1 when the records do not know the workload as a caller; 2 for wrong usage. */
export const flowsTrace: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: { ...FLOWS_OPTIONS, direct: { type: 'boolean', default: false } },
    },
    FLOWS_TRACE_USAGE,
  );
  const [workload, ...files] = positionals;
  if (workload === undefined) throw usage('no workload is named', FLOWS_TRACE_USAGE);
  const edgeTable = new EdgeTable();
  const paths = new PathTable();
  const sink = {
    record: (record: FlowRecord): void => {
      edgeTable.record(record);
      if (meansCaller(workload, record.source)) paths.record(record);
    },
  };
  const read = await readFlows(values, files, { io, sink, line: FLOWS_TRACE_USAGE });
  const edges = [...edgeTable.edges()];
  const names = namesFor(values, edges, io);
  const starts = new Set(
    edges.filter(({ caller }) => meansCaller(workload, caller)).map(({ caller }) => names.caller(caller)),
  );
  const [start] = starts;
  if (starts.size > 1)
    throw usage(
      `\`${workload}\` is one of ${[...starts].sort().map(printable).join(', ')}`,
      'name it with its namespace, or by its SPIFFE ID',
    );
  const { direct } = values;
  const found: Trace =
    start === undefined
      ? { hops: [], attempts: [] }
      : trace(edges, names, { start, sinceMs: read.range.sinceMs, direct });
  const pathRows = paths.rows(names);
  if (values.json)
    io.out(
      jsonAnswer('trace', read, {
        names,
        start: start ?? null,
        rows: [
          ...found.hops.map((hop) => hopJson(hop, names)),
          ...found.attempts.map((attempt) => attemptJson(attempt, names)),
        ],
        paths: pathRows.map(({ lastMs, caller, rule, ...row }) => ({ ...row, lastSeen: timeOrNull(lastMs) })),
        rest: edgeTable.rest,
      }),
    );
  printRest(io, edgeTable.rest, 'callers and workloads');
  if (read.reader.counts.records === 0) return nothingFound(io, read);
  if (start === undefined)
    return notACaller(
      io,
      workload,
      edges.map((edge) => names.caller(edge.caller)),
      names,
    );
  if (!values.json) {
    io.out(summary(io, start, found, read));
    io.out(reachedTable(io, found.hops));
    io.out(pathTable(io, pathRows));
    io.out(deniedTable(io, found.attempts));
  }
  return 0;
};

/** A negative result: who is asked for called nobody, as far as a proxy saw. */
function notACaller(io: Io, workload: string, callers: readonly string[], names: Names): number {
  const accounts = callers.map((name) => name.slice(name.lastIndexOf('/') + 1));
  const near = didYouMean(workload, workload.includes('/') ? callers : accounts);
  const meant = near === undefined ? '' : `; did you mean \`${printable(near)}\`?`;
  const of = names.trustDomain === null ? '' : ` of \`${names.trustDomain}\``;
  io.err(`\`${printable(workload)}\` called nobody in these records${meant}\n`);
  io.err(`    hint: name a SPIFFE ID, or ns/sa or sa${of}\n`);
  return 1;
}

function summary(io: Io, start: string, { hops, attempts }: Trace, read: FlowsRead): string {
  const direct = hops.filter(({ step }) => step === 1).length;
  const denied = attempts.reduce((sum, attempt) => sum + attempt.denied, 0);
  const text = [
    `reached ${counted(direct, 'workload')} directly`,
    ...(hops.length > direct ? [`${thousands(hops.length - direct)} more through them`] : []),
    ...(denied === 0 ? [] : [`${counted(denied, 'request')} denied on the way`]),
  ].join(', ');
  return `${paint(io, 'bold', printable(start))}${rangeText(read)}: ${text}\n`;
}

function hopJson(hop: Hop, names: Names): object {
  const { step, from, to, edge, reached, earliestMs } = hop;
  return {
    kind: 'reached',
    step,
    from,
    to,
    requests: reached.requests,
    confirmed: reached.confirmed,
    wouldDeny: wouldDenyOf(edge.sides),
    earliest: timeOrNull(earliestMs),
    lastSeen: timeOrNull(reached.lastMs),
    ports: portsOf(edge),
    seenBy: seenBy(edge.sides),
    edge: edgeJson(edge, names),
  };
}

function attemptJson({ step, from, to, edge, denied, seen }: Attempt, names: Names): object {
  return {
    kind: 'denied',
    step,
    from,
    to,
    requests: denied,
    firstSeen: timeOrNull(seen.firstMs),
    lastSeen: timeOrNull(seen.lastMs),
    ports: portsOf(edge),
    seenBy: seenBy(edge.sides),
    edge: edgeJson(edge, names),
  };
}
