// The paths of one caller of one workload, learned as they come, in bounded memory.
//
//   / ── users ── {*} ── orders: GET      ids by their form share the `{*}` child, with their values counted;
//          └───── admin: GET              a name stays a name, until there are too many that all do the same
//
// What is `{*}` here is not yet a template to suggest: templates.ts asks for enough values first.

import { FOLDED_NAMES_MAX, PLACES_MAX, PLACES_PER_TREE_MAX, ROOT_NAMES_MAX, SEGMENTS_MAX } from './limits.ts';
import { PathEnd, type Sighting } from './path-end.ts';
import { looksLikeId } from './path-form.ts';

/** One segment. */
export interface Place {
  /** The path or template that ends here; '' at the root. */
  readonly text: string;
  readonly depth: number;
  /** How many `{*}` the text has. */
  readonly wilds: number;
  readonly names: Map<string, Place>;
  any: Place | null;
  /** Names that became `{*}`; null = none did, `overflow` = too many to know. */
  folded: Set<string> | 'overflow' | null;
  /** With so many names it is looked at whether they do the same. */
  foldAt: number;
  /** By method. */
  readonly ends: Map<string, PathEnd>;
}

/** How paths are learned. */
export interface PathLimits {
  /** Different values before `{*}` stands for them. */
  readonly valuesMin: number;
  /** Names of one place that stay apart. */
  readonly widthMax: number;
}

/** Segments that may still be kept, shared by all trees. */
export class PlaceBudget {
  left: number;

  constructor(left = PLACES_MAX) {
    this.left = left;
  }
}

const ANY = '{*}';
/** Names are compared at multiples of the width, so that there is enough to compare. */
const FOLD_TURNS = 4;

/** Learns paths. */
export class PathTree {
  readonly limits: PathLimits;
  readonly root: Place;
  readonly #budget: PlaceBudget;
  #places = 0;

  constructor(limits: PathLimits, budget: PlaceBudget) {
    this.limits = limits;
    this.#budget = budget;
    this.root = this.#newPlace('', 0, 0);
  }

  /** Adds a canonical path, or a template that a proxy recorded; false when there is no room for it. */
  add(method: string, path: string, sighting: Sighting): boolean {
    const values: string[] = [];
    let place = this.root;
    let recorded = false;
    for (let start = 1; start <= path.length; ) {
      const slash = path.indexOf('/', start);
      const end = slash < 0 ? path.length : slash;
      const template = end - start === ANY.length && path.startsWith(ANY, start);
      const next: Place | null = template ? this.#anyOf(place) : this.#child(place, path, start, end);
      if (next === null) return false;
      if (template) recorded = true;
      else if (next === place.any) values.push(path.slice(start, end));
      place = next;
      start = end + 1;
    }
    const known = endOf(place, method);
    known.add(sighting);
    if (place.wilds === 0) return true;
    if (recorded) known.recorded = true;
    else known.sample(path, sighting);
    for (const [i, value] of values.entries()) if (!recorded) known.value(i, value, this.limits.valuesMin);
    return true;
  }

  /** Where a path or template would end, as far as is known; null where it leaves what was seen. */
  find(path: string): Place | null {
    let place: Place = this.root;
    for (let start = 1; start <= path.length; ) {
      const slash = path.indexOf('/', start);
      const end = slash < 0 ? path.length : slash;
      const name = path.slice(start, end);
      const value = name === ANY || looksLikeId(path, start, end);
      const known = value ? undefined : place.names.get(name);
      const next = known ?? (value || place.folded !== null ? place.any : null);
      if (next === null) return null;
      place = next;
      start = end + 1;
    }
    return place;
  }

  /** Looks at every place once more; to be called when all paths are known. */
  finish(): void {
    this.#foldBelow(this.root);
  }

