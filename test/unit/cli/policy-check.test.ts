// `policy check` with all of its options: forms of output, what is left out, inventories and flows.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { RESULTS_MAX, sarifLog } from '../../../cli/policy/check-sarif.ts';
import type { Diagnostic } from '../../../core/errors.ts';
import { LINT_CODES } from '../../../policy/lint/codes.ts';
import { ERROR_CODES } from '../../../policy/lint/error-codes.ts';
import { readSources } from '../../tidy/source.ts';
import { runCli } from './run-cli.ts';

const root = join(import.meta.dirname, '../../..');
const FIXTURES = join(root, 'test/fixtures/lint');
const check = (...args: string[]) => runCli(FIXTURES, ['policy', 'check', ...args]);
const codesOf = (out: string): string[] => JSON.parse(out).findings.map(({ code }: Diagnostic) => code);

// What sarif-schema-2.1.0.json requires of the objects that are used here, and no property that it does not
// know; GitHub wants a region and a message for every result on top.
const text = z.string().min(1);
const message = z.strictObject({ text });
const artifactLocation = z.strictObject({
  uri: text.regex(/^(file:\/\/\/)?[^\s\\:]+$/),
  uriBaseId: z.literal('%SRCROOT%').optional(),
});
const physicalLocation = z.strictObject({
  artifactLocation,
  region: z.strictObject({ startLine: z.int().min(1), startColumn: z.int().min(1) }),
});
const level = z.enum(['none', 'note', 'warning', 'error']);
const SARIF = z.strictObject({
  $schema: z.url(),
  version: z.literal('2.1.0'),
  runs: z.tuple([
    z.strictObject({
      tool: z.strictObject({
        driver: z.strictObject({
          name: text,
          semanticVersion: text.regex(/^\d+\.\d+\.\d+/),
          rules: z.array(
            z.strictObject({
              id: text,
              name: text.regex(/^[A-Z][A-Za-z0-9]*$/),
              shortDescription: message,
              fullDescription: message,
              help: z.strictObject({ text, markdown: text }),
              defaultConfiguration: z.strictObject({ level }),
              properties: z.strictObject({
                tags: z.array(text),
                precision: z.enum(['very-high', 'high', 'medium', 'low']),
              }),
            }),
          ),
        }),
      }),
      columnKind: z.enum(['utf16CodeUnits', 'unicodeCodePoints']),
      invocations: z.array(
        z.strictObject({
          executionSuccessful: z.boolean(),
          toolExecutionNotifications: z.array(z.strictObject({ level, message })).optional(),
        }),
      ),
      results: z.array(
        z.strictObject({
          ruleId: text,
          ruleIndex: z.int().min(0),
          level,
          message,
          locations: z.array(z.strictObject({ physicalLocation })),
          relatedLocations: z
            .array(z.strictObject({ id: z.int().min(0), message, physicalLocation }))
            .optional(),
          partialFingerprints: z.strictObject({ primaryLocationLineHash: text.regex(/^[0-9a-f]{16}:\d+$/) }),
        }),
      ),
    }),
  ]),
});

