// From what a tree knows to the paths that a policy names.
//
// INVARIANT: a `{*}` stands only where this caller was seen with at least `valuesMin` different values there,
// for this method and this very template; or where a proxy recorded it so, which does not tell values.
// Where there were fewer, the paths are written as they were.
import { byText, type Evidence, noEvidence, sumEvidence } from './evidence.ts';
import { COMBINATIONS_MAX } from './limits.ts';
import type { PathEnd } from './path-end.ts';
import type { PathTree, Place } from './path-tree.ts';

/**
 * How a path came about. `recorded`: it is a proxy's template. `unclear`: no policy should name it, there are
 * too many combinations of too few values.
 */
export type Origin = 'exact' | 'values' | 'recorded' | 'unclear';

/** One method and path of one caller, as a policy would name them. */
export interface Learned {
  readonly method: string;
  /** Exact, or with `{*}`. */
  readonly path: string;
  readonly origin: Origin;
  readonly evidence: Evidence;
  /** No rule allowed it: audit mode forwarded what the default denies. */
  readonly byDefault: boolean;
  /** The decision log shows answers, and each refused. */
  readonly refused: boolean;
  /** Some of the paths that were seen; none for what a proxy recorded as a template. */
  readonly samples: readonly string[];
  /** For each `{*}`: names that are known to be among its values. */
  readonly folded: readonly (ReadonlySet<string> | 'overflow')[];
}

/** Everything that a tree learned, by path and method. */
export function learnedOf(tree: PathTree): Learned[] {
  const found: Learned[] = [];
  const walk = (place: Place, folded: readonly (ReadonlySet<string> | 'overflow')[]): void => {
    for (const [method, end] of place.ends) found.push(...pathsOf(place, end, { method, folded }, tree));
    for (const child of place.names.values()) walk(child, folded);
    if (place.any !== null) walk(place.any, [...folded, place.folded ?? NONE]);
  };
  tree.finish();
  walk(tree.root, []);
  return found.sort((a, b) => byText(a.path, b.path) || byText(a.method, b.method));
}

const NONE: ReadonlySet<string> = new Set();
const ANY = '{*}';
const SAMPLES_SHOWN = 8;

function pathsOf(
  { text, wilds }: Place,
  end: PathEnd,
  known: Pick<Learned, 'method' | 'folded'>,
  { limits: { valuesMin } }: PathTree,
): Learned[] {
  const shared = {
    ...known,
    byDefault: end.byDefault >= end.evidence.requests,
    refused: end.refused > 0 && end.answered === 0,
  };
  const one = (path: string, origin: Origin, evidence: Evidence, samples: readonly string[]): Learned => ({
    ...shared,
    path,
    origin,
    evidence,
    samples: [...samples].sort(byText).slice(0, SAMPLES_SHOWN),
    // Places that are written out take no names with them.
    folded: origin === 'exact' ? [] : foldedIn(text, path, known.folded),
  });
  if (wilds === 0) return [one(text, 'exact', end.evidence, [text])];
  const samples = [...end.samples.keys()];
  if (end.recorded) return [one(text, 'recorded', end.evidence, samples)];
  const narrow = wildPositions(text).filter((_, i) => (end.values[i]?.size ?? 0) < valuesMin);
  if (narrow.length === 0) return [one(text, 'values', end.evidence, samples)];
  if (end.overflow && combinations(end, valuesMin) > COMBINATIONS_MAX)
    return [one(text, 'unclear', end.evidence, samples)];
  const paths = end.overflow
    ? combined(text, end, valuesMin)
    : split(samples, wildPositions(text), valuesMin);
  return paths.map((path) => {
    const own = samples.filter((sample) => covers(path, sample));
    const evidence = end.overflow
      ? end.evidence
      : sumEvidence(own.map((s) => end.samples.get(s) ?? noEvidence()));
    return one(path, path.includes(ANY) ? 'values' : 'exact', evidence, own);
  });
}

/** Which segments are `{*}`. */
function wildPositions(template: string): number[] {
  return template.split('/').flatMap((segment, i) => (segment === ANY ? [i] : []));
}

function foldedIn(template: string, path: string, folded: Learned['folded']): Learned['folded'] {
  const segments = path.split('/');
  return wildPositions(template).flatMap((at, i) => (segments[at] === ANY ? [folded[i] ?? NONE] : []));
}

/** Paths that are all known: `{*}` where enough values are left when the others are written out. */
function split(paths: readonly string[], positions: readonly number[], valuesMin: number): string[] {
  const valuesAt = (at: number): string[] => [...new Set(paths.map((path) => path.split('/')[at] ?? ''))];
  const narrow = positions.find((at) => valuesAt(at).length < valuesMin);
  if (narrow === undefined) {
    const segments = (paths[0] ?? '').split('/');
    return [segments.map((segment, at) => (positions.includes(at) ? ANY : segment)).join('/')];
  }
  const others = positions.filter((at) => at !== narrow);
  return valuesAt(narrow).flatMap((value) =>
    split(
      paths.filter((path) => path.split('/')[narrow] === value),
      others,
      valuesMin,
    ),
  );
}

function combinations({ values }: PathEnd, valuesMin: number): number {
  return values.reduce((all, { size }) => (size < valuesMin ? all * size : all), 1);
}

/** Too many paths to know all: each place with few values is written out, in every combination. */
function combined(template: string, end: PathEnd, valuesMin: number): string[] {
  let paths = [template.split('/')];
  for (const [i, at] of wildPositions(template).entries()) {
    const values = end.values[i] ?? NONE;
    if (values.size >= valuesMin) continue;
    paths = paths.flatMap((segments) => [...values].map((value) => segments.with(at, value)));
  }
  return paths.map((segments) => segments.join('/'));
}

/** True when `path` is one of those that `template` stands for; both may have `{*}`. */
export function covers(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((segment, i) => segment === given[i] || (segment === ANY && given[i] !== ''))
  );
}
