// The decision procedure of `policy diff` against Z3, which is told what policies mean by another program.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { differences } from '../../policy/algebra/differences.ts';
import type { Condition, Policy } from '../../policy/model.ts';
import { findPython } from '../requirements.ts';
import { optionsOf, policies } from './policy-arbitraries.ts';
import { change, changed } from './policy-changes.ts';

const PAIRS = Number(process.env['SALLYPORT_Z3_PAIRS'] ?? 40);
const SEED = Number(process.env['SALLYPORT_Z3_SEED'] ?? Date.now() & 0x7fffffff);
const NOW_MS = 1_000_000;
// More of them, and Z3 takes minutes.
const CONDITIONS_MAX = 30;
const SCRIPT = join(import.meta.dirname, 'z3', 'policy_differences.py');

/** Headers are lists of values, which Z3 is not asked about. */
const isAsked = ({ field }: Condition): boolean => field !== 'request.headers';

const withoutHeaders = (all: readonly Policy[]): Policy[] =>
  all.map((policy) => ({
    ...policy,
    rules: policy.rules.map((rule) => ({ ...rule, when: rule.when.filter(isAsked) })),
  }));

const size = (all: readonly Policy[]): number =>
  all
    .flatMap(({ rules }) => rules)
    .flatMap(({ from, to, when }) => [...(from ?? []), ...(to ?? []), when])
    .flat().length;

const pair = fc
  .tuple(policies, change, policies, optionsOf)
  .map(([before, made, other, options]) => {
    const first = withoutHeaders(before);
    return { before: first, after: changed(first, made, withoutHeaders(other)), options, nowMs: NOW_MS };
  })
  .filter(({ before, after }) => size(before) + size(after) <= CONDITIONS_MAX && size(before) > 0);

test(`Z3 and the decision procedure agree (seed ${SEED}, ${PAIRS} pairs)`, { timeout: 0 }, () => {
  const python = findPython('z3');
  expect(python, 'pip install z3-solver; see test/requirements.ts').toBeDefined();
  const pairs = fc.sample(pair, { numRuns: PAIRS, seed: SEED });
  const { stdout, stderr, status } = spawnSync(python ?? '', [SCRIPT], {
    input: pairs.map((one) => `${JSON.stringify(one)}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const lines = stdout.trim().split('\n');
  let compared = 0;
  for (const [index, { before, after, options }] of pairs.entries()) {
    const foreign: Record<string, unknown> = JSON.parse(lines[index] ?? '{}');
    const { changes, undecided } = differences(before, after, options, NOW_MS);
    for (const kind of ['widening', 'narrowing'] as const) {
      if (foreign[kind] === 'unknown' || undecided.length > 0) continue;
      compared++;
      const own = changes.some((one) => one.kind === kind) ? 'sat' : 'unsat';
      expect({ [kind]: own }, JSON.stringify(pairs[index])).toEqual({ [kind]: foreign[kind] });
    }
  }
  console.log(`${PAIRS} pairs, ${compared} of ${2 * PAIRS} questions answered by both, all alike`);
  expect(compared).toBeGreaterThan(PAIRS);
});
