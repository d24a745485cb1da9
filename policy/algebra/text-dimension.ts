// One field of text: the classes of its values, as far as any condition tells them apart.
import { classesOf } from './automaton.ts';
import { addBit, type Bits, emptyBits } from './bits.ts';
import { belongs, type Language, type Universe } from './language.ts';

/** One value of a condition, as a set of texts. `texts`: exactly these. */
export type TextSet = { readonly texts: readonly string[] } | { readonly language: Language };

/** The classes of one field. Each has an example; null: the field is absent. */
export interface TextDimension {
  readonly size: number;
  /** The class to show where any will do. */
  readonly usual: number;
  example(index: number): string | null;
  /** The classes of a set that was named when the dimension was made. */
  bitsOf(key: string): Bits;
}

/**
 * Tells texts apart by `sets`, which are named by their keys. Null when that would take too much work. Texts
 * that conditions write out in full are classes of their own and come first: the others need a search.
 */
export function textDimension(
  universe: Universe,
  sets: ReadonlyMap<string, TextSet>,
  also: { readonly seeds: readonly string[]; readonly absent: boolean },
): TextDimension | null {
  const texts = new Set<string>();
  const languages = new Map<string, Language>();
  for (const [key, set] of sets) {
    if ('language' in set) languages.set(key, set.language);
    else for (const text of set.texts) if (isText(universe, text)) texts.add(text);
  }
  for (const seed of also.seeds) texts.add(seed);
  const written = [...texts];
  const rest = classesOf(universe, [...languages.values()], texts);
  if (rest === null) return null;
  const examples: (string | null)[] = [...written, ...rest.map(({ example }) => example)];
  if (also.absent) examples.push(null);
  const size = examples.length;
  const none = emptyBits(size);
  const bits = new Map([...sets].map(([key, set]) => [key, bitsOfTexts(set, written, size)]));
  const keys = [...languages.keys()];
  for (const [index, { members }] of rest.entries())
    for (const member of members) addBit(bits.get(keys[member] ?? '') ?? none, written.length + index);
  const usual = also.seeds[0] === undefined ? size - 1 : written.indexOf(also.seeds[0]);
  return { size, usual, example: (index) => examples[index] ?? null, bitsOf: (key) => bits.get(key) ?? none };
}

function bitsOfTexts(set: TextSet, written: readonly string[], size: number): Bits {
  const bits = emptyBits(size);
  const own = 'texts' in set ? new Set(set.texts) : null;
  for (const [index, text] of written.entries())
    if ('texts' in set ? own?.has(text) : belongs(set.language, text)) addBit(bits, index);
  return bits;
}

function isText(universe: Universe, text: string): boolean {
  let state = universe.start;
  for (let i = 0; i < text.length && state >= 0; i++) state = universe.step(state, text.charCodeAt(i));
  return state >= 0 && universe.accepts(state);
}
