// One header: what its values together say to every condition on it. ALLOW asks whether all values satisfy
// the condition, DENY whether any does, members of a list included (policy/reference.ts).
import type { Action, Condition, Matcher } from '../model.ts';
import { classesOf } from './automaton.ts';
import { addBit, type Bits, emptyBits } from './bits.ts';
import { ANY, type Language, SOME } from './language.ts';
import { HEADER_VALUES } from './universes.ts';

export interface HeaderDimension {
  readonly size: number;
  /** The values of the header, in order; none when it is absent. */
  example(index: number): readonly string[];
  bitsOf(condition: Condition, action: Action): Bits;
}

/** So many different answers of all conditions at once are told apart: more stay open. */
const ANSWERS_MAX = 4_096;

interface Answered {
  readonly values: readonly string[];
  /** For each condition: all satisfy it, any satisfies it. */
  readonly all: readonly boolean[];
  readonly any: readonly boolean[];
}

/** `conditions`: all that test this header. Null when there are too many answers to tell apart. */
export function headerDimension(conditions: readonly Condition[]): HeaderDimension | null {
  const unique = [...new Map(conditions.map((one) => [keyOf(one), one])).values()];
  const values = exampleValues(unique);
  if (values === null) return null;
  const absent = answer([], unique, [null]);
  const found = new Map<string, Answered>([[vectorOf(absent), absent]]);
  const take = (one: Answered): boolean => {
    const vector = vectorOf(one);
    const isNew = !found.has(vector);
    if (isNew) found.set(vector, one);
    return isNew;
  };
  let fresh = values.map((value) => answer([value], unique, [value])).filter(take);
  const single = fresh;
  // Several values answer like each of them: together until nothing new is said.
  while (fresh.length > 0) {
    const next: Answered[] = [];
    for (const one of fresh)
      for (const other of single) {
        const both = together(one, other);
        if (take(both)) next.push(both);
        const list = inOneLine(one, other, unique);
        if (list !== null && take(list)) next.push(list);
        if (found.size > ANSWERS_MAX) return null;
      }
    fresh = next;
  }
  const answers = [...found.values()];
  const indexOf = new Map(unique.map((one, index) => [keyOf(one), index]));
  return {
    size: answers.length,
    example: (index) => answers[index]?.values ?? [],
    bitsOf(condition, action) {
      const bits = emptyBits(answers.length);
      const index = indexOf.get(keyOf(condition)) ?? -1;
      for (const [at, { all, any }] of answers.entries())
        if ((action === 'ALLOW' ? all : any)[index] === true) addBit(bits, at);
      return bits;
    },
  };
}

const keyOf = ({ values, notValues }: Condition): string => JSON.stringify([values, notValues]);

const vectorOf = ({ all, any }: Answered): string =>
  `${all.map(Number).join('')} ${any.map(Number).join('')}`;

/** Texts of every class that the matchers of all conditions tell apart; null when there are too many. */
function exampleValues(conditions: readonly Condition[]): readonly string[] | null {
  const matchers = conditions.flatMap(({ values, notValues }) => [...values, ...notValues]);
  const exact = matchers.flatMap((matcher) => (matcher.kind === 'exact' ? [matcher.value] : []));
  const languages = matchers.flatMap((matcher) => (matcher.kind === 'exact' ? [] : [languageOf(matcher)]));
  const classes = classesOf(HEADER_VALUES, languages, new Set(exact));
  return classes === null ? null : [...new Set([...exact, ...classes.map(({ example }) => example)])];
}

function languageOf(matcher: Matcher): Language {
  if (matcher.kind === 'prefix') return [[{ text: matcher.value }, ANY]];
  if (matcher.kind === 'suffix') return [[ANY, { text: matcher.value }]];
  return matcher.kind === 'presence' ? [[SOME]] : [];
}

function answer(
  values: readonly string[],
  conditions: readonly Condition[],
  lines: readonly (string | null)[],
): Answered {
  const all = conditions.map((condition) => lines.every((line) => satisfies(condition, line)));
  const any = conditions.map((condition) =>
    lines.some(
      (line) =>
        satisfies(condition, line) ||
        (line?.split(',').some((member) => satisfies(condition, member.trim())) ?? false),
    ),
  );
  return { values, all, any };
}

const together = (one: Answered, other: Answered): Answered => ({
  values: [...one.values, ...other.values],
  all: one.all.map((all, i) => all && other.all[i] === true),
  any: one.any.map((any, i) => any || other.any[i] === true),
});

/** The last value of `one` and that of `other` as members of one line. */
function inOneLine(one: Answered, other: Answered, conditions: readonly Condition[]): Answered | null {
  const [member] = other.values;
  if (one.values.length !== 1 || member === undefined) return null;
  const line = `${one.values[0]}, ${member}`;
  return answer([line], conditions, [line]);
}

function satisfies({ values, notValues }: Condition, text: string | null): boolean {
  const isOneOf = (matchers: readonly Matcher[]): boolean => matchers.some((one) => matches(one, text));
  return (values.length === 0 || isOneOf(values)) && !isOneOf(notValues);
}

function matches(matcher: Matcher, text: string | null): boolean {
  if (text === null) return false;
  if (matcher.kind === 'exact') return text === matcher.value;
  if (matcher.kind === 'prefix') return text.startsWith(matcher.value);
  if (matcher.kind === 'suffix') return text.endsWith(matcher.value);
  return matcher.kind === 'presence' && text !== '';
}
