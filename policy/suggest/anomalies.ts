// What was never seen before: a workload, a caller of it, or a method or class of paths of that caller. Paths
// are one class when they differ in ids only, or in names where a baseline has many that are used alike.
import { BoundedGroups, Rest } from '../flows/bounded.ts';
import type { FlowSink } from '../flows/read.ts';
import { type FlowRecord, type LoggedRequest, outcomeOf } from '../flows/record.ts';
import { addEvidence, byText, type Evidence, noEvidence } from './evidence.ts';
import { PAIRS_MAX, PAIRS_PER_WORKLOAD_MAX, VALUES_MIN, WIDTH_MAX } from './limits.ts';
import { looksLikeId } from './path-form.ts';
import { PathTree, PlaceBudget } from './path-tree.ts';

/** What is new about it: each of these only where what stands before it is known. */
export type AnomalyKind = 'workload' | 'caller' | 'path' | 'method';

/** What is new about one call. */
export interface Novelty {
  readonly kind: AnomalyKind;
  /** Other callers of the workload were seen with this method and class of paths. */
  readonly othersDo: boolean;
}

/** Calls that are new in the same way. Texts are raw. */
export interface Anomaly extends Novelty {
  /** `spiffe://…`, `plaintext`, or `other callers`. */
  readonly caller: string;
  readonly namespace: string;
  readonly workload: string;
  /** The first method and class of paths; of a new caller or workload there may be more. */
  readonly method: string;
  readonly path: string;
  readonly evidence: Evidence;
  /** Requests that were refused. */
  denied: number;
  /** The first path, as it was recorded. */
  readonly example: string;
}

const LIMITS = { valuesMin: VALUES_MIN, widthMax: WIDTH_MAX };
const GROUPS = { total: PAIRS_MAX, perOwner: PAIRS_PER_WORKLOAD_MAX };
const KNOWN_MAX = 50_000;
/** Where methods and paths were not told apart. */
const MANY = '/(many paths)';
const ANY = '{*}';

/** What is known: takes the records of a time that was as it should be, refused calls too. */
export class Baseline implements FlowSink {
  readonly #known = new BoundedGroups<{ readonly caller: string; readonly tree: PathTree }>(GROUPS);
  readonly #budget = new PlaceBudget();
  /** Records that found no room: what they tell may be called new. */
  readonly rest = new Rest();

  record(record: FlowRecord): void {
    const { owner, caller, method, path } = callOf(record);
    const known = this.#known.find(owner, caller, () => ({
      caller,
      tree: new PathTree(LIMITS, this.#budget),
    }));
    const sighting = { requests: record.count, firstMs: 0, lastMs: 0, byDefault: false, refused: null };
    if (known?.tree.add(method, path, sighting) !== true) this.rest.add(record);
  }

  request({ record }: LoggedRequest): void {
    this.record(record);
  }

  /** To be called when the baseline is whole. */
  finish(): void {
    for (const { tree } of this.#known.values()) tree.finish();
  }

  /** What is new about a record; null when nothing is. */
  noveltyOf(record: FlowRecord): Novelty | null {
    const { owner, caller, method, path } = callOf(record);
    let own: PathTree | null = null;
    let [isKnown, othersDo] = [false, false];
    for (const { caller: other, tree } of this.#known.of(owner)) {
      isKnown = true;
      if (other === caller) own = tree;
      else othersDo ||= tree.find(path)?.ends.has(method) === true;
    }
    if (own === null) return { kind: isKnown ? 'caller' : 'workload', othersDo };
    const place = own.find(path);
    if (place?.ends.has(method) === true) return null;
    return { kind: place === null || place.ends.size === 0 ? 'path' : 'method', othersDo };
  }
}

/** Looks for what is new in further records. */
export class AnomalyTable implements FlowSink {
  /** Records that found no room. */
  readonly rest = new Rest();
  readonly #baseline: Baseline;
  readonly #found = new BoundedGroups<Anomaly>(GROUPS);
  /** PERF: records repeat the same few calls, and a baseline may have thousands of callers to ask. */
  readonly #judged = new Map<string, Novelty | null>();

  constructor(baseline: Baseline) {
    this.#baseline = baseline;
  }

  record(record: FlowRecord): void {
    const { owner, caller, method, path } = callOf(record);
    const type = classOf(path);
    const novelty = this.#judge(record, `${owner}\n${caller}\n${method}\n${path}`);
    if (novelty === null) return;
    const { kind, othersDo } = novelty;
    const isBroad = kind === 'workload' || kind === 'caller';
    const key = isBroad ? `${kind} ${caller}` : `${kind} ${caller}\n${method}\n${type}`;
    const { namespace, workload } = record.destination;
    const found = this.#found.find(owner, key, () => ({
      ...{ kind, othersDo, caller, namespace, workload, method, path: type, example: path },
      evidence: noEvidence(),
      denied: 0,
    }));
    if (found === null) {
      this.rest.add(record);
      return;
    }
    const { count: requests, firstSeenMs: firstMs, lastSeenMs: lastMs } = record;
    addEvidence(found.evidence, { requests, firstMs, lastMs });
    if (outcomeOf(record) === 'denied') found.denied += requests;
  }

  request({ record }: LoggedRequest): void {
    this.record(record);
  }

  /** The first seen first. */
  rows(): Anomaly[] {
    return [...this.#found.values()].sort(
      (a, b) =>
        a.evidence.firstMs - b.evidence.firstMs ||
        byText(a.caller, b.caller) ||
        byText(a.workload, b.workload) ||
        byText(a.path, b.path) ||
        byText(a.method, b.method),
    );
  }

  #judge(record: FlowRecord, key: string): Novelty | null {
    let known = this.#judged.get(key);
    if (known !== undefined) return known;
    known = this.#baseline.noveltyOf(record);
    if (this.#judged.size < KNOWN_MAX) this.#judged.set(key, known);
    return known;
  }
}

/** What tells calls apart. Addresses of plaintext peers come and go: they are one caller. */
function callOf({ source, destination, http }: FlowRecord) {
  const path = http?.path ?? MANY;
  return {
    owner: `${destination.namespace}\n${destination.workload}`,
    caller: source === null ? 'other callers' : (source.principal ?? 'plaintext'),
    method: http?.method ?? '',
    path: path.startsWith('/') ? path : MANY,
  };
}

/** The path with its ids as `{*}`. */
function classOf(path: string): string {
  return path
    .split('/')
    .map((segment) => (looksLikeId(segment, 0, segment.length) ? ANY : segment))
    .join('/');
}
