// Reads one YAML document node by node, keeping positions: every fault names its line, and none ends the
// reading. Works on the syntax tree, never on plain objects, so a wrong type is seen as it was written (YAML
// 1.2, core schema).

import type { Diagnostic, Position } from '../core/errors.ts';
import { didYouMean } from '../core/errors.ts';
import { YAML_ALIASES_MAX } from './limits.ts';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  Scalar,
} from './yaml.ts';

/** One key of a mapping with its value; the value is never null (a null is a fault). */
export interface Entry {
  readonly key: Node;
  readonly value: Node;
}

/** The text of a file with the means to turn an offset into a line. */
export interface SourceText {
  readonly file: string;
  readonly text: string;
  readonly lines: LineCounter;
}

/** What a fault says; the reader adds where. */
export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** A reader of one document. `faults` fills as it goes. */
export class DocumentReader {
  readonly faults: Diagnostic[] = [];
  readonly #source: SourceText;
  readonly #document: Document;
  #aliases = 0;

  constructor(source: SourceText, document: Document) {
    this.#source = source;
    this.#document = document;
  }

  position(node: Node | null): Position {
    const { line, col } = this.#source.lines.linePos(node?.range?.[0] ?? 0);
    return { file: this.#source.file, line, column: col };
  }

  error(node: Node | null, fault: Fault): void {
    this.#report('error', this.position(node), fault);
  }

  notice(node: Node | null, fault: Fault): void {
    this.#report('notice', this.position(node), fault);
  }

  errorAt(at: Position, fault: Fault): void {
    this.#report('error', at, fault);
  }

  /** Follows an alias to what it names; null for a null value. */
  resolve(node: unknown): Node | null {
    if (isAlias(node)) {
      this.#aliases++;
      if (this.#aliases > YAML_ALIASES_MAX) {
        if (this.#aliases === YAML_ALIASES_MAX + 1)
          this.error(node, {
            code: 'ERR_POLICY_LIMIT',
            message: `the document uses more than ${YAML_ALIASES_MAX} YAML aliases`,
            hint: 'write the values out',
          });
        return null;
      }
      return this.resolve(node.resolve(this.#document));
    }
    if (isMap(node) || isSeq(node)) return node;
    return isScalar(node) && node.value !== null ? node : null;
  }

  /** The entries of a mapping; an unknown key is a fault unless `known` is null. */
  entries(node: Node, what: string, known: readonly string[] | null): Map<string, Entry> | null {
    if (!isMap(node)) {
      this.#wrongType(node, what, 'a mapping');
      return null;
    }
    const out = new Map<string, Entry>();
    for (const pair of node.items) {
      const key = pair.key;
      if (!isScalar(key) || typeof key.value !== 'string') {
        this.error(node, { code: 'ERR_POLICY_TYPE', message: `a key of \`${what}\` is not a string` });
        continue;
      }
      if (known !== null && !known.includes(key.value)) {
        this.#unknown(key, key.value, what, known);
        continue;
      }
      const value = this.resolve(pair.value);
      if (value === null) {
        this.error(key, {
          code: 'ERR_POLICY_EMPTY',
          message: `\`${what}.${key.value}\` has no value`,
          hint: 'remove the key or give it a value',
        });
        continue;
      }
      out.set(key.value, { key, value });
    }
    return out;
  }

  /** The items of a list that may not be empty, each with its index; a null item is a fault. */
  items(node: Node, what: string, options: { max?: number; emptyAllowed?: boolean } = {}): Node[] {
    if (!isSeq(node)) {
      this.#wrongType(node, what, 'a list');
      return [];
    }
    if (node.items.length === 0 && options.emptyAllowed !== true)
      this.error(node, {
        code: 'ERR_POLICY_EMPTY',
        message: `\`${what}\` is an empty list`,
        hint: 'remove the key to leave it open, or list at least one value',
      });
    if (options.max !== undefined && node.items.length > options.max)
      this.error(node, {
        code: 'ERR_POLICY_LIMIT',
        message: `\`${what}\` has ${node.items.length} entries, at most ${options.max} are accepted`,
      });
    const out: Node[] = [];
    for (const [index, item] of node.items.slice(0, options.max).entries()) {
      const value = this.resolve(item);
      if (value !== null) out.push(value);
      else
        this.error(isScalar(item) || isAlias(item) ? item : node, {
          code: 'ERR_POLICY_EMPTY',
          message: `\`${what}[${index}]\` is null`,
          hint: 'remove the entry or give it a value',
        });
    }
    return out;
  }

  /** A non-empty string, or undefined after a fault. */
  string(node: Node, what: string): string | undefined {
    if (!isScalar(node)) {
      this.#wrongType(node, what, 'a string');
      return undefined;
    }
    const { value } = node;
    if (typeof value !== 'string') {
      const written = node.source ?? String(value);
      this.error(node, {
        code: 'ERR_POLICY_TYPE',
        message: `\`${what}\` must be a string, but \`${written}\` is a ${typeof value}`,
        hint: `quote it: "${written}" (Istio's schema wants a string too)`,
      });
      return undefined;
    }
    if (value === '') {
      this.error(node, { code: 'ERR_POLICY_EMPTY', message: `\`${what}\` is an empty string` });
      return undefined;
    }
    // Kubernetes would refuse the value, so reading it as YAML 1.2 says opens nothing: a finding, not an
    // error.
    if (node.type === Scalar.PLAIN && isOtherTypeInYaml11(value))
      this.#report('warning', this.position(node), {
        code: 'LINT_POLICY_YAML11',
        message: `\`${value}\` is a string in YAML 1.2, but not in YAML 1.1, which Kubernetes reads`,
        hint: `quote it: "${value}"`,
      });
    return value;
  }

  #unknown(key: Node, name: string, what: string, known: readonly string[]): void {
    const near = didYouMean(name, known);
    this.error(key, {
      code: 'ERR_POLICY_UNKNOWN_FIELD',
      message: `unknown field \`${name}\` in \`${what}\``,
      hint: near === undefined ? `known here: ${known.join(', ')}` : `did you mean \`${near}\`?`,
    });
  }

  #wrongType(node: Node, what: string, wanted: string): void {
    this.error(node, {
      code: 'ERR_POLICY_TYPE',
      message: `\`${what}\` must be ${wanted}, but is ${describe(node)}`,
    });
  }

