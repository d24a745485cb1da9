// One request against the compiled rules: proposes entries from an index, verifies each, collects the rules that match.
import { type DecisionCache, RULES_MAX, SLOTS } from './evaluate-decision.ts';
import { headerHolds, valuesMatch } from './evaluate-request.ts';
import type { IndexArrays } from './index-build.ts';
import type { Decision, HttpFacts } from './request.ts';
import {
  CONDITION_FIELD,
  CONDITION_KEY,
  CONDITION_WORDS,
  ENTRY_CONDITIONS,
  ENTRY_HEAD,
  ENTRY_RULE,
  ENTRY_SLOT,
  FIELD_MASK,
  HAS_EXACT,
  HAS_LITERAL,
  HASH_PRIME,
  HASH_SEED,
  HEADER,
  HOST,
  hashPair,
  hashText,
  hostNameEnd,
  KINDS,
  LITERAL,
  METHOD,
  NODE_END,
  NODE_FLAGS,
  NODE_PARTIALS,
  NODE_REST,
  NODE_STAR,
  NODE_WORDS,
  PARTIAL,
  PARTIAL_LENGTH_MAX,
  PATH,
  PATH_EXACT,
  probe,
  SLOT_ALLOW,
  SLOT_DENY,
  SLOT_DRY_ALLOW,
  SLOT_DRY_DENY,
  SLOT_WORDS,
} from './table-layout.ts';

const SLASH = 0x2f;
const ROOT_KINDS = 0x3e;

/** The arrays a run reads. */
export interface RunSource {
  readonly code: Int32Array;
  readonly blob: string;
  readonly headers: readonly string[];
}

/**
 * The working memory of an evaluation: one a table, reused for each request, since evaluation is synchronous.
 * Use: `begin`, then `scan`, `list` and `root` for what the residual holds, then `decide`.
 */
export class Run {
  readonly #code: Int32Array;
  readonly #blob: string;
  readonly #headers: readonly string[];
  readonly #hasDryRun: boolean;
  /** Rule indexes by slot, `RULES_MAX` each, ascending. */
  readonly #found = new Int32Array(SLOTS * RULES_MAX);
  readonly #counts = new Int32Array(SLOTS);
  #http: HttpFacts | null = null;
  #method = '';
  #path = '';
  #host = '';
  #hostEnd = 0;
  #hashed = false;
  #methodHash = 0;
  #hostHash = 0;
  #hostNameHash = 0;
  #pathHash = 0;
  #pathHashed = false;

  constructor(source: RunSource, hasDryRun: boolean) {
    this.#code = source.code;
    this.#blob = source.blob;
    this.#headers = source.headers;
    this.#hasDryRun = hasDryRun;
  }

  begin(http: HttpFacts | null): void {
    this.#http = http;
    this.#hashed = false;
    this.#pathHashed = false;
    this.#counts.fill(0);
    if (http === null) return;
    this.#method = http.method;
    this.#path = http.path;
    this.#host = http.host;
    this.#hostEnd = hostNameEnd(http.host);
  }

