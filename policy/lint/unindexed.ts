// Operations that no index covers are tried one by one, by every request of a caller they apply to.
import type { Diagnostic } from '../../core/errors.ts';
import { UNINDEXED_RULES_MAX } from '../limits.ts';
import type { Clause, Condition, Policy } from '../model.ts';
import { finding } from './finding.ts';

/** One finding, where there are too many. */
export function unindexed(policies: readonly Policy[]): Diagnostic[] {
  const rules = policies
    .flatMap((policy) => policy.rules)
    .filter((rule) => rule.to?.some(isUnindexed) ?? rule.when.some((c) => c.field === 'request.headers'));
  const first = rules[UNINDEXED_RULES_MAX];
  if (first === undefined) return [];
  return [
    finding(
      'LINT_POLICY_UNINDEXED',
      first.at,
      `${rules.length} rules have only suffix paths, headers or not-fields; more than ${UNINDEXED_RULES_MAX} slow every request down`,
    ),
  ];
}

function isUnindexed(operation: Clause): boolean {
  const http = operation.filter((c) => c.field !== 'ports');
  return http.length > 0 && !http.some(isIndexed);
}

function isIndexed({ field, values }: Condition): boolean {
  const kinds = values.map((matcher) => matcher.kind);
  if (kinds.length === 0) return false;
  if (field !== 'paths') return kinds.every((kind) => kind === 'exact');
  return kinds.every((kind) => kind === 'exact' || kind === 'prefix' || kind === 'template');
}
