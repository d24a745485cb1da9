// Rules where something is not known: the most and the least that they can match. A condition on what is not
// known holds in the one and fails in the other; both are policies again, which the engine decides. What both
// say alike is so whatever the unknown is.
import type { Clause, Condition, Matcher, Policy, PolicyOptions, Rule } from '../model.ts';
import { type FieldName, fieldOf } from './fields.ts';

/** What is not known of a request. */
export interface Unknown {
  readonly fields: ReadonlySet<FieldName>;
  /** Path values that match some of the paths that a template stands for, and not others. */
  readonly splitPaths: ReadonlySet<string>;
}

/** Which policies select the workload: for certain, or perhaps. */
export interface Selection {
  readonly policy: Policy;
  readonly certain: boolean;
}

/** The bound of a verdict: whatever could allow does, or whatever could deny does. */
export type Bound = 'permissive' | 'restrictive';

/** One key for values of paths. */
export const pathKey = (matcher: Matcher): string =>
  `${matcher.kind} ${'value' in matcher ? matcher.value : ''}`;

/** The policies of one bound. */
export function boundPolicies(
  selection: readonly Selection[],
  unknown: Unknown,
  bound: Bound,
  { defaultVerdict }: Pick<PolicyOptions, 'defaultVerdict'>,
): Policy[] {
  const bounded = selection.flatMap(({ policy, certain }): Policy[] => {
    if (policy.action === 'AUDIT' || policy.dryRun) return [];
    const most = (policy.action === 'ALLOW') === (bound === 'permissive');
    if (!most && !certain) return policy.action === 'ALLOW' ? [{ ...policy, rules: [] }] : [];
    const rules = policy.rules.flatMap((rule) => boundRule(rule, unknown, most) ?? []);
    return [{ ...policy, rules }];
  });
  // Where no ALLOW selects for certain, the most is that none does and the default allows.
  const selected = selection.some(({ policy, certain }) => certain && isAllow(policy));
  if (bound === 'permissive' && defaultVerdict === 'allow-when-unselected' && !selected)
    return bounded.filter((policy) => !isAllow(policy));
  return bounded;
}

const isAllow = ({ action, dryRun }: Policy): boolean => action === 'ALLOW' && !dryRun;

/** The rule that matches the most, or the least, of what `rule` can; null when that is nothing. */
export function boundRule(rule: Rule, unknown: Unknown, most: boolean): Rule | null {
  const when = boundClause(rule.when, unknown, most);
  const from = boundClauses(rule.from, unknown, most);
  const to = boundClauses(rule.to, unknown, most);
  if (when === null || from?.length === 0 || to?.length === 0) return null;
  return { ...rule, from, to, when };
}

/** Null stands for any; an empty list for none. */
function boundClauses(
  clauses: readonly Clause[] | null,
  unknown: Unknown,
  most: boolean,
): readonly Clause[] | null {
  if (clauses === null) return null;
  const bounded = clauses.flatMap((clause) => {
    const one = boundClause(clause, unknown, most);
    return one === null ? [] : [one];
  });
  return bounded.some((clause) => clause.length === 0) ? null : bounded;
}

function boundClause(clause: Clause, unknown: Unknown, most: boolean): Clause | null {
  const bounded: Condition[] = [];
  for (const condition of clause) {
    const one = boundCondition(condition, unknown, most);
    if (one === false) return null;
    if (one !== true) bounded.push(one);
  }
  return bounded;
}

/** True and false stand for conditions that always, and never, hold. */
function boundCondition(condition: Condition, unknown: Unknown, most: boolean): Condition | boolean {
  const field = fieldOf(condition);
  if (field === null) return condition;
  if (unknown.fields.has(field)) return most;
  if (field !== 'http.path' || unknown.splitPaths.size === 0) return condition;
  const isSplit = (matcher: Matcher): boolean => unknown.splitPaths.has(pathKey(matcher));
  const values = condition.values.filter((matcher) => !isSplit(matcher));
  const notValues = condition.notValues.filter((matcher) => !isSplit(matcher));
  const splitsValues = values.length < condition.values.length;
  const splitsNots = notValues.length < condition.notValues.length;
  if (!splitsValues && !splitsNots) return condition;
  if (!most) return splitsNots || (splitsValues && values.length === 0) ? false : { ...condition, values };
  if (splitsValues) return notValues.length === 0 ? true : { ...condition, values: [], notValues };
  return values.length === 0 && notValues.length === 0 ? true : { ...condition, notValues };
}