  /** The decision for what was found. */
  decide(decisions: DecisionCache): Decision {
    this.end();
    return decisions.of(this.#found, this.#counts);
  }

  /** Forgets the request, so that the table keeps no head alive. */
  end(): void {
    this.#http = null;
  }

  /** Tests each of `entries`. */
  scan(entries: Int32Array): void {
    for (let i = 0; i < entries.length; i++) this.#test(entries[i]!);
  }

  /** Tests what `ref` stands for: nothing, one entry, or a list. */
  list(ref: number, lists: Int32Array): void {
    if (ref > 0) this.#test(ref);
    else if (ref < 0) {
      const end = -ref + lists[-ref]!;
      for (let i = 1 - ref; i <= end; i++) this.#test(lists[i]!);
    }
  }

  /** Tests every entry below a root that the index proposes for this request. */
  root(index: IndexArrays, node: number): void {
    this.#below(index, node);
    let kinds = index.nodes[node * NODE_WORDS + NODE_FLAGS]! & ROOT_KINDS;
    if (kinds !== 0 && !this.#hashed) this.#hash();
    const mask = index.hash.length / SLOT_WORDS - 1;
    while (kinds !== 0) {
      const kind = 31 - Math.clz32(kinds);
      kinds ^= 1 << kind;
      const host = kind % 3;
      const hash = hashPair(
        kind < 3 ? 0 : this.#methodHash,
        host === 0 ? 0 : host === 1 ? this.#hostNameHash : this.#hostHash,
      );
      const child = probe(index.hash, mask, node * KINDS + kind, hash);
      if (child !== 0) this.#below(index, child);
    }
  }

  /** True when the request satisfies the condition at `c`. An HTTP field of a TCP connection is not known. */
  holds(c: number, denies: boolean): boolean {
    const code = this.#code;
    const field = code[c + CONDITION_FIELD]! & FIELD_MASK;
    // Fail closed: what cannot be known lets no ALLOW match, and every DENY.
    if (this.#http === null) return denies;
    switch (field) {
      case METHOD:
        return valuesMatch(code, c, this.#blob, this.#method, this.#method.length);
      case PATH:
        return valuesMatch(code, c, this.#blob, this.#path, this.#path.length);
      case HOST:
        return valuesMatch(code, c, this.#blob, this.#host, this.#hostEnd);
      case HEADER:
        return headerHolds(
          code,
          c,
          this.#blob,
          this.#http.headerValues(this.#headers[code[c + CONDITION_KEY]!]!),
        );
      default:
        return denies;
    }
  }

  #hash(): void {
    this.#hashed = true;
    this.#methodHash = hashText(this.#method, 0, this.#method.length);
    this.#hostNameHash = hashText(this.#host, 0, this.#hostEnd);
    this.#hostHash = hashText(this.#host, 0, this.#host.length);
  }

  #below(index: IndexArrays, node: number): void {
    const { hash, nodes, lists } = index;
    const at = node * NODE_WORDS;
    if ((nodes[at + NODE_FLAGS]! & HAS_EXACT) !== 0) {
      if (!this.#pathHashed) {
        this.#pathHash = hashText(this.#path, 0, this.#path.length);
        this.#pathHashed = true;
      }
      const mask = hash.length / SLOT_WORDS - 1;
      this.list(probe(hash, mask, node * KINDS + PATH_EXACT, this.#pathHash), lists);
    }
    if (this.#path.charCodeAt(0) === SLASH) this.#walk(index, node, 1);
    else this.list(nodes[at + NODE_REST]!, lists);
  }

  /** Follows the path's segments from `start` through the trie below `node`. */
  #walk({ hash, nodes, lists }: IndexArrays, top: number, start: number): void {
    const path = this.#path;
    const mask = hash.length / SLOT_WORDS - 1;
    for (let node = top, at = start; ; ) {
      const words = node * NODE_WORDS;
      this.list(nodes[words + NODE_REST]!, lists);
      const partials = nodes[words + NODE_PARTIALS]!;
      const star = nodes[words + NODE_STAR]!;
      const hasLiteral = (nodes[words + NODE_FLAGS]! & HAS_LITERAL) !== 0;
      if (!hasLiteral && star === 0 && partials === 0) return;
      let h = HASH_SEED;
      let end = at;
      for (; end < path.length; end++) {
        const c = path.charCodeAt(end);
        if (c === SLASH) break;
        h = Math.imul(h ^ c, HASH_PRIME);
        const length = end - at; // of what was hashed, minus one
        if (length < PARTIAL_LENGTH_MAX && (partials & (1 << length)) !== 0) {
          this.list(probe(hash, mask, node * KINDS + PARTIAL, h), lists);
        }
      }
      const last = end === path.length;
      if (star !== 0 && end > at) {
        if (last) this.list(nodes[star * NODE_WORDS + NODE_END]!, lists);
        else this.#walk({ hash, nodes, lists }, star, end + 1);
      }
      if (!hasLiteral) return;
      node = probe(hash, mask, node * KINDS + LITERAL, h);
      if (node === 0) return;
      if (last) {
        this.list(nodes[node * NODE_WORDS + NODE_END]!, lists);
        return;
      }
      at = end + 1;
    }
  }

  /** Collects the entry's rule when all conditions of the entry hold. */
  #test(entry: number): void {
    const code = this.#code;
    const rule = code[entry + ENTRY_RULE]!;
    const slot = code[entry + ENTRY_SLOT]!;
    if (this.#isCollected(slot, rule)) return;
    const denies = slot !== SLOT_ALLOW && slot !== SLOT_DRY_ALLOW;
    let c = entry + ENTRY_HEAD;
    for (let i = code[entry + ENTRY_CONDITIONS]!; i > 0; i--) {
      if (!this.holds(c, denies)) return;
      c += code[c + CONDITION_WORDS]!;
    }
    this.#collect(slot, rule);
    if (!this.#hasDryRun) return;
    // The would-be verdict counts the enforced rules too.
    if (slot === SLOT_DENY) this.#collect(SLOT_DRY_DENY, rule);
    else if (slot === SLOT_ALLOW) this.#collect(SLOT_DRY_ALLOW, rule);
  }

  /** True when finding `rule` would change nothing: its slot is full of earlier rules, or holds it. */
  #isCollected(slot: number, rule: number): boolean {
    const n = this.#counts[slot]!;
    if (n === 0) return false;
    const last = this.#found[slot * RULES_MAX + n - 1]!;
    return rule === last || (n === RULES_MAX && rule > last);
  }

  /** Inserts in ascending order, once, the latest falling off when the slot is full. */
  #collect(slot: number, rule: number): void {
    const found = this.#found;
    const first = slot * RULES_MAX;
    const n = this.#counts[slot]!;
    let at = first + n;
    while (at > first && found[at - 1]! > rule) at--;
    if (at > first && found[at - 1] === rule) return;
    if (at === first + RULES_MAX) return;
    for (let i = first + Math.min(n, RULES_MAX - 1); i > at; i--) found[i] = found[i - 1]!;
    found[at] = rule;
    if (n < RULES_MAX) this.#counts[slot] = n + 1;
  }
}
