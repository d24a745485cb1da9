// The triangle: reference evaluator, compiled table, and the table loaded back from bytes say the same, on
// generated policies and requests drawn from alphabets small enough that most of them collide.
import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile } from '../../policy/compile.ts';
import { evaluate } from '../../policy/evaluate.ts';
import type { Policy, PolicyOptions, Workload } from '../../policy/model.ts';
import { nearest } from '../../policy/near.ts';
import { type ReferenceDecision, referenceEvaluate } from '../../policy/reference.ts';
import type { ConnectionFacts, Decision, RequestFacts } from '../../policy/request.ts';
import { residualFor } from '../../policy/residual.ts';
import { selectPolicies } from '../../policy/select.ts';
import { loadTable, type Table } from '../../policy/table.ts';
import { type Asked, asked, optionsOf, policies, WORKLOAD } from './policy-arbitraries.ts';

const RUNS = Number(process.env['SALLYPORT_TRIANGLE_RUNS'] ?? 2000);
const SEED = Number(process.env['SALLYPORT_TRIANGLE_SEED'] ?? Date.now() & 0x7fffffff);

function judged(table: Table, { connection, request, nowMs }: Asked): Decision {
  return evaluate(residualFor(table, connection, nowMs), request);
}

function referenceJudged(
  given: { policies: readonly Policy[]; workload: Workload; options: PolicyOptions },
  { connection, request, nowMs }: { connection: ConnectionFacts; request: RequestFacts; nowMs: number },
): ReferenceDecision {
  return referenceEvaluate(given.policies, given.workload, given.options, connection, request, nowMs);
}

const shown = ({ verdict, reason, rules, audit, dryRun, denyStatus }: ReferenceDecision): object => ({
  verdict,
  reason,
  rules,
  audit,
  dryRun,
  denyStatus,
});

test(`reference, compiled and loaded table agree (seed ${SEED}, ${RUNS} runs)`, { timeout: 0 }, () => {
  fc.assert(
    fc.property(
      policies,
      optionsOf,
      fc.array(asked, { minLength: 1, maxLength: 12 }),
      (set, options, all) => {
        const selected = selectPolicies(set, WORKLOAD, options);
        const serialized = compile(selected, WORKLOAD, options);
        const compiled = loadTable(serialized);
        const loaded = loadTable(deserialize(serialize(serialized)));
        expect(loaded.policyHash).toBe(compile(selected, WORKLOAD, options).policyHash);
        for (const one of all) {
          const reference = referenceJudged({ policies: set, workload: WORKLOAD, options }, one);
          expect(shown(judged(compiled, one)), 'compiled').toEqual(shown(reference));
          expect(shown(judged(loaded, one)), 'loaded').toEqual(shown(reference));
          const near = nearest(loaded, one.connection, one.request, one.nowMs);
          expect(near.length).toBeLessThanOrEqual(3);
          // What is called near did not match.
          if (reference.reason === 'allow-rule')
            for (const { rule } of near) expect(reference.rules).not.toContain(rule);
        }
      },
    ),
    { numRuns: RUNS, seed: SEED },
  );
});
