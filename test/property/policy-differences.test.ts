// What `policy diff` says of generated changes against the reference evaluator on generated requests: none of
// them may tell a decided answer wrong.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { differences } from '../../policy/algebra/differences.ts';
import { referenceEvaluate } from '../../policy/reference.ts';
import { asked, isPossible, optionsOf, policies, WORKLOAD } from './policy-arbitraries.ts';
import { change, changed } from './policy-changes.ts';

const RUNS = Number(process.env['SALLYPORT_DIFF_RUNS'] ?? 500);
const SEED = Number(process.env['SALLYPORT_DIFF_SEED'] ?? Date.now() & 0x7fffffff);
const NOW_MS = 1_000_000;
const DECIDED_SHARE_MIN = 0.95;

const pair = fc.tuple(policies, change, policies).map(([before, made, other]) => ({
  before,
  after: changed(before, made, other),
}));

let [decided, pairs, slowestMs] = [0, 0, 0];

test(`no request contradicts a decided answer (seed ${SEED}, ${RUNS} pairs)`, { timeout: 0 }, () => {
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
        for (const one of all.filter((one) => isPossible(one, options))) {
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
