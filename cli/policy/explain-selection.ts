// What `policy explain` can tell about policies that had no say: those that do not select the workload; and
// the trust domain that the policies themselves speak of.
import type { Clause, Policy, Workload } from '../../policy/model.ts';
import { selects } from '../../policy/select.ts';

const SHOWN_MAX = 3;

/**
 * One line for each policy of the workload's namespace that its labels leave out, with the option that adds
 * them.
 */
export function unselected(policies: readonly Policy[], workload: Workload): string[] {
  const left = policies.filter(
    (policy) => policy.namespace === workload.namespace && !selects(policy.selector, workload),
  );
  const lines = left.slice(0, SHOWN_MAX).map((policy) => {
    const wanted = Object.entries(policy.selector ?? {}).map(([key, value]) => `${key}=${value}`);
    const options = wanted.map((label) => `--label ${label}`).join(' ');
    const id = `ns[${policy.namespace}]-policy[${policy.name}]`;
    return `${id} selects ${wanted.join(', ')}: add ${options}, or --config FILE`;
  });
  return left.length > SHOWN_MAX ? [...lines, `and ${left.length - SHOWN_MAX} more`] : lines;
}

/** The one trust domain of all principals in the policies, or undefined. */
export function soleTrustDomain(policies: readonly Policy[]): string | undefined {
  const [only, ...others] = namedTrustDomains(policies);
  return others.length === 0 ? only : undefined;
}

/** Trust domains of principals, but `cluster.local`: that one stands for the own, whatever its name. */
export function namedTrustDomains(policies: readonly Policy[]): ReadonlySet<string> {
  const domains = new Set<string>();
  const collect = (clause: Clause): void => {
    for (const { field, values, notValues } of clause) {
      if (field !== 'principals' && field !== 'source.principal') continue;
      for (const matcher of [...values, ...notValues]) {
        const slash = matcher.kind === 'exact' || matcher.kind === 'prefix' ? matcher.value.indexOf('/') : -1;
        if (slash > 0 && 'value' in matcher) domains.add(matcher.value.slice(0, slash));
      }
    }
  };
  for (const { rules } of policies)
    for (const rule of rules) for (const clause of [...(rule.from ?? []), rule.when]) collect(clause);
  domains.delete('cluster.local');
  return domains;
}
