// docs/flows.md: what its examples show is what the commands print.
import { expect, test } from 'vitest';
import { examplesOf, fixtures } from './document-examples.ts';
import { runCli } from './run-cli.ts';

const EXAMPLES = examplesOf('flows.md');

test('there are examples of every view', () => {
  const views = new Set(EXAMPLES.map(({ command }) => command.split(' ')[1]));
  expect([...views]).toEqual(['map', 'top', 'denied', 'trace']);
});

test.each(EXAMPLES)('$command', async ({ command, printed }) => {
  const { code, out, err } = await runCli(fixtures('flows'), command.split(' '));
  expect([code, err]).toEqual([0, '']);
  expect(out.trimEnd()).toBe(printed);
});
