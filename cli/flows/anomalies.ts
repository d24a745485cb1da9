// `sallyport flows anomalies`: callers, methods and classes of paths that a baseline has not, with the first
// time and an example.

import { parseSpiffeId, parseTrustDomain } from '../../core/spiffe-id.ts';
import { Names } from '../../policy/flows/names.ts';
import { type Anomaly, AnomalyTable, Baseline } from '../../policy/suggest/anomalies.ts';
import { parseOptions, usage } from '../args.ts';
import type { Verb } from '../io.ts';
import { type Cell, type Column, table } from '../table.ts';
import { counted, shortTime, thousands, timeOrNull } from '../text.ts';
import { FLOWS_OPTIONS, jsonAnswer, nothingFound, printRest, rangeText, readFlows } from './input.ts';
import { limitOf, moreText } from './limit.ts';

/** One line for `--help`. */
export const FLOWS_ANOMALIES_USAGE =
  'sallyport flows anomalies --baseline FILE… --flows FILE…|--admin ADDRESS [--limit N] [--since TIME] [--until TIME] [--trust-domain TD] [--json]';

const COLUMNS: readonly Column[] = [
  { title: 'NEW', align: 'left' },
  { title: 'CALLER', align: 'left' },
  { title: 'WORKLOAD', align: 'left' },
  { title: 'METHOD', align: 'left' },
  { title: 'PATH', align: 'left' },
  { title: 'FIRST SEEN', align: 'left' },
  { title: 'REQUESTS', align: 'right' },
  { title: 'DENIED', align: 'right' },
  { title: 'EXAMPLE', align: 'left' },
];

/** Exit 0 when nothing is new, 1 when something is or there are no records, 2 for wrong usage. */
export const flowsAnomalies: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        ...FLOWS_OPTIONS,
        baseline: { type: 'string', multiple: true },
        limit: { type: 'string' },
      },
    },
    FLOWS_ANOMALIES_USAGE,
  );
  const line = FLOWS_ANOMALIES_USAGE;
  if (values.baseline === undefined) throw usage('`--baseline` is missing', line);
  const limit = limitOf(values);
  const baseline = new Baseline();
  const before = await readFlows({ flows: values.baseline }, [], { io, sink: baseline, line });
  baseline.finish();
  const anomalies = new AnomalyTable(baseline);
  const read = await readFlows(values, positionals, { io, sink: anomalies, line });
  const rows = anomalies.rows();
  const names = new Names(trustDomainOf(values['trust-domain'], rows));
  const isEmpty = ({ reader: { counts } }: typeof read): boolean => counts.records + counts.logLines === 0;
  if (values.json)
    io.out(
      jsonAnswer('anomalies', read, {
        ...{ names, rows: rows.slice(0, limit).map((row) => anomalyJson(row, names)) },
        ...{ total: rows.length, baselineRest: baseline.rest.records, rest: anomalies.rest },
      }),
    );
  for (const one of [before, read]) if (isEmpty(one)) return nothingFound(io, one);
  if (!values.json) {
    const head = counted(read.reader.counts.records + read.reader.counts.logLines, 'record');
    io.out(`${head}${rangeText(read)}, against ${before.sources.length} of a baseline\n\n`);
    io.out(rows.length === 0 ? 'nothing is new\n' : table(io, COLUMNS, cellsOf(rows.slice(0, limit), names)));
    io.out(moreText(rows.length, limit));
  }
  printRest(io, anomalies.rest, 'new calls');
  return rows.length === 0 ? 0 : 1;
};

/** The one trust domain of all callers: with several, each keeps its whole ID. */
function trustDomainOf(given: string | undefined, rows: readonly Anomaly[]): string | null {
  if (given !== undefined) return parseTrustDomain(given);
  const ids = rows.filter(({ caller }) => caller.startsWith('spiffe://'));
  const [only, ...others] = new Set(ids.map(({ caller }) => parseSpiffeId(caller).trustDomain));
  return only === undefined || others.length > 0 ? null : only;
}

const callerText = ({ caller }: Anomaly, names: Names): string =>
  caller.startsWith('spiffe://') ? names.caller({ principal: caller, ip: null }) : caller;

function cellsOf(rows: readonly Anomaly[], names: Names): Cell[][] {
  return rows.map((row) => {
    const { kind, othersDo, method, path, evidence, denied, example } = row;
    const isBroad = kind === 'workload' || kind === 'caller';
    return [
      { text: kind, style: othersDo ? 'yellow' : 'red' },
      { text: callerText(row, names) },
      { text: names.destination(row) },
      { text: isBroad ? '' : method },
      { text: isBroad ? '' : path },
      { text: shortTime(evidence.firstMs) },
      { text: thousands(evidence.requests) },
      denied === 0 ? { text: '-' } : { text: thousands(denied), style: 'red' },
      { text: `${method} ${example}` },
    ];
  });
}

function anomalyJson(row: Anomaly, names: Names): object {
  const { kind, othersDo, method, path, example, denied, evidence, caller } = row;
  return {
    ...{ kind, othersDo },
    caller: callerText(row, names),
    principal: caller.startsWith('spiffe://') ? caller : null,
    workload: names.destination(row),
    ...{ method, path, example },
    denied,
    requests: evidence.requests,
    firstSeen: timeOrNull(evidence.firstMs),
    lastSeen: timeOrNull(evidence.lastMs),
  };
}
