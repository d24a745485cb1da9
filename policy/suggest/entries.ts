// What each caller did, in the words of policies, without what nobody should allow: the entries that rules
// are made of.
import { SCAN } from '../flows/denials.ts';
import { byText, type Evidence } from './evidence.ts';
import type { LeftOutTable } from './left-out.ts';
import { EXCLUDED_MAX } from './limits.ts';
import { type Observed, type Pair, portKey } from './observed.ts';
import { looksLikeId } from './path-form.ts';
import { isPolicyPath, type LeftOutReason } from './sift.ts';
import { type Learned, learnedOf } from './templates.ts';

/** One method and path of one caller at one port of one workload. */
export interface Entry extends Learned {
  readonly pair: Pair;
  /** What its `{*}` must not stand for: names of the same place that this caller was not seen with. */
  readonly excluded: readonly string[];
}

/** What is asked of an entry. */
export interface EntryOptions {
  /** Requests of an entry that is kept. */
  readonly minCount: number;
  /** The own trust domain. */
  readonly trustDomain: string;
}

/** All entries, in the order of `Observed.pairs`, then path and method. Counts what is left out. */
export function entriesOf(observed: Observed, options: EntryOptions): Entry[] {
  const { leftOut } = observed;
  const kept: Entry[] = [];
  const scanned = new Map<string, Entry[]>();
  for (const pair of observed.pairs()) {
    for (const learned of learnedOf(pair.tree)) {
      const entry: Entry = { ...learned, pair, excluded: [] };
      const reason = faultOf(entry, options);
      if (reason !== null) leave(leftOut, reason, entry);
      else if (entry.byDefault) {
        const key = `${pair.namespace}\n${pair.workload}\n${pair.caller}`;
        scanned.set(key, [...(scanned.get(key) ?? []), entry]);
      } else kept.push(entry);
    }
  }
  for (const entries of scanned.values()) {
    if (!isScan(entries)) kept.push(...entries);
    else for (const entry of entries) leave(leftOut, 'scan', entry);
  }
  return exclude(kept.sort(byPlace), observed);
}

function faultOf(entry: Entry, { minCount, trustDomain }: EntryOptions): LeftOutReason | null {
  const { refused, origin, evidence, path, pair } = entry;
  // A policy that names it would mean the own workload of that name.
  if (trustDomain !== CLUSTER && pair.caller.startsWith(`spiffe://${CLUSTER}/`)) return 'no-policy-caller';
  if (refused) return 'error';
  if (origin === 'unclear') return 'too-much';
  if (evidence.requests < minCount) return 'rare';
  return isPolicyPath(path) ? null : 'no-policy-path';
}

/** Counts an entry as left out. */
export function leave(leftOut: LeftOutTable, reason: LeftOutReason, { pair, ...entry }: Entry): void {
  const { namespace, workload, caller } = pair;
  const { method, path } = entry;
  leftOut.add(reason, { caller, namespace, workload, method, path }, entry.evidence);
}

function byPlace(a: Entry, b: Entry): number {
  return (
    byText(a.pair.namespace, b.pair.namespace) ||
    byText(a.pair.workload, b.pair.workload) ||
    a.pair.port - b.pair.port ||
    byText(a.pair.caller, b.pair.caller) ||
    byText(a.path, b.path) ||
    byText(a.method, b.method)
  );
}

/** The rule of thumb of `flows denied`, for what audit mode let through. */
function isScan(entries: readonly Entry[]): boolean {
  const firstByPath = new Map<string, number>();
  for (const { path, evidence } of entries)
    firstByPath.set(path, Math.min(firstByPath.get(path) ?? evidence.firstMs, evidence.firstMs));
  if (firstByPath.size < SCAN.paths) return false;
  const counts = entries
    .map(({ evidence }: { evidence: Evidence }) => evidence.requests)
    .sort((a, b) => a - b);
  if ((counts[counts.length >> 1] ?? 0) > SCAN.requestsPerPathMedian) return false;
  const times = [...firstByPath.values()].sort((a, b) => a - b);
  return times.some((ms, i) => (times[i + SCAN.paths - 1] ?? Number.POSITIVE_INFINITY) - ms <= SCAN.withinMs);
}

const ANY = '{*}';
/** Stands for the own trust domain in every policy. */
const CLUSTER = 'cluster.local';

/** Names by the place they stand at, of everything that is done at one port of one workload. */
type Names = Map<string, Set<string>>;

/**
 * `/users/{*}` of one caller would be `/users/admin` too, which only another one was seen with: such names
 * are excluded from it, and those that policies refused. Names that are ids by their form are values as good
 * as any.
 */
function exclude(entries: readonly Entry[], observed: Observed): Entry[] {
  const names = new Map<string, Names>();
  for (const { pair, path } of entries) {
    let known = names.get(portKey(pair));
    if (known === undefined) {
      known = new Map();
      names.set(portKey(pair), known);
      for (const refused of observed.refusedAt(pair)) collect(known, refused);
    }
    collect(known, path);
  }
  const own = new Set(entries.map((entry) => ownKey(entry, entry.path)));
  return entries.flatMap((entry) => {
    if (!entry.path.includes(ANY)) return [entry];
    const known = names.get(portKey(entry.pair)) ?? new Map();
    const excluded = excludedFrom(entry, known).filter((path) => !own.has(ownKey(entry, path)));
    if (excluded.length <= EXCLUDED_MAX) return [{ ...entry, excluded }];
    leave(observed.leftOut, 'too-much', entry);
    return [];
  });
}

const ownKey = ({ pair, method }: Entry, path: string): string =>
  `${pair.namespace}\n${pair.workload}\n${pair.port}\n${pair.caller}\n${method}\n${path}`;

function collect(names: Names, path: string): void {
  for (let at = 0; at >= 0 && at < path.length; ) {
    const slash = path.indexOf('/', at + 1);
    const name = path.slice(at + 1, slash < 0 ? path.length : slash);
    const above = path.slice(0, at);
    if (name !== ANY && name !== '' && !looksLikeId(name, 0, name.length)) {
      const known = names.get(above) ?? new Set();
      names.set(above, known);
      known.add(name);
    }
    at = slash;
  }
}

function excludedFrom({ path, folded }: Entry, names: Names): string[] {
  const segments = path.split('/');
  let wild = 0;
  const excluded: string[] = [];
  for (const [at, segment] of segments.entries()) {
    if (segment !== ANY) continue;
    const values = folded[wild++] ?? new Set();
    // More names became `{*}` than are remembered: one of them may be any name.
    if (values === 'overflow') continue;
    for (const name of names.get(segments.slice(0, at).join('/')) ?? [])
      if (!values.has(name)) excluded.push(segments.with(at, name).join('/'));
  }
  return excluded.sort(byText);
}
