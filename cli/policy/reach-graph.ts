// `policy reach` as Mermaid and DOT. Nodes get numbers for ids, and all text is escaped as a label.
import { reachChanges } from '../../policy/reach/changes.ts';
import type { ReachEdge } from '../../policy/reach/model.ts';
import { dotLabel, mermaidLabel } from '../graph-label.ts';
import type { ShownReach } from './reach.ts';

/** What is drawn: an edge, and whether the baseline has it. */
interface Drawn {
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly kind: 'same' | 'added' | 'removed';
  readonly sure: boolean;
}

const COLORS = { same: null, added: '#b8860b', removed: '#888888' } as const;
const FOCUS = '#fff3cd';

/** A Mermaid flowchart. Dotted: not proved, or gone since the baseline. */
export function reachMermaid(shown: ShownReach): string {
  const { names, focus, edges } = graphOf(shown);
  const arrow = ({ kind, sure }: Drawn): string => (kind === 'removed' || !sure ? '-.->' : '-->');
  return [
    'flowchart LR',
    ...names.map((name, i) => `  n${i}["${mermaidLabel(name)}"]`),
    ...edges.map((edge) => `  n${edge.from} ${arrow(edge)}|"${mermaidLabel(edge.label)}"| n${edge.to}`),
    ...focus.map((i) => `  style n${i} fill:${FOCUS}`),
    ...edges.flatMap(({ kind }, i) =>
      COLORS[kind] === null ? [] : [`  linkStyle ${i} stroke:${COLORS[kind]}`],
    ),
    '',
  ].join('\n');
}

/** A DOT digraph, drawn likewise. */
export function reachDot(shown: ShownReach): string {
  const { names, focus, edges } = graphOf(shown);
  const style = ({ kind, sure }: Drawn): string => {
    const color = COLORS[kind] === null ? '' : `, color="${COLORS[kind]}"`;
    return (kind === 'removed' || !sure ? ', style=dotted' : '') + color;
  };
  const fill = (i: number): string => (focus.includes(i) ? `, style=filled, fillcolor="${FOCUS}"` : '');
  return [
    'digraph reach {',
    '  rankdir=LR;',
    '  node [shape=box];',
    ...names.map((name, i) => `  n${i} [label="${dotLabel(name)}"${fill(i)}];`),
    ...edges.map((edge) => `  n${edge.from} -> n${edge.to} [label="${dotLabel(edge.label)}"${style(edge)}];`),
    '}',
    '',
  ].join('\n');
}

/** With a focus, whoever reaches it or is reached from it, and the edges among them. */
function graphOf({ graph, closure, focus, before }: ShownReach): {
  readonly names: readonly string[];
  readonly focus: readonly number[];
  readonly edges: readonly Drawn[];
} {
  const wanted = new Set(
    focus.flatMap((node) => [
      node,
      ...[closure, ...(before === null ? [] : [before.closure])].flatMap((one) =>
        [...one.reaches(node), ...one.reachedBy(node)].map((reached) => reached.node),
      ),
    ]),
  );
  const isWanted = ({ from, to }: ReachEdge): boolean =>
    focus.length === 0 || (wanted.has(from) && wanted.has(to));
  const changes = before === null ? [] : reachChanges(before.graph, graph);
  const keys = (kind: string): Set<string> =>
    new Set(changes.filter((one) => one.kind === kind).map(({ from, to }) => JSON.stringify([from, to])));
  const [added, removed] = [keys('added'), keys('removed')];
  const keyOf = ({ from, to }: ReachEdge): string => JSON.stringify([from.name, to.name]);
  const gone = before?.graph.edges.filter((edge) => removed.has(keyOf(edge))) ?? [];
  const ids = new Map<string, number>();
  const idOf = ({ name }: ReachEdge['from']): number => {
    const id = ids.get(name) ?? ids.size;
    ids.set(name, id);
    return id;
  };
  const edges = [...graph.edges, ...gone].filter(isWanted).map((edge): Drawn => {
    const kind = removed.has(keyOf(edge)) ? 'removed' : added.has(keyOf(edge)) ? 'added' : 'same';
    const label = [...new Set(edge.by.map(({ what }) => what))].join('; ');
    return { from: idOf(edge.from), to: idOf(edge.to), label, kind, sure: edge.by.some(({ sure }) => sure) };
  });
  return { focus: focus.map(idOf), names: [...ids.keys()], edges };
}
