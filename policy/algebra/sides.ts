// One set of policies as boxes: what its rules allow and deny, and the questions that are asked of it.
import { SallyportError } from '../../core/errors.ts';
import { COMPARED_COMBINATIONS_MAX } from '../limits.ts';
import type { Policy, PolicyOptions, Rule } from '../model.ts';
import { referenceEvaluate } from '../reference.ts';
import { readRequestJson } from '../request-json.ts';
import { type Box, type Budget, meet, Undecided, uncovered } from './cover.ts';
import type { ExampleRequest } from './example.ts';
import type { Space } from './space.ts';

/** What is enforced when. */
export interface Enforced {
  readonly policies: readonly Policy[];
  readonly options: PolicyOptions;
  /** Unix milliseconds: what has expired by then matches nothing. */
  readonly nowMs: number;
}

/** One box of one rule. */
export interface RuleBox {
  readonly rule: string;
  readonly box: Box;
}

export interface Side {
  readonly enforced: Enforced;
  readonly allows: readonly RuleBox[];
  readonly denies: readonly RuleBox[];
  /** Workloads that an ALLOW policy selects; null where all others are denied too. */
  readonly selected: readonly Box[] | null;
}

/** Dry runs and AUDIT decide nothing. @throws ERR_POLICY_TOO_COMPLEX */
export function sideOf(space: Space, enforced: Enforced): Side {
  const { options, nowMs } = enforced;
  const policies = enforced.policies.filter((policy) => !policy.dryRun && policy.action !== 'AUDIT');
  refuseTooMany(policies);
  const rulesOf = (action: 'ALLOW' | 'DENY'): RuleBox[] =>
    policies
      .filter((one) => one.action === action && (one.expiresAtMs === null || nowMs < one.expiresAtMs))
      .flatMap((policy) => policy.rules.flatMap((rule) => ruleBoxes(space, policy, rule)));
  // An expired ALLOW still counts as selecting the workload.
  const selecting = policies.filter((policy) => policy.action === 'ALLOW');
  return {
    enforced,
    allows: rulesOf('ALLOW'),
    denies: rulesOf('DENY'),
    selected:
      options.defaultVerdict === 'deny'
        ? null
        : selecting.map((policy) => space.selected(policy)).filter((box) => box !== null),
  };
}

function refuseTooMany(policies: readonly Policy[]): void {
  const rules = policies.flatMap((policy) => policy.rules);
  const count = ({ from, to }: Rule): number => (from?.length ?? 1) * (to?.length ?? 1);
  const total = rules.reduce((sum, rule) => sum + count(rule), 0);
  if (total <= COMPARED_COMBINATIONS_MAX) return;
  const [worst] = rules.toSorted((a, b) => count(b) - count(a));
  const most = worst === undefined ? '' : `; ${worst.id} alone has ${count(worst)}`;
  throw new SallyportError(
    'ERR_POLICY_TOO_COMPLEX',
    `the policies have ${total} combinations of sources and operations${most}`,
    {
      hint: `at most ${COMPARED_COMBINATIONS_MAX} are compared: name fewer files, those of one namespace first`,
    },
  );
}

const ruleBoxes = (space: Space, policy: Policy, rule: Rule): RuleBox[] =>
  space.boxesOf(policy, rule).map((box) => ({ rule: rule.id, box }));

export const boxesOf = (rules: readonly RuleBox[]): Box[] => rules.map(({ box }) => box);

/** What `start` shares with each of `boxes`. */
export const meetAll = (start: Box, boxes: readonly Box[]): Box[] =>
  boxes.map((box) => meet(start, box)).filter((box) => box !== null);

/** Boxes looked at before a question is left open: about 100 ns each. */
const QUESTION_BUDGET = 2_000_000;

/** Why a question stays open that was too much work. */
export const TOO_MANY_OVERLAPS = 'it overlaps too many rules in too many ways';

/** A part of one of `starts` outside of `others`; null when there is none, undefined when it stays open. */
export function firstUncovered(starts: readonly Box[], others: readonly Box[]): Box | null | undefined {
  const budget: Budget = { left: QUESTION_BUDGET };
  try {
    for (const start of starts) {
      const part = uncovered(start, others, budget);
      if (part !== null) return part;
    }
    return null;
  } catch (error) {
    if (!(error instanceof Undecided)) throw error;
    return undefined;
  }
}

/** Why no request of `part` could be shown to be decided like this. */
export function whyOpen(space: Space, part: Box): string {
  const open = space.axes.flatMap((axis, index) =>
    axis.kind === 'open' && part[index] !== space.all[index] ? [`\`${axis.name}\``] : [],
  );
  return open.length === 0
    ? 'no request could be shown'
    : `it depends on ${[...new Set(open)].join(' and ')}`;
}

/** What the reference evaluator says; null when the proxy would not ask. */
export function verdictOf(example: ExampleRequest, enforced: Enforced): 'allow' | 'deny' | null {
  const read = readRequestJson(example, 'reject');
  if ('faults' in read || read.judged.fault !== null) return null;
  const { policies, options, nowMs } = enforced;
  const { namespace, labels } = example.destination;
  const workload = { namespace, labels, serviceAccount: null };
  const { connection, request } = read.judged;
  return referenceEvaluate(policies, workload, options, connection, request, nowMs).verdict;
}
