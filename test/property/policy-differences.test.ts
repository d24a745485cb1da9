// What `policy diff` says of generated changes against the reference evaluator on generated requests: none of
// them may tell a decided answer wrong.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseIp } from '../../core/ip.ts';
import { canonicalPath } from '../../core/path.ts';
import { differences } from '../../policy/algebra/differences.ts';
import type { Policy, Rule } from '../../policy/model.ts';
import { referenceEvaluate } from '../../policy/reference.ts';
import { type Asked, asked, optionsOf, policies, WORKLOAD } from './policy-arbitraries.ts';

const RUNS = Number(process.env['SALLYPORT_DIFF_RUNS'] ?? 500);
const SEED = Number(process.env['SALLYPORT_DIFF_SEED'] ?? Date.now() & 0x7fffffff);
const NOW_MS = 1_000_000;
const DECIDED_SHARE_MIN = 0.95;

/** What a change of policies looks like: a rule, a source, an operation or a condition more or less. */
const change = fc.record({
  what: fc.constantFrom('nothing', 'rule', 'from', 'to', 'when', 'policy', 'values', 'all'),
  where: fc.nat({ max: 1_000 }),
  how: fc.nat({ max: 1_000 }),
});
type Change = { readonly what: string; readonly where: number; readonly how: number };

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

function changed(before: readonly Policy[], made: Change, other: readonly Policy[]): readonly Policy[] {
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

/** Requests that the proxy would bring before a policy. */
function isPossible({ connection, request }: Asked): boolean {
  const { http } = request;
  if (connection.destinationPort === null || connection.sni === '') return false;
  if (connection.principal !== null && connection.principal.split('/').length < 4) return false;
  if (http === null) return true;
  return canonicalPath(http.path, 'reject').fault === null && !canonicalPath(http.path, 'reject').changed;
}

const pair = fc.tuple(policies, change, policies).map(([before, made, other]) => ({
  before,
  after: changed(before, made, other),
}));

let [decided, pairs, slowestMs] = [0, 0, 0];

test(`no request contradicts a decided answer (seed ${SEED}, ${RUNS} pairs)`, { timeout: 0 }, () => {
  expect(parseIp('10.0.0.1')).not.toBeNull();
  fc.assert(
    fc.property(
      pair,
      optionsOf,
      fc.array(asked, { minLength: 20, maxLength: 40 }),
      ({ before, after }, options, all) => {
        const start = performance.now();
        const { changes, undecided } = differences(before, after, options, NOW_MS);
        slowestMs = Math.max(slowestMs, performance.now() - start);
        pairs++;
        if (undecided.length === 0) decided++;
        else
          console.log(
            undecided
              .map((u) => u.why)
              .join(' | ')
              .slice(0, 300),
          );
        for (const one of all.filter(isPossible)) {
          const [old, next] = [before, after].map((policies) =>
            referenceEvaluate(policies, WORKLOAD, options, one.connection, one.request, NOW_MS),
          );
          if (old?.verdict === next?.verdict) continue;
          const kind = next?.verdict === 'allow' ? 'widening' : 'narrowing';
          const told = [...changes, ...undecided].filter((each) => each.kind === kind);
          expect(told, `${kind}: ${JSON.stringify(one)}`).not.toEqual([]);
        }
      },
    ),
    { numRuns: RUNS, seed: SEED },
  );
  console.log(`${pairs} pairs: ${decided} decided, slowest ${slowestMs.toFixed(0)} ms`);
  expect(decided / pairs).toBeGreaterThanOrEqual(DECIDED_SHARE_MIN);
});
