// `policy reach` for programs.
import { reachChanges } from '../../policy/reach/changes.ts';
import type { Closure, Reached } from '../../policy/reach/closure.ts';
import type { ReachNode } from '../../policy/reach/model.ts';
import { jsonText } from '../text.ts';
import type { ShownReach } from './reach.ts';

/** Everything, or what is about the workloads in focus. */
export function reachJson({ graph, closure, focus, before }: ShownReach): string {
  const about = focus.length === 0 ? graph.nodes : focus;
  const concerns = (from: string, to: string): boolean =>
    focus.length === 0 || focus.some(({ name }) => name === from || name === to);
  return jsonText({
    workloads: about.map((node) => ({
      name: node.name,
      kind: node.caller?.kind ?? 'destination',
      workload: node.workload,
      port: node.port,
      ...reachOf(closure, node),
      ...(before === null ? {} : { before: namesOf(before.closure, node) }),
    })),
    edges: graph.edges
      .filter(({ from, to }) => concerns(from.name, to.name))
      .map(({ from, to, by }) => ({ from: from.name, to: to.name, by })),
    changes:
      before === null ? null : reachChanges(before.graph, graph).filter(({ from, to }) => concerns(from, to)),
  });
}

const step = ({ node, hops, via }: Reached): object => ({ name: node.name, hops, via: via?.name ?? null });

const reachOf = (closure: Closure, node: ReachNode): object => ({
  reachedBy: closure.reachedBy(node).map(step),
  reaches: closure.reaches(node).map(step),
});

const namesOf = (closure: Closure, node: ReachNode): object => ({
  reachedBy: closure.reachedBy(node).map((one) => one.node.name),
  reaches: closure.reaches(node).map((one) => one.node.name),
});