describe('--format sarif', () => {
  test('has the structure of SARIF 2.1.0, and every result points to its rule', async () => {
    const { code, out } = await check('policies', 'feature.yaml', '--format', 'sarif');
    expect(code).toBe(1);
    const [run] = SARIF.parse(JSON.parse(out)).runs;
    const { rules } = run.tool.driver;
    expect(run.results.length).toBeGreaterThan(5);
    for (const { ruleId, ruleIndex } of run.results) expect(rules[ruleIndex]?.id).toBe(ruleId);
    expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
    expect(new Set(run.results.map((one) => one.level))).toEqual(new Set(['note', 'warning', 'error']));
  });

  test('without findings it has no result', async () => {
    const { code, out } = await check('policies/platform.yaml', '--format', 'sarif');
    expect([code, SARIF.parse(JSON.parse(out)).runs[0].results]).toEqual([0, []]);
  });

  const finding = (more: Partial<Diagnostic> = {}): Diagnostic => ({
    ...{ severity: 'warning', code: 'LINT_POLICY_SHADOWED', message: 'a', text: 'x', hint: 'b' },
    at: { file: 'p.yaml', line: 3, column: 5 },
    ...more,
  });
  const logOf = (findings: readonly Diagnostic[]) =>
    SARIF.parse(sarifLog({ findings, cwd: '/repo', version: '1.2.3' })).runs[0];

  test('fingerprints survive moved lines, and tell equal lines apart', () => {
    const of = (findings: readonly Diagnostic[]): string[] =>
      logOf(findings).results.map((one) => one.partialFingerprints.primaryLocationLineHash);
    const moved = finding({ at: { file: 'p.yaml', line: 9, column: 5 } });
    expect(of([finding()])).toEqual(of([moved]));
    const [first = '', second = ''] = of([finding(), moved]);
    expect([first.slice(0, -1), first.slice(-2), second.slice(-2)]).toEqual([
      second.slice(0, -1),
      ':1',
      ':2',
    ]);
    expect(of([finding({ text: 'y' })])).not.toEqual(of([finding()]));
    expect(of([finding({ code: 'LINT_POLICY_DUPLICATE' })])).not.toEqual(of([finding()]));
  });

  test.each([
    { file: 'a/p.yaml', uri: 'a/p.yaml' },
    { file: './a//p.yaml', uri: 'a/p.yaml' },
    { file: '/repo/a/p.yaml', uri: 'a/p.yaml' },
    { file: 'a b/p#1.yaml', uri: 'a%20b/p%231.yaml' },
    { file: '/elsewhere/p.yaml', uri: 'file:///elsewhere/p.yaml' },
    { file: '../p.yaml', uri: 'file:///p.yaml' },
  ])('$file is $uri', ({ file, uri }) => {
    const [result] = logOf([finding({ at: { file } })]).results;
    expect(result?.locations[0]?.physicalLocation).toMatchObject({
      artifactLocation: { uri },
      region: { startLine: 1, startColumn: 1 },
    });
  });

  test('a code that no table knows has a rule too', () => {
    const { tool, results } = logOf([finding({ code: 'ERR_POLICY_FUTURE' })]);
    expect(tool.driver.rules[results[0]?.ruleIndex ?? -1]?.id).toBe('ERR_POLICY_FUTURE');
  });

  test('of too many the most severe ones stay, and the rest is told', () => {
    const many = Array.from({ length: RESULTS_MAX }, () => finding({ severity: 'notice' }));
    const { results, invocations } = logOf([...many, finding({ severity: 'error' })]);
    expect([results.length, results[0]?.level]).toEqual([RESULTS_MAX, 'error']);
    expect(invocations[0]?.toolExecutionNotifications?.[0]?.message.text).toContain('1 more finding');
  });
});

