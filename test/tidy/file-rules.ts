// tidy's rules about one file at a time: how it is named, how long it is, and what may not stand in it.
import {
  isCallExpression,
  isFunctionLikeDeclaration,
  isIdentifier,
  isNewExpression,
  isPropertyAccessExpression,
  isVariableStatement,
  type Node,
  NodeFlags,
  SyntaxKind,
} from 'typescript/unstable/ast';
import { type Finding, lineOf, type Source, walk } from './source.ts';

/** One rule: `find` returns what breaks it. */
export interface FileRule {
  readonly name: string;
  find(source: Source): Finding[];
}

const FUNCTION_LINES_MAX = 70;
const COLUMNS_MAX = 110;
/** A message or title on a line of its own may be longer: split, it could not be searched for. */
const LITERAL_ALONE = /^\s*(\w+: )?(['"`]).*\2[,;]?$/;
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*\.ts$/;
const VAGUE = new Set(['utils', 'util', 'common', 'helpers', 'helper', 'manager', 'misc']);
/** Where the process itself (console, exit, environment) may be touched. */
const PROCESS_FOLDERS = new Set(['cli', 'bench', 'test', 'docs']);
/** Where every timer and every look at the clock goes through core/clock.ts. */
const CLOCKED_FOLDERS = new Set(['core', 'policy', 'certs', 'proxy']);
const TIMER_MODULES = new Set(['node:timers', 'node:timers/promises']);
const TIMER_CALLS = new Set(['setTimeout', 'setInterval', 'Date.now', 'performance.now']);
// Written in two halves, so that this file does not find itself.
const UNFINISHED = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('\\b|\\b'));

/** A rule that looks at every node; `fault` says what is wrong with one, or undefined. */
function nodeRule(
  name: string,
  applies: (source: Source) => boolean,
  fault: (node: Node, source: Source) => string | undefined,
): FileRule {
  return {
    name,
    find(source) {
      const found: Finding[] = [];
      if (!applies(source)) return found;
      walk(source.tree, (node) => {
        const message = fault(node, source);
        if (message !== undefined) found.push({ path: source.path, line: lineOf(source, node), message });
      });
      return found;
    },
  };
}

/** A rule that looks at every line of text. */
function lineRule(name: string, fault: (line: string) => string | undefined): FileRule {
  return {
    name,
    find: (source) =>
      source.lines.flatMap((line, index) => {
        const message = fault(line);
        return message === undefined ? [] : [{ path: source.path, line: index + 1, message }];
      }),
  };
}

/** A rule about the file as a whole. */
function wholeRule(name: string, fault: (source: Source) => string | undefined): FileRule {
  return {
    name,
    find(source) {
      const message = fault(source);
      return message === undefined ? [] : [{ path: source.path, line: 0, message }];
    },
  };
}

const everywhere = (): boolean => true;
const isTest = (source: Source): boolean => source.folder === 'test';

/** Text of the called function when `node` is a plain `f(…)`, `a.f(…)` or `new F(…)`, else ''. */
function calleeOf(node: Node, source: Source): string {
  return isCallExpression(node) || isNewExpression(node) ? node.expression.getText(source.tree) : '';
}

function hasModifier(node: Node, kinds: readonly SyntaxKind[]): boolean {
  const modifiers = 'modifiers' in node && Array.isArray(node.modifiers) ? node.modifiers : [];
  return modifiers.some((modifier: Node) => kinds.includes(modifier.kind));
}

/** The callback of a `describe` is a list of tests, not a function with a length to mind. */
function isSuite(node: Node, source: Source): boolean {
  return isTest(source) && calleeOf(node.parent, source).startsWith('describe');
}

const PARAMETER_PROPERTY = [
  SyntaxKind.PublicKeyword,
  SyntaxKind.PrivateKeyword,
  SyntaxKind.ProtectedKeyword,
  SyntaxKind.ReadonlyKeyword,
];

function clockFault(node: Node, source: Source): string | undefined {
  const callee = calleeOf(node, source);
  if (TIMER_CALLS.has(callee)) return `\`${callee}\` outside core/clock.ts`;
  const undated = isNewExpression(node) && callee === 'Date' && (node.arguments?.length ?? 0) === 0;
  return undated ? '`new Date()` reads the clock outside core/clock.ts' : undefined;
}

function mutableFault(node: Node, source: Source): string | undefined {
  if (!isVariableStatement(node) || node.parent !== source.tree) return undefined;
  return (node.declarationList.flags & NodeFlags.Const) === 0 ? 'mutable state of the module' : undefined;
}

function processFault(node: Node): string | undefined {
  if (!isPropertyAccessExpression(node) || !isIdentifier(node.expression)) return undefined;
  const name = node.expression.text;
  if (name === 'console') return '`console` belongs to the command line';
  if (name !== 'process') return undefined;
  const member = node.name.text;
  return ['exit', 'env', 'argv', 'exitCode'].includes(member)
    ? `\`process.${member}\` belongs to the command line`
    : undefined;
}

function unfinishedTestFault(node: Node, source: Source): string | undefined {
  const parts = calleeOf(node, source).split('.');
  const isSuiteOrTest = parts[0] === 'it' || parts[0] === 'test' || parts[0] === 'describe';
  return isSuiteOrTest && parts.some((part) => part === 'skip' || part === 'only' || part === 'todo')
    ? 'a test that is skipped, alone or not written'
    : undefined;
}

function functionFault(node: Node, source: Source): string | undefined {
  if (!isFunctionLikeDeclaration(node) || isSuite(node, source)) return undefined;
  const lines = source.tree.getLineAndCharacterOfPosition(node.end).line + 2 - lineOf(source, node);
  return lines > FUNCTION_LINES_MAX
    ? `a function of ${lines} lines, at most ${FUNCTION_LINES_MAX}`
    : undefined;
}

/** Every rule about one file. */
export const FILE_RULES: readonly FileRule[] = [
  wholeRule('module comment', ({ text }) =>
    /^(#![^\n]*\n)?(\/\/|\/\*)/.test(text) ? undefined : 'no comment at the top says what this file is',
  ),
  wholeRule('file name', ({ path }) => {
    const name = path.split('/').at(-1) ?? '';
    if (!KEBAB.test(name)) return `\`${name}\` is not kebab-case`;
    const vague = path.split(/[/.-]/).find((part) => VAGUE.has(part));
    return vague === undefined ? undefined : `\`${vague}\` says nothing; name it by what it does`;
  }),
  lineRule('columns', (line) =>
    line.length > COLUMNS_MAX && !LITERAL_ALONE.test(line)
      ? `${line.length} columns, at most ${COLUMNS_MAX}`
      : undefined,
  ),
  lineRule('unfinished', (line) =>
    UNFINISHED.test(line) ? 'unfinished work is an issue, not a comment' : undefined,
  ),
  nodeRule('unfinished test', isTest, unfinishedTestFault),
  nodeRule('function length', everywhere, functionFault),
  nodeRule('any', everywhere, (node) => (node.kind === SyntaxKind.AnyKeyword ? '`any`' : undefined)),
  nodeRule(
    'default export',
    ({ path }) => path !== 'vitest.config.ts' && path !== 'rolldown.config.ts',
    (node) =>
      node.kind === SyntaxKind.ExportAssignment || hasModifier(node, [SyntaxKind.DefaultKeyword])
        ? 'a default export'
        : undefined,
  ),
  nodeRule('erasable', everywhere, (node) => {
    if (node.kind === SyntaxKind.EnumDeclaration) return 'an enum';
    if (node.kind === SyntaxKind.ModuleDeclaration) return 'a namespace';
    const isProperty = node.kind === SyntaxKind.Parameter && hasModifier(node, PARAMETER_PROPERTY);
    return isProperty ? 'a parameter property' : undefined;
  }),
  nodeRule('process', ({ folder }) => folder !== '' && !PROCESS_FOLDERS.has(folder), processFault),
  nodeRule('module state', ({ folder }) => CLOCKED_FOLDERS.has(folder), mutableFault),
  nodeRule(
    'clock',
    ({ folder, path }) => CLOCKED_FOLDERS.has(folder) && path !== 'core/clock.ts',
    clockFault,
  ),
  {
    name: 'timers',
    find: ({ folder, path, imports }) =>
      imports
        .filter(({ specifier }) => CLOCKED_FOLDERS.has(folder) && TIMER_MODULES.has(specifier))
        .map(({ specifier, line }) => ({ path, line, message: `\`${specifier}\` outside core/clock.ts` })),
  },
];

/** What a regular expression on a peer's bytes looks like; applied to the files of the data path only. */
export const NO_REGULAR_EXPRESSION: FileRule = nodeRule('regular expression', everywhere, (node, source) =>
  node.kind === SyntaxKind.RegularExpressionLiteral || calleeOf(node, source) === 'RegExp'
    ? 'a regular expression on the data path'
    : undefined,
);
