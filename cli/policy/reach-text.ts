// `policy reach` for people: one line a workload, or all about one; and what a change does.
import { operationOf, type ReachChange, reachChanges } from '../../policy/reach/changes.ts';
import type { Closure, Reached } from '../../policy/reach/closure.ts';
import type { ReachNode } from '../../policy/reach/model.ts';
import type { Io } from '../io.ts';
import { paint } from '../paint.ts';
import { type Cell, type Column, table } from '../table.ts';
import { counted, printable } from '../text.ts';
import type { ShownReach } from './reach.ts';

/** The whole page. */
export function reachText(io: Io, shown: ShownReach): string {
  const { graph, closure, focus } = shown;
  const parts =
    focus.length === 0
      ? [overview(io, graph.nodes, closure)]
      : focus.map((node) => details(io, node, closure));
  if (graph.edges.some(({ by }) => by.some(({ sure }) => !sure)))
    parts.push('not proved: no request could be shown, nor that there is none; counted as reached\n');
  const changes = changesText(io, shown);
  return [...parts, ...(changes === '' ? [] : [changes])].join('\n');
}

const COLUMNS: readonly Column[] = [
  { title: 'WORKLOAD', align: 'left' },
  { title: 'CALLERS', align: 'right' },
  { title: 'IN ALL', align: 'right' },
  { title: 'REACHES', align: 'right' },
  { title: 'IN ALL', align: 'right' },
  { title: 'IN REACH WHEN TAKEN OVER', align: 'left' },
];
const NAMES_SHOWN_MAX = 5;

/** Those with the most in reach first. */
function overview(io: Io, nodes: readonly ReachNode[], closure: Closure): string {
  const all = nodes.map((node) => ({
    node,
    callers: closure.reachedBy(node),
    reached: closure.reaches(node),
  }));
  const ordered = all
    .filter(({ node, reached }) => node.workload !== null || reached.length > 0)
    .sort((a, b) => b.reached.length - a.reached.length || (a.node.name < b.node.name ? -1 : 1));
  const rows = ordered.map(({ node, callers, reached }): Cell[] => [
    { text: node.name, style: node.workload === null ? 'dim' : 'bold' },
    { text: node.workload === null ? '-' : String(direct(callers)) },
    { text: node.workload === null ? '-' : String(callers.length) },
    { text: node.caller === null ? '-' : String(direct(reached)) },
    { text: node.caller === null ? '-' : String(reached.length) },
    { text: namesText(reached) },
  ]);
  return rows.length === 0 ? 'nobody reaches anybody\n' : table(io, COLUMNS, rows);
}

const direct = (all: readonly Reached[]): number => all.filter(({ hops }) => hops === 1).length;

function namesText(all: readonly Reached[]): string {
  const names = all.slice(0, NAMES_SHOWN_MAX).map(({ node }) => node.name);
  const more = all.length > names.length ? [`${all.length - names.length} more`] : [];
  return [...names, ...more].join(', ');
}

const STEP_COLUMNS = (who: string): readonly Column[] => [
  { title: 'HOPS', align: 'right' },
  { title: who, align: 'left' },
  { title: 'OVER', align: 'left' },
  { title: 'WITH', align: 'left' },
];

function details(io: Io, node: ReachNode, closure: Closure): string {
  const [callers, reached] = [closure.reachedBy(node), closure.reaches(node)];
  const labels = Object.entries(node.workload?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const title = [paint(io, 'bold', printable(node.name)), paint(io, 'dim', printable(labels.join(' ')))];
  const sum = (all: readonly Reached[]): string =>
    `${counted(direct(all), 'directly').replace(/s$/, '')}, ${all.length} in all`;
  const lines = [`${title.join('  ').trimEnd()}\n\n`];
  if (node.workload !== null)
    lines.push(`reached by ${sum(callers)}\n`, steps(io, 'CALLER', callers), callers.length > 0 ? '\n' : '');
  if (node.caller !== null)
    lines.push(`taken over, it reaches ${sum(reached)}\n`, steps(io, 'WORKLOAD', reached));
  return lines.join('');
}

function steps(io: Io, who: string, all: readonly Reached[]): string {
  if (all.length === 0) return '';
  const rows = all.map(({ node, hops, via, edge }): Cell[] => [
    { text: String(hops) },
    { text: node.name, style: 'bold' },
    { text: via?.name ?? '', style: 'dim' },
    { text: [...new Set(edge.by.map(operationOf))].join('; ') },
  ]);
  return table(io, STEP_COLUMNS(who), rows);
}

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;
const COLOURS = { added: 'yellow', removed: 'green', changed: 'yellow' } as const;

function changesText(io: Io, { graph, closure, focus, before }: ShownReach): string {
  if (before === null) return '';
  const names = new Set(focus.map(({ name }) => name));
  const concerns = ({ from, to }: ReachChange): boolean =>
    names.size === 0 || names.has(from) || names.has(to);
  const lines = reachChanges(before.graph, graph)
    .filter(concerns)
    .map((change) => changeLine(io, change));
  const grown = (focus.length === 0 ? graph.nodes : focus).flatMap((node) => {
    const [was, now] = [before.closure.reaches(node), closure.reaches(node)].map(
      (all) => new Set(all.map((one) => one.node.name)),
    );
    if (was === undefined || now === undefined) return [];
    const more = [...now].filter((name) => !was.has(name));
    const less = [...was].filter((name) => !now.has(name));
    if (more.length + less.length === 0) return [];
    const list = [...more.map((name) => `+${name}`), ...less.map((name) => `-${name}`)];
    const counts = `${was.size} -> ${now.size} in reach`;
    return [`  ${printable(`${node.name} taken over: ${counts}  ${list.join(' ')}`)}\n`];
  });
  if (lines.length + grown.length === 0) return 'against the baseline nothing changes\n';
  return ['against the baseline\n', ...lines, ...grown].join('');
}

function changeLine(io: Io, { kind, from, to, more, less }: ReachChange): string {
  const what =
    kind === 'changed'
      ? [...more.map((one) => `+ ${one}`), ...less.map((one) => `- ${one}`)]
      : [...more, ...less];
  const text = `${from} -> ${to}  ${what.join('; ')}`.trimEnd();
  return `  ${paint(io, COLOURS[kind], SIGNS[kind])} ${printable(text)}\n`;
}
