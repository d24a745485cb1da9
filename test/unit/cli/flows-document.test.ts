// docs/flows.md: what its examples show is what the commands print.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from './run-cli.ts';

const root = join(import.meta.dirname, '../../..');
const PROMPT = '$ sallyport ';
const EXAMPLES = readFileSync(join(root, 'docs/flows.md'), 'utf8')
  .split('\n```\n')
  .filter((block) => block.startsWith(PROMPT))
  .map((block) => {
    const [command = '', ...printed] = block.slice(PROMPT.length).split('\n');
    return { command, printed: printed.join('\n').trimEnd() };
  });

test('there are examples of every view', () => {
  const views = new Set(EXAMPLES.map(({ command }) => command.split(' ')[1]));
  expect([...views]).toEqual(['map', 'top', 'denied', 'trace']);
});

test.each(EXAMPLES)('$command', async ({ command, printed }) => {
  const { code, out, err } = await runCli(join(root, 'test/fixtures/flows'), command.split(' '));
  expect([code, err]).toEqual([0, '']);
  expect(out.trimEnd()).toBe(printed);
});
