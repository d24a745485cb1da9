// Decisions by the set of rules that matched: made once, frozen, shared, so that deciding allocates nothing.
import type { Reason } from '../core/reasons.ts';
import { COUNT_BITS, countOf, RULES_MAX, SLOTS } from './evaluate-matches.ts';
import type { Decision, Verdict } from './request.ts';
import {
  RULE_WORDS,
  SLOT_ALLOW,
  SLOT_AUDIT,
  SLOT_DENY,
  SLOT_DRY_ALLOW,
  SLOT_DRY_DENY,
} from './table-layout.ts';

// Distinct decisions kept, at most about 3 MB of them: two for each of these sets, a power of two.
const SETS = 4096;
// Decisions of one ALLOW rule, by the last bits of its index. A power of two.
const SINGLES = 4096;
const ONE_ALLOW = 1 << (SLOT_ALLOW * COUNT_BITS);
const NONE: readonly never[] = Object.freeze([]);

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
  readonly #kept: (Kept | undefined)[] = new Array<Kept | undefined>(2 * SETS).fill(undefined);
  readonly #singles = new Array<Decision | undefined>(SINGLES).fill(undefined);
  readonly #singleRules = new Int32Array(SINGLES);
  readonly #default: DefaultOutcome;
  /** What a request gets that no rule matches. */
  readonly defaultDecision: Decision;

  constructor(source: DecisionSource, outcome: DefaultOutcome) {
    this.#source = source;
    this.#default = outcome;
    this.defaultDecision = this.#make(new Int32Array(SLOTS * RULES_MAX), 0);
  }

  /** The decision for the rules in `found` (`RULES_MAX` by slot), of which `counts` are there. */
  of(found: Int32Array, counts: number): Decision {
    if (counts === 0) return this.defaultDecision;
    if (counts !== ONE_ALLOW) return this.#find(found, counts);
    // PERF: most requests match one ALLOW rule and nothing else (bench/micro/decision.ts).
    const rule = found[SLOT_ALLOW * RULES_MAX]!;
    const at = rule & (SINGLES - 1);
    const known = this.#singles[at];
    if (known !== undefined && this.#singleRules[at] === rule) return known;
    const decision = this.#find(found, counts);
    this.#singles[at] = decision;
    this.#singleRules[at] = rule;
    return decision;
  }

  #find(found: Int32Array, counts: number): Decision {
    let hash = counts;
    for (let rest = counts, first = 0; rest !== 0; rest >>>= COUNT_BITS, first += RULES_MAX) {
      const n = rest & ((1 << COUNT_BITS) - 1);
      for (let i = 0; i < n; i++) hash = (Math.imul(hash, 31) + found[first + i]!) | 0;
    }
    const at = ((Math.imul(hash, 0x9e3779b1 | 0) >>> 16) & (SETS - 1)) * 2;
    const recent = this.#kept[at];
    if (recent !== undefined && isSame(recent.key, found, counts)) return recent.decision;
    const older = this.#kept[at + 1];
    if (older !== undefined && isSame(older.key, found, counts)) return older.decision;
    const decision = this.#make(found, counts);
    this.#kept[at + 1] = recent;
    this.#kept[at] = { key: keyOf(found, counts), decision };
    return decision;
  }

  #make(found: Int32Array, counts: number): Decision {
    const denies = this.#rules(SLOT_DENY, found, counts);
    const deciding = denies.length > 0 ? denies : this.#rules(SLOT_ALLOW, found, counts);
    return Object.freeze({
      ...this.#outcome(denies.length, deciding.length),
      rules: this.#ids(deciding),
      ruleIndexes: deciding,
      audit: this.#ids(this.#rules(SLOT_AUDIT, found, counts)),
      dryRun: this.#source.hasDryRun ? this.#makeDryRun(found, counts) : null,
      denyStatus: denies.length > 0 && this.#source.rules[denies[0]! * RULE_WORDS + 2] === 404 ? 404 : 403,
    });
  }

  #makeDryRun(found: Int32Array, counts: number): Decision['dryRun'] {
    const denies = this.#rules(SLOT_DRY_DENY, found, counts);
    const deciding = denies.length > 0 ? denies : this.#rules(SLOT_DRY_ALLOW, found, counts);
    return Object.freeze({ ...this.#outcome(denies.length, deciding.length), rules: this.#ids(deciding) });
  }

  #rules(slot: number, found: Int32Array, counts: number): readonly number[] {
    const n = countOf(counts, slot);
    if (n === 0) return NONE;
    return Object.freeze(Array.from({ length: n }, (_, i) => found[slot * RULES_MAX + i]!));
  }

  #ids(rules: readonly number[]): readonly string[] {
    return rules.length === 0 ? NONE : Object.freeze(rules.map((rule) => ruleId(this.#source, rule)));
  }

  #outcome(denies: number, deciding: number): DefaultOutcome {
    if (denies > 0) return { verdict: 'deny', reason: 'deny-rule' };
    if (deciding > 0) return { verdict: 'allow', reason: 'allow-rule' };
    return this.#default;
  }
}

/** The id of a rule by its index in the table. */
export function ruleId({ rules, blob }: { rules: Int32Array; blob: string }, rule: number): string {
  const start = rules[rule * RULE_WORDS]!;
  return blob.slice(start, start + rules[rule * RULE_WORDS + 1]!);
}

/** The counts, then the rules of each slot. */
function keyOf(found: Int32Array, counts: number): Int32Array {
  const rules = Array.from({ length: SLOTS }, (_, slot) =>
    Array.from(found.subarray(slot * RULES_MAX, slot * RULES_MAX + countOf(counts, slot))),
  );
  return Int32Array.from([counts, ...rules.flat()]);
}

function isSame(key: Int32Array, found: Int32Array, counts: number): boolean {
  if (key[0] !== counts) return false;
  for (let rest = counts, first = 0, k = 1; rest !== 0; rest >>>= COUNT_BITS, first += RULES_MAX) {
    const n = rest & ((1 << COUNT_BITS) - 1);
    for (let i = 0; i < n; i++) if (key[k++] !== found[first + i]) return false;
  }
  return true;
}
