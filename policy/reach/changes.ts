// What a change of policies does to who reaches whom: pairs that are new, pairs that are gone, and pairs that
// have other operations.
import type { ReachEdge, ReachGraph } from './model.ts';

/** One pair that differs. */
export interface ReachChange {
  readonly from: string;
  readonly to: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** Operations that are there now and were not. */
  readonly more: readonly string[];
  /** Operations that were there. */
  readonly less: readonly string[];
}

/** The pairs that differ, more first. Nodes of both graphs have the same names. */
export function reachChanges(before: ReachGraph, after: ReachGraph): ReachChange[] {
  const [old, now] = [byPair(before), byPair(after)];
  const changes: ReachChange[] = [];
  for (const [pair, edge] of now) {
    const was = old.get(pair);
    const [more, less] = [without(edge, was), without(was, edge)];
    if (was !== undefined && more.length + less.length === 0) continue;
    const [from, to] = [edge.from.name, edge.to.name];
    changes.push({ from, to, kind: was === undefined ? 'added' : 'changed', more, less });
  }
  for (const [pair, edge] of old)
    if (!now.has(pair))
      changes.push({
        ...{ from: edge.from.name, to: edge.to.name },
        ...{ kind: 'removed', more: [], less: without(edge, undefined) },
      });
  const order = ['added', 'changed', 'removed'];
  return changes.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

const byPair = ({ edges }: ReachGraph): Map<string, ReachEdge> =>
  new Map(edges.map((edge) => [JSON.stringify([edge.from.name, edge.to.name]), edge]));

function without(edge: ReachEdge | undefined, other: ReachEdge | undefined): string[] {
  const known = new Set(other?.by.map(operationOf));
  return [...new Set(edge?.by.map(operationOf))].filter((text) => !known.has(text));
}

/** `GET /items/{*}`, with what else it depends on. */
export function operationOf({ what, when, less, sure }: ReachEdge['by'][number]): string {
  const parts = [
    ...(when.length === 0 ? [] : [`if ${when.join(', ')}`]),
    ...(less.length === 0 ? [] : [`less ${less.join(', ')}`]),
    ...(sure ? [] : ['not proved']),
  ];
  return parts.length === 0 ? what : `${what} (${parts.join('; ')})`;
}
