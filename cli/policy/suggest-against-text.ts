// What `policy suggest --against` says beside the policies to add.
import type { Policy } from '../../policy/model.ts';
import type { SuggestedPolicy } from '../../policy/suggest/suggestion.ts';
import type { Unobserved } from '../../policy/suggest/unobserved.ts';
import { counted, thousands } from '../text.ts';
import type { Delta } from './suggest-against.ts';

const SUFFIX = '-suggested';
const UNOBSERVED_SHOWN_MAX = 200;

/** An end of names that none of the policies in force has: what is added stands beside them. */
export function suffixFor(policies: readonly Policy[]): string {
  let suffix = SUFFIX;
  for (let n = 2; policies.some(({ name }) => name.endsWith(suffix)); n++) suffix = `${SUFFIX}-${n}`;
  return suffix;
}

/** Comments over each policy to add: where its rules could go instead, and which rule nearly allows. */
export function policyNotes(
  policies: readonly Policy[],
  delta: Delta | null,
): (policy: SuggestedPolicy) => string[] {
  return ({ namespace, workload, selector }) => {
    if (delta === null) return [];
    const home = policies.find(
      (policy) =>
        policy.namespace === namespace &&
        policy.action === 'ALLOW' &&
        !policy.dryRun &&
        sameLabels(policy.selector, selector),
    );
    const nearest = (delta.near.get(`${namespace}/${workload}`) ?? []).map(
      ({ rule, field, want, got }) =>
        `nearest: ${rule}, but ${field} wants ${want.join(' | ')}, not ${got ?? 'nothing'}`,
    );
    return [...(home === undefined ? [] : [`or add its rules to ${placeOf(home)}`]), ...nearest];
  };
}

function sameLabels(a: Policy['selector'], b: Readonly<Record<string, string>>): boolean {
  const [own, other] = [Object.entries(a ?? {}), Object.entries(b)];
  return own.length === other.length && own.every(([key, value]) => b[key] === value);
}

const placeOf = ({ namespace, name, at }: Policy): string =>
  `ns[${namespace}]-policy[${name}] (${at.file}:${at.line ?? 1})`;

/** The summary, and what no call needed. */
export function againstText(delta: Delta | null): string[] {
  if (delta === null) return [];
  const { allowed, missing, unobserved } = delta;
  const all = allowed + missing.length;
  const operations = counted(all, 'recorded operation');
  const counts = `${thousands(allowed)} of ${operations} allowed, ${thousands(missing.length)} missing`;
  const head = `Against the policies in force: ${counts}`;
  if (unobserved.length === 0) return [head];
  const more = unobserved.length - UNOBSERVED_SHOWN_MAX;
  return [
    head,
    'Not needed by what was recorded, so perhaps by nobody:',
    ...unobserved.slice(0, UNOBSERVED_SHOWN_MAX).map((one) => `  ${unobservedText(one)}`),
    ...(more > 0 ? [`  and ${counted(more, 'more rule')}`] : []),
  ];
}

function unobservedText({ rule, values }: Unobserved): string {
  const place = `${rule.id} (${rule.at.file}:${rule.at.line ?? 1})`;
  if (values === null) return `${place}: all of it`;
  const byField = Map.groupBy(values, ({ field }) => field);
  const texts = [...byField].map(([field, own]) => `${field} ${own.map(({ value }) => value).join(', ')}`);
  return `${place}: ${texts.join('; ')}`;
}

/** For machines. */
export function deltaJson({ allowed, missing, unobserved }: Delta): object {
  return {
    allowed,
    missing: missing.length,
    unobserved: unobserved.map(({ rule, values }) => ({ rule: rule.id, at: rule.at, values })),
  };
}
