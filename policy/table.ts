// The compiled table in use: the arrays as they came, and the caches around them. Loading copies and builds
// nothing.
import { SallyportError } from '../core/errors.ts';
import { DecisionCache, type DefaultOutcome, ruleId } from './evaluate-decision.ts';
import { Run } from './evaluate-run.ts';
import { type IndexArrays, IndexBuilder } from './index-build.ts';
import { ResidualCache } from './residual-cache.ts';
import { FORMAT, RULE_WORDS } from './table-layout.ts';
import type { SerializedTable, TableMeta } from './table-serial.ts';

/**
 * A table that decides. Make one with `loadTable` or `emptyTable`; ask it with `residualFor` and `evaluate`.
 */
export class Table implements IndexArrays {
  /** `sha256:…` over the content; `none` for a table without policies. */
  readonly policyHash: string;
  readonly meta: TableMeta;
  readonly code: Int32Array<ArrayBuffer>;
  readonly groups: Int32Array<ArrayBuffer>;
  readonly rules: Int32Array<ArrayBuffer>;
  readonly hash: Int32Array<ArrayBuffer>;
  readonly nodes: Int32Array<ArrayBuffer>;
  readonly lists: Int32Array<ArrayBuffer>;
  readonly cidrs: Int32Array<ArrayBuffer>;
  readonly expiries: Float64Array<ArrayBuffer>;
  readonly blob: string;
  /** Why the table has no policies and denies everything; null for a compiled one. */
  readonly failure: 'no-policy' | 'invalid-policy' | null;
  readonly decisions: DecisionCache;
  readonly residuals = new ResidualCache();
  readonly run: Run;
  #ids: readonly string[] | null = null;

  constructor(from: SerializedTable, outcome: DefaultOutcome) {
    this.policyHash = from.policyHash;
    this.meta = from.meta;
    this.code = from.code;
    this.groups = from.groups;
    this.rules = from.rules;
    this.hash = from.hash;
    this.nodes = from.nodes;
    this.lists = from.lists;
    this.cidrs = from.cidrs;
    this.expiries = from.expiries;
    this.blob = from.blob;
    const { reason } = outcome;
    this.failure = reason === 'no-policy' || reason === 'invalid-policy' ? reason : null;
    const { hasDryRun, headers } = from.meta;
    this.decisions = new DecisionCache({ rules: from.rules, blob: from.blob, hasDryRun }, outcome);
    this.run = new Run({ code: from.code, blob: from.blob, headers }, hasDryRun);
  }

  /** The number of rules. */
  get ruleCount(): number {
    return this.rules.length / RULE_WORDS;
  }

  /** Ids of all rules by index, decoded at the first call. */
  get ids(): readonly string[] {
    this.#ids ??= Array.from({ length: this.ruleCount }, (_, rule) => ruleId(this, rule));
    return this.#ids;
  }
}

/** Puts a compiled table to use. @throws ERR_TABLE_FORMAT when another version compiled it */
export function loadTable(table: SerializedTable): Table {
  if (table.format !== FORMAT) {
    throw new SallyportError(
      'ERR_TABLE_FORMAT',
      `a compiled table has format \`${table.format}\`, this version reads ${FORMAT}`,
      { hint: 'compile the policies again with this version' },
    );
  }
  return new Table(
    table,
    table.meta.allowsUnselected
      ? { verdict: 'allow', reason: 'allow-unselected' }
      : { verdict: 'deny', reason: 'default-deny' },
  );
}

/** A table without rules that denies everything, and says why. */
export function emptyTable(reason: 'no-policy' | 'invalid-policy'): Table {
  const none = new Int32Array(0);
  const meta: TableMeta = {
    namespace: '',
    serviceAccount: null,
    localTrustDomain: '',
    trustDomains: [],
    aliases: [],
    allowsUnselected: false,
    hasDryRun: false,
    names: [],
    headers: [],
    uses: 0,
    prefixes: [],
  };
  return new Table(
    {
      format: FORMAT,
      policyHash: 'none',
      meta,
      ...new IndexBuilder().finish().arrays,
      code: none,
      groups: none,
      rules: none,
      cidrs: none,
      expiries: new Float64Array(0),
      blob: '',
    },
    { verdict: 'deny', reason },
  );
}

/** When the next rule expires after `nowMs`: residuals made before are stale from then. Null = never. */
export function nextExpiryMs(table: Table, nowMs: number): number | null {
  return table.expiries.find((expiry) => expiry > nowMs) ?? null;
}

/** Names of the headers that policies test, in lower case. */
export function referencedHeaders(table: Table): readonly string[] {
  return table.meta.headers;
}

/** Ids of all rules; `Decision.ruleIndexes` point into it. */
export function ruleIds(table: Table): readonly string[] {
  return table.ids;
}
