// What `policy check` says of rules that decide nothing: without such a rule every request must be decided as
// before, by the algebra and by the reference evaluator on generated requests.
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { differences } from '../../policy/algebra/differences.ts';
import { overlaps } from '../../policy/lint/overlaps.ts';
import type { Clause, Condition, Policy, Rule } from '../../policy/model.ts';
import { referenceEvaluate } from '../../policy/reference.ts';
import { asked, isPossible, optionsOf, policies, WORKLOAD } from './policy-arbitraries.ts';

const RUNS = Number(process.env['SALLYPORT_LINT_RUNS'] ?? 40);
const SEED = Number(process.env['SALLYPORT_LINT_SEED'] ?? Date.now() & 0x7fffffff);
const NOW_MS = 1_000_000;
const DECIDING_NOTHING = [
  ...[
    'LINT_POLICY_SHADOWED',
    'LINT_POLICY_DUPLICATE',
    'LINT_POLICY_UNREACHABLE',
    'LINT_POLICY_CONTRADICTORY',
  ],
];
/** Findings of one run that are looked into. */
const LOOKED_INTO = 4;

const without = <T>(all: readonly T[], index: number): T[] => all.filter((_, i) => i !== index % all.length);

/** A rule like another one, and often wider or narrower. */
function derived(rule: Rule, what: string, how: number): Rule {
  const inClauses = (
    clauses: readonly Clause[] | null,
    change: (clause: Clause) => Clause,
  ): readonly Clause[] | null => {
    const made = clauses?.map(change).filter((clause) => clause.length > 0) ?? [];
    return made.length === 0 ? null : made;
  };
  const fewer = (one: Condition): Condition =>
    one.values.length > 1 ? { ...one, values: without(one.values, how) } : one;
  switch (what) {
    case 'open':
      return { ...rule, from: null };
    case 'all':
      return { ...rule, to: null };
    case 'clauses':
      return { ...rule, to: rule.to !== null && rule.to.length > 1 ? without(rule.to, how) : rule.to };
    case 'conditions':
      return { ...rule, to: inClauses(rule.to, (clause) => without(clause, how)) };
    case 'values':
      return { ...rule, to: inClauses(rule.to, (clause) => clause.map(fewer)) };
    case 'when':
      return { ...rule, when: without(rule.when, how) };
    default:
      return rule;
  }
}

const change = fc.record({
  what: fc.constantFrom('same', 'open', 'all', 'clauses', 'conditions', 'values', 'when'),
  how: fc.nat({ max: 100 }),
  action: fc.constantFrom<Policy['action'] | null>('ALLOW', 'DENY', null),
  namespace: fc.constantFrom('shop', 'istio-system'),
});

/** Policies, and others made from their rules. */
const overlapping = fc
  .tuple(policies, fc.array(change, { minLength: 1, maxLength: 3 }))
  .map(([made, changes]) => {
    const more = changes.flatMap(({ what, how, action, namespace }, i): Policy[] => {
      const from = made[how % Math.max(1, made.length)];
      if (from === undefined) return [];
      const rules = from.rules.slice(0, 6).map((rule, k) => ({
        ...derived(rule, what, how),
        id: `ns[${namespace}]-policy[d${i}]-rule[${k}]`,
      }));
      return [{ ...from, namespace, name: `d${i}`, action: action ?? from.action, dryRun: false, rules }];
    });
    return how(changes) ? [...more, ...made] : [...made, ...more];
  });

const how = ([first]: readonly { how: number }[]): boolean => (first?.how ?? 0) % 2 === 0;

const counts = new Map<string, number>();
afterAll(() => console.log(`findings looked into: ${JSON.stringify(Object.fromEntries(counts))}`));

test(`a rule that decides nothing can be left out (seed ${SEED}, ${RUNS} sets)`, { timeout: 0 }, () => {
  fc.assert(
    fc.property(
      overlapping,
      optionsOf,
      fc.array(asked, { minLength: 10, maxLength: 30 }),
      (all, options, requests) => {
        const found = overlaps(all, options, NOW_MS).filter(({ code }) => DECIDING_NOTHING.includes(code));
        for (const { code, message } of found.slice(0, LOOKED_INTO)) {
          counts.set(code, (counts.get(code) ?? 0) + 1);
          const id = message.slice(0, message.indexOf(' '));
          const rest = all.map((one) => ({ ...one, rules: one.rules.filter((rule) => rule.id !== id) }));
          const { changes } = differences(all, rest, options, NOW_MS);
          expect(changes, message).toEqual([]);
          for (const { connection, request } of requests.filter((one) => isPossible(one, options))) {
            const [old, next] = [all, rest].map((policies) =>
              referenceEvaluate(policies, WORKLOAD, options, connection, request, NOW_MS),
            );
            expect([next?.verdict, next?.dryRun?.verdict], message).toEqual([
              old?.verdict,
              old?.dryRun?.verdict,
            ]);
            expect((next?.audit.length ?? 0) > 0, message).toBe((old?.audit.length ?? 0) > 0);
          }
        }
      },
    ),
    { numRuns: RUNS, seed: SEED },
  );
});
