// The values of one field as languages over text: sequences of literal text and runs of characters. Small
// enough that which of them a text belongs to can be told for all texts at once (automaton.ts).

/** The characters that a run may have, by name. */
export type CharacterSet = 'any' | 'not-slash' | 'not-colon' | 'digit';

export type Token =
  | { readonly text: string }
  /** `least` characters of the set, or more. */
  | { readonly run: CharacterSet; readonly least: 0 | 1 };

/** One after another. */
export type Sequence = readonly Token[];

/** A text belongs to the language when it belongs to one of the sequences. */
export type Language = readonly Sequence[];

/** Which texts there are at all: a machine that reads one character after another. */
export interface Universe {
  readonly start: number;
  /** The next state, or -1 when no text goes on like this. `code`: of an ASCII character. */
  step(state: number, code: number): number;
  accepts(state: number): boolean;
  /**
   * Characters that the universe and every CharacterSet treat alike, where no language writes them out, in
   * the order in which examples prefer them. One that is in no group makes no difference of its own.
   */
  readonly groups: readonly string[];
}

export const inCharacterSet = (set: CharacterSet, character: string): boolean => {
  if (set === 'any') return true;
  if (set === 'not-slash') return character !== '/';
  if (set === 'not-colon') return character !== ':';
  return character >= '0' && character <= '9';
};

export const ANY: Token = { run: 'any', least: 0 };
export const SOME: Token = { run: 'any', least: 1 };
export const SEGMENT: Token = { run: 'not-slash', least: 1 };

/** True when `text` belongs to `language`. Backtracks: for short texts and few runs. */
export function belongs(language: Language, text: string): boolean {
  return language.some((sequence) => matches(sequence, 0, text, 0));
}

function matches(sequence: Sequence, index: number, text: string, at: number): boolean {
  const token = sequence[index];
  if (token === undefined) return at === text.length;
  if ('text' in token)
    return text.startsWith(token.text, at) && matches(sequence, index + 1, text, at + token.text.length);
  let end = at;
  while (end < text.length && inCharacterSet(token.run, text.charAt(end))) end++;
  for (let stop = at + token.least; stop <= end; stop++)
    if (matches(sequence, index + 1, text, stop)) return true;
  return false;
}
