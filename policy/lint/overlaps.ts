// Rules that decide nothing because of another one: covered by a rule of the same action, or denied whole.
// Rules are compared with those that the index gives, within a budget; what was left out is told.
import type { Diagnostic } from '../../core/errors.ts';
import type { Policy, PolicyOptions, Rule } from '../model.ts';
import type { LintName } from './codes.ts';
import { proofCost, provedIn, ruleIn } from './covers.ts';
import { hasExpired } from './expiry.ts';
import { finding, named } from './finding.ts';
import type { SameTrustDomains } from './implies.ts';
import { RuleIndex } from './rule-index.ts';
import { ruleKey } from './rule-key.ts';

/** How much is compared. */
export interface CompareLimits {
  /** Pairs of rules compared by their form: about a microsecond each. */
  readonly pairs: number;
  readonly pairsPerRule: number;
  /** Values of the pairs that the algebra is asked about: about a tenth of a millisecond each. */
  readonly provedValues: number;
  /** Values of one such pair: what a proof takes grows faster than they do. */
  readonly provedValuesPerPair: number;
}

export const COMPARE_LIMITS: CompareLimits = {
  pairs: 3_000_000,
  pairsPerRule: 1_000,
  provedValues: 5_000,
  provedValuesPerPair: 48,
};

interface Entry {
  readonly policy: Policy;
  readonly rule: Rule;
  /** Rules are read in this order: of two that say the same the later one is the duplicate. */
  readonly order: number;
  readonly key: string;
}

/** All findings about pairs of rules. */
export function overlaps(
  policies: readonly Policy[],
  options: PolicyOptions,
  nowMs: number,
  limits: CompareLimits = COMPARE_LIMITS,
): Diagnostic[] {
  return new Comparison(policies, options, nowMs, limits).findings();
}

class Comparison {
  readonly #options: PolicyOptions;
  readonly #same: SameTrustDomains;
  readonly #entries: Entry[] = [];
  readonly #groups = new Map<string, RuleIndex<Entry>>();
  readonly #byKey = new Map<string, Entry[]>();
  readonly #limits: CompareLimits;
  readonly #skipped: Entry[] = [];
  #pairs: number;
  #provedValues: number;