  #report(severity: Diagnostic['severity'], at: Position, fault: Fault): void {
    this.faults.push({
      severity,
      code: fault.code,
      message: fault.message,
      ...(fault.hint === undefined ? {} : { hint: fault.hint }),
      at,
      text: sourceLine(this.#source, at.line ?? 1),
    });
  }
}

const LINE_SHOWN_MAX = 160;

/** The text of one line, counted from 1, shortened for display. */
export function sourceLine(source: SourceText, line: number): string {
  const start = source.lines.lineStarts[line - 1] ?? 0;
  const end = source.text.indexOf('\n', start);
  const text = source.text.slice(start, end < 0 ? undefined : end).trim();
  return text.length > LINE_SHOWN_MAX ? `${text.slice(0, LINE_SHOWN_MAX)}…` : text;
}

function describe(node: Node): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  return isScalar(node) ? `the ${typeof node.value} \`${String(node.value)}\`` : 'an alias';
}

const YAML11_BOOLEANS = new Set(['y', 'n', 'yes', 'no', 'on', 'off']);

// YAML 1.1 reads these plain words as booleans, and digits with underscores as numbers.
function isOtherTypeInYaml11(text: string): boolean {
  if (YAML11_BOOLEANS.has(text.toLowerCase())) return true;
  return /^[-+]?(0b[01_]+|0x[0-9a-f_]+|[0-9][0-9_]*(\.[0-9_]*)?)$/i.test(text);
}
