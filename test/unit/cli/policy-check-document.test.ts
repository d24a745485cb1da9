// docs/policy-check.md: what its examples show is what the command prints.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from './run-cli.ts';

const root = join(import.meta.dirname, '../../..');
const PROMPT = '$ sallyport ';
const EXAMPLES = readFileSync(join(root, 'docs/policy-check.md'), 'utf8')
  .split('\n```\n')
  .filter((block) => block.startsWith(PROMPT))
  .map((block) => {
    const [command = '', ...printed] = block.slice(PROMPT.length).split('\n');
    return { command, printed: printed.join('\n').trimEnd() };
  });

test('there are examples', () => expect(EXAMPLES.length).toBe(3));

test.each(EXAMPLES)('$command', async ({ command, printed }) => {
  const { out, err } = await runCli(join(root, 'test/fixtures/lint'), command.split(' '));
  expect(err).toBe('');
  expect(out.trimEnd()).toBe(printed);
});
