// One request against the compiled rules: proposes entries from an index, verifies each, collects the rules
// that match.
import type { DecisionCache } from './evaluate-decision.ts';
import { Matches } from './evaluate-matches.ts';
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
  HAS_TRIE,
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
  NODE_SKIP,
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
  TRIE_DEPTH_MAX,
} from './table-layout.ts';

const SLASH = 0x2f;
const ROOT_KINDS = 0x3e;
const ROOT_KINDS_MAX = 6;
// A node at depth n looks at segment n; the deepest have no children.
const SEGMENTS_MAX = TRIE_DEPTH_MAX + 1;

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
  readonly #matches = new Matches();
  #http: HttpFacts | null = null;
  #method = '';
  #path = '';
  #host = '';
  // Of the last request with another method or host: a connection's requests mostly share both.
  #methodHash = HASH_SEED;
  #hostEnd = 0;
  #hostHash = HASH_SEED;
  #hostNameHash = HASH_SEED;
  #hasPathHash = false;
  #pathHash = 0;
  /** By segment: its hash and where it ends, for as many as a trie is deep. */
  readonly #segmentHashes = new Int32Array(SEGMENTS_MAX);
  readonly #segmentEnds = new Int32Array(SEGMENTS_MAX);
  /** The number of segments, more than `SEGMENTS_MAX` not counted. */
  #segments = 0;

  constructor(source: RunSource, hasDryRun: boolean) {
    this.#code = source.code;
    this.#blob = source.blob;
    this.#headers = source.headers;
    this.#hasDryRun = hasDryRun;
  }

  begin(http: HttpFacts | null): void {
    this.#http = http;
    this.#hasPathHash = false;
    this.#matches.clear();
    if (http === null) return;
    const { method, host } = http;
    this.#path = http.path;
    if (method !== this.#method) {
      this.#method = method;
      this.#methodHash = hashText(method, 0, method.length, HASH_SEED);
    }
    if (host !== this.#host) {
      this.#host = host;
      this.#hostEnd = hostNameEnd(host);
      this.#hostNameHash = hashText(host, 0, this.#hostEnd, HASH_SEED);
      this.#hostHash = hashText(host, this.#hostEnd, host.length, this.#hostNameHash);
    }
  }

  /** The decision for what was found. */
  decide(decisions: DecisionCache): Decision {
    this.end();
    return decisions.of(this.#matches.found, this.#matches.counts);
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
    if (!this.#hasPathHash) this.#hashPath();
    this.#below(index, node);
    const kinds = index.nodes[node * NODE_WORDS + NODE_FLAGS]! & ROOT_KINDS;
    if (kinds === 0) return;
    const mask = index.hash.length / SLOT_WORDS - 1;
    for (let kind = 1; kind < ROOT_KINDS_MAX; kind++) {
      if ((kinds & (1 << kind)) === 0) continue;
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

  /** `hashPath`, keeping the hash and the end of each segment after the first slash. */
  #hashPath(): void {
    this.#hasPathHash = true;
    const path = this.#path;
    const end = path.length;
    let whole = HASH_SEED;
    let h = HASH_SEED;
    let segment = -1; // what is before the first slash
    for (let at = 0; at < end; at++) {
      const c = path.charCodeAt(at);
      if (c === SLASH) {
        whole = Math.imul(whole ^ h, HASH_PRIME);
        this.#endSegment(segment++, h, at);
        h = HASH_SEED;
      } else {
        h = Math.imul(h ^ c, HASH_PRIME);
      }
    }
    this.#endSegment(segment, h, end);
    this.#segments = segment < SEGMENTS_MAX ? segment + 1 : SEGMENTS_MAX;
    this.#pathHash = Math.imul(whole ^ h, HASH_PRIME);
  }

  #endSegment(segment: number, hash: number, end: number): void {
    if (segment < 0 || segment >= SEGMENTS_MAX) return;
    this.#segmentHashes[segment] = hash;
    this.#segmentEnds[segment] = end;
  }

  #below(index: IndexArrays, node: number): void {
    const { hash, nodes, lists } = index;
    const at = node * NODE_WORDS;
    const flags = nodes[at + NODE_FLAGS]!;
    if ((flags & HAS_EXACT) !== 0) {
      const mask = hash.length / SLOT_WORDS - 1;
      this.list(probe(hash, mask, node * KINDS + PATH_EXACT, this.#pathHash), lists);
    }
    this.list(nodes[at + NODE_REST]!, lists);
    // Without a leading slash there are no segments after one.
    if ((flags & HAS_TRIE) !== 0 && this.#path.charCodeAt(0) === SLASH) this.#walk(index, node, 0);
  }

  /** Follows the path's segments from number `from` through the trie below `top`, which is as deep. */
  #walk(index: IndexArrays, top: number, from: number): void {
    const { hash, nodes, lists } = index;
    const mask = hash.length / SLOT_WORDS - 1;
    for (let node = top, segment = from; ; segment++) {
      let words = node * NODE_WORDS;
      const skip = nodes[words + NODE_SKIP]!;
      if (skip !== 0) {
        segment += skip;
        if (segment >= this.#segments) return;
        node = nodes[words + NODE_STAR]!;
        words = node * NODE_WORDS;
        this.list(nodes[words + NODE_REST]!, lists);
      }
      const flags = nodes[words + NODE_FLAGS]!;
      if ((flags & HAS_TRIE) === 0) return;
      const start = segment === 0 ? 1 : this.#segmentEnds[segment - 1]! + 1;
      const end = this.#segmentEnds[segment]!;
      const last = end === this.#path.length;
      if (nodes[words + NODE_PARTIALS] !== 0) this.#partials(index, node, start, end);
      const star = nodes[words + NODE_STAR]!;
      if (star !== 0 && end > start) this.#enter(index, star, segment, last);
      if ((flags & HAS_LITERAL) === 0) return;
      node = probe(hash, mask, node * KINDS + LITERAL, this.#segmentHashes[segment]!);
      if (node === 0) return;
      if (last) {
        this.list(nodes[node * NODE_WORDS + NODE_END]!, lists);
        return;
      }
      this.list(nodes[node * NODE_WORDS + NODE_REST]!, lists);
    }
  }

  /** Enters the `{*}` child that takes `segment`. */
  #enter(index: IndexArrays, star: number, segment: number, last: boolean): void {
    const { nodes, lists } = index;
    const words = star * NODE_WORDS;
    this.list(nodes[words + (last ? NODE_END : NODE_REST)]!, lists);
    if (!last && (nodes[words + NODE_FLAGS]! & HAS_TRIE) !== 0) this.#walk(index, star, segment + 1);
  }

  /** Tests the prefixes that end within the segment `path[start, end)`. */
  #partials({ hash, nodes, lists }: IndexArrays, node: number, start: number, end: number): void {
    const partials = nodes[node * NODE_WORDS + NODE_PARTIALS]!;
    const mask = hash.length / SLOT_WORDS - 1;
    let h = HASH_SEED;
    for (let n = 0, most = Math.min(end - start, PARTIAL_LENGTH_MAX); n < most; n++) {
      h = Math.imul(h ^ this.#path.charCodeAt(start + n), HASH_PRIME);
      if ((partials & (1 << n)) !== 0) this.list(probe(hash, mask, node * KINDS + PARTIAL, h), lists);
    }
  }

  /** Collects the entry's rule when all conditions of the entry hold. */
  #test(entry: number): void {
    const code = this.#code;
    const rule = code[entry + ENTRY_RULE]!;
    const slot = code[entry + ENTRY_SLOT]!;
    if (this.#matches.isSettled(slot, rule)) return;
    const denies = slot !== SLOT_ALLOW && slot !== SLOT_DRY_ALLOW;
    let c = entry + ENTRY_HEAD;
    for (let i = code[entry + ENTRY_CONDITIONS]!; i > 0; i--) {
      if (!this.holds(c, denies)) return;
      c += code[c + CONDITION_WORDS]!;
    }
    this.#matches.add(slot, rule);
    if (!this.#hasDryRun) return;
    // The would-be verdict counts the enforced rules too.
    if (slot === SLOT_DENY) this.#matches.add(SLOT_DRY_DENY, rule);
    else if (slot === SLOT_ALLOW) this.#matches.add(SLOT_DRY_ALLOW, rule);
  }
}
