// sallyport_rule_hits_total: hits by rule id, kept across policy swaps and bounded to the first 1,000 rules.
import type { Decision } from '../../policy/request.ts';
import { ownText } from './json-text.ts';

const RULES_MAX = 1000;
/** Slots per rule: allow and deny, each enforced or not, and AUDIT. */
const KINDS = [
  { verdict: 'allow', enforced: 'true' },
  { verdict: 'allow', enforced: 'false' },
  { verdict: 'deny', enforced: 'true' },
  { verdict: 'deny', enforced: 'false' },
  { verdict: 'audit', enforced: 'false' },
] as const;
const AUDIT = 4;

/** Counts which rules decided. */
export class RuleHits {
  readonly #indexes = new Map<string, number>();
  readonly #values = new Float64Array((RULES_MAX + 1) * KINDS.length);

  /** Counts the rules of one decision; those of its dry run as not enforced, unless they decided anyway. */
  add(decision: Decision, enforced: boolean): void {
    const kind = (decision.verdict === 'allow' ? 0 : 2) + (enforced ? 0 : 1);
    // PERF: an index, not an iterator: this runs for every request (bench/micro/record.ts).
    const { rules, audit } = decision;
    for (let i = 0; i < rules.length; i++) this.#hit(rules[i] ?? '', kind);
    for (let i = 0; i < audit.length; i++) this.#hit(audit[i] ?? '', AUDIT);
    const dryRun = decision.dryRun;
    if (dryRun === null) return;
    for (const rule of dryRun.rules) {
      if (!decision.rules.includes(rule)) this.#hit(rule, dryRun.verdict === 'allow' ? 1 : 3);
    }
  }

  /** Calls `visit` for every value that is not zero. */
  each(visit: (rule: string, verdict: string, enforced: string, value: number) => void): void {
    for (const [rule, index] of this.#indexes) this.#read(rule, index, visit);
    this.#read('other', RULES_MAX, visit);
  }

  #hit(rule: string, kind: number): void {
    const slot = (this.#indexes.get(rule) ?? this.#newIndex(rule)) * KINDS.length + kind;
    this.#values[slot] = (this.#values[slot] ?? 0) + 1;
  }

  #newIndex(rule: string): number {
    if (this.#indexes.size >= RULES_MAX) return RULES_MAX;
    const index = this.#indexes.size;
    this.#indexes.set(ownText(rule), index);
    return index;
  }

  #read(
    rule: string,
    index: number,
    visit: (rule: string, verdict: string, enforced: string, value: number) => void,
  ): void {
    KINDS.forEach(({ verdict, enforced }, kind) => {
      const value = this.#values[index * KINDS.length + kind] ?? 0;
      if (value > 0) visit(rule, verdict, enforced, value);
    });
  }
}
