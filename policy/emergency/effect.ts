// What an emergency policy changes among the policies that are there, before it is written: asked of the
// decision procedure, so that "nothing" is a proof.
import { type Change, differences, type Differences } from '../algebra/differences.ts';
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
  // Others select other workloads: they decide the same before and after.
  const concerned = present.filter(
    ({ namespace }) => namespace === policy.namespace || namespace === options.rootNamespace,
  );
  const found = differences(concerned, [...concerned, policy], options, nowMs);
  const nothing = found.changes.length === 0 && found.undecided.length === 0;
  if (policy.action !== 'ALLOW') return { found, beaten: [], nothing };
  // Alone against the DENYs: what they take from it is what it cannot give.
  const denying = concerned.filter(({ action }) => action === 'DENY');
  const alone = { ...options, defaultVerdict: 'deny' } as const;
  const { changes } = differences([policy], [policy, ...denying], alone, nowMs);
  return { found, beaten: changes, nothing };
}
