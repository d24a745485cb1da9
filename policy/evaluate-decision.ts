// Decisions by the set of rules that matched: made once, frozen, shared, so that deciding allocates nothing.
import type { Reason } from '../core/reasons.ts';
import { DECISION_RULES_MAX } from './limits.ts';
import type { Decision, Verdict } from './request.ts';
import {
  RULE_WORDS,
  SLOT_ALLOW,
  SLOT_AUDIT,
  SLOT_DENY,
  SLOT_DRY_ALLOW,
  SLOT_DRY_DENY,
} from './table-layout.ts';

/** Rules kept of each kind of match. */
export const RULES_MAX = DECISION_RULES_MAX;
/** Kinds of match: deny, allow, audit, and the first two again with dry runs counted. */
export const SLOTS = 5;

// Distinct decisions kept; the oldest of one slot makes room. A power of two.
const KEPT = 1024;

interface Kept {
  readonly key: Int32Array;
  readonly decision: Decision;
}

/** What the cache needs of a table. */
export interface DecisionSource {
  readonly rules: Int32Array;
  readonly blob: string;
  readonly hasDryRun: boolean;
}

/** The outcome when no rule matched. */
export interface DefaultOutcome {
  readonly verdict: Verdict;
  readonly reason: Reason;
}

export class DecisionCache {
  readonly #source: DecisionSource;
  readonly #kept: (Kept | undefined)[] = new Array<Kept | undefined>(KEPT).fill(undefined);
  readonly #default: DefaultOutcome;
  /** What a request gets that no rule matches. */
  readonly defaultDecision: Decision;

  constructor(source: DecisionSource, outcome: DefaultOutcome) {
    this.#source = source;
    this.#default = outcome;
    this.defaultDecision = this.#make(new Int32Array(SLOTS * RULES_MAX), new Int32Array(SLOTS));
  }

  /** The decision for the rules in `found` (`RULES_MAX` by slot), of which `counts` are there. */
  of(found: Int32Array, counts: Int32Array): Decision {
    let hash = 0;
    let total = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const n = counts[slot]!;
      total += n;
      hash = Math.imul(hash, 31) + n;
      for (let i = slot * RULES_MAX, end = i + n; i < end; i++) hash = (Math.imul(hash, 31) + found[i]!) | 0;
    }
    if (total === 0) return this.defaultDecision;
    const at = (Math.imul(hash, 0x9e3779b1 | 0) >>> 16) & (KEPT - 1);
    const kept = this.#kept[at];
    if (kept !== undefined && isSame(kept.key, found, counts)) return kept.decision;
    const decision = this.#make(found, counts);
    this.#kept[at] = { key: keyOf(found, counts), decision };
    return decision;
  }

  #make(found: Int32Array, counts: Int32Array): Decision {
    const indexes = (slot: number): readonly number[] =>
      Object.freeze(Array.from(found.subarray(slot * RULES_MAX, slot * RULES_MAX + counts[slot]!)));
    const ids = (rules: readonly number[]): readonly string[] => Object.freeze(rules.map((r) => this.#id(r)));
    const denies = indexes(SLOT_DENY);
    const deciding = denies.length > 0 ? denies : indexes(SLOT_ALLOW);
    const dryDenies = indexes(SLOT_DRY_DENY);
    const dryDeciding = dryDenies.length > 0 ? dryDenies : indexes(SLOT_DRY_ALLOW);
    const outcome = this.#outcome(denies.length, deciding.length);
    const dryOutcome = this.#outcome(dryDenies.length, dryDeciding.length);
    return Object.freeze({
      ...outcome,
      rules: ids(deciding),
      ruleIndexes: deciding,
      audit: ids(indexes(SLOT_AUDIT)),
      dryRun: this.#source.hasDryRun ? Object.freeze({ ...dryOutcome, rules: ids(dryDeciding) }) : null,
      denyStatus: denies.length > 0 && this.#source.rules[denies[0]! * RULE_WORDS + 2] === 404 ? 404 : 403,
    });
  }

  #outcome(denies: number, deciding: number): DefaultOutcome {
    if (denies > 0) return { verdict: 'deny', reason: 'deny-rule' };
    if (deciding > 0) return { verdict: 'allow', reason: 'allow-rule' };
    return this.#default;
  }

  #id(rule: number): string {
    return ruleId(this.#source, rule);
  }
}

/** The id of a rule by its index in the table. */
export function ruleId({ rules, blob }: { rules: Int32Array; blob: string }, rule: number): string {
  const start = rules[rule * RULE_WORDS]!;
  return blob.slice(start, start + rules[rule * RULE_WORDS + 1]!);
}

/** The counts, then the rules of each slot. */
function keyOf(found: Int32Array, counts: Int32Array): Int32Array {
  const rules = Array.from(counts).flatMap((n, slot) =>
    Array.from(found.subarray(slot * RULES_MAX, slot * RULES_MAX + n)),
  );
  return Int32Array.from([...counts, ...rules]);
}

function isSame(key: Int32Array, found: Int32Array, counts: Int32Array): boolean {
  for (let slot = 0, k = SLOTS; slot < SLOTS; slot++) {
    const n = counts[slot]!;
    if (key[slot] !== n) return false;
    for (let i = slot * RULES_MAX, end = i + n; i < end; i++) if (key[k++] !== found[i]) return false;
  }
  return true;
}
