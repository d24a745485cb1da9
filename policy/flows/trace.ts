// What a workload reached: directly, and through workloads that it reached, in the order of time. A call that
// was last seen before the first could have happened carries nothing on.
import { parseSpiffeId } from '../../core/spiffe-id.ts';
import type { Edge } from './edges.ts';
import type { Names } from './names.ts';
import type { FlowCaller } from './record.ts';
import { deniedOf, deniedSeenOf, type Reached, reachedOf, type Seen } from './tally.ts';

/** One edge that the trace came over, or tried. */
export interface TraceStep {
  /** 1 = the workload itself. */
  readonly step: number;
  readonly from: string;
  readonly to: string;
  readonly edge: Edge;
}

/** What was reached. */
export interface Hop extends TraceStep {
  readonly reached: Reached;
  /** When it could have happened first. */
  readonly earliestMs: number;
}

/** What was tried and denied, by the workload or one that it reached, at or after the time it was reached. */
export interface Attempt extends TraceStep {
  readonly denied: number;
  readonly seen: Seen;
}

/** The answer. */
export interface Trace {
  /** Direct ones first; each workload behind them once, by the way that reaches it earliest. */
  readonly hops: readonly Hop[];
  readonly attempts: readonly Attempt[];
}

interface Arrival {
  readonly node: string;
  readonly atMs: number;
  readonly step: number;
  /** Null at the start. */
  readonly hop: Hop | null;
}

/** Follows edges from `start`. Edges are those seen since `sinceMs`. */
export function trace(
  edges: Iterable<Edge>,
  names: Names,
  from: { start: string; sinceMs: number; direct: boolean },
): Trace {
  const byCaller = new Map<string, Edge[]>();
  for (const edge of edges) {
    const name = names.caller(edge.caller);
    const known = byCaller.get(name);
    if (known === undefined) byCaller.set(name, [edge]);
    else known.push(edge);
  }
  const direct: Hop[] = [];
  const behind: Hop[] = [];
  const attempts: Attempt[] = [];
  const settled = new Set<string>();
  // Dijkstra's algorithm: the cost of a path is the time at which its end can be reached.
  const pending: Arrival[] = [{ node: from.start, atMs: from.sinceMs, step: 0, hop: null }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (settled.has(next.node)) continue;
    settled.add(next.node);
    const { hop, node, atMs } = next;
    if (hop !== null && hop.step > 1) behind.push(hop);
    const step = next.step + 1;
    for (const edge of byCaller.get(node) ?? []) {
      const to = names.destination(edge);
      const attempt = attemptOf({ step, from: node, to, edge }, atMs);
      if (attempt !== null) attempts.push(attempt);
      const reached = reachedOf(edge.sides);
      if (reached === null || reached.lastMs < atMs) continue;
      const earliestMs = Math.max(atMs, reached.firstMs);
      const found: Hop = { step, from: node, to, edge, reached, earliestMs };
      if (step === 1) direct.push(found);
      if (!from.direct) insert(pending, { node: to, atMs: earliestMs, step, hop: found });
    }
  }
  const directly = new Set(direct.map(({ to }) => to));
  return {
    hops: [...direct, ...behind.filter(({ to }) => !directly.has(to))],
    attempts: attempts.sort((a, b) => a.step - b.step || b.denied - a.denied),
  };
}

function attemptOf(step: TraceStep, atMs: number): Attempt | null {
  const denied = deniedOf(step.edge.sides);
  if (denied === 0) return null;
  const seen = deniedSeenOf(step.edge.sides);
  return seen.lastMs < atMs ? null : { ...step, denied, seen };
}

/** Keeps the earliest, and of equal ones the nearest, at the end. */
function insert(pending: Arrival[], arrival: Arrival): void {
  let low = 0;
  let high = pending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = pending[middle];
    const later = other !== undefined && (other.atMs - arrival.atMs || other.step - arrival.step) > 0;
    if (later) low = middle + 1;
    else high = middle;
  }
  pending.splice(low, 0, arrival);
}

/** True when `text` (a SPIFFE ID, `ns/sa` or `sa`) may mean this caller. */
export function meansCaller(text: string, caller: FlowCaller | null): boolean {
  const principal = caller?.principal;
  if (principal === undefined || principal === null) return false;
  if (text.startsWith('spiffe://')) return principal === text;
  // Most callers are others: that is cheaper to see than what they are.
  if (!principal.endsWith(text.slice(text.lastIndexOf('/') + 1))) return false;
  const { namespace, serviceAccount } = parseSpiffeId(principal);
  if (namespace === null) return false;
  return text === serviceAccount || text === `${namespace}/${serviceAccount}`;
}
