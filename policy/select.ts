// Which policies select a workload, and in which order they are read.
import type { Policy, PolicyOptions, Workload } from './model.ts';

/**
 * The policies that select `workload`: those of the root namespace first, then those of its own, each in the
 * order
 * given. A policy with `targetRefs` selects no workload: it attaches to a Service or a Gateway by name, and
 * what a
 * Service stands for is not known here (`policy check` says so).
 */
export function selectPolicies(
  policies: readonly Policy[],
  workload: Workload,
  options: Pick<PolicyOptions, 'rootNamespace'>,
): Policy[] {
  const selecting = policies.filter(
    (policy) => policy.targetRefs === null && selects(policy.selector, workload),
  );
  const root = selecting.filter((policy) => policy.namespace === options.rootNamespace);
  if (workload.namespace === options.rootNamespace) return root;
  return [...root, ...selecting.filter((policy) => policy.namespace === workload.namespace)];
}

/** True when the workload has every label of `selector`; null selects all. */
export function selects(
  selector: Readonly<Record<string, string>> | null,
  workload: Pick<Workload, 'labels'>,
): boolean {
  if (selector === null) return true;
  return Object.entries(selector).every(
    ([key, value]) => Object.hasOwn(workload.labels, key) && workload.labels[key] === value,
  );
}
