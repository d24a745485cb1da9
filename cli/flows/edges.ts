// How edges of the observed graph are written: as JSON, and as cells of a table.
import type { Edge } from '../../policy/flows/edges.ts';
import type { Names } from '../../policy/flows/names.ts';
import {
  bytesOf,
  countOf,
  deniedOf,
  requestsOf,
  type Side,
  seenBy,
  spanOf,
  wouldDenyOf,
} from '../../policy/flows/tally.ts';
import type { Cell, Column } from '../table.ts';
import { thousands, timeOrNull } from '../text.ts';

/** An edge for machines. `requests` and `denied` are of both sides together; the sides stand beside them. */
export function edgeJson(edge: Edge, names: Names) {
  const { sides } = edge;
  const span = spanOf(sides);
  return {
    caller: names.caller(edge.caller),
    principal: edge.caller?.principal ?? null,
    workload: names.destination(edge),
    seenBy: seenBy(sides),
    requests: requestsOf(sides),
    denied: deniedOf(sides),
    wouldDeny: wouldDenyOf(sides),
    bytes: bytesOf(sides),
    firstSeen: timeOrNull(span.firstMs),
    lastSeen: timeOrNull(span.lastMs),
    outbound: sideJson(sides.outbound),
    inbound: sideJson(sides.inbound),
  };
}

function sideJson(side: Side | null) {
  if (side === null) return null;
  const { allowed, wouldDeny, denied, bytes, ports } = side;
  return { allowed, wouldDeny, denied, bytes, ports: [...ports].sort((a, b) => a - b) };
}

/** Ports as the workload sees them; those that callers dial where its own proxy was not heard. */
export function portsOf({ sides }: Edge): readonly number[] {
  return [...(sides.inbound?.ports ?? sides.outbound?.ports ?? [])].sort((a, b) => a - b);
}

export const DENIED_COLUMNS: readonly Column[] = [
  { title: 'DENIED', align: 'right' },
  { title: 'WOULD DENY', align: 'right' },
];

/** Counts that should be nought, in colour when they are not. */
export function deniedCells({ denied, wouldDeny }: { denied: number; wouldDeny: number }): Cell[] {
  return [
    denied === 0 ? { text: '-' } : { text: thousands(denied), style: 'red' },
    wouldDeny === 0 ? { text: '-' } : { text: thousands(wouldDeny), style: 'yellow' },
  ];
}

/** What one side saw. */
export function sideCell(side: Side | null): Cell {
  return side === null ? { text: '-', style: 'dim' } : { text: thousands(countOf(side)) };
}
