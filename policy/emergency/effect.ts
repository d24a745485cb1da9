// What an emergency policy changes among the policies that are there, before it is written: asked of the
// decision procedure, so that "nothing" is a proof.
import { type Change, type Differences, differences } from '../algebra/differences.ts';
import type { Policy, PolicyOptions } from '../model.ts';

/** What becomes of requests. */
export interface EmergencyEffect {
  readonly found: Differences;
  /** DENY rules that win over parts of an emergency ALLOW, each with a request that stays denied. */
  readonly beaten: readonly Change[];
  /** True when no request is decided otherwise: proved. */
  readonly nothing: boolean;
}

/** What `policy` changes when it is added to `present`. */
export function effectOf(
  policy: Policy,
  present: readonly Policy[],
  options: PolicyOptions,
  nowMs: number,
): EmergencyEffect {
  const concerned = sharedBy(policy, present, options);
  const found = differences(concerned, [...concerned, policy], options, nowMs);
  const nothing = found.changes.length === 0 && found.undecided.length === 0;
  if (policy.action !== 'ALLOW') return { found, beaten: [], nothing };
  // Alone against the DENYs: what they take from it is what it cannot give.
  const denying = concerned.filter(({ action }) => action === 'DENY');
  const alone = { ...options, defaultVerdict: 'deny' } as const;
  const { changes } = differences([policy], [policy, ...denying], alone, nowMs);
  return { found, beaten: changes, nothing };
}

/** What changes when `policy`, one of `present`, is gone. */
export function effectOfRemoval(
  policy: Policy,
  present: readonly Policy[],
  options: PolicyOptions,
  nowMs: number,
): EmergencyEffect {
  const concerned = sharedBy(policy, present, options);
  const rest = concerned.filter((one) => one !== policy);
  const found = differences(concerned, rest, options, nowMs);
  return { found, beaten: [], nothing: found.changes.length === 0 && found.undecided.length === 0 };
}

/** Policies that can have workloads in common with `policy`; others decide the same with and without it. */
function sharedBy(
  { namespace }: Policy,
  policies: readonly Policy[],
  { rootNamespace }: PolicyOptions,
): readonly Policy[] {
  if (namespace === rootNamespace) return policies;
  return policies.filter((one) => one.namespace === namespace || one.namespace === rootNamespace);
}
