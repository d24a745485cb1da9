// Templates of flow records against the path values of policies: `/items/{*}` is many paths, and a value
// matches all of them, none, or some. Where it is some, what the policy says of the template is not known.
import { classesOf } from '../algebra/automaton.ts';
import { textSetOf } from '../algebra/field-sets.ts';
import { ANY, belongs, type Language, SEGMENT, type Token } from '../algebra/language.ts';
import { PATHS } from '../algebra/universes.ts';
import { exampleOf } from '../flows/template.ts';
import type { Matcher, Policy, PolicyOptions } from '../model.ts';
import { pathKey } from './bounds.ts';
import { clausesOf } from './fields.ts';
import { TEMPLATES_MAX } from './limits.ts';

/** What a template is to the policies. */
export interface TemplateClass {
  /** A path of the template. Values that match it match all, but for those in `split`. */
  readonly example: string;
  /** Keys of values that match some of the template's paths. */
  readonly split: readonly string[];
}

interface Value {
  readonly matcher: Matcher;
  readonly key: string;
  readonly language: Language;
  /** With what every path of it begins. */
  readonly head: string;
}

/** Classifies templates against all path values of a set of policies. */
export class PathClasses {
  readonly #values: readonly Value[];
  readonly #known = new Map<string, TemplateClass | null>();

  constructor(policies: readonly Policy[], options: PolicyOptions) {
    const values = new Map<string, Value>();
    for (const condition of policies.flatMap(({ rules }) => rules.flatMap(clausesOf).flat())) {
      if (condition.field !== 'paths') continue;
      for (const matcher of [...condition.values, ...condition.notValues])
        values.set(pathKey(matcher), pathValue(matcher, options));
    }
    this.#values = [...values.values()];
  }

  /** Null when it would take too much work to tell: then the path is not known. */
  of(template: string): TemplateClass | null {
    const known = this.#known.get(template);
    if (known !== undefined) return known;
    if (this.#known.size >= TEMPLATES_MAX) this.#known.clear();
    const found = this.#classify(template);
    this.#known.set(template, found);
    return found;
  }

  #classify(template: string): TemplateClass | null {
    const language: Language = [tokensOf(template)];
    const head = headOf(language);
    const split: string[] = [];
    for (const value of this.#values) {
      if (!head.startsWith(value.head) && !value.head.startsWith(head)) continue;
      const covers = coverage(language, head, value);
      if (covers === null) return null;
      if (covers === 'some') split.push(value.key);
    }
    return { example: exampleOf(template), split };
  }
}

function pathValue(matcher: Matcher, options: PolicyOptions): Value {
  const set = textSetOf('paths', matcher, true, options);
  const language = 'language' in set ? set.language : set.texts.map((text): Token[] => [{ text }]);
  return { matcher, key: pathKey(matcher), language, head: headOf(language) };
}

/** How much of the template's paths the value matches. */
function coverage(
  template: Language,
  head: string,
  { matcher, language }: Value,
): 'all' | 'some' | 'none' | null {
  // A template stands for more than one path, so a single path is never all of it.
  if (matcher.kind === 'exact') return belongs(template, matcher.value) ? 'some' : 'none';
  if (matcher.kind === 'prefix' && head.startsWith(matcher.value)) return 'all';
  if (matcher.kind === 'presence') return 'all';
  const classes = classesOf(PATHS, [template, language], new Set());
  if (classes === null) return null;
  const both = classes.some(({ members }) => members.length === 2);
  const alone = classes.some(({ members }) => members.length === 1 && members[0] === 0);
  return both ? (alone ? 'some' : 'all') : 'none';
}

/** As flow records mean it: `{*}` is part of a path without a slash, a last `{**}` any rest. */
function tokensOf(template: string): Token[] {
  const tokens: Token[] = [];
  let text = '';
  const end = (): void => {
    if (text !== '') tokens.push({ text });
    text = '';
  };
  for (let at = 0; at < template.length; ) {
    if (template.startsWith('{**}', at)) {
      end();
      tokens.push(ANY);
      return tokens;
    }
    if (template.startsWith('{*}', at)) {
      end();
      tokens.push(SEGMENT);
      at += 3;
    } else text += template.charAt(at++);
  }
  end();
  return tokens;
}

/** The text that all texts of a language begin with, as far as its tokens say. */
function headOf(language: Language): string {
  const [first, ...more] = language;
  const [token] = first ?? [];
  return more.length === 0 && token !== undefined && 'text' in token ? token.text : '';
}
