// Builds the hash, node and list arrays of an index; the compiler uses it for a table, a residual for its
// own small one.
import {
  HAS_LITERAL,
  HAS_TRIE,
  KINDS,
  LITERAL,
  NODE_END,
  NODE_FLAGS,
  NODE_PARTIALS,
  NODE_REST,
  NODE_SKIP,
  NODE_STAR,
  NODE_WORDS,
  PATH_EXACT,
  SLOT_WORDS,
  slotOf,
} from './table-layout.ts';

/** The index arrays of a table or a residual; see table-layout.ts. */
export interface IndexArrays {
  readonly hash: Int32Array<ArrayBuffer>;
  readonly nodes: Int32Array<ArrayBuffer>;
  readonly lists: Int32Array<ArrayBuffer>;
}

const SLOTS_MIN = 16;

/** A growing index. While it grows, a ref is a single item or minus the number of a list. */
export class IndexBuilder {
  #hash = new Int32Array(SLOTS_MIN * SLOT_WORDS);
  #slots = SLOTS_MIN;
  #used = 0;
  readonly #nodes: number[] = new Array<number>(NODE_WORDS).fill(0);
  readonly #lists: number[][] = [[]];
  /** By node: its only literal child, -1 when there are more. */
  readonly #onlyLiteral = new Map<number, number>();

  /** A new root node. */
  root(): number {
    const node = this.#nodes.length / NODE_WORDS;
    for (let i = 0; i < NODE_WORDS; i++) this.#nodes.push(0);
    return node;
  }

  /** The node below `node` for (kind, hash), made when absent. */
  child(node: number, kind: number, hash: number): number {
    const at = this.#place(node * KINDS + kind, hash);
    const known = this.#hash[at + 2]!;
    if (known !== 0) return known;
    const made = this.root();
    this.#hash[at + 2] = made;
    if (kind === LITERAL) {
      this.flag(node, NODE_FLAGS, HAS_LITERAL);
      this.#onlyLiteral.set(node, this.#onlyLiteral.has(node) ? -1 : made);
    } else if (kind < PATH_EXACT) this.flag(node, NODE_FLAGS, 1 << kind);
    return made;
  }