describe('what is left out and what is added', () => {
  test('--ignore leaves out one kind, and says how many', async () => {
    const { code, out } = await check('policies', '--strict', '--ignore', 'LINT_POLICY_SHADOWED');
    expect(code).toBe(1);
    expect(out).not.toContain('LINT_POLICY_SHADOWED');
    expect(out).toContain('0 errors, 3 warnings, 1 ignored; 3 policies');
  });

  test('all warnings ignored pass --strict', async () => {
    const codes = codesOf((await check('policies', '--json')).out);
    const ignored = [...new Set(codes)].flatMap((code) => ['--ignore', code]);
    const { code, out } = await check('policies', '--strict', '--json', ...ignored);
    expect([code, JSON.parse(out)]).toMatchObject([0, { warnings: 0, findings: [], ignored: codes.length }]);
  });

  test('--inventory and --flows find what policies alone do not tell', async () => {
    const { out } = await check(
      'policies',
      '--json',
      '--inventory',
      'inventory.yaml',
      '--flows',
      'flows.jsonl',
    );
    expect(codesOf(out)).toContain('LINT_POLICY_SELECTS_NOTHING');
    expect(codesOf(out)).toContain('LINT_POLICY_UNSEEN_NAME');
  });

  test('findings are in the order of the files, with the place of the other rule', async () => {
    const { findings } = JSON.parse((await check('policies', '--format', 'json')).out);
    const places = findings.map(({ at }: Diagnostic) => [at?.file, at?.line]);
    expect(places).toEqual([...places].sort(([a, m], [b, n]) => (a === b ? m - n : a < b ? -1 : 1)));
    expect(findings[0].related).toMatchObject({ file: 'policies/shop.yaml', line: 12 });
  });

  test.each([
    { args: ['policies', '--format', 'xml'], says: 'known: text, json, sarif' },
    { args: ['policies', '--ignore', 'LINT_POLICY_SHADOWD'], says: 'did you mean `LINT_POLICY_SHADOWED`?' },
    { args: ['policies', '--ignore', 'ERR_POLICY_METHOD'], says: 'is no finding' },
    { args: ['policies', '--inventory', 'none.yaml'], says: '`none.yaml` does not exist' },
    { args: ['policies', '--inventory', 'policies'], says: 'cannot be read' },
    {
      args: ['policies', '--inventory', 'feature.yaml', '--inventory', '../lint/flows.jsonl'],
      says: 'no inventory',
    },
    { args: ['policies', '--flows', 'none.jsonl'], says: '`none.jsonl` does not exist' },
    { args: ['--format', 'sarif'], says: 'no path is named' },
  ])('exit 2: $args', async ({ args, says }) => {
    const { code, out, err } = await check(...args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(says);
  });
});

describe('hostile text', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-lint-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const spec = 'rules: [{to: [{operation: {methods: ["\\e[2J\\u202eTEG é"]}}]}]';
  writeFileSync(
    join(folder, 'p.yaml'),
    `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: b}\nspec: {${spec}}\n`,
  );

  test.each([['text'], ['json'], ['sarif']])('moves no cursor as %s', async (format) => {
    const { out } = await runCli(folder, ['policy', 'check', 'p.yaml', '--format', format]);
    expect(out).toContain('LINT_POLICY_NEVER_MATCHES');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  });

  test('letters of any script stay', async () => {
    const { out } = await runCli(folder, ['policy', 'check', 'p.yaml']);
    expect(out).toContain('\\u001b[2J\\u202eTEG é');
  });

  test('severities are coloured on a terminal', async () => {
    const { out } = await runCli(folder, ['policy', 'check', 'p.yaml'], true);
    expect(out).toContain('\u001b[33mwarning:\u001b[0m ');
  });
});

describe('the tables', () => {
  const { sources } = readSources(root);
  const used = new Set(
    sources
      .filter(({ path }) => /^(policy|cli\/policy)\//.test(path) && !path.startsWith('policy/lint/codes'))
      .filter(({ path }) => path !== 'policy/lint/error-codes.ts')
      .flatMap(({ text }) =>
        [...text.matchAll(/'((?:LINT|ERR)_POLICY_[A-Z0-9_]+)'/g)].map(([, code]) => code),
      ),
  );
  /** Errors of verbs, which are about no place in a file. */
  const OTHERS = [
    ...['ERR_POLICY_COMPILE', 'ERR_POLICY_INVALID', 'ERR_POLICY_NEW', 'ERR_POLICY_REFUSED'],
    'ERR_POLICY_TOO_COMPLEX',
  ];

  test('have a row for every code, and no row too many', () => {
    const rows = [...Object.keys(LINT_CODES), ...Object.keys(ERROR_CODES), ...OTHERS];
    expect(rows.sort()).toEqual([...used].sort());
  });
});
