// Policies -> serialized rule table. Runs off the main thread; the result is transferred to the data path.
import { createHash } from 'node:crypto';
import { type AnchorSource, anchorGroup, indexBlocks } from './compile-anchors.ts';
import { aliasesOf, ConditionEncoder, isRequestCondition } from './compile-encode.ts';
import { splitOperation } from './compile-operations.ts';
import { IndexBuilder } from './index-build.ts';
import { indexEntries } from './index-entries.ts';
import type { Action, Clause, Policy, PolicyOptions, Rule, Workload } from './model.ts';
import {
  FORMAT,
  GROUP_ENTRIES,
  GROUP_ROOT,
  SLOT_ALLOW,
  SLOT_AUDIT,
  SLOT_DENY,
  SLOT_DRY_ALLOW,
  SLOT_DRY_DENY,
  UNINDEXED_ENTRIES_MAX,
} from './table-layout.ts';
import { contentOf, type SerializedTable, type TableMeta } from './table-serial.ts';

/** Compiles the policies that select `workload`, in table order. @throws ERR_POLICY_COMPILE */
export function compile(
  policies: readonly Policy[],
  workload: Workload,
  options: PolicyOptions,
): SerializedTable {
  const draft = new Draft(options, expiriesOf(policies));
  for (const policy of policies) for (const rule of policy.rules) draft.addRule(policy, rule);
  return draft.finish(metaOf(policies, workload, options));
}

interface Group {
  readonly at: number;
  readonly entries: number[];
}

/** The table while it is written. */
class Draft {
  readonly #encoder: ConditionEncoder;
  readonly #expiries: readonly number[];
  readonly #code: number[] = [0]; // offset 0 means nothing
  readonly #groupWords: number[] = [0];
  readonly #groups = new Map<string, Group>();
  readonly #rules: number[] = [];
  #ruleCount = 0;

  constructor(options: PolicyOptions, expiries: readonly number[]) {
    this.#encoder = new ConditionEncoder(options);
    this.#expiries = expiries;
  }

  addRule(policy: Policy, rule: Rule): void {
    const { action } = policy;
    this.#rules.push(this.#encoder.text(rule.id), rule.id.length, policy.denyStatus ?? 403);
    const index = this.#ruleCount++;
    const expiry = policy.expiresAtMs === null ? -1 : this.#expiries.indexOf(policy.expiresAtMs);
    const whens = rule.when.filter((condition) => !isRequestCondition(condition));
    const perRequest = rule.when.filter(isRequestCondition);
    const froms = this.#fromWords(rule.from, action);
    for (const operation of rule.to ?? [[]]) {
      const fixed = operation.filter((condition) => !isRequestCondition(condition));
      const group = this.#group(expiry, [...fixed, ...whens], froms, action);
      for (const part of splitOperation(operation.filter(isRequestCondition))) {
        const conditions = [...part, ...perRequest];
        group.entries.push(this.#code.length);
        const words = this.#encoder.clause(conditions, action);
        this.#code.push(index, group.at, slotFor(action, policy.dryRun), conditions.length);
        for (const word of words) this.#code.push(word);
      }
    }
  }

  finish(meta: TableMeta): SerializedTable {
    const code = Int32Array.from(this.#code);
    const groups = Int32Array.from(this.#groupWords);
    const cidrs = Int32Array.from([0, ...this.#encoder.cidrs()]);
    const blob = this.#encoder.blob();
    const builder = new IndexBuilder();
    const source: AnchorSource = { groups, blob };
    for (const { at, entries } of this.#groups.values()) {
      groups[at + GROUP_ENTRIES] = builder.keep(entries);
      if (entries.length > UNINDEXED_ENTRIES_MAX) {
        const root = builder.root();
        groups[at + GROUP_ROOT] = root;
        indexEntries(builder, root, entries, { code, blob });
      }
      anchorGroup(builder, at, source);
    }
    const prefixes = indexBlocks(builder, cidrs);
    const { arrays, ref } = builder.finish();
    for (const { at } of this.#groups.values()) groups[at + GROUP_ENTRIES] = ref(groups[at + GROUP_ENTRIES]!);
    const content = {
      meta: {
        ...meta,
        names: this.#encoder.names(),
        headers: this.#encoder.headers(),
        uses: this.#encoder.uses(),
        prefixes,
      },
      ...arrays,
      code,
      groups,
      rules: Int32Array.from(this.#rules),
      cidrs,
      expiries: Float64Array.from(this.#expiries),
      blob,
    };
    return { format: FORMAT, policyHash: hashOf(content), ...content };
  }

  /** `n`, then each source as its number of conditions and their words. */
  #fromWords(from: readonly Clause[] | null, action: Action): number[] {
    if (from === null) return [-1];
    const words = [from.length];
    for (const clause of from) {
      words.push(clause.length);
      for (const word of this.#encoder.clause(clause, action)) words.push(word);
    }
    return words;
  }

  /** The group of one source: made at its first rule, found again by the words that say the same. */
  #group(expiry: number, whens: Clause, froms: readonly number[], action: Action): Group {
    const [fromCount = -1, ...fromWords] = froms;
    const whenWords = this.#encoder.clause(whens, action);
    const words = [whens.length, fromCount, ...whenWords, ...fromWords];
    const key = `${expiry},${words.join()}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group = { at: this.#groupWords.length, entries: [] };
    this.#groupWords.push(expiry, 0, 0);
    for (const word of words) this.#groupWords.push(word);
    this.#groups.set(key, group);
    return group;
  }
}

function expiriesOf(policies: readonly Policy[]): number[] {
  const distinct = new Set<number>();
  for (const { expiresAtMs } of policies) if (expiresAtMs !== null) distinct.add(expiresAtMs);
  return [...distinct].sort((a, b) => a - b);
}

function slotFor(action: Action, dryRun: boolean): number {
  if (action === 'AUDIT') return SLOT_AUDIT;
  if (action === 'DENY') return dryRun ? SLOT_DRY_DENY : SLOT_DENY;
  return dryRun ? SLOT_DRY_ALLOW : SLOT_ALLOW;
}

function metaOf(policies: readonly Policy[], workload: Workload, options: PolicyOptions): TableMeta {
  // A dry-run ALLOW never selects; an expired one does, so that expiry opens nothing.
  const selected = policies.some((policy) => policy.action === 'ALLOW' && !policy.dryRun);
  return {
    namespace: workload.namespace,
    serviceAccount: workload.serviceAccount,
    localTrustDomain: options.localTrustDomain,
    trustDomains: [...options.trustDomains],
    aliases: [...aliasesOf(options)],
    allowsUnselected: options.defaultVerdict === 'allow-when-unselected' && !selected,
    hasDryRun: policies.some((policy) => policy.dryRun && policy.action !== 'AUDIT'),
    names: [],
    headers: [],
    uses: 0,
    prefixes: [],
  };
}

function hashOf(content: Omit<SerializedTable, 'format' | 'policyHash'>): string {
  const hash = createHash('sha256');
  for (const part of contentOf(content)) hash.update(part);
  return `sha256:${hash.digest('hex')}`;
}
