// docs/policy-test.md and docs/policy-reach.md: examples show what files hold and commands print.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCli } from './run-cli.ts';

const root = join(import.meta.dirname, '../../..');
const PROMPT = '$ sallyport ';
const COMMANDS_MIN = 4;

describe.each(['policy-test', 'policy-reach'])('docs/%s.md', (page) => {
  const folder = join(root, 'test/fixtures', page);
  const text = readFileSync(join(root, `docs/${page}.md`), 'utf8');
  const examples = text
    .split('\n```\n')
    .filter((block) => block.startsWith(PROMPT))
    .map((block) => {
      const [command = '', ...printed] = block.slice(PROMPT.length).split('\n');
      return { command, printed: printed.join('\n').trimEnd() };
    });

  test('there are examples, and files', () => {
    expect(examples.length).toBeGreaterThanOrEqual(COMMANDS_MIN);
    expect(text).toContain('```yaml');
  });

  test.each(examples)('$command', async ({ command, printed }) => {
    const { code, out } = await runCli(folder, command.split(' '));
    expect(code).toBeLessThan(2);
    expect(out.trimEnd()).toBe(printed);
  });

  test('files are shown as they are', () => {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => readFileSync(join(folder, name), 'utf8').trimEnd());
    const shown = [...text.matchAll(/```yaml\n(.*?)\n```/gs)].map(([, block]) => block);
    for (const block of shown) expect(files).toContain(block);
  });

  test('every command to paste is one that explains', async () => {
    const lines = [...text.matchAll(/explain {3}sallyport (.*)/g)].map(([, line = '']) => line);
    for (const line of lines) {
      const { code, out } = await runCli(folder, line.split(' '));
      expect([code, out.split(/\s+/)[0]]).toEqual([0, 'verdict']);
    }
  });
});