  #child(place: Place, path: string, start: number, end: number): Place | null {
    if (looksLikeId(path, start, end)) return this.#anyOf(place);
    const name = path.slice(start, end);
    const known = place.names.get(name);
    if (known !== undefined) return known;
    if (place.depth > 0 && place.names.size >= place.foldAt) this.#foldBelow(place);
    if (place.folded !== null) {
      remember(place, name);
      return this.#anyOf(place);
    }
    if (place.depth === 0 && place.names.size >= ROOT_NAMES_MAX) return null;
    return this.#grow(place, name);
  }

  #anyOf(place: Place): Place | null {
    if (place.any !== null) return place.any;
    if (this.#isFull(place)) return null;
    place.any = this.#newPlace(`${place.text}/${ANY}`, place.depth + 1, place.wilds + 1);
    return place.any;
  }

  #grow(place: Place, name: string): Place | null {
    if (this.#isFull(place)) return null;
    const child = this.#newPlace(`${place.text}/${name}`, place.depth + 1, place.wilds);
    place.names.set(name, child);
    return child;
  }

  #isFull({ depth }: Place): boolean {
    return depth >= SEGMENTS_MAX || this.#budget.left <= 0 || this.#places >= PLACES_PER_TREE_MAX;
  }

  #newPlace(text: string, depth: number, wilds: number): Place {
    this.#budget.left--;
    this.#places++;
    const foldAt = this.limits.widthMax * FOLD_TURNS;
    return { text, depth, wilds, names: new Map(), any: null, folded: null, foldAt, ends: new Map() };
  }

  #foldBelow(place: Place): void {
    for (const child of place.names.values()) this.#foldBelow(child);
    if (place.any !== null) this.#foldBelow(place.any);
    // What is in first place is an entry point: `/{*}` would be nearly everything.
    if (place.depth > 0 && this.#fold(place) && place.any !== null) this.#foldBelow(place.any);
    place.foldAt = Math.max(place.foldAt, place.names.size * 2);
  }

  /** Names become `{*}` when more than `widthMax` of them do each thing that they do: others stay names. */
  #fold(place: Place): boolean {
    if (place.names.size <= this.limits.widthMax) return false;
    const support = new Map<string, number>();
    const doings = new Map<string, ReadonlySet<string>>();
    for (const [name, child] of place.names) {
      const done = doingsOf(child);
      doings.set(name, done);
      for (const one of done) support.set(one, (support.get(one) ?? 0) + 1);
    }
    const agreeing = [...place.names.keys()].filter((name) =>
      [...(doings.get(name) ?? [])].every((one) => (support.get(one) ?? 0) > this.limits.widthMax),
    );
    const any = agreeing.length === 0 ? null : this.#anyOf(place);
    if (any === null) return false;
    for (const name of agreeing) {
      const child = place.names.get(name);
      if (child === undefined) continue;
      place.names.delete(name);
      remember(place, name);
      this.#merge(any, child, { position: place.wilds, name });
    }
    return true;
  }

  #merge(into: Place, from: Place, folded: { position: number; name: string }): void {
    for (const [method, end] of from.ends)
      endOf(into, method).merge(end, from.text, folded, this.limits.valuesMin);
    for (const [name, child] of from.names) {
      const target =
        into.names.get(name) ?? this.#newPlace(`${into.text}/${name}`, into.depth + 1, into.wilds);
      into.names.set(name, target);
      this.#merge(target, child, folded);
    }
    if (from.any !== null) {
      into.any ??= this.#newPlace(`${into.text}/${ANY}`, into.depth + 1, into.wilds + 1);
      this.#merge(into.any, from.any, folded);
    }
    if (from.folded !== null) into.folded = into.folded === null ? from.folded : 'overflow';
    this.#budget.left++;
    this.#places--;
  }
}

function endOf(place: Place, method: string): PathEnd {
  const known = place.ends.get(method);
  if (known !== undefined) return known;
  const end = new PathEnd();
  place.ends.set(method, end);
  return end;
}

function remember(place: Place, name: string): void {
  if (place.folded === 'overflow') return;
  place.folded ??= new Set();
  if (place.folded.size >= FOLDED_NAMES_MAX) place.folded = 'overflow';
  else place.folded.add(name);
}

/** Everything that was done below a place: methods, and the paths from there. */
function doingsOf(place: Place): ReadonlySet<string> {
  const doings = new Set<string>();
  const walk = (at: Place, below: string): void => {
    for (const method of at.ends.keys()) doings.add(`${method} ${below}`);
    for (const [name, child] of at.names) walk(child, `${below}/${name}`);
    if (at.any !== null) walk(at.any, `${below}/${ANY}`);
  };
  walk(place, '');
  return doings;
}
