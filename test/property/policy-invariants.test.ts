// What `prove` says of generated invariants against the reference evaluator on generated requests: no request
// may contradict a proof, and every counterexample must be one.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Invariant, prove } from '../../policy/algebra/invariants.ts';
import type { Field, Policy, PolicyOptions, Workload } from '../../policy/model.ts';
import { referenceEvaluate } from '../../policy/reference.ts';
import { type JudgedRequest, readRequestJson } from '../../policy/request-json.ts';
import { selects } from '../../policy/select.ts';
import { asked, isPossible, optionsOf, policies } from './policy-arbitraries.ts';

const RUNS = Number(process.env['SALLYPORT_INVARIANT_RUNS'] ?? 100);
const SEED = Number(process.env['SALLYPORT_INVARIANT_SEED'] ?? Date.now() & 0x7fffffff);
const NOW_MS = 1_000_000;
const DECIDED_SHARE_MIN = 0.95;

const WORKLOADS: readonly Workload[] = [
  { namespace: 'shop', serviceAccount: null, labels: { app: 'cart' } },
  { namespace: 'shop', serviceAccount: null, labels: {} },
  { namespace: 'istio-system', serviceAccount: null, labels: { app: 'cart' } },
  { namespace: 'far', serviceAccount: null, labels: { app: 'web' } },
];

/** Sources and operations are those of a rule of another set. */
const invariant: fc.Arbitrary<Invariant> = fc
  .tuple(
    fc.constantFrom('never', 'always'),
    policies,
    fc.nat({ max: 100 }),
    fc.constantFrom<Invariant['workloads']>(
      {},
      { namespaces: ['shop'] },
      { namespaces: ['istio-system', 'far'] },
      { labels: { app: 'cart' } },
      { namespaces: ['shop'], labels: { app: 'cart' } },
    ),
    fc.constantFrom('both', 'from', 'to'),
  )
  .map(([kind, others, index, workloads, which]) => {
    const rules = others.flatMap((one) => one.rules);
    const rule = rules[index % Math.max(1, rules.length)];
    return {
      kind: kind === 'never' ? 'never' : 'always',
      from: which === 'to' ? null : (rule?.from ?? null),
      to: which === 'from' ? null : (rule?.to ?? null),
      workloads,
    } satisfies Invariant;
  });

/** Some selected by labels, so that workloads differ. */
const selecting = fc
  .tuple(policies, fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }))
  .map(([all, by]) =>
    all.map((one, i): Policy => (by[i] === true ? { ...one, selector: { app: 'cart' } } : one)),
  );

const HTTP: readonly Field[] = ['hosts', 'methods', 'paths', 'request.headers'];

/** As the page says it: a rule of a policy of its own, DENY for `never`, ALLOW for `always`. */
function isAbout(
  { kind, from, to, workloads }: Invariant,
  workload: Workload,
  { connection, request }: Pick<JudgedRequest, 'connection' | 'request'>,
  options: PolicyOptions,
): boolean {
  const { namespaces, labels } = workloads;
  if (namespaces?.includes(workload.namespace) === false || !selects(labels ?? null, workload)) return false;
  const asksHttp = (to ?? []).flat().some(({ field }) => HTTP.includes(field));
  if (request.http === null && (kind === 'always' || asksHttp)) return false;
  const rule = { id: 'it', from, to, when: [], at: { file: '' } };
  const policy: Policy = {
    ...{ namespace: options.rootNamespace, name: 'it', action: kind === 'never' ? 'DENY' : 'ALLOW' },
    ...{ selector: null, targetRefs: null, rules: [rule], dryRun: false, expiresAtMs: null },
    ...{ emergency: null, denyStatus: null, owner: null, at: { file: '' } },
  };
  return referenceEvaluate([policy], workload, options, connection, request, NOW_MS).rules.length > 0;
}

let [decided, asks, refuted] = [0, 0, 0];

test(`no request contradicts a proof (seed ${SEED}, ${RUNS} sets)`, { timeout: 0 }, () => {
  fc.assert(
    fc.property(
      selecting,
      optionsOf,
      fc.array(invariant, { minLength: 1, maxLength: 4 }),
      fc.array(asked, { minLength: 20, maxLength: 40 }),
      (all, options, invariants, requests) => {
        const possible = requests.filter((one) => isPossible(one, options));
        for (const [index, proof] of prove(invariants, all, options, NOW_MS).entries()) {
          const one = invariants[index];
          if (one === undefined) throw new Error('a proof of nothing');
          const wrong = one.kind === 'never' ? 'allow' : 'deny';
          const contradicts = (
            workload: Workload,
            it: Pick<JudgedRequest, 'connection' | 'request'>,
          ): boolean =>
            isAbout(one, workload, it, options) &&
            referenceEvaluate(all, workload, options, it.connection, it.request, NOW_MS).verdict === wrong;
          asks++;
          if (proof.verdict !== 'undecided') decided++;
          if (proof.verdict === 'refuted') {
            refuted++;
            const read = readRequestJson(proof.example, 'reject');
            if ('faults' in read) throw new Error(JSON.stringify(read.faults));
            const { namespace, labels } = proof.example.destination;
            expect(contradicts({ namespace, labels, serviceAccount: null }, read.judged)).toBe(true);
          }
          if (proof.verdict === 'holds')
            for (const workload of WORKLOADS)
              for (const it of possible)
                expect(contradicts(workload, it), JSON.stringify([one, workload, it])).toBe(false);
        }
      },
    ),
    { numRuns: RUNS, seed: SEED },
  );
  console.log(`${asks} invariants: ${decided} decided, ${refuted} of them refuted`);
  expect(decided / asks).toBeGreaterThanOrEqual(DECIDED_SHARE_MIN);
});
