// The observed graph: one edge for each caller and workload, whichever proxies saw it.
//
// The port is no part of an edge's identity: the caller's proxy knows the port it dials, the workload's proxy
// the port of the application behind it.
import { BoundedGroups, type GroupLimits, Rest } from './bounded.ts';
import { EDGES_MAX, EDGES_PER_CALLER_MAX } from './limits.ts';
import { callerKey, type FlowCaller, type FlowRecord } from './record.ts';
import { addRecord, noSides, type Sides } from './tally.ts';

/** Who called whom. */
export interface Edge {
  /** Null: callers that a proxy no longer told apart. */
  readonly caller: FlowCaller | null;
  readonly namespace: string;
  readonly workload: string;
  readonly sides: Sides;
}

/** Collects edges from records, in bounded memory. */
export class EdgeTable {
  readonly #edges: BoundedGroups<Edge>;
  /** Records of pairs that found no room. */
  readonly rest = new Rest();

  constructor(limits: GroupLimits = { total: EDGES_MAX, perOwner: EDGES_PER_CALLER_MAX }) {
    this.#edges = new BoundedGroups(limits);
  }

  get size(): number {
    return this.#edges.size;
  }

  record(record: FlowRecord): void {
    const { namespace, workload } = record.destination;
    const edge = this.#edges.find(callerKey(record.source), `${namespace}\n${workload}`, () => ({
      caller: record.source,
      namespace,
      workload,
      sides: noSides(),
    }));
    if (edge === null) this.rest.add(record);
    else addRecord(edge.sides, record);
  }

  edges(): Iterable<Edge> {
    return this.#edges.values();
  }
}
