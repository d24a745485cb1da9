// The elements of a rule that cases can cover, each with a rule of its own that matches when it takes part:
// so that the engine itself says what made a rule match.
import type { Clause, Condition, Matcher, Rule } from '../model.ts';
import type { PathStep } from './places.ts';

/** Something in a rule. */
export interface Element {
  /** `from[0].source.namespaces: shop`. */
  readonly what: string;
  readonly kind: 'source' | 'operation' | 'condition' | 'value' | 'exclusion';
  /** Where it stands below the rule. */
  readonly path: readonly PathStep[];
  /**
   * Matches together with the rule when the element takes part; an exclusion's matches where the rule does
   * not, because of the value alone.
   */
  readonly probe: Pick<Rule, 'from' | 'to' | 'when'>;
}

/** Every element of `rule`. `sameTrustDomains`: as in the parser, which repeats some principals for each. */
export function elementsOf(rule: Rule, sameTrustDomains: readonly string[]): Element[] {
  const clauses = (key: 'from' | 'to', inner: 'source' | 'operation'): Element[] =>
    (rule[key] ?? []).flatMap((clause, index) => {
      const within = (replaced: Clause): Element['probe'] => ({ ...ANYTHING, [key]: [replaced] });
      const whole = (replaced: Clause): Element['probe'] => ({
        ...rule,
        [key]: rule[key]?.map((one, i) => (i === index ? replaced : one)) ?? null,
      });
      return [
        { what: `${key}[${index}]`, kind: inner, path: [key, index, inner], probe: within(clause) },
        ...clause.flatMap((condition) => {
          const field = keyOf(condition);
          const place = { what: `${key}[${index}].${inner}.`, path: [key, index, inner] };
          return valuesOf(condition, sameTrustDomains).map(({ matchers, index: at, negative, text }) => {
            const name = negative ? field.negative : field.positive;
            const without = replacedIn(clause, condition, lessOf(condition, matchers));
            return {
              what: `${place.what}${name}: ${text}`,
              kind: negative ? ('exclusion' as const) : ('value' as const),
              path: [...place.path, name, at],
              probe: negative
                ? whole(without)
                : within(replacedIn(clause, condition, onlyOf(condition, matchers))),
            };
          });
        }),
      ];
    });
  return [
    ...clauses('from', 'source'),
    ...clauses('to', 'operation'),
    ...whenElements(rule, sameTrustDomains),
  ];
}

const ANYTHING: Element['probe'] = { from: null, to: null, when: [] };

function whenElements(rule: Rule, sameTrustDomains: readonly string[]): Element[] {
  return rule.when.flatMap((condition, index): Element[] => {
    const name = condition.key === undefined ? condition.field : `${condition.field}[${condition.key}]`;
    return [
      {
        what: `when[${index}] ${name}`,
        kind: 'condition',
        path: ['when', index],
        probe: { ...ANYTHING, when: [condition] },
      },
      ...valuesOf(condition, sameTrustDomains).map(({ matchers, index: at, negative, text }): Element => {
        const list = negative ? 'notValues' : 'values';
        return {
          what: `when[${index}] ${name} ${list}: ${text}`,
          kind: negative ? 'exclusion' : 'value',
          path: ['when', index, list, at],
          probe: negative
            ? { ...rule, when: replacedIn(rule.when, condition, lessOf(condition, matchers)) }
            : { ...ANYTHING, when: [onlyOf(condition, matchers)] },
        };
      }),
    ];
  });
}

/** `methods` and `notMethods`. */
function keyOf({ field }: Condition): { positive: string; negative: string } {
  return { positive: field, negative: `not${field.charAt(0).toUpperCase()}${field.slice(1)}` };
}

/** Without values a condition asks nothing, and is left out. */
const replacedIn = (clause: Clause, condition: Condition, by: Condition): Clause =>
  clause
    .map((one) => (one === condition ? by : one))
    .filter(({ values, notValues }) => values.length > 0 || notValues.length > 0);

const onlyOf = (condition: Condition, values: readonly Matcher[]): Condition => ({ ...condition, values });

const lessOf = (condition: Condition, matchers: readonly Matcher[]): Condition => ({
  ...condition,
  notValues: condition.notValues.filter((one) => !matchers.includes(one)),
});

/** One value as it is written; `index` in its list. */
interface WrittenValue {
  readonly matchers: readonly Matcher[];
  readonly index: number;
  readonly negative: boolean;
  readonly text: string;
}

function valuesOf(condition: Condition, sameTrustDomains: readonly string[]): WrittenValue[] {
  const { field, values, notValues } = condition;
  const isPrincipal = field === 'principals' || field === 'source.principal';
  const list = (matchers: readonly Matcher[], negative: boolean): WrittenValue[] => {
    const out: WrittenValue[] = [];
    for (let i = 0; i < matchers.length; ) {
      const first = matchers[i];
      const count = isPrincipal && first?.kind === 'prefix' ? formsOf(first.value, sameTrustDomains) : 1;
      const own = matchers.slice(i, i + count);
      out.push({ matchers: own, index: out.length, negative, text: textOf(first) });
      i += count;
    }
    return out;
  };
  return [...list(values, false), ...list(notValues, true)];
}

/** How many matchers the parser made of one prefix (parse-values.ts). */
function formsOf(prefix: string, sameTrustDomains: readonly string[]): number {
  const [trustDomain = '', ...rest] = prefix.split('/');
  return rest.length === 4 && sameTrustDomains.includes(trustDomain) ? sameTrustDomains.length : 1;
}

function textOf(matcher: Matcher | undefined): string {
  switch (matcher?.kind) {
    case 'prefix':
      return `${matcher.value}*`;
    case 'suffix':
      return `*${matcher.value}`;
    case 'cidr':
      return matcher.text;
    case 'exact':
    case 'template':
      return matcher.value;
    default:
      return '*';
  }
}
