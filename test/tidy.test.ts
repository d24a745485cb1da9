// The house style as a test: arrows, sizes, names and words, on the syntax tree of every source.
// A limit is a ratchet: an exception is listed with its present size, and the list may only shrink.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { REASON_NAMES } from '../core/reasons.ts';
import { documentFindings, reasonFindings } from './tidy/document-rules.ts';
import { FILE_RULES } from './tidy/file-rules.ts';
import { type Finding, readSources, type Source } from './tidy/source.ts';
import {
  arrowFindings,
  coreSizeFindings,
  entryFindings,
  lengthFindings,
  packageFindings,
  regularExpressionFindings,
  startFindings,
} from './tidy/tree-rules.ts';

/** Files over 300 lines, with their present length. */
const LONG_FILES: Readonly<Record<string, number>> = {};
/** What `sallyport proxy` loads. */
const PROXY_ENTRIES = ['cli/main.ts', 'cli/proxy.ts'];
/** Where a decision is made. */
const EVALUATORS = ['policy/evaluate.ts', 'policy/reference.ts'];

const root = join(import.meta.dirname, '..');
const { sources, outside } = readSources(root);

const lines = (findings: readonly Finding[]): string[] =>
  findings.map(({ path, line, message }) => `${path}:${line}: ${message}`);

describe('every source', () => {
  test('is type-checked: tsconfig.json includes it', () => expect(outside).toEqual([]));

  test.each(FILE_RULES)('keeps the rule about $name', ({ find }) => {
    expect(lines(sources.flatMap((source) => find(source)))).toEqual([]);
  });

  const treeRules: { name: string; find: () => Finding[] }[] = [
    { name: 'imports along the arrows only', find: () => arrowFindings(sources) },
    { name: 'imports a package in one file per folder', find: () => packageFindings(sources) },
    { name: 'leaves core small', find: () => coreSizeFindings(sources) },
    { name: 'is short', find: () => lengthFindings(sources, LONG_FILES) },
    {
      name: 'that a rule starts from exists',
      find: () => entryFindings(sources, [...PROXY_ENTRIES, ...EVALUATORS]),
    },
    { name: 'keeps the start of the proxy light', find: () => startFindings(sources, PROXY_ENTRIES) },
    {
      name: 'of the data path has no regular expression',
      find: () => regularExpressionFindings(sources, EVALUATORS),
    },
  ];
  test.each(treeRules)('$name', ({ find }) => expect(lines(find())).toEqual([]));
});

describe('the documents', () => {
  test('link to files and tests that exist', () => expect(lines(documentFindings(root))).toEqual([]));

  test('and the sources and tests know every reason', () => {
    expect(lines(reasonFindings(sources, REASON_NAMES))).toEqual([]);
  });

  test('that are generated are up to date', () => {
    const run = spawnSync(process.execPath, ['docs/generate.ts', '--check'], { cwd: root, encoding: 'utf8' });
    expect({ status: run.status, output: run.status === 0 ? '' : run.stdout + run.stderr }).toEqual({
      status: 0,
      output: '',
    });
  });
});

