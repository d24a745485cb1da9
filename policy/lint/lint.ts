// Findings about policies that are valid and probably not meant, as far as one policy alone shows them: cheap
// enough for every load of a proxy. check.ts adds the others.
import type { Diagnostic } from '../../core/errors.ts';
import type { Policy, PolicyOptions, Rule } from '../model.ts';
import { allowsByAbsence } from '../validate.ts';
import { expiredDeny } from './expiry.ts';
import { finding } from './finding.ts';
import { neverMatching } from './never-matching.ts';
import { overBroad } from './permissive.ts';
import { unindexed } from './unindexed.ts';

/** Lints policies that parsed without errors, each alone: what a load tells. `nowMs` is Unix time. */
export function lintPolicies(
  policies: readonly Policy[],
  options: PolicyOptions,
  nowMs: number,
): Diagnostic[] {
  return [
    ...policies.flatMap((policy) => [
      ...attached(policy),
      ...expiredDeny(policy, nowMs),
      ...policy.rules.flatMap((rule) => [
        ...byAbsence(policy, rule),
        ...overBroad(policy, rule),
        ...neverMatching(rule, options),
      ]),
    ]),
    ...unindexed(policies),
  ];
}

function attached({ namespace, name, targetRefs, at }: Policy): Diagnostic[] {
  if (targetRefs === null) return [];
  const targets = targetRefs.map((ref) => `${ref.kind} ${ref.name}`).join(', ');
  const message = `${namespace}/${name} attaches to ${targets} and so selects no workload here`;
  return [finding('LINT_POLICY_TARGET_REFS', at, message)];
}

function byAbsence(policy: Policy, rule: Rule): Diagnostic[] {
  if (!allowsByAbsence(policy, rule)) return [];
  const why = 'a peer without identity is none of them';
  const message = `${rule.id} allows callers only by who they are not; ${why}`;
  return [finding('LINT_POLICY_ALLOW_BY_ABSENCE', rule.at, message)];
}
