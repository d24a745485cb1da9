// Who and what comes most often: records grouped by path or by rule, and edges grouped by one of their ends.
import { BoundedGroups, type GroupLimits, Rest } from './bounded.ts';
import type { Edge } from './edges.ts';
import { PATHS_MAX, PATHS_PER_WORKLOAD_MAX, RULE_ROWS_MAX } from './limits.ts';
import type { Names } from './names.ts';
import type { FlowRecord } from './record.ts';
import {
  addRecord,
  countOf,
  deniedBy,
  deniedOf,
  noSides,
  requestsOf,
  type Sides,
  spanOf,
  wouldDenyOf,
} from './tally.ts';

/** One row; what the grouping does not tell apart is null. */
export interface TopRow {
  readonly caller: string | null;
  readonly workload: string | null;
  readonly method: string | null;
  /** A template; null also for requests of many paths. */
  readonly path: string | null;
  /** A rule id, or the reason of a verdict without any. */
  readonly rule: string | null;
  requests: number;
  denied: number;
  wouldDeny: number;
  lastMs: number;
}

/** What edges can be grouped by. */
export type EdgeGrouping = 'caller' | 'workload' | 'denied';

const NOTHING = { caller: null, workload: null, method: null, path: null, rule: null };

/** Rows by caller, by workload, or by both for denials; most requests (or denials) first. */
export function topOfEdges(edges: Iterable<Edge>, by: EdgeGrouping, names: Names): TopRow[] {
  const rows = new Map<string, TopRow>();
  for (const edge of edges) {
    const { sides } = edge;
    if (by === 'denied' && deniedOf(sides) + wouldDenyOf(sides) === 0) continue;
    const caller = by === 'workload' ? null : names.caller(edge.caller);
    const workload = by === 'caller' ? null : names.destination(edge);
    const key = `${caller}\n${workload}`;
    const row = rows.get(key) ?? { ...NOTHING, caller, workload, ...emptyCounts() };
    rows.set(key, row);
    row.requests += requestsOf(sides);
    row.denied += deniedOf(sides);
    row.wouldDeny += wouldDenyOf(sides);
    row.lastMs = Math.max(row.lastMs, spanOf(sides).lastMs);
  }
  const weight = (row: TopRow): number => (by === 'denied' ? row.denied + row.wouldDeny : row.requests);
  return [...rows.values()].sort((a, b) => weight(b) - weight(a) || b.lastMs - a.lastMs);
}

const emptyCounts = () => ({ requests: 0, denied: 0, wouldDeny: 0, lastMs: Number.NEGATIVE_INFINITY });

interface PathGroup {
  readonly namespace: string;
  readonly workload: string;
  readonly http: FlowRecord['http'];
  readonly sides: Sides;
}

/**
 * Paths of workloads. The two sides of a hop learn templates apart, so that the same request may have two:
 * of a workload whose own proxy is heard, the forwarding of callers' proxies is left out.
 */
export class PathTable {
  readonly #paths: BoundedGroups<PathGroup>;
  readonly #heard = new Set<string>();
  readonly rest = new Rest();

  constructor(limits: GroupLimits = { total: PATHS_MAX, perOwner: PATHS_PER_WORKLOAD_MAX }) {
    this.#paths = new BoundedGroups(limits);
  }

  record(record: FlowRecord): void {
    const { http, destination } = record;
    const { namespace, workload } = destination;
    const owner = `${namespace}\n${workload}`;
    const group = this.#paths.find(owner, http === null ? '' : `${http.method}\n${http.path}`, () => ({
      namespace,
      workload,
      http,
      sides: noSides(),
    }));
    if (group === null) {
      this.rest.add(record);
      return;
    }
    addRecord(group.sides, record);
    if (record.direction === 'inbound') this.#heard.add(owner);
  }

  rows(names: Names): TopRow[] {
    const rows: TopRow[] = [];
    for (const group of this.#paths.values()) {
      const { sides, http, namespace, workload } = group;
      const heard = this.#heard.has(`${namespace}\n${workload}`);
      const requests = heard ? countOf(sides.inbound) + deniedBy(sides.outbound) : requestsOf(sides);
      if (requests === 0) continue;
      rows.push({
        ...NOTHING,
        workload: names.destination(group),
        method: http?.method ?? null,
        path: http?.path ?? null,
        requests,
        denied: deniedOf(sides),
        wouldDeny: heard ? (sides.inbound?.wouldDeny ?? 0) : wouldDenyOf(sides),
        lastMs: spanOf(sides).lastMs,
      });
    }
    return rows.sort((a, b) => b.requests - a.requests || b.lastMs - a.lastMs);
  }
}

/** Rules. A request counts once for each rule that matched it, on each side that judged it. */
export class RuleTable {
  readonly #rules: BoundedGroups<{ readonly rule: string; readonly sides: Sides }>;
  readonly rest = new Rest();

  constructor(total = RULE_ROWS_MAX) {
    this.#rules = new BoundedGroups({ total, perOwner: total });
  }

  record(record: FlowRecord): void {
    const { rules, verdict, enforced, reason, dryRun } = record;
    const outcome = verdict === 'allow' ? 'allowed' : enforced ? 'denied' : 'would-deny';
    for (const rule of rules.length === 0 ? [`(${reason})`] : rules) this.#add(rule, record, outcome);
    if (dryRun === null) return;
    const would = dryRun.verdict === 'deny' ? 'would-deny' : 'allowed';
    for (const rule of dryRun.rules) this.#add(rule, record, would);
  }

  rows(): TopRow[] {
    return [...this.#rules.values()]
      .map(({ rule, sides }) => ({
        ...NOTHING,
        rule,
        requests: countOf(sides.outbound) + countOf(sides.inbound),
        denied: deniedOf(sides),
        wouldDeny: (sides.outbound?.wouldDeny ?? 0) + (sides.inbound?.wouldDeny ?? 0),
        lastMs: spanOf(sides).lastMs,
      }))
      .sort((a, b) => b.requests - a.requests || b.lastMs - a.lastMs);
  }

  #add(rule: string, record: FlowRecord, outcome: 'allowed' | 'denied' | 'would-deny'): void {
    const group = this.#rules.find('', rule, () => ({ rule, sides: noSides() }));
    if (group === null) this.rest.add(record);
    else addRecord(group.sides, record, outcome);
  }
}