/** One file that breaks one rule, and the rule's word for it. */
const BREAKING: readonly { path: string; text: string; expect: string }[] = [
  { path: 'core/a.ts', text: 'export const a = 1;', expect: 'no comment at the top' },
  { path: 'core/camelCase.ts', text: '// c', expect: 'not kebab-case' },
  { path: 'core/string-utils.ts', text: '// c', expect: 'says nothing' },
  { path: 'policy/wide.ts', text: `// ${'x'.repeat(108)}`, expect: '111 columns' },
  { path: 'policy/later.ts', text: `// ${'TO'}${'DO'}: later`, expect: 'unfinished work' },
  { path: 'test/skipped.ts', text: "// c\ntest.skip('a', () => {});", expect: 'skipped' },
  { path: 'test/alone.ts', text: "// c\ndescribe.only('a', () => {});", expect: 'skipped' },
  { path: 'policy/any.ts', text: '// c\nexport const f = (x: any) => x;', expect: '`any`' },
  { path: 'policy/value.ts', text: '// c\nexport default 1;', expect: 'default export' },
  { path: 'policy/function.ts', text: '// c\nexport default function f() {}', expect: 'default export' },
  { path: 'policy/enum.ts', text: '// c\nexport enum E { A }', expect: 'an enum' },
  { path: 'policy/space.ts', text: '// c\nexport namespace N { export const a = 1 }', expect: 'a namespace' },
  {
    path: 'policy/property.ts',
    text: '// c\nexport class C { constructor(readonly a: number) {} }',
    expect: 'a parameter property',
  },
  { path: 'proxy/print.ts', text: "// c\nconsole.log('a');", expect: '`console`' },
  { path: 'certs/leave.ts', text: '// c\nprocess.exit(1);', expect: '`process.exit`' },
  {
    path: 'proxy/state.ts',
    text: '// c\nlet count = 0;\nexport const next = () => ++count;',
    expect: 'mutable',
  },
  { path: 'proxy/timer.ts', text: '// c\nsetTimeout(() => {}, 1);', expect: '`setTimeout` outside' },
  { path: 'proxy/date.ts', text: '// c\nexport const d = new Date();', expect: 'reads the clock' },
  { path: 'proxy/sleep.ts', text: "// c\nimport 'node:timers/promises';", expect: 'outside core/clock.ts' },
  {
    path: 'policy/long-function.ts',
    text: `// c\nexport function f() {\n${'  f();\n'.repeat(69)}}`,
    expect: 'a function of 71 lines',
  },
  { path: 'policy/arrow.ts', text: "// c\nimport '../certs/leave.ts';", expect: 'policy may not import' },
  { path: 'proxy/lazy.ts', text: "// c\nexport const k = import('../kube/a.ts');", expect: 'proxy may not' },
  { path: 'proxy/bench.ts', text: "// c\nexport * from '../bench/a.ts';", expect: 'proxy may not import' },
  { path: 'stray/a.ts', text: '// c', expect: 'has no arrows' },
  { path: 'core/package.ts', text: "// c\nimport 'undici';", expect: 'core may not import `undici`' },
  {
    path: 'certs/twice.ts',
    text: "// c\nimport 'node-forge';",
    expect: 'is imported by certs/once.ts already',
  },
  { path: 'cli/proxy.ts', text: "// c\nimport 'undici';", expect: 'loaded when the proxy starts' },
  { path: 'proxy/pattern.ts', text: '// c\nexport const r = /a/;', expect: 'a regular expression' },
  {
    path: 'policy/evaluate.ts',
    text: "// c\nexport const r = new RegExp('a');",
    expect: 'a regular expression',
  },
  { path: 'policy/long.ts', text: '// c\n'.repeat(301), expect: '301 lines, at most 300' },
  { path: 'test/long.ts', text: '// c\n'.repeat(501), expect: '501 lines, at most 500' },
  { path: 'policy/listed.ts', text: '// c\n'.repeat(310), expect: 'listed with 320 lines, has 310' },
  { path: 'policy/huge.ts', text: '// c\n'.repeat(501), expect: '501 lines, at most 500' },
];

/** Files that keep every rule. */
const KEEPING: readonly { path: string; text: string }[] = [
  { path: 'certs/once.ts', text: "// c\nimport 'node-forge';" },
  {
    path: 'proxy/types.ts',
    text: "// c\nimport type { A } from '../policy/types.ts';\nexport const a: A = 1;",
  },
  {
    path: 'policy/types.ts',
    text: '// any, console.log and setTimeout in a comment\nexport type A = number;',
  },
  { path: 'policy/message.ts', text: `// c\nexport const a =\n  '${'x'.repeat(120)}';` },
  { path: 'test/table.ts', text: '// c\n'.repeat(400) },
  { path: 'policy/text.ts', text: "// c\nexport const a = 'console.log(/x/)';" },
  { path: 'cli/print.ts', text: "// c\nconsole.log('a');\nexport const n = new Date(0);" },
  { path: 'test/suite.ts', text: `// c\ndescribe('a', () => {\n${'  f();\n'.repeat(80)}});` },
];

describe('the rules', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-tidy-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  for (const { path, text } of [...BREAKING, ...KEEPING]) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  writeFileSync(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "noLib": true, "types": [] } }');
  const found = lines(findingsOf(readSources(folder).sources));

  test.each(BREAKING)('$path is refused', (row) => {
    expect(found.filter((line) => line.startsWith(`${row.path}:`)).join('\n')).toContain(row.expect);
  });
  test('notice an entry that has moved', () => {
    expect(found).toContain('policy/gone.ts:0: is named by the tidy test and does not exist');
  });
  test.each(KEEPING)('$path is accepted', ({ path }) => {
    expect(found.filter((line) => line.startsWith(`${path}:`))).toEqual([]);
  });
});

function findingsOf(tree: readonly Source[]): Finding[] {
  return [
    ...FILE_RULES.flatMap((rule) => tree.flatMap((source) => rule.find(source))),
    ...arrowFindings(tree),
    ...packageFindings(tree),
    ...lengthFindings(tree, { 'policy/listed.ts': 320, 'policy/huge.ts': 600 }),
    ...entryFindings(tree, ['policy/gone.ts']),
    ...startFindings(tree, PROXY_ENTRIES),
    ...regularExpressionFindings(tree, EVALUATORS),
  ];
}
