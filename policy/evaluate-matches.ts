// The rules that matched a request, by kind of match: the first few of each, in table order.
import { DECISION_RULES_MAX } from './limits.ts';

/** Rules kept of each kind of match. */
export const RULES_MAX = DECISION_RULES_MAX;
/** Kinds of match: deny, allow, audit, and the first two again with dry runs counted. */
export const SLOTS = 5;
/** How many rules each slot found travels as one number, this many bits a slot. */
export const COUNT_BITS = 5;

/** The number of rules in one slot. */
export function countOf(counts: number, slot: number): number {
  return (counts >>> (slot * COUNT_BITS)) & ((1 << COUNT_BITS) - 1);
}

/** Working memory for what one request matches. */
export class Matches {
  /** Rule indexes by slot, `RULES_MAX` each, ascending. */
  readonly found = new Int32Array(SLOTS * RULES_MAX);
  /** How many of each slot are there; see `countOf`. */
  counts = 0;

  clear(): void {
    this.counts = 0;
  }

  /** True when adding `rule` would change nothing: the slot is full of earlier rules, or holds it. */
  isSettled(slot: number, rule: number): boolean {
    const n = countOf(this.counts, slot);
    if (n === 0) return false;
    const last = this.found[slot * RULES_MAX + n - 1]!;
    return rule === last || (n === RULES_MAX && rule > last);
  }

  /** Inserts in ascending order, once, the latest falling off when the slot is full. */
  add(slot: number, rule: number): void {
    const { found } = this;
    const first = slot * RULES_MAX;
    const n = countOf(this.counts, slot);
    let at = first + n;
    while (at > first && found[at - 1]! > rule) at--;
    if (at > first && found[at - 1] === rule) return;
    if (at === first + RULES_MAX) return;
    for (let i = first + Math.min(n, RULES_MAX - 1); i > at; i--) found[i] = found[i - 1]!;
    found[at] = rule;
    if (n < RULES_MAX) this.counts += 1 << (slot * COUNT_BITS);
  }
}
