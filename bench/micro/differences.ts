// `policy diff` on two sets of 1,000 rules: the same, ten rules changed, and every rule another.
import { differences } from '../../policy/algebra/differences.ts';
import type { Policy } from '../../policy/model.ts';
import { parsePolicies } from '../../policy/parse.ts';
import { OPTIONS } from './decision-rules.ts';
import { type Figure, fastestOf } from './measure.ts';

const RULES = 1_000;
const RULES_PER_POLICY = 10;
const TURNS = 3;
/** In CI a person waits for it. */
const TARGET_MS = 5_000;
const NOW_MS = 0;

/** Milliseconds of one comparison, policies parsed. */
export async function differenceFigures(turns = TURNS, rules = RULES): Promise<Figure[]> {
  const before = policySet(rules, { seed: 7, changed: 0 });
  const pairs = [
    { name: 'itself', after: policySet(rules, { seed: 7, changed: 0 }) },
    { name: 'ten rules changed', after: policySet(rules, { seed: 7, changed: 10 }) },
    { name: 'every rule another', after: policySet(rules, { seed: 8, changed: 0 }) },
  ];
  return fastestOf(
    pairs.map(({ name, after }) => ({
      name: `${rules.toLocaleString('en')} rules against ${name}`,
      unit: 'ms',
      operations: 1,
      target: TARGET_MS,
      run: () => {
        const { undecided } = differences(before, after, OPTIONS, NOW_MS);
        if (undecided.length > 0) throw new Error(`${undecided.length} questions stayed open`);
      },
    })),
    turns,
  );
}

/** Policies of many workloads and callers, a tenth of them DENY, a fifth of the rules with a header. */
function policySet(rules: number, { seed, changed }: { seed: number; changed: number }): readonly Policy[] {
  const count = Math.ceil(rules / RULES_PER_POLICY);
  const items = Array.from({ length: count }, (_, policy) => {
    const draw = randomFrom(seed * 1_000 + policy);
    return {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: `p${policy}`, namespace: `ns${policy % 20}` },
      spec: {
        selector: { matchLabels: { app: `service${policy % 50}` } },
        action: policy % 10 === 9 ? 'DENY' : 'ALLOW',
        rules: Array.from({ length: RULES_PER_POLICY }, (_, rule) => {
          const number = policy * RULES_PER_POLICY + rule;
          const isChanged = changed > 0 && number % Math.floor(rules / changed) === 0;
          return ruleOf(`/service${policy}/operation${rule}${isChanged ? '-changed' : ''}`, draw);
        }),
      },
    };
  });
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const { policies, refused } = parsePolicies([{ file: 'generated.json', text }], OPTIONS, NOW_MS);
  if (refused.length > 0) throw new Error(`${refused.length} policies were refused`);
  return policies;
}

const METHODS = [['GET'], ['GET', 'HEAD'], ['POST'], ['PUT', 'DELETE']];

function ruleOf(path: string, draw: (below: number) => number): object {
  const principals = Array.from(
    { length: 1 + draw(3) },
    () => `example.org/ns/ns${draw(20)}/sa/s${draw(100)}`,
  );
  const paths = [`/api/v${draw(3)}/things${draw(40)}/{*}`, `/api/v1/things${draw(40)}*`, path];
  const when = [{ key: 'request.headers[x-tenant]', values: [`t${draw(5)}`] }];
  return {
    from: [{ source: { principals } }],
    to: [{ operation: { methods: METHODS[draw(METHODS.length)], paths } }],
    ...(draw(5) === 0 ? { when } : {}),
  };
}

/** Whole numbers below a bound, the same for the same seed (Numerical Recipes' generator). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % below;
  };
}
