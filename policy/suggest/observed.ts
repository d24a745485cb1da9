// The traffic that policies are learned from: a sink of flow records and decision logs that keeps one tree of
// paths for each caller, workload and port, in bounded memory.
import { parseSpiffeId } from '../../core/spiffe-id.ts';
import { BoundedGroups } from '../flows/bounded.ts';
import { DenialTable } from '../flows/denials.ts';
import type { FlowSink } from '../flows/read.ts';
import type { FlowRecord, LoggedRequest } from '../flows/record.ts';
import { byText } from './evidence.ts';
import { LeftOutTable } from './left-out.ts';
import { PAIRS_MAX, PAIRS_PER_WORKLOAD_MAX, REFUSED_PATHS_MAX } from './limits.ts';
import { type PathLimits, PathTree, PlaceBudget } from './path-tree.ts';
import { isByDefault, isPolicyMethod, isRefused, type LeftOutReason, pathFault, siftRecord } from './sift.ts';

/** What one caller did at one port of one workload. */
export interface Pair {
  readonly namespace: string;
  readonly workload: string;
  readonly port: number;
  /** `spiffe://…` */
  readonly caller: string;
  readonly tree: PathTree;
}

/** Methods and paths whose form is known already: traffic repeats the same few. */
const KNOWN_MAX = 20_000;

/** Learns from records. */
export class Observed implements FlowSink {
  readonly leftOut = new LeftOutTable();
  readonly denials = new DenialTable();
  readonly limits: PathLimits;
  /** Which kinds of input there were: a request in both counts twice. */
  readonly inputs = { records: 0, logged: 0 };
  readonly #budget = new PlaceBudget();
  readonly #pairs = new BoundedGroups<Pair>({ total: PAIRS_MAX, perOwner: PAIRS_PER_WORKLOAD_MAX });
  readonly #refused = new Map<string, Set<string>>();
  readonly #knownPaths = new Map<string, LeftOutReason | null>();
  readonly #knownMethods = new Map<string, boolean>();

  constructor(limits: PathLimits) {
    this.limits = limits;
  }

  record(record: FlowRecord): void {
    this.inputs.records++;
    this.denials.record(record);
    this.#learn(record, { template: true, refused: null });
  }

  request({ record, status, grpcStatus }: LoggedRequest): void {
    this.inputs.logged++;
    this.denials.record(record);
    this.#learn(record, { template: false, refused: isRefused(status, grpcStatus) });
  }

  sourceEnds(): void {
    this.denials.sourceEnds();
  }

  /** In the order of their names. */
  pairs(): Pair[] {
    return [...this.#pairs.values()].sort(
      (a, b) =>
        byText(a.namespace, b.namespace) ||
        byText(a.workload, b.workload) ||
        a.port - b.port ||
        byText(a.caller, b.caller),
    );
  }

  /** Paths that policies refused at a port of a workload, whoever asked. */
  refusedAt(pair: Pick<Pair, 'namespace' | 'workload' | 'port'>): Iterable<string> {
    return this.#refused.get(portKey(pair)) ?? [];
  }

  /** The trust domain that most callers of workloads are of; null without any. */
  usualTrustDomain(): string | null {
    const counts = new Map<string, number>();
    for (const { caller } of this.pairs()) {
      const { trustDomain } = parseSpiffeId(caller);
      counts.set(trustDomain, (counts.get(trustDomain) ?? 0) + 1);
    }
    const [most] = [...counts].sort(([a, x], [b, y]) => y - x || byText(a, b));
    return most?.[0] ?? null;
  }

  #learn(record: FlowRecord, how: { template: boolean; refused: boolean | null }): void {
    const reason = siftRecord(record) ?? this.#add(record, how);
    if (reason === null) return;
    this.leftOut.record(reason, record);
    if (reason === 'denied' || reason === 'deny-rule') this.#refuse(record, how.template);
  }

  #add(
    record: FlowRecord,
    { template, refused }: { template: boolean; refused: boolean | null },
  ): LeftOutReason | null {
    const { http, source, destination, count, firstSeenMs, lastSeenMs } = record;
    const caller = source?.principal ?? null;
    if (http === null || caller === null) return 'other-paths';
    if (!this.#methodIsKnown(http.method)) return 'no-policy-method';
    const fault = this.#pathFaultOf(http.path, template);
    if (fault !== null) return fault;
    const { namespace, workload, port } = destination;
    const pair = this.#pairs.find(`${namespace}\n${workload}`, `${port} ${caller}`, () => ({
      namespace,
      workload,
      port,
      caller,
      tree: new PathTree(this.limits, this.#budget),
    }));
    const sighting = {
      requests: count,
      firstMs: firstSeenMs,
      lastMs: lastSeenMs,
      byDefault: isByDefault(record),
      refused,
    };
    return pair?.tree.add(http.method, http.path, sighting) === true ? null : 'too-much';
  }

  /** A template must not allow what a policy refused. */
  #refuse({ reason, http, destination, direction }: FlowRecord, template: boolean): void {
    if ((reason !== 'default-deny' && reason !== 'deny-rule') || direction !== 'inbound') return;
    if (http === null || this.#pathFaultOf(http.path, template) !== null) return;
    const key = portKey(destination);
    const known = this.#refused.get(key) ?? new Set();
    if (this.#refused.size < PAIRS_MAX) this.#refused.set(key, known);
    if (known.size < REFUSED_PATHS_MAX) known.add(http.path);
  }

  #methodIsKnown(method: string): boolean {
    let known = this.#knownMethods.get(method);
    if (known !== undefined) return known;
    known = isPolicyMethod(method);
    if (this.#knownMethods.size < KNOWN_MAX) this.#knownMethods.set(method, known);
    return known;
  }

  /** PERF: reading a template as policies do takes microseconds, and records repeat the same few. */
  #pathFaultOf(path: string, template: boolean): LeftOutReason | null {
    if (!template) return pathFault(path, template);
    let known = this.#knownPaths.get(path);
    if (known !== undefined) return known;
    known = pathFault(path, template);
    if (this.#knownPaths.size < KNOWN_MAX) this.#knownPaths.set(path, known);
    return known;
  }
}

/** One port of one workload. */
export function portKey({
  namespace,
  workload,
  port,
}: Pick<Pair, 'namespace' | 'workload' | 'port'>): string {
  return `${namespace}\n${workload}\n${port}`;
}
