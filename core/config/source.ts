// Reads a file of settings: YAML -> schema. Every fault is reported at its line and column, all of them at
// once, with the offending line and what to write instead.
import { readFile, stat } from 'node:fs/promises';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import { type Diagnostic, formatDiagnostic, SallyportError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConfigFault } from './config-fault.ts';
import { type Fault, faultsOf, unknownKey } from './issues.ts';
import type { SchemaKeys } from './schema-keys.ts';

/** What the schema says about a value. */
export interface Checked<T> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: T }
    | { readonly success: false; readonly error: { readonly issues: Parameters<typeof faultsOf>[0][] } };
}

/** The text of the file. @throws ERR_CONFIG_READ */
export async function readConfig(file: string, keys: SchemaKeys): Promise<string> {
  const refuse = (what: string, hint: string, cause?: unknown) =>
    new SallyportError('ERR_CONFIG_READ', `cannot read the configuration \`${file}\`: ${what}`, {
      hint,
      cause,
    });
  let bytes: Uint8Array;
  try {
    const about = await stat(file);
    if (about.isDirectory()) throw refuse('it is a folder', 'name the file in it');
    if (about.size > LIMITS.configFileBytes)
      throw refuse(
        `it has ${about.size} bytes, at most ${LIMITS.configFileBytes} are read`,
        'is it the right file?',
      );
    bytes = await readFile(file);
  } catch (error) {
    if (error instanceof SallyportError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT')
      throw refuse('there is no such file', `check the path; ${keys.example} one`, error);
    if (code === 'EACCES') throw refuse('permission denied', 'let the user of this process read it', error);
    throw refuse(code || String(error), 'check the path', error);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw refuse('it is not UTF-8', 'save it as UTF-8', error);
  }
}

/** The parsed text, and where things are in it. */
export class Source {
  readonly file: string;
  readonly document: Document.Parsed;
  readonly #lines: string[];
  readonly #counter = new LineCounter();

  readonly keys: SchemaKeys;

  constructor(text: string, file: string, keys: SchemaKeys) {
    this.file = file;
    this.keys = keys;
    this.#lines = text.split('\n');
    this.document = parseDocument(text, {
      lineCounter: this.#counter,
      prettyErrors: false,
      stringKeys: true,
    });
  }

  /** What stands at `path`, aliases followed; undefined when the file does not have it. */
  nodeAt(path: readonly PropertyKey[]): { key: Node | null; value: Node | null } | undefined {
    let found: { key: Node | null; value: Node | null } = { key: null, value: this.document.contents };
    for (const step of path) {
      const holder = isAlias(found.value) ? found.value.resolve(this.document) : found.value;
      if (isSeq<Node>(holder) && typeof step === 'number' && holder.items[step] !== undefined) {
        found = { key: null, value: holder.items[step] };
      } else if (isMap<Node, Node | null>(holder)) {
        const pair = holder.items.find((p) => isScalar(p.key) && p.key.value === step);
        if (pair === undefined) return undefined;
        found = { key: pair.key, value: pair.value };
      } else return undefined;
    }
    return found;
  }

  /** `file:line` of the value at `path`, or `default`. */
  origin(path: readonly PropertyKey[]): string {
    let found = this.nodeAt(path);
    // `upstream: 127.0.0.1:8080` is the upstream's address
    if (found === undefined && path.at(-1) === 'address') {
      const whole = this.nodeAt(path.slice(0, -1));
      if (isScalar(whole?.value)) found = whole;
    }
    const offset = (found?.key ?? found?.value)?.range?.[0];
    return offset === undefined ? 'default' : `${this.file}:${this.#counter.linePos(offset).line}`;
  }

  /** A diagnostic at the nearest place that the file has for the fault. */
  diagnostic(fault: Fault): Diagnostic {
    for (let n = fault.path.length; n >= 0; n--) {
      const found = this.nodeAt(fault.path.slice(0, n));
      const node = fault.onKey ? (found?.key ?? found?.value) : (found?.value ?? found?.key);
      if (node?.range) return this.diagnosticAt(node.range[0], fault);
    }
    return this.diagnosticAt(0, fault);
  }

  diagnosticAt(
    offset: number,
    { code, message, hint }: Pick<Fault, 'code' | 'message' | 'hint'>,
  ): Diagnostic {
    const { line, col } = this.#counter.linePos(offset);
    const text = this.#isSecret(line) ? undefined : this.#lines[line - 1]?.slice(0, 200);
    return {
      severity: 'error',
      code,
      message,
      at: { file: this.file, line: Math.max(1, line), column: Math.max(1, col) },
      ...(hint === undefined ? {} : { hint }),
      ...(text === undefined || text.trim() === '' ? {} : { text }),
    };
  }

  /** True for the lines of a section that holds a secret. */
  #isSecret(line: number): boolean {
    return this.keys.secretSections().some((path) => {
      const found = this.nodeAt(path);
      const [start, end] = [found?.key?.range?.[0], found?.value?.range?.[2]];
      if (start === undefined || end === undefined) return false;
      const lineOf = (offset: number): number => this.#counter.linePos(offset).line;
      return line >= lineOf(start) && line <= lineOf(end);
    });
  }
}

