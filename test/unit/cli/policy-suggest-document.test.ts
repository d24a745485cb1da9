// docs/policy-suggest.md: what its examples show is what the commands print.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from './run-cli.ts';

const root = join(import.meta.dirname, '../../..');
const PROMPT = '$ sallyport ';
const EXAMPLES = readFileSync(join(root, 'docs/policy-suggest.md'), 'utf8')
  .split('\n```\n')
  .filter((block) => block.startsWith(PROMPT))
  .map((block) => {
    const [command = '', ...printed] = block.slice(PROMPT.length).split('\n');
    return { command, printed: printed.join('\n').trimEnd() };
  });

test('there is an example of each use', () => {
  const verbs = EXAMPLES.map(({ command }) => command.split(' ').slice(0, 2).join(' '));
  expect(verbs).toEqual(['policy suggest', 'policy suggest', 'flows anomalies']);
  expect(EXAMPLES[1]?.command).toContain('--against');
});

test.each(EXAMPLES)('$command', async ({ command, printed }) => {
  const { code, out, err } = await runCli(join(root, 'test/fixtures/flows'), command.split(' '));
  expect([code, err]).toEqual([command.startsWith('flows anomalies') ? 1 : 0, '']);
  expect(out.trimEnd()).toBe(printed);
});
