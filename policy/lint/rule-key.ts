// A text that two rules share when they say the same, whatever the order of their lists.
import type { Clause, Condition, Matcher, Rule } from '../model.ts';
import { localForm, type SameTrustDomains, thingOf } from './implies.ts';

// Between values, conditions, clauses and sides; no value of a policy holds them unescaped in one place only,
// and a text that is taken for another one costs a comparison.
const [VALUE, CONDITION, CLAUSE, SIDE] = ['\u0001', '\u0002', '\u0003', '\u0004'];

/** The key of a rule without its policy. */
export function ruleKey({ from, to, when }: Rule, same: SameTrustDomains): string {
  const side = (clauses: readonly Clause[] | null): string =>
    clauses === null ? '' : sorted(clauses.map((clause) => clauseKey(clause, same))).join(CLAUSE);
  return `${side(from)}${SIDE}${side(to)}${SIDE}${when.length === 0 ? '' : clauseKey(when, same)}`;
}

const clauseKey = (clause: Clause, same: SameTrustDomains): string =>
  sorted(clause.map((condition) => conditionKey(condition, same))).join(CONDITION);

function conditionKey(condition: Condition, same: SameTrustDomains): string {
  const thing = thingOf(condition);
  const list = (matchers: readonly Matcher[]): string =>
    sorted(matchers.map((matcher) => matcherKey(thing, matcher, same))).join(VALUE);
  return `${thing} ${list(condition.values)}${VALUE}${VALUE}${list(condition.notValues)}`;
}

function matcherKey(thing: string, matcher: Matcher, same: SameTrustDomains): string {
  switch (matcher.kind) {
    case 'presence':
      return '*';
    case 'cidr':
      return `${matcher.bytes.join('.')}/${matcher.prefixLength}`;
    case 'exact':
      if (thing === 'principals') return `=${principalKey(matcher.value, same)}`;
      return `=${matcher.value}`;
    default:
      return `${matcher.kind} ${matcher.value}`;
  }
}

/** One key for all names of the local trust domain: those begin with a slash. */
export function principalKey(value: string, same: SameTrustDomains): string {
  const local = localForm(value, same);
  return local === null ? value : `/${local}`;
}

const sorted = (texts: string[]): string[] => (texts.length > 1 ? texts.sort() : texts);
