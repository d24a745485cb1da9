// The observed graph as Mermaid and DOT. Names and paths are strangers' text: nodes get numbers for ids, and
// labels are escaped.
import type { Edge } from '../../policy/flows/edges.ts';
import type { Names } from '../../policy/flows/names.ts';
import { deniedOf, requestsOf, seenBy, wouldDenyOf } from '../../policy/flows/tally.ts';
import { dotLabel, mermaidLabel } from '../graph-label.ts';
import { counted, thousands } from '../text.ts';
import { portsOf } from './edges.ts';

/** Mermaid draws no more unless it is told to (`maxEdges`). */
export const MERMAID_EDGES_MAX = 500;

interface Drawn {
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly look: 'allowed' | 'would-deny' | 'denied' | 'some-denied';
  /** Only one side saw it. */
  readonly half: boolean;
}

interface Graph {
  readonly nodes: readonly string[];
  readonly edges: readonly Drawn[];
}

const COLORS = {
  allowed: null,
  'would-deny': '#b8860b',
  denied: '#c0392b',
  'some-denied': '#c0392b',
} as const;

/** A Mermaid flowchart. Dotted: all denied. */
export function mermaidText(edges: readonly Edge[], names: Names): string {
  const graph = graphOf(edges, names);
  const arrow = ({ look }: Drawn): string => (look === 'denied' ? '-.->' : '-->');
  return [
    'flowchart LR',
    ...graph.nodes.map((name, i) => `  n${i}["${mermaidLabel(name)}"]`),
    ...graph.edges.map((edge) => `  n${edge.from} ${arrow(edge)}|"${mermaidLabel(edge.label)}"| n${edge.to}`),
    ...graph.edges.flatMap(({ look }, i) =>
      COLORS[look] === null ? [] : [`  linkStyle ${i} stroke:${COLORS[look]}`],
    ),
    '',
  ].join('\n');
}

/** A DOT digraph. Dotted: all denied; dashed: only one side saw it. */
export function dotText(edges: readonly Edge[], names: Names): string {
  const graph = graphOf(edges, names);
  const style = ({ look, half }: Drawn): string =>
    look === 'denied' ? ', style=dotted' : half ? ', style=dashed' : '';
  const color = ({ look }: Drawn): string => (COLORS[look] === null ? '' : `, color="${COLORS[look]}"`);
  return [
    'digraph flows {',
    '  rankdir=LR;',
    '  node [shape=box];',
    ...graph.nodes.map((name, i) => `  n${i} [label="${dotLabel(name)}"];`),
    ...graph.edges.map(
      (edge) =>
        `  n${edge.from} -> n${edge.to} [label="${dotLabel(edge.label)}"${style(edge)}${color(edge)}];`,
    ),
    '}',
    '',
  ].join('\n');
}

function graphOf(edges: readonly Edge[], names: Names): Graph {
  const ids = new Map<string, number>();
  const idOf = (name: string): number => {
    const id = ids.get(name) ?? ids.size;
    ids.set(name, id);
    return id;
  };
  const drawn = edges.map((edge): Drawn => {
    const { sides } = edge;
    const [requests, denied, would] = [requestsOf(sides), deniedOf(sides), wouldDenyOf(sides)];
    const ports = portsOf(edge);
    const parts = [
      counted(requests, 'request'),
      ...(denied === 0 ? [] : [`${thousands(denied)} denied`]),
      ...(would === 0 ? [] : [`${thousands(would)} would be denied`]),
      `port${ports.length === 1 ? '' : 's'} ${ports.join(' ')}`,
    ];
    return {
      from: idOf(names.caller(edge.caller)),
      to: idOf(names.destination(edge)),
      label: parts.join(', '),
      look:
        denied > 0 ? (denied >= requests ? 'denied' : 'some-denied') : would > 0 ? 'would-deny' : 'allowed',
      half: seenBy(sides) !== 'both',
    };
  });
  return { nodes: [...ids.keys()], edges: drawn };
}
