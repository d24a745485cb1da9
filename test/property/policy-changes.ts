// Changes to generated policies, small ones mostly: where an analysis can be wrong in either direction.
import fc from 'fast-check';
import type { Policy, Rule } from '../../policy/model.ts';

/** What a change of policies looks like: a rule, a source, an operation or a condition more or less. */
export const change = fc.record({
  what: fc.constantFrom('nothing', 'rule', 'from', 'to', 'when', 'policy', 'values', 'all'),
  where: fc.nat({ max: 1_000 }),
  how: fc.nat({ max: 1_000 }),
});
export type Change = { readonly what: string; readonly where: number; readonly how: number };

const without = <T>(all: readonly T[], index: number): T[] => all.filter((_, i) => i !== index % all.length);

function changedRule(rule: Rule, { what, how }: Change): Rule {
  if (what === 'from' && rule.from !== null)
    return { ...rule, from: rule.from.length > 1 ? without(rule.from, how) : null };
  if (what === 'to' && rule.to !== null)
    return { ...rule, to: rule.to.length > 1 ? without(rule.to, how) : null };
  if (what === 'when') return { ...rule, when: without(rule.when, how) };
  if (what === 'values' && rule.to !== null) {
    const clauses = rule.to.map((clause) =>
      clause.map((one) => (one.values.length > 1 ? { ...one, values: without(one.values, how) } : one)),
    );
    return { ...rule, to: clauses };
  }
  return rule;
}

/** `before` with one change; `other` replaces it wholly. */
export function changed(
  before: readonly Policy[],
  made: Change,
  other: readonly Policy[],
): readonly Policy[] {
  if (made.what === 'nothing') return before.toReversed();
  if (made.what === 'all') return other;
  if (made.what === 'policy') return without(before, made.where);
  return before.map((policy, index) => {
    if (index !== made.where % before.length) return policy;
    if (made.what === 'rule') return { ...policy, rules: without(policy.rules, made.how) };
    return {
      ...policy,
      rules: policy.rules.map((rule, i) =>
        i === made.how % policy.rules.length ? changedRule(rule, made) : rule,
      ),
    };
  });
}
