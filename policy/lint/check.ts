// All that `policy check` looks for: each policy alone, rules against each other, and names against what is
// known to exist.
import type { Diagnostic } from '../../core/errors.ts';
import type { Policy, PolicyOptions } from '../model.ts';
import { expiry } from './expiry.ts';
import { type Inventory, selectingNothing } from './inventory.ts';
import { lintPolicies } from './lint.ts';
import { overlaps } from './overlaps.ts';
import { permissive } from './permissive.ts';
import type { SeenNames } from './seen-names.ts';
import { unseenNames } from './unseen-names.ts';

/** What `policy check` knows beside the policies. */
export interface LintContext {
  readonly options: PolicyOptions;
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** Known workloads; null without an inventory. */
  readonly inventory: Inventory | null;
  /** Names that flows showed; null without flows. */
  readonly seen: SeenNames | null;
}

/** Every finding about policies that parsed without errors. */
export function checkPolicies(policies: readonly Policy[], context: LintContext): Diagnostic[] {
  const { options, nowMs, inventory, seen } = context;
  return [
    ...lintPolicies(policies, options, nowMs),
    ...policies.flatMap((policy) => [
      ...expiry(policy, nowMs),
      ...policy.rules.flatMap((rule) => permissive(policy, rule)),
    ]),
    ...overlaps(policies, options, nowMs),
    ...(inventory === null ? [] : selectingNothing(policies, inventory, options)),
    ...(seen === null ? [] : unseenNames(policies, seen, options)),
  ];
}
