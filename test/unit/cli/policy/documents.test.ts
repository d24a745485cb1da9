// docs/policy-new.md, -emergency.md and -export.md: what their examples show is what the commands print, one
// after the other on a copy of the fixture.
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../run-cli.ts';

const root = join(import.meta.dirname, '../../../..');
const PROMPT = '$ sallyport ';

interface Example {
  readonly command: string;
  readonly printed: string;
}

async function examplesOf(page: string): Promise<Example[]> {
  const text = await readFile(join(root, 'docs', page), 'utf8');
  return text
    .split('\n```\n')
    .filter((block) => block.startsWith(PROMPT))
    .map((block) => {
      const [command = '', ...printed] = block.slice(PROMPT.length).split('\n');
      return { command, printed: printed.join('\n').trimEnd() };
    });
}

/** Words as a shell reads them, with quotes of both kinds. */
const wordsOf = (command: string): string[] =>
  [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare ?? '',
  );

const NAME = /emergency-\d{8}t\d{6}z-(\w+)-[0-9a-f]{8}/g;
/** Without what is another one each time. */
const lasting = (text: string): string =>
  text
    .replaceAll(NAME, 'emergency-$1')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
    .replaceAll(/\b\d+m \d+s/g, 'LEFT');

describe.each(['policy-new.md', 'policy-emergency.md', 'policy-export.md'])('%s', (page) => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-document-'));
    await cp(join(root, 'test/fixtures/policy-new'), folder, { recursive: true });
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('shows what its commands print', async () => {
    const examples = await examplesOf(page);
    expect(examples.length).toBeGreaterThan(1);
    for (const { command, printed } of examples) {
      const names = await readdir(join(folder, 'policies'));
      const there = command.replaceAll(NAME, (name, verb: string) => {
        const file = names.find((one) => one.includes(`z-${verb}-`));
        return file === undefined ? name : file.replace('.yaml', '');
      });
      const { out, err } = await runCli(folder, wordsOf(there));
      expect(lasting(out + err).trimEnd(), command).toBe(lasting(printed));
    }
  });
});
