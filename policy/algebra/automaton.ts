// All texts of a universe, told apart by which languages they belong to: the classes that exist, each with
// its shortest text. Subset construction over the languages at once; the work is bounded.
import { inCharacterSet, type Language, type Token, type Universe } from './language.ts';

/** Texts that belong to exactly these languages. */
export interface TextClass {
  /** The shortest, or the first of the shortest. */
  readonly example: string;
  /** Indexes of languages, ascending. */
  readonly members: readonly number[];
}

/** How much is done before the answer is given up: places moved on, about half a microsecond each. */
const WORK_MAX = 5_000_000;

/**
 * The classes of the texts that are not in `apart`. Null when it would take too much work.
 */
export function classesOf(
  universe: Universe,
  languages: readonly Language[],
  apart: ReadonlySet<string>,
): readonly TextClass[] | null {
  const machine = new Machine(universe, languages);
  const found = explore(machine, () => true, null);
  if (found === null) return null;
  const taken = new Map([...found].filter(([, { example }]) => apart.has(example)));
  if (taken.size === 0) return [...found.values()];
  // Another text of the same class: searched for beside the tree of those apart.
  const others = explore(machine, (key) => taken.has(key), treeOf(apart));
  if (others === null) return null;
  for (const key of taken.keys()) {
    const other = others.get(key);
    if (other === undefined) found.delete(key);
    else found.set(key, other);
  }
  return [...found.values()];
}

interface Tree {
  readonly next: Map<string, Tree>;
  end: boolean;
}

function treeOf(texts: ReadonlySet<string>): Tree {
  const root: Tree = { next: new Map(), end: false };
  for (const text of texts) {
    let at = root;
    for (const character of text) {
      let next = at.next.get(character);
      if (next === undefined) {
        next = { next: new Map(), end: false };
        at.next.set(character, next);
      }
      at = next;
    }
    at.end = true;
  }
  return root;
}

/** Breadth first, so that the first text of a class is its shortest. */
function explore(
  machine: Machine,
  wanted: (key: string) => boolean,
  apart: Tree | null,
): Map<string, TextClass> | null {
  const classes = new Map<string, TextClass>();
  const ids = new Map<Tree, number>();
  const idOf = (tree: Tree | null): number => {
    if (tree === null) return -1;
    let id = ids.get(tree);
    if (id === undefined) {
      id = ids.size;
      ids.set(tree, id);
    }
    return id;
  };
  const seen = new Set<string>();
  let layer: { state: State; tree: Tree | null; text: string }[] = [
    { state: machine.start(), tree: apart, text: '' },
  ];
  let work = 0;
  while (layer.length > 0) {
    const next: typeof layer = [];
    for (const { state, tree, text } of layer) {
      const members = machine.members(state);
      if (members !== null && tree?.end !== true) {
        const key = members.join();
        if (wanted(key) && !classes.has(key)) classes.set(key, { example: text, members });
      }
      const also = tree === null ? [] : tree.next.keys();
      for (const character of machine.characters(state, also)) {
        work += state.places.length + 1;
        if (work > WORK_MAX) return null;
        const after = machine.step(state, character);
        if (after === null) continue;
        const below = tree?.next.get(character) ?? null;
        const key = `${after.universe};${idOf(below)};${after.places.join()}`;
        if (seen.has(key)) continue;
        seen.add(key);
        next.push({ state: after, tree: below, text: text + character });
      }
    }
    layer = next;
  }
  return classes;
}

interface State {
  readonly universe: number;
  /** Places in the languages that are still in the race, ascending. */
  readonly places: readonly number[];
}

/** The languages laid out as one list of places, a character or a run each. */
class Machine {
  readonly #universe: Universe;
  readonly #places: Place[] = [];
  readonly #starts: number[] = [];
  /** By place: the round in which it was met last. */
  readonly #seen: Uint32Array;
  #round = 0;

  constructor(universe: Universe, languages: readonly Language[]) {
    this.#universe = universe;
    for (const [language, sequences] of languages.entries())
      for (const sequence of sequences) {
        this.#starts.push(this.#places.length);
        this.#places.push(...sequence.flatMap(placesOf), { kind: 'end', language });
      }
    this.#seen = new Uint32Array(this.#places.length);
  }

  start(): State {
    return { universe: this.#universe.start, places: this.#closure(this.#starts) };
  }

  /** The languages of the text so far; null when it is no text. */
  members(state: State): readonly number[] | null {
    if (!this.#universe.accepts(state.universe)) return null;
    const members = new Set<number>();
    for (const at of state.places) {
      const place = this.#places[at];
      if (place?.kind === 'end') members.add(place.language);
    }
    return [...members].sort((a, b) => a - b);
  }

  /** Characters that lead somewhere of their own, and one for all others of each group. */
  characters(state: State, also: Iterable<string>): string[] {
    const own = new Set<string>(also);
    for (const at of state.places) {
      const place = this.#places[at];
      if (place?.kind === 'character') own.add(place.character);
    }
    const others = this.#universe.groups.flatMap((group) => {
      for (const character of group) {
        if (own.has(character)) continue;
        if (this.#universe.step(state.universe, character.charCodeAt(0)) >= 0) return [character];
      }
      return [];
    });
    return [...others, ...own];
  }

  step({ universe, places }: State, character: string): State | null {
    const code = character.charCodeAt(0);
    const next = this.#universe.step(universe, code);
    if (next < 0) return null;
    const after: number[] = [];
    for (const at of places) {
      const place = this.#places[at];
      if (place === undefined || place.kind === 'end') continue;
      if (place.kind === 'character') {
        if (place.character === character) after.push(at + 1);
      } else if (inCharacterSet(place.set, character)) after.push(place.again ? at : at + 1);
    }
    return { universe: next, places: this.#closure(after) };
  }

  /** A run may be over at once: what follows it is in the race too. */
  #closure(places: readonly number[]): readonly number[] {
    const all: number[] = [];
    const round = ++this.#round;
    let sorted = true;
    for (let at of places)
      for (let more = true; more && this.#seen[at] !== round; at++) {
        this.#seen[at] = round;
        sorted &&= at > (all.at(-1) ?? -1);
        all.push(at);
        const place = this.#places[at];
        more = place?.kind === 'run' && place.again;
      }
    return sorted ? all : all.sort((a, b) => a - b);
  }
}

type Place =
  | { readonly kind: 'character'; readonly character: string }
  /** One character of the set; with `again` any number of them, none too. */
  | { readonly kind: 'run'; readonly set: Parameters<typeof inCharacterSet>[0]; readonly again: boolean }
  | { readonly kind: 'end'; readonly language: number };

function placesOf(token: Token): Place[] {
  if ('text' in token) return [...token.text].map((character) => ({ kind: 'character', character }));
  const many: Place = { kind: 'run', set: token.run, again: true };
  return token.least === 0 ? [many] : [{ kind: 'run', set: token.run, again: false }, many];
}
