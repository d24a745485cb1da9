// What of a set of policies layer 4 can enforce: for each ALLOW policy, whose connections must get through.
// Never narrower than the policies: what they allow at layer 7 stays possible.
import { differences } from '../algebra/differences.ts';
import type { Clause, Policy, PolicyOptions, Rule } from '../model.ts';
import { type CallerSet, callersOf } from './sources.ts';

/** One ALLOW policy at layer 4. */
export interface ProjectedPolicy {
  readonly policy: Policy;
  /** None: nobody may connect because of it. */
  readonly callers: readonly ProjectedCallers[];
  /** What is wider than the policy, a line each. */
  readonly notes: readonly string[];
}

/** The callers of one source of a rule. */
export interface ProjectedCallers extends CallerSet {
  readonly rule: string;
}

export interface Projection {
  readonly policies: readonly ProjectedPolicy[];
  /** What is not projected at all, a line each. */
  readonly left: readonly string[];
}

/** Projects what is enforced at `nowMs`; dry runs and what attaches to Services select nothing here. */
export function project(policies: readonly Policy[], options: PolicyOptions, nowMs: number): Projection {
  const attached = policies.filter(({ targetRefs }) => targetRefs !== null);
  const enforced = policies.filter(({ dryRun, targetRefs }) => !dryRun && targetRefs === null);
  const denies = enforced.filter(({ action }) => action === 'DENY');
  const whole = denies.filter(deniesSources);
  const taken = new Set<string>();
  const dead = (policy: Policy, rule: Rule, from: Rule['from']): boolean => {
    if (whole.length === 0) return false;
    const alone = { ...policy, rules: [{ ...rule, from }] };
    const judged = { ...options, defaultVerdict: 'deny' } as const;
    // With nothing that widens, even beside no other ALLOW, every request of it is denied: proved.
    const { changes, undecided } = differences(whole, [...whole, alone], judged, nowMs);
    if (changes.length > 0 || undecided.length > 0) return false;
    taken.add(rule.id);
    return true;
  };
  const projected = enforced
    .filter(({ action }) => action === 'ALLOW')
    .map((policy) => projectPolicy(policy, options, { nowMs, dead }));
  return {
    policies: projected,
    left: [
      ...denies.map((policy) =>
        whole.includes(policy)
          ? `DENY policy ${policy.namespace}/${policy.name}: only callers it denies altogether are taken out`
          : `DENY policy ${policy.namespace}/${policy.name} is not projected: ${whyNot(policy)}`,
      ),
      ...[...taken].map((rule) => `${rule}: callers that a DENY takes everything from are left out`),
      ...attached.map(
        ({ namespace, name }) => `${namespace}/${name} attaches to a Service or Gateway: left out`,
      ),
      ...policies
        .filter(({ dryRun }) => dryRun)
        .map(({ namespace, name }) => `${namespace}/${name} is a dry run: left out`),
    ],
  };
}

/** A DENY for good with a rule about callers alone: it may deny somebody everything. */
const deniesSources = (policy: Policy): boolean =>
  policy.expiresAtMs === null && policy.rules.some(isAboutCallers);

const isAboutCallers = ({ to, when }: Rule): boolean =>
  to === null && when.every(({ field }) => field.startsWith('source.'));

const whyNot = ({ expiresAtMs }: Policy): string =>
  expiresAtMs === null
    ? 'it denies some requests of a caller, not all'
    : 'it ends by itself, a fence would not';

interface Projecting {
  readonly nowMs: number;
  dead(policy: Policy, rule: Rule, from: Rule['from']): boolean;
}

function projectPolicy(policy: Policy, options: PolicyOptions, { nowMs, dead }: Projecting): ProjectedPolicy {
  const { rules, expiresAtMs } = policy;
  const notes = new Set<string>();
  // An expired ALLOW still selects its workloads, and allows nothing.
  if (expiresAtMs !== null && expiresAtMs <= nowMs) return { policy, callers: [], notes: ['it has expired'] };
  if (expiresAtMs !== null) notes.add(`it ends at ${new Date(expiresAtMs).toISOString()}: export again then`);
  const callers = rules.flatMap((rule) => {
    const sources: readonly (Clause | null)[] = rule.from ?? [null];
    return sources.flatMap((source): ProjectedCallers[] => {
      const found = new Set<string>();
      if (dead(policy, rule, source === null ? null : [source])) return [];
      const set = callersOf([...(source ?? []), ...rule.when], options, found);
      for (const note of found) notes.add(`${rule.id}: ${note}`);
      return [{ rule: rule.id, ...set }];
    });
  });
  return { policy, callers, notes: [...notes] };
}
