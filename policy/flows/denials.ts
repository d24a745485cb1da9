// Denials grouped by caller, workload, method, path template and reason; who looks like a scanner and what
// looks like a retry.
import type { NearRule } from '../request.ts';
import { BoundedGroups, type GroupLimits, Rest } from './bounded.ts';
import { DENIALS_MAX, DENIALS_PER_CALLER_MAX, SAMPLES_MAX, SAMPLES_PER_CALLER_MAX } from './limits.ts';
import { Pace } from './pace.ts';
import { callerKey, type FlowCaller, type FlowRecord, type LoggedDenial, outcomeOf } from './record.ts';
import { isOfTemplate } from './template.ts';

/** Equal denials. */
export interface DenialGroup {
  readonly caller: FlowCaller | null;
  /** `outbound`: the caller's own proxy refused. */
  readonly direction: 'inbound' | 'outbound';
  readonly namespace: string;
  readonly workload: string;
  readonly port: number;
  /** Null: many methods and paths. */
  readonly http: FlowRecord['http'];
  readonly outcome: 'denied' | 'would-deny';
  readonly reason: string;
  readonly rules: readonly string[];
  requests: number;
  firstMs: number;
  lastMs: number;
  readonly pace: Pace;
}

/** A group, and what is thought of it. */
export interface JudgedDenial extends DenialGroup {
  /** Rules of thumb: see `SCAN` and `Pace`. */
  readonly mark: 'scanner' | 'retry' | null;
  /** Of a retry: its interval, milliseconds. */
  readonly everyMs: number | null;
  /** From a decision log, when one was read too. */
  readonly sample: DenialSample | null;
}

/** One logged request of a group. */
export interface DenialSample {
  readonly requestId: string;
  readonly log: string;
  readonly path: string;
  readonly near: readonly NearRule[];
}

/** A scanner tries many paths in a short time, each hardly more than once. */
export const SCAN = { paths: 20, withinMs: 60_000, requestsPerPathMedian: 3 } as const;

interface Logged extends DenialSample {
  readonly denial: LoggedDenial;
}

/** Bounds of the two tables. */
export interface DenialLimits {
  readonly groups: GroupLimits;
  readonly samples: GroupLimits;
}

const LIMITS_DEFAULT: DenialLimits = {
  groups: { total: DENIALS_MAX, perOwner: DENIALS_PER_CALLER_MAX },
  samples: { total: SAMPLES_MAX, perOwner: SAMPLES_PER_CALLER_MAX },
};

/** Collects denials from records, in bounded memory. */
export class DenialTable {
  readonly #groups: BoundedGroups<DenialGroup>;
  readonly #samples: BoundedGroups<Logged>;
  readonly rest = new Rest();

  constructor(limits: DenialLimits = LIMITS_DEFAULT) {
    this.#groups = new BoundedGroups(limits.groups);
    this.#samples = new BoundedGroups(limits.samples);
  }

  record(record: FlowRecord): void {
    const outcome = outcomeOf(record);
    if (outcome === 'allowed') return;
    const group = this.#groups.find(callerKey(record.source), keyOf(record, outcome), () =>
      newGroup(record, outcome),
    );
    if (group === null) {
      this.rest.add(record);
      return;
    }
    group.requests += record.count;
    group.firstMs = Math.min(group.firstMs, record.firstSeenMs);
    group.lastMs = Math.max(group.lastMs, record.lastSeenMs);
    group.pace.window(record.lastSeenMs, record.count);
  }

  denial(denial: LoggedDenial, log: string): void {
    const { requestId, path, near, destination, direction, reason, method } = denial;
    const key = [direction, destination.namespace, destination.workload, reason, method, path].join('\n');
    this.#samples.find(callerKey(denial.source), key, () => ({ requestId, log, path, near, denial }));
  }

  sourceEnds(): void {
    for (const { pace } of this.#groups.values()) pace.interrupt();
  }

  /** Every group, most requests first. */
  judged(): JudgedDenial[] {
    const scanners = new Map<string, boolean>();
    const isScanner = (caller: string): boolean => {
      const known = scanners.get(caller) ?? scans([...this.#groups.of(caller)]);
      scanners.set(caller, known);
      return known;
    };
    return [...this.#groups.values()]
      .map((group): JudgedDenial => {
        const caller = callerKey(group.caller);
        const everyMs = group.http === null ? null : group.pace.steadyMs();
        // A path that comes at a steady pace is no scan, even of one who scans.
        const mark = everyMs !== null ? 'retry' : isScanner(caller) ? 'scanner' : null;
        return { ...group, mark, everyMs, sample: this.#sampleOf(caller, group) };
      })
      .sort((a, b) => b.requests - a.requests || b.lastMs - a.lastMs);
  }

  #sampleOf(caller: string, group: DenialGroup): DenialSample | null {
    for (const { denial, requestId, log, path, near } of this.#samples.of(caller)) {
      const { http } = group;
      const equal =
        http !== null &&
        denial.direction === group.direction &&
        denial.reason === group.reason &&
        denial.method === http.method &&
        denial.destination.workload === group.workload &&
        denial.destination.namespace === group.namespace;
      if (equal && isOfTemplate(http.path, path)) return { requestId, log, path, near };
    }
    return null;
  }
}

/** What denies: a dry-run policy only where the enforced ones allowed. */
function denierOf(record: FlowRecord): { readonly reason: string; readonly rules: readonly string[] } {
  return record.verdict === 'allow' && record.dryRun !== null ? record.dryRun : record;
}

function keyOf(record: FlowRecord, outcome: string): string {
  const { direction, destination, http } = record;
  const { namespace, workload } = destination;
  const what = http === null ? '' : `${http.method}\n${http.path}`;
  return `${direction}\n${outcome}\n${denierOf(record).reason}\n${namespace}\n${workload}\n${what}`;
}

function newGroup(record: FlowRecord, outcome: 'denied' | 'would-deny'): DenialGroup {
  const { reason, rules } = denierOf(record);
  return {
    caller: record.source,
    direction: record.direction,
    ...record.destination,
    http: record.http,
    outcome,
    reason,
    rules,
    requests: 0,
    firstMs: record.firstSeenMs,
    lastMs: record.lastSeenMs,
    pace: new Pace(),
  };
}

/** True when the denials of one caller look like a scan: `SCAN`. */
function scans(groups: readonly DenialGroup[]): boolean {
  const firstByPath = new Map<string, number>();
  const counts: number[] = [];
  for (const { http, outcome, namespace, workload, firstMs, requests } of groups) {
    if (http === null || outcome !== 'denied') continue;
    const key = `${namespace}\n${workload}\n${http.path}`;
    firstByPath.set(key, Math.min(firstByPath.get(key) ?? firstMs, firstMs));
    counts.push(requests);
  }
  if (firstByPath.size < SCAN.paths) return false;
  const median = counts.sort((a, b) => a - b)[counts.length >> 1] ?? 0;
  if (median > SCAN.requestsPerPathMedian) return false;
  const times = [...firstByPath.values()].sort((a, b) => a - b);
  return times.some((ms, i) => (times[i + SCAN.paths - 1] ?? Number.POSITIVE_INFINITY) - ms <= SCAN.withinMs);
}