  /** The `{*}` child of `node`, made when absent. */
  starChild(node: number): number {
    const at = node * NODE_WORDS + NODE_STAR;
    if (this.#nodes[at] === 0) this.#nodes[at] = this.root();
    return this.#nodes[at]!;
  }

  /** Sets bits in a flag word of a node. */
  flag(node: number, word: number, bits: number): void {
    this.#nodes[node * NODE_WORDS + word]! |= bits;
  }

  /** Adds an item under (node, kind, hash). */
  add(node: number, kind: number, hash: number, item: number): void {
    const at = this.#place(node * KINDS + kind, hash);
    this.#hash[at + 2] = this.#joined(this.#hash[at + 2]!, item);
  }

  /** Adds an item to a list of a node: `NODE_REST` or `NODE_END`. */
  addToNode(node: number, word: number, item: number): void {
    const at = node * NODE_WORDS + word;
    this.#nodes[at] = this.#joined(this.#nodes[at]!, item);
  }

  /** Keeps `items` as a list and returns the number to give to `finish`. */
  keep(items: readonly number[]): number {
    let ref = 0;
    for (const item of items) ref = this.#joined(ref, item);
    return ref;
  }

  /** The arrays, and `ref` to turn what `keep` returned into its final ref. */
  finish(): { arrays: IndexArrays; ref(kept: number): number } {
    const offsets = new Int32Array(this.#lists.length);
    let words = 1; // offset 0 means nothing
    for (let i = 1; i < this.#lists.length; i++) {
      offsets[i] = words;
      words += this.#lists[i]!.length + 1;
    }
    const lists = new Int32Array(words);
    for (let i = 1; i < this.#lists.length; i++) {
      const list = this.#lists[i]!;
      lists[offsets[i]!] = list.length;
      lists.set(list, offsets[i]! + 1);
    }
    const ref = (kept: number): number => (kept < 0 ? -offsets[-kept]! : kept);
    const nodes = Int32Array.from(this.#nodes);
    for (let at = 0; at < nodes.length; at += NODE_WORDS) {
      nodes[at + NODE_REST] = ref(nodes[at + NODE_REST]!);
      nodes[at + NODE_END] = ref(nodes[at + NODE_END]!);
      const leads = nodes[at + NODE_PARTIALS] !== 0 || nodes[at + NODE_STAR] !== 0;
      if (leads || (nodes[at + NODE_FLAGS]! & HAS_LITERAL) !== 0) nodes[at + NODE_FLAGS]! |= HAS_TRIE;
    }
    this.#shorten(nodes);
    // A node number is never negative, so that the values of node slots pass unchanged.
    const hash = this.#hash;
    for (let at = 2; at < hash.length; at += SLOT_WORDS) hash[at] = ref(hash[at]!);
    return { arrays: { hash, nodes, lists }, ref };
  }

  /**
   * Lets a node that has one literal child and nothing else lead past it, and past others like it. The
   * segments in between are not looked at: every entry further down is verified against the whole path
   * anyway.
   */
  #shorten(nodes: Int32Array): void {
    for (const start of this.#onlyLiteral.keys()) {
      let node = start;
      let skip = 0;
      for (let child = this.#passage(nodes, node); child > 0; child = this.#passage(nodes, node)) {
        // The first node's own list is read before its children are; those of the nodes passed over must be
        // empty.
        if (skip > 0 && nodes[node * NODE_WORDS + NODE_REST] !== 0) break;
        if (nodes[child * NODE_WORDS + NODE_END] !== 0) break;
        node = child;
        skip++;
      }
      if (skip === 0) continue;
      nodes[start * NODE_WORDS + NODE_STAR] = node;
      nodes[start * NODE_WORDS + NODE_SKIP] = skip;
    }
  }

  /** The only way on from a node, or 0. */
  #passage(nodes: Int32Array, node: number): number {
    const at = node * NODE_WORDS;
    if (nodes[at + NODE_PARTIALS] !== 0) return 0;
    if (nodes[at + NODE_SKIP] === 0 && nodes[at + NODE_STAR] !== 0) return 0;
    return Math.max(0, this.#onlyLiteral.get(node) ?? 0);
  }

  #joined(ref: number, item: number): number {
    if (ref === 0) return item;
    if (ref < 0) {
      const list = this.#lists[-ref]!;
      if (list[list.length - 1] !== item) list.push(item);
      return ref;
    }
    if (ref === item) return ref;
    this.#lists.push([ref, item]);
    return 1 - this.#lists.length;
  }

  /** The word offset of the slot for (nodeKind, hash), claimed when empty. */
  #place(nodeKind: number, hash: number): number {
    if (this.#used * 2 >= this.#slots) this.#grow();
    const at = this.#find(nodeKind, hash);
    if (this.#hash[at] === 0) {
      this.#hash[at] = nodeKind;
      this.#hash[at + 1] = hash;
      this.#used++;
    }
    return at;
  }

  #find(nodeKind: number, hash: number): number {
    const mask = this.#slots - 1;
    for (let slot = slotOf(nodeKind, hash, mask); ; slot = (slot + 1) & mask) {
      const at = slot * SLOT_WORDS;
      const found = this.#hash[at]!;
      if (found === 0 || (found === nodeKind && this.#hash[at + 1] === hash)) return at;
    }
  }

  #grow(): void {
    const old = this.#hash;
    this.#slots *= 2;
    this.#hash = new Int32Array(this.#slots * SLOT_WORDS);
    for (let from = 0; from < old.length; from += SLOT_WORDS) {
      if (old[from] === 0) continue;
      this.#hash.set(old.subarray(from, from + SLOT_WORDS), this.#find(old[from]!, old[from + 1]!));
    }
  }
}
