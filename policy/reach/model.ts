// Who is there, and who reaches whom: the graph of `policy reach`.
import type { Clause, Workload } from '../model.ts';

/** Someone who calls, a workload that is called, or both: then it calls as its own account. */
export interface ReachNode {
  /** `shop/cart`; unique. */
  readonly name: string;
  /** Who it is when it calls; null: it is known as a destination only. */
  readonly caller: Caller | null;
  /** What policies select it by when it is called; null: it is known as a caller only. */
  readonly workload: Workload | null;
  /** The port that it serves; null: any. */
  readonly port: number | null;
}

/** `others`: every identity that is not known; `nobody`: a peer without one. */
export interface Caller {
  readonly kind: 'account' | 'namespace' | 'others' | 'nobody';
  /** One source, as in a rule. */
  readonly source: Clause;
}

/** Requests of one rule that a caller may send. */
export interface ReachedBy {
  /** Null: no ALLOW policy selects the workload, and the default allows. */
  readonly rule: string | null;
  /** `GET /items/{*}`. */
  readonly what: string;
  /** Conditions of the rule besides caller and operation. */
  readonly when: readonly string[];
  /** DENY rules that take a part of it away. */
  readonly less: readonly string[];
  /** False: nobody could show a request, nor that there is none. Counted as reached. */
  readonly sure: boolean;
}

/** A caller that some request of gets to a workload. */
export interface ReachEdge {
  readonly from: ReachNode;
  readonly to: ReachNode;
  readonly by: readonly ReachedBy[];
}

export interface ReachGraph {
  readonly nodes: readonly ReachNode[];
  readonly edges: readonly ReachEdge[];
}
