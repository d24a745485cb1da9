// Reads the repository's TypeScript as syntax trees, so that tidy's rules judge code and not text that looks
// like it.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import {
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

/** One module named in an import, an export-from or an `import()`. */
export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Path inside the repository, or null for a package or a builtin. */
  readonly path: string | null;
  /** `erased` imports types only, `lazy` is an `import()` expression. */
  readonly kind: 'static' | 'lazy' | 'erased';
  readonly line: number;
}

/** One TypeScript file. */
export interface Source {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  /** The first segment of `path`, or '' for a file in the root. */
  readonly folder: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly tree: SourceFile;
  readonly imports: readonly Import[];
}

/** Something that breaks a rule. `line` counts from 1; 0 = the whole file. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

const SKIPPED = new Set(['node_modules', 'dist', 'coverage']);

/** Every file under `root` whose name ends with `suffix`, without dependencies, output and dot folders. */
export function filesUnder(root: string, suffix: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.split('/').some((part) => SKIPPED.has(part) || part.startsWith('.')))
    .sort();
}

/** Parses every TypeScript file that `root`/tsconfig.json includes; the others are returned by name. */
export function readSources(root: string): { sources: Source[]; outside: string[] } {
  const api = new API({ cwd: root });
  try {
    const config = join(root, 'tsconfig.json');
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config);
    const sources: Source[] = [];
    const outside: string[] = [];
    for (const path of filesUnder(root, '.ts')) {
      const tree = project?.program.getSourceFile(join(root, path));
      if (tree === undefined) outside.push(path);
      else sources.push(sourceOf(path, readFileSync(join(root, path), 'utf8'), tree));
    }
    return { sources, outside };
  } finally {
    api.close();
  }
}

/** Calls `visit` on every node below `node`, parents first. */
export function walk(node: Node, visit: (node: Node) => void): void {
  node.forEachChild((child) => {
    visit(child);
    walk(child, visit);
  });
}

/** The line of a node's first token, from 1. */
export function lineOf(source: Source, node: Node): number {
  return source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree)).line + 1;
}

function sourceOf(path: string, text: string, tree: SourceFile): Source {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const folder = path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
  const source = { path, folder, text, lines, tree, imports: [] };
  return { ...source, imports: importsOf(source) };
}

function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  const add = (node: Node, specifier: Node, kind: Import['kind']): void => {
    const text = specifier.getText(source.tree).slice(1, -1);
    const path = text.startsWith('.') ? posix.join(posix.dirname(source.path), text) : null;
    found.push({ specifier: text, path, kind, line: lineOf(source, node) });
  };
  walk(source.tree, (node) => {
    if (isImportDeclaration(node)) {
      const erased = node.importClause?.phaseModifier === SyntaxKind.TypeKeyword;
      add(node, node.moduleSpecifier, erased ? 'erased' : 'static');
    } else if (isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      add(node, node.moduleSpecifier, node.isTypeOnly ? 'erased' : 'static');
    } else if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
      const argument = node.arguments[0];
      if (argument?.kind === SyntaxKind.StringLiteral) add(node, argument, 'lazy');
    }
  });
  return found;
}
