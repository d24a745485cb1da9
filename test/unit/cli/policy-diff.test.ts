// `policy diff` as a user types it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { examplesOf, fixtures } from './document-examples.ts';
import { runCli } from './run-cli.ts';

const POLICIES = fixtures('policies');

describe('docs/policy-diff.md', () => {
  const examples = examplesOf('policy-diff.md');
  test('has examples', () => expect(examples.length).toBeGreaterThanOrEqual(3));
  test.each(examples)('$command', async ({ command, printed }) => {
    const { out, err } = await runCli(POLICIES, command.split(' '));
    expect(err).toBe('');
    expect(out.trimEnd()).toBe(printed);
  });
});

describe('exit codes', () => {
  const rows: { line: string; expect: number }[] = [
    { line: 'before after', expect: 0 },
    { line: 'before after --fail-on widen', expect: 1 },
    { line: 'before after --fail-on narrow', expect: 1 },
    { line: 'before/no-debug.yaml before --fail-on narrow', expect: 0 },
    { line: 'before/no-debug.yaml before --fail-on widen', expect: 1 },
    { line: 'before before --fail-on any', expect: 0 },
    { line: 'before after --fail-on any --json', expect: 1 },
  ];
  test.each(rows)('$line', async ({ line, expect: code }) =>
    expect((await runCli(POLICIES, ['policy', 'diff', ...line.split(' ')])).code).toBe(code),
  );
});

describe('as JSON', () => {
  test('every request can be given to `policy eval`, and is decided so', async () => {
    const { out } = await runCli(POLICIES, 'policy diff before after --json'.split(' '));
    const { changes, equivalent, rules, undecided } = JSON.parse(out);
    expect({ equivalent, rules, undecided }).toEqual({
      equivalent: false,
      rules: { old: 3, new: 3 },
      undecided: [],
    });
    const dir = mkdtempSync(join(tmpdir(), 'sallyport-diff-'));
    for (const { kind, examples } of changes) {
      const requests = examples.map((one: unknown) => `${JSON.stringify(one)}\n`).join('');
      writeFileSync(join(dir, 'requests.jsonl'), requests);
      const [old, next] = await Promise.all(
        ['before', 'after'].map(async (side) => {
          const args = ['policy', 'eval', '--policy', side, '--requests', join(dir, 'requests.jsonl')];
          const lines = (await runCli(POLICIES, args)).out.trim().split('\n');
          return lines.map((line): string => JSON.parse(line).verdict);
        }),
      );
      const [before, after] = kind === 'widening' ? ['deny', 'allow'] : ['allow', 'deny'];
      expect(old).toEqual(examples.map(() => before));
      expect(next).toEqual(examples.map(() => after));
    }
    rmSync(dir, { recursive: true });
  });

  test('says that nothing changes', async () => {
    const { out } = await runCli(POLICIES, 'policy diff before before --json'.split(' '));
    expect(JSON.parse(out)).toEqual({
      equivalent: true,
      rules: { old: 3, new: 3 },
      changes: [],
      undecided: [],
    });
  });
});

describe('wrong usage', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'sallyport-diff-'));
    writeFileSync(join(dir, 'bad.yaml'), 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n');
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const rows: { line: string; expect: string }[] = [
    { line: 'before', expect: 'name two files or folders' },
    { line: 'before after before', expect: 'name two files or folders' },
    { line: 'before nowhere', expect: '`nowhere` does not exist' },
    { line: 'before after --fail-on wide', expect: '`--fail-on wide` is not known' },
    { line: 'before after --format html', expect: '`--format html` is not known' },
    { line: 'before after --failon widen', expect: 'did you mean `--fail-on`' },
  ];
  test.each(rows)('$line', async ({ line, expect: message }) => {
    const { code, err } = await runCli(POLICIES, ['policy', 'diff', ...line.split(' ')]);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });

  test('policies that a proxy would refuse, with their place', async () => {
    const { code, out, err } = await runCli(POLICIES, ['policy', 'diff', 'before', join(dir, 'bad.yaml')]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('bad.yaml:1:1: error: ');
    expect(err).toContain('ERR_POLICY_REFUSED');
  });
});

test('in Markdown nothing of a request is markup', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-diff-'));
  const allow = (path: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a, namespace: b}
spec: {rules: [{to: [{operation: {methods: ["\`|GET"], paths: ["${path}"]}}]}]}
`;
  writeFileSync(join(dir, 'old.yaml'), allow('/a'));
  writeFileSync(join(dir, 'new.yaml'), allow('/b'));
  const { out } = await runCli(dir, 'policy diff old.yaml new.yaml --format markdown'.split(' '));
  expect(out).toContain('`` ');
  expect(out).toContain('`\\|GET');
  rmSync(dir, { recursive: true });
});
