// The unit of refusal: the root namespace's set and the workload's namespace's set stand and fall apart,
// so that one team's typo cannot freeze the platform's DENY. See policy-semantics, "unit of refusal".
import type { Diagnostic } from '../core/errors.ts';
import type { Policy, PolicyOptions, Workload } from './model.ts';
import type { ParsedPolicies } from './parse.ts';
import { selectPolicies, selects } from './select.ts';

/** The policies of one source for one workload. With an error the source's last good set stays in force. */
export interface PolicySet {
  readonly namespace: string;
  /** Those that select the workload, in file order. Incomplete when there are errors: not to be used then. */
  readonly policies: readonly Policy[];
  readonly errors: readonly Diagnostic[];
}

/** Sets in evaluation order (root first; one set when the workload lives in the root namespace). */
export interface Partition {
  readonly sets: readonly PolicySet[];
  /** Errors in policies that certainly do not select the workload, as warnings. */
  readonly warnings: readonly Diagnostic[];
}

/** Splits what was parsed by source, as `workload` sees it. */
export function partitionBySource(
  parsed: ParsedPolicies,
  workload: Workload,
  options: Pick<PolicyOptions, 'rootNamespace'>,
): Partition {
  const selected = selectPolicies(parsed.policies, workload, options);
  const namespaces = [...new Set([options.rootNamespace, workload.namespace])];
  const counts = (refused: ParsedPolicies['refused'][number], namespace: string): boolean => {
    if (refused.namespace === null) return true;
    if (refused.namespace !== namespace || refused.attached) return false;
    return selects(refused.selector, workload);
  };
  const errorsOf = (diagnostics: readonly Diagnostic[]): Diagnostic[] =>
    diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  return {
    sets: namespaces.map((namespace) => ({
      namespace,
      policies: selected.filter((policy) => policy.namespace === namespace),
      errors: parsed.refused
        .filter((refused) => counts(refused, namespace))
        .flatMap((refused) => errorsOf(refused.diagnostics)),
    })),
    warnings: parsed.refused
      .filter((refused) => !namespaces.some((namespace) => counts(refused, namespace)))
      .flatMap((refused) => errorsOf(refused.diagnostics))
      .map((diagnostic) => ({ ...diagnostic, severity: 'warning' as const })),
  };
}