/** The values of the file, converted and with defaults applied. @throws ERR_CONFIG_INVALID */
export function readValues<T>(source: Source, schema: Checked<T>): T {
  const syntax = syntaxDiagnostics(source);
  if (syntax.length > 0) throw invalid(source.file, syntax);
  const value = plainValue(source);
  const hidden = hiddenKeys(source);
  const result = schema.safeParse(value);
  if (result.success && hidden.length === 0) return result.data;
  const issues = result.success ? [] : result.error.issues;
  const faults = issues.flatMap((issue) => faultsOf(issue, value, source.keys));
  throw invalid(source.file, [...faults.map((f) => source.diagnostic(f)), ...hidden]);
}

/** Refuses keys that contradict each other. @throws ERR_CONFIG_INVALID */
export function refuseFaults(source: Source, found: readonly ConfigFault[]): void {
  if (found.length === 0) return;
  const faults = found.map((f) => source.diagnostic({ ...f, code: 'ERR_CONFIG_CONFLICT', onKey: false }));
  throw invalid(source.file, faults);
}

const SYNTAX: Readonly<Record<string, { message?: string; hint: string }>> = {
  DUPLICATE_KEY: { message: 'the same key stands twice in one mapping', hint: 'keep one of them' },
  TAB_AS_INDENT: { message: 'a tab indents this line', hint: 'YAML indents with spaces' },
  MULTIPLE_DOCS: {
    message: 'the file has more than one YAML document',
    hint: 'remove everything from the second `---` on',
  },
  BAD_INDENT: { hint: 'keys of one mapping start in the same column' },
  NON_STRING_KEY: { message: 'a key is not a text', hint: 'every key of the configuration is a word' },
  TAG_RESOLVE_FAILED: { hint: 'the configuration uses no YAML tags' },
};

function syntaxDiagnostics(source: Source): Diagnostic[] {
  const { errors, warnings } = source.document;
  const tabs = errors.filter(({ code }) => code === 'TAB_AS_INDENT');
  // A warning of the parser is about something that it would ignore: nothing is ignored here.
  const shown = tabs.length > 0 ? tabs : [...errors, ...warnings]; // what follows a tab follows from it
  return shown.map(({ code, message, pos }) => {
    const known = SYNTAX[code];
    const said = message.split('\n')[0] ?? code;
    return source.diagnosticAt(pos[0], {
      code: 'ERR_CONFIG_SYNTAX',
      message: known?.message ?? said.charAt(0).toLowerCase() + said.slice(1),
      hint: known?.hint,
    });
  });
}

function plainValue(source: Source): unknown {
  try {
    const value: unknown = source.document.toJS();
    if (value !== null && value !== undefined) return value;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const fault = { code: 'ERR_CONFIG_SYNTAX', message: message.charAt(0).toLowerCase() + message.slice(1) };
    throw invalid(source.file, [source.diagnosticAt(0, { ...fault, hint: 'write aliases out' })]);
  }
  const fault = { code: 'ERR_CONFIG_SYNTAX', message: 'the file is empty' };
  throw invalid(source.file, [
    source.diagnosticAt(0, { ...fault, hint: `${source.keys.example} a complete one` }),
  ]);
}

/** `__proto__`, which the schema does not see in a mapping of free keys. */
function hiddenKeys(source: Source): Diagnostic[] {
  const found: Diagnostic[] = [];
  visit(source.document, {
    Pair(_, { key }) {
      if (isScalar(key) && key.value === '__proto__')
        found.push(source.diagnosticAt(key.range?.[0] ?? 0, unknownKey(['__proto__'], source.keys)));
    },
  });
  return found;
}

function invalid(file: string, found: readonly Diagnostic[]): SallyportError {
  const diagnostics = [...new Map(found.map((d) => [formatDiagnostic(d), d])).values()].sort(
    (a, b) => (a.at?.line ?? 0) - (b.at?.line ?? 0) || (a.at?.column ?? 0) - (b.at?.column ?? 0),
  );
  const count = diagnostics.length === 1 ? 'one error' : `${diagnostics.length} errors`;
  return new SallyportError('ERR_CONFIG_INVALID', `the configuration \`${file}\` has ${count}`, {
    diagnostics,
  });
}
