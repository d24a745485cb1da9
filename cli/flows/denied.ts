// `sallyport flows denied`: denials grouped by caller and path template, who looks like a scanner, what looks
// like a retry, and what to run next.
import { formatDuration } from '../../core/config/values.ts';
import { DenialTable, type JudgedDenial } from '../../policy/flows/denials.ts';
import { EdgeTable } from '../../policy/flows/edges.ts';
import type { Names } from '../../policy/flows/names.ts';
import type { FlowRecord } from '../../policy/flows/record.ts';
import { parseOptions } from '../args.ts';
import type { Io, Verb } from '../io.ts';
import { paint } from '../paint.ts';
import { counted, printable, shortTime, thousands, timeOrNull } from '../text.ts';
import { nextStep } from './denied-next.ts';
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
export const FLOWS_DENIED_USAGE =
  'sallyport flows denied --flows FILE…|--admin ADDRESS [--limit N] [--since TIME] [--until TIME] [--trust-domain TD] [--json]';

/** Paths shown of a scan. */
const SCAN_EXAMPLES = 3;

/** Exit 0; 1 when there are no records; 2 for wrong usage. */
export const flowsDenied: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: { ...FLOWS_OPTIONS, limit: { type: 'string' } },
    },
    FLOWS_DENIED_USAGE,
  );
  const limit = limitOf(values);
  const edges = new EdgeTable();
  const denials = new DenialTable();
  const sink = {
    record: (record: FlowRecord): void => {
      edges.record(record); // for the names
      denials.record(record);
    },
    denial: denials.denial.bind(denials),
    sourceEnds: denials.sourceEnds.bind(denials),
  };
  const read = await readFlows(values, positionals, { io, sink, line: FLOWS_DENIED_USAGE });
  const names = namesFor(values, edges.edges(), io);
  const groups = denials.judged();
  if (values.json) {
    const rows = groups.slice(0, limit).map((group) => denialJson(group, names));
    io.out(jsonAnswer('denied', read, { names, rows, total: groups.length, rest: denials.rest }));
  }
  if (read.reader.counts.records === 0) return nothingFound(io, read);
  if (!values.json) {
    const blocks = blocksOf(groups).map((block) => render(io, block, names));
    io.out(`${counted(read.reader.counts.records, 'record')}${rangeText(read)}\n`);
    io.out(blocks.length === 0 ? '\nnothing was denied\n' : blocks.slice(0, limit).join(''));
    io.out(moreText(blocks.length, limit));
  }
  printRest(io, denials.rest, 'denials');
  return 0;
};

/** A scan is one block, however many paths it tried; any other group is one of its own. */
function blocksOf(groups: readonly JudgedDenial[]): (readonly JudgedDenial[])[] {
  const blocks = new Map<string, JudgedDenial[]>();
  for (const [i, group] of groups.entries()) {
    const { mark, caller } = group;
    const key = mark === 'scanner' ? `scan ${caller?.principal ?? caller?.ip}` : `group ${i}`;
    const block = blocks.get(key);
    if (block === undefined) blocks.set(key, [group]);
    else block.push(group);
  }
  return [...blocks.values()].sort((a, b) => requestsIn(b) - requestsIn(a));
}

const requestsIn = (block: readonly JudgedDenial[]): number =>
  block.reduce((sum, { requests }) => sum + requests, 0);

function render(io: Io, block: readonly JudgedDenial[], names: Names): string {
  const [group] = block;
  if (group === undefined) return '';
  return group.mark === 'scanner' ? scanText(io, block, names) : groupText(io, group, names);
}

function scanText(io: Io, block: readonly JudgedDenial[], names: Names): string {
  const [first] = block;
  const caller = printable(names.caller(first?.caller ?? null));
  const workloads = [...new Set(block.map((group) => names.destination(group)))];
  const requests = requestsIn(block);
  const times = span(block);
  const lines = [
    `${paint(io, 'red', thousands(requests))}  ${paint(io, 'bold', caller)}  ${times}`,
    `  ${paint(io, 'yellow', 'likely a scanner')}: ${counted(block.length, 'path')} of ${workloads.map(printable).join(', ')}`,
    ...block.slice(0, SCAN_EXAMPLES).map((group) => `  for example ${requestText(group)}`),
  ];
  return `\n${lines.join('\n')}\n`;
}

function groupText(io: Io, group: JudgedDenial, names: Names): string {
  const { outcome, reason, rules, requests, mark, everyMs, sample, direction } = group;
  const way = `${printable(names.caller(group.caller))} -> ${printable(names.destination(group))}`;
  const word = outcome === 'denied' ? reason : `${reason}, forwarded`;
  const by = direction === 'outbound' ? "the caller's own proxy" : 'the workload';
  const count = paint(io, outcome === 'denied' ? 'red' : 'yellow', thousands(requests));
  const lines = [
    `${count}  ${paint(io, 'bold', way)}  ${requestText(group)}`,
    `  ${printable(word)} by ${by}, ${span([group])}`,
  ];
  if (mark === 'retry' && everyMs !== null)
    lines.push(`  ${paint(io, 'yellow', 'likely a retry')}: the same every ${intervalText(everyMs)}`);
  for (const rule of rules) lines.push(`  rule     ${printable(rule)}`);
  for (const { rule, field, want, got } of sample?.near ?? [])
    lines.push(
      `  nearest  ${printable(rule)}  ${printable(field)}  want ${printable(want.join(' | '))}  got ${printable(got ?? 'nothing')}`,
    );
  const next = nextStep(group);
  if (next !== null) lines.push(`  ${next.kind === 'command' ? 'next' : 'hint'}     ${next.text}`);
  return `\n${lines.join('\n')}\n`;
}

const requestText = ({ http }: JudgedDenial): string =>
  http === null ? '(many paths)' : printable(`${http.method} ${http.path === '' ? '(no path)' : http.path}`);

function span(block: readonly JudgedDenial[]): string {
  const first = block.reduce((ms, group) => Math.min(ms, group.firstMs), Number.POSITIVE_INFINITY);
  const last = block.reduce((ms, group) => Math.max(ms, group.lastMs), Number.NEGATIVE_INFINITY);
  return `${shortTime(first)} to ${shortTime(last)}`;
}

/** Whole seconds from one second on. */
function intervalText(ms: number): string {
  return formatDuration(ms < 1000 ? Math.max(1, Math.round(ms)) : Math.round(ms / 1000) * 1000);
}

function denialJson(group: JudgedDenial, names: Names): object {
  const { http, sample, everyMs } = group;
  const next = nextStep(group);
  return {
    caller: names.caller(group.caller),
    principal: group.caller?.principal ?? null,
    workload: names.destination(group),
    direction: group.direction,
    port: group.port,
    method: http?.method ?? null,
    path: http?.path ?? null,
    outcome: group.outcome,
    reason: group.reason,
    rules: group.rules,
    requests: group.requests,
    firstSeen: timeOrNull(group.firstMs),
    lastSeen: timeOrNull(group.lastMs),
    looksLike: group.mark,
    everyMs: everyMs === null ? null : Math.round(everyMs),
    near: sample?.near ?? [],
    requestId: sample?.requestId ?? null,
    next: next?.kind === 'command' ? next.text : null,
  };
}
