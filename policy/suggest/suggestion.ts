// Policies for what was observed: one for each workload that was called.
import { createHash } from 'node:crypto';
import { RULES_PER_POLICY_MAX } from '../limits.ts';
import { isKubernetesName } from '../parse-policy.ts';
import { type Entry, leave } from './entries.ts';
import { type Evidence, sumEvidence } from './evidence.ts';
import type { LeftOutTable } from './left-out.ts';
import { rulesOf, type SuggestedRule } from './rules.ts';

/** Labels by which policies select a workload. */
export type Labels = Readonly<Record<string, string>>;

/** One policy. */
export interface SuggestedPolicy {
  readonly namespace: string;
  readonly name: string;
  /** The account that records name. */
  readonly workload: string;
  readonly selector: Labels;
  /** False: the labels are the usual ones, nobody said so. */
  readonly selectorGiven: boolean;
  readonly rules: readonly SuggestedRule[];
  readonly evidence: Evidence;
}

/** How policies are named and whom they select. */
export interface SuggestionOptions {
  /** Workloads of it get no policy: it would be one for every namespace. */
  readonly rootNamespace: string;
  /** The label whose value is a workload's name where nothing else is said. */
  readonly label: string;
  /** Labels by `namespace/account`. */
  readonly labels: ReadonlyMap<string, Labels>;
  /** Added to the names of policies. */
  readonly suffix: string;
}

/** Makes policies of entries; counts what no policy can be made of. */
export function suggestionOf(
  entries: readonly Entry[],
  leftOut: LeftOutTable,
  options: SuggestionOptions,
): SuggestedPolicy[] {
  const byWorkload = Map.groupBy(entries, ({ pair }) => `${pair.namespace}/${pair.workload}`);
  return [...byWorkload.values()].flatMap((own) => {
    const [first] = own;
    if (first === undefined) return [];
    const { namespace, workload } = first.pair;
    const selector = selectorOf(namespace, workload, options);
    const reason =
      namespace === options.rootNamespace
        ? 'root-namespace'
        : selector === null || !isKubernetesName(namespace, 'namespace')
          ? 'no-policy-workload'
          : null;
    if (reason === null && selector !== null) return policiesOf(own, selector, options);
    for (const entry of own) leave(leftOut, reason ?? 'no-policy-workload', entry);
    return [];
  });
}

/** The labels that select a workload; null when its name is no label. */
export function selectorOf(
  namespace: string,
  workload: string,
  { label, labels }: Pick<SuggestionOptions, 'label' | 'labels'>,
): Labels | null {
  const given = labels.get(`${namespace}/${workload}`);
  if (given !== undefined) return given;
  return isLabelValue(workload) ? { [label]: workload } : null;
}

function policiesOf(
  entries: readonly Entry[],
  selector: Labels,
  { suffix, labels }: SuggestionOptions,
): SuggestedPolicy[] {
  const [first] = entries;
  if (first === undefined) return [];
  const { namespace, workload } = first.pair;
  const rules = rulesOf(entries);
  const parts: SuggestedRule[][] = [];
  for (let at = 0; at < rules.length; at += RULES_PER_POLICY_MAX)
    parts.push(rules.slice(at, at + RULES_PER_POLICY_MAX));
  return parts.map((own, i) => ({
    namespace,
    name: nameOf(workload, i === 0 ? suffix : `${suffix}-${i + 1}`),
    workload,
    selector,
    selectorGiven: labels.has(`${namespace}/${workload}`),
    rules: own,
    evidence: sumEvidence(own.map(({ evidence }) => evidence)),
  }));
}

const NAME_HASH_DIGITS = 8;

/** The workload's name where Kubernetes takes it, else one of its hash: two never share a name. */
function nameOf(workload: string, suffix: string): string {
  const name = `${workload}${suffix}`;
  if (isKubernetesName(name, 'name')) return name;
  const hash = createHash('sha256').update(workload).digest('hex').slice(0, NAME_HASH_DIGITS);
  return `workload-${hash}${suffix}`;
}

/** Kubernetes: at most 63 of `[A-Za-z0-9._-]`, the first and last a letter or digit. */
export function isLabelValue(text: string): boolean {
  return /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(text);
}
