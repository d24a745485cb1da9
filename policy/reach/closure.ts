// Reached over others: whoever takes a workload over calls as its account, and goes on from there.
import type { ReachEdge, ReachGraph, ReachNode } from './model.ts';

/** Somebody who is reached, or who reaches, and how. */
export interface Reached {
  readonly node: ReachNode;
  /** 1: directly. */
  readonly hops: number;
  /** The step before it; null at one hop. */
  readonly via: ReachNode | null;
  /** The last edge on the way. */
  readonly edge: ReachEdge;
}

/** Answers for every node of one graph, each asked once or more. */
export class Closure {
  readonly #out = new Map<ReachNode, ReachEdge[]>();
  readonly #in = new Map<ReachNode, ReachEdge[]>();

  constructor({ edges }: ReachGraph) {
    for (const edge of edges) {
      listed(this.#out, edge.from).push(edge);
      listed(this.#in, edge.to).push(edge);
    }
  }

  /** Whom `node` reaches, nearest first. */
  reaches(node: ReachNode): readonly Reached[] {
    return walk(
      node,
      (one) => this.#out.get(one) ?? [],
      (edge) => edge.to,
    );
  }

  /** Who reaches `node`, nearest first. */
  reachedBy(node: ReachNode): readonly Reached[] {
    return walk(
      node,
      (one) => this.#in.get(one) ?? [],
      (edge) => edge.from,
    );
  }
}

function listed(lists: Map<ReachNode, ReachEdge[]>, node: ReachNode): ReachEdge[] {
  const list = lists.get(node) ?? [];
  lists.set(node, list);
  return list;
}

/** Breadth first; each node once, so that circles end. */
function walk(
  start: ReachNode,
  edgesOf: (node: ReachNode) => readonly ReachEdge[],
  far: (edge: ReachEdge) => ReachNode,
): Reached[] {
  const seen = new Set([start]);
  const found: Reached[] = [];
  let front: readonly ReachNode[] = [start];
  for (let hops = 1; front.length > 0; hops++) {
    const next: ReachNode[] = [];
    for (const before of front)
      for (const edge of edgesOf(before)) {
        const node = far(edge);
        if (seen.has(node)) continue;
        seen.add(node);
        next.push(node);
        found.push({ node, hops, via: hops === 1 ? null : before, edge });
      }
    front = next;
  }
  return found;
}
