// Where the parts of a rule stand in their file. The parsed policies know the rule only; its file is read
// again for what is shown.
import type { Position } from '../../core/errors.ts';
import { POLICY_FILE_DOCUMENTS_MAX } from '../limits.ts';
import type { PolicyFile } from '../parse.ts';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocuments,
} from '../yaml.ts';

/** A key of a mapping or an index of a list. */
export type PathStep = string | number;

interface Found {
  readonly document: Document;
  readonly lines: LineCounter;
  readonly rule: Node;
}

/** Finds parts of rules in the files that they were parsed from. */
export class RulePlaces {
  readonly #files: readonly PolicyFile[];
  readonly #read = new Map<string, ReadonlyMap<string, Found>>();

  constructor(files: readonly PolicyFile[]) {
    this.#files = files;
  }

  /** The place of what `path` leads to below the rule at `at`; as far as it leads. */
  find(at: Position, path: readonly PathStep[]): Position {
    const found = this.#rulesOf(at.file).get(`${at.line}:${at.column}`);
    if (found === undefined) return at;
    let node: Node = found.rule;
    for (const step of path) {
      const next = childOf(node, step, found.document);
      if (next === null) break;
      node = next;
    }
    const { line, col } = found.lines.linePos(node.range?.[0] ?? 0);
    return { file: at.file, line, column: col };
  }

  #rulesOf(file: string): ReadonlyMap<string, Found> {
    const known = this.#read.get(file);
    if (known !== undefined) return known;
    const lines = new LineCounter();
    const text = this.#files.find((one) => one.file === file)?.text ?? '';
    const rules = new Map<string, Found>();
    for (const document of parseDocuments(text, lines, POLICY_FILE_DOCUMENTS_MAX)) {
      for (const rule of rulesIn(document.contents, document)) {
        const { line, col } = lines.linePos(rule.range?.[0] ?? 0);
        rules.set(`${line}:${col}`, { document, lines, rule });
      }
    }
    this.#read.set(file, rules);
    return rules;
  }
}

/** The rules of a policy, or of every policy in a list. */
function rulesIn(node: Node | null, document: Document): Node[] {
  if (node === null) return [];
  const items = childOf(node, 'items', document);
  if (isSeq(items)) return items.items.flatMap((_, i) => rulesIn(childOf(items, i, document), document));
  const spec = childOf(node, 'spec', document);
  const rules = spec === null ? null : childOf(spec, 'rules', document);
  return isSeq(rules) ? rules.items.flatMap((_, i) => childOf(rules, i, document) ?? []) : [];
}

function childOf(node: Node, step: PathStep, document: Document): Node | null {
  const child = isMap(node) || isSeq(node) ? node.get(step, true) : null;
  const resolved = isAlias(child) ? child.resolve(document) : child;
  return isMap(resolved) || isSeq(resolved) || isScalar(resolved) ? resolved : null;
}