  constructor(policies: readonly Policy[], options: PolicyOptions, nowMs: number, limits: CompareLimits) {
    this.#options = options;
    this.#limits = limits;
    [this.#pairs, this.#provedValues] = [limits.pairs, limits.provedValues];
    const { localTrustDomain, trustDomainAliases } = options;
    this.#same = [...new Set([localTrustDomain, 'cluster.local', ...trustDomainAliases])];
    for (const policy of policies)
      if (policy.targetRefs === null && !hasExpired(policy, nowMs))
        for (const rule of policy.rules) this.#add(policy, rule);
  }

  findings(): Diagnostic[] {
    const out: Diagnostic[] = [];
    const denied = new Map<Entry, Entry[]>();
    for (const entry of this.#entries) {
      const { action, dryRun } = entry.policy;
      const like = this.#coverOf(entry, groupOf(action, dryRun));
      if (like !== null) out.push(pairFinding(entry, like, 'LINT_POLICY_DUPLICATE', 'LINT_POLICY_SHADOWED'));
      if (action !== 'ALLOW') continue;
      // What is enforced denies a dry run too, once that is promoted.
      const denies =
        this.#coverOf(entry, groupOf('DENY', false)) ??
        (dryRun ? this.#coverOf(entry, groupOf('DENY', true)) : null);
      if (denies === null) continue;
      out.push(pairFinding(entry, denies, 'LINT_POLICY_CONTRADICTORY', 'LINT_POLICY_UNREACHABLE'));
      const known = denied.get(denies);
      if (known === undefined) denied.set(denies, [entry]);
      else known.push(entry);
    }
    return [...out, ...[...denied].map(denyFinding), ...this.#notCompared()];
  }

  #add(policy: Policy, rule: Rule): void {
    const entry = { policy, rule, order: this.#entries.length, key: ruleKey(rule, this.#same) };
    this.#entries.push(entry);
    const group = groupOf(policy.action, policy.dryRun);
    const index = this.#groups.get(group) ?? new RuleIndex<Entry>(this.#same);
    this.#groups.set(group, index);
    index.add(policy.namespace, rule, entry);
    const key = `${group}\n${policy.namespace}\n${entry.key}`;
    const equal = this.#byKey.get(key);
    if (equal === undefined) this.#byKey.set(key, [entry]);
    else equal.push(entry);
  }

  /** The rule of a group that matches all that `entry` does, for all of its workloads, if one is found. */
  #coverOf(entry: Entry, group: string): Entry | null {
    const index = this.#groups.get(group);
    if (index === undefined) return null;
    const namespaces = [...new Set([entry.policy.namespace, this.#options.rootNamespace])];
    let left = this.#limits.pairsPerRule;
    for (const namespace of namespaces) {
      const equal = this.#byKey.get(`${group}\n${namespace}\n${entry.key}`) ?? [];
      for (const other of equal) {
        if (left-- <= 0) break;
        if (this.#outlives(entry, other) && !this.#isEarlierTwin(entry, other)) return other;
      }
    }
    const asked: Entry[] = [];
    for (const namespace of namespaces)
      for (const found of index.candidates(namespace, entry.rule))
        for (const other of found) {
          if (left-- <= 0 || this.#pairs-- <= 0) {
            this.#skipped.push(entry);
            return this.#provedAmong(asked, entry);
          }
          if (other.key === entry.key || !this.#outlives(entry, other)) continue;
          const answer = ruleIn(entry.rule, other.rule, this.#same);
          if (answer === 'ask') asked.push(other);
          else if (answer === 'yes' && !this.#isEarlierTwin(entry, other)) return other;
        }
    return this.#provedAmong(asked, entry);
  }

  #provedAmong(asked: readonly Entry[], entry: Entry): Entry | null {
    for (const other of asked)
      if (this.#isProved(entry, other) === true && !this.#isEarlierTwin(entry, other)) return other;
    return null;
  }

  /** Null where it would be too much work. */
  #isProved(entry: Entry, other: Entry): boolean | null {
    const cost = proofCost(entry.rule, other.rule);
    if (cost > this.#provedValues || cost > this.#limits.provedValuesPerPair) {
      this.#skipped.push(entry);
      return null;
    }
    this.#provedValues -= cost;
    return provedIn(entry, other, this.#options);
  }

  /** True when `other` selects at least the workloads of `entry`, and lasts at least as long. */
  #outlives({ policy }: Entry, { policy: other }: Entry): boolean {
    if (policy === other) return true;
    const everywhere = other.namespace === this.#options.rootNamespace;
    if (!everywhere && other.namespace !== policy.namespace) return false;
    if (other.expiresAtMs !== null && (policy.expiresAtMs ?? Infinity) > other.expiresAtMs) return false;
    if (other.selector === null) return true;
    const labels = policy.selector ?? {};
    return Object.entries(other.selector).every(
      ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
    );
  }

  /** Of two rules that cover each other only the later one is found. */
  #isEarlierTwin(entry: Entry, other: Entry): boolean {
    if (entry === other) return true;
    if (entry.policy.action !== other.policy.action || entry.order > other.order) return false;
    if (!this.#outlives(other, entry)) return false;
    if (entry.key === other.key) return true;
    const answer = ruleIn(other.rule, entry.rule, this.#same);
    return answer === 'ask' ? this.#isProved(other, entry) !== false : answer === 'yes';
  }

  #notCompared(): Diagnostic[] {
    const rules = [...new Set(this.#skipped)];
    const [first] = rules;
    if (first === undefined) return [];
    const what = rules.length === 1 ? '1 rule was' : `${rules.length} rules were`;
    const message = `${what} not compared with all that resemble them, beginning with ${first.rule.id}`;
    return [finding('LINT_POLICY_NOT_COMPARED', first.rule.at, message)];
  }
}

const groupOf = (action: Policy['action'], dryRun: boolean): string => `${action} ${dryRun}`;

function pairFinding(entry: Entry, other: Entry, equal: LintName, within: LintName): Diagnostic {
  const { rule } = entry;
  const code = entry.key === other.key ? equal : within;
  return finding(code, rule.at, `${rule.id} ${SAYS[code]?.(named(other.rule)) ?? ''}`, {
    related: other.rule.at,
  });
}

const SAYS: Partial<Record<LintName, (other: string) => string>> = {
  LINT_POLICY_DUPLICATE: (other) => `says what ${other} says`,
  LINT_POLICY_SHADOWED: (other) => `decides nothing: ${other} covers it`,
  LINT_POLICY_CONTRADICTORY: (other) => `allows exactly what DENY ${other} denies`,
  LINT_POLICY_UNREACHABLE: (other) => `allows nothing: DENY ${other} covers it`,
};

function denyFinding([{ rule }, allows]: [Entry, readonly Entry[]]): Diagnostic {
  const [first, ...more] = allows;
  const rest = more.length === 0 ? '' : ` and ${more.length} more`;
  const which = first === undefined ? '' : named(first.rule);
  const message = `DENY ${rule.id} denies everything that ${which}${rest} would allow`;
  const related = first === undefined ? {} : { related: first.rule.at };
  return finding('LINT_POLICY_DENY_COVERS_ALLOW', rule.at, message, related);
}
