// The tables of `flows trace`: what was reached, what was asked for, what was denied.
import { bytesOf, deniedBy, wouldDenyOf } from '../../policy/flows/tally.ts';
import type { TopRow } from '../../policy/flows/top.ts';
import type { Attempt, Hop } from '../../policy/flows/trace.ts';
import type { Io } from '../io.ts';
import { type Cell, type Column, table } from '../table.ts';
import { counted, shortTime, thousands } from '../text.ts';
import { DENIED_COLUMNS, deniedCells, portsOf } from './edges.ts';

const PATHS_SHOWN = 20;

const left = (title: string): Column => ({ title, align: 'left' });
const right = (title: string): Column => ({ title, align: 'right' });

const REACHED: readonly Column[] = [
  right('STEP'),
  left('FROM'),
  left('TO'),
  left('PORTS'),
  right('REQUESTS'),
  right('BYTES'),
  left('POSSIBLE FROM'),
  left('LAST SEEN'),
  left('KNOWN FROM'),
];

/** Workloads in the order of the trace. */
export function reachedTable(io: Io, hops: readonly Hop[]): string {
  if (hops.length === 0) return '';
  const rows = hops.map(({ step, from, to, edge, reached, earliestMs }): Cell[] => [
    { text: String(step) },
    { text: from },
    { text: to, style: 'bold' },
    { text: portsOf(edge).join(' ') },
    { text: thousands(reached.requests) },
    { text: thousands(bytesOf(edge.sides)) },
    { text: shortTime(earliestMs) },
    { text: shortTime(reached.lastMs) },
    reached.confirmed ? { text: "the workload's proxy" } : { text: "the caller's proxy only", style: 'dim' },
    ...(wouldDenyOf(edge.sides) > 0 ? [{ text: 'would be denied', style: 'yellow' } as const] : []),
  ]);
  return `\n${table(io, [...REACHED, left('')], rows)}`;
}

/** What the workload itself asked for. */
export function pathTable(io: Io, paths: readonly TopRow[]): string {
  if (paths.length === 0) return '';
  const columns = [right('REQUESTS'), ...DENIED_COLUMNS, left('WORKLOAD'), left('METHOD'), left('PATH')];
  const rows = paths
    .slice(0, PATHS_SHOWN)
    .map((row): Cell[] => [
      { text: thousands(row.requests) },
      ...deniedCells(row),
      { text: row.workload ?? '' },
      { text: row.method ?? '(other)' },
      { text: row.path ?? '(other)' },
    ]);
  const more = paths.length - rows.length;
  const rest = more > 0 ? `and ${counted(more, 'more path')}; --json has them\n` : '';
  return `\nasked for directly\n${table(io, columns, rows)}${rest}`;
}

/** What was tried and refused. */
export function deniedTable(io: Io, attempts: readonly Attempt[]): string {
  if (attempts.length === 0) return '';
  const columns = [right('STEP'), left('FROM'), left('TO'), right('DENIED'), left('LAST SEEN'), left('BY')];
  const rows = attempts.map(({ step, from, to, edge, denied, seen }): Cell[] => [
    { text: String(step) },
    { text: from },
    { text: to },
    { text: thousands(denied), style: 'red' },
    { text: shortTime(seen.lastMs) },
    { text: deniers(deniedBy(edge.sides.outbound), deniedBy(edge.sides.inbound)) },
  ]);
  return `\ndenied\n${table(io, columns, rows)}`;
}

function deniers(outbound: number, inbound: number): string {
  if (outbound === 0) return 'the workload';
  return inbound === 0 ? "the caller's own proxy" : 'both';
}
