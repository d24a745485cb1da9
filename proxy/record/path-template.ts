// Path templates for flow records: `/items/7` -> `/items/{*}`, learned as paths come, in bounded memory.
//
//   root ── items ── {*} ── price          isVariable segments share the `{*}` child;
//     └──── health                          a node with too many names folds all of them into `{*}`
//
// The notation is that of policies, so that a template can be pasted into `paths`.

import { isVariable } from '../../policy/flows/path-segment.ts';
import { ownText } from './json-text.ts';

interface Node {
  /** The template that ends here. */
  readonly text: string;
  readonly depth: number;
  /** Null once folded. */
  names: Map<string, Node> | null;
  any: Node | null;
  /** What stands for everything below when there is no room: `…/{**}`. */
  rest: string | null;
}

/** Bounds of one learner. */
export interface TemplateLimits {
  /** Names below one node; one more folds them. */
  readonly names: number;
  /** Names below `/`: an application has many entry points, and folding them says nothing any more. */
  readonly rootNames: number;
  readonly nodes: number;
  readonly depth: number;
}

const LIMITS_DEFAULT: TemplateLimits = { names: 50, rootNames: 500, nodes: 10_000, depth: 16 };

/** Learns templates from the paths it sees. */
export class PathTemplates {
  readonly #limits: TemplateLimits;
  #root = emptyNode('', 0);
  #nodes = 0;
  /** Whole paths without a variable segment: at most one per node. */
  readonly #literal = new Map<string, string>();

  constructor(limits: Partial<TemplateLimits> = {}) {
    this.#limits = { ...LIMITS_DEFAULT, ...limits };
  }

  /** True when nothing more can be learned; `reset` starts again. */
  get full(): boolean {
    return this.#nodes >= this.#limits.nodes;
  }

  /** True when `/` itself was folded: one sprayed with names, or one that has accounts as entry points. */
  get rootFolded(): boolean {
    return this.#root.names === null;
  }

  reset(): void {
    this.#root = emptyNode('', 0);
    this.#nodes = 0;
    this.#literal.clear();
  }

  /** The template of a canonical path; `*` and the empty path stand for themselves. */
  of(path: string): string {
    const known = this.#literal.get(path);
    if (known !== undefined) return known;
    if (path.charCodeAt(0) !== 0x2f) return path === '' || path === '*' ? path : '{**}';
    return this.#walk(path);
  }

  #walk(path: string): string {
    let node = this.#root;
    let start = 1;
    while (start <= path.length) {
      const slash = path.indexOf('/', start);
      const end = slash < 0 ? path.length : slash;
      if (node.depth >= this.#limits.depth) return restOf(node);
      const next = this.#child(node, path, start, end);
      if (next === null) return restOf(node);
      node = next;
      start = end + 1;
    }
    // Only a path that reads the same as its template is a literal one: a folded name differs.
    if (node.text === path) this.#remember(node.text);
    return node.text;
  }

  #child(node: Node, path: string, start: number, end: number): Node | null {
    if (node.names === null || isVariable(path, start, end)) {
      if (node.any === null && !this.full) node.any = this.#grow(node, '{*}');
      return node.any;
    }
    const name = path.slice(start, end);
    const known = node.names.get(name);
    if (known !== undefined) return known;
    if (node.names.size >= (node.depth === 0 ? this.#limits.rootNames : this.#limits.names)) {
      this.#fold(node);
      return this.#child(node, path, start, end);
    }
    if (this.full) return node.any;
    const own = ownText(name);
    const child = this.#grow(node, own);
    node.names.set(own, child);
    return child;
  }

  #grow(node: Node, segment: string): Node {
    this.#nodes++;
    return emptyNode(ownText(`${node.text}/${segment}`), node.depth + 1);
  }

  #fold(node: Node): void {
    for (const child of node.names?.values() ?? []) this.#nodes -= sizeOf(child);
    node.names = null;
    this.#literal.clear();
  }

  #remember(path: string): void {
    if (this.#literal.size < this.#limits.nodes) this.#literal.set(path, path);
  }
}

function emptyNode(text: string, depth: number): Node {
  return { text, depth, names: new Map(), any: null, rest: null };
}

function restOf(node: Node): string {
  node.rest ??= ownText(`${node.text}/{**}`);
  return node.rest;
}

function sizeOf(node: Node): number {
  let size = 1 + (node.any === null ? 0 : sizeOf(node.any));
  for (const child of node.names?.values() ?? []) size += sizeOf(child);
  return size;
}
