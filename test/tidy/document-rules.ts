// tidy's rules about documents and names: links that lead somewhere, tests that exist, reasons that are used.
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type Finding, filesUnder, type Source } from './source.ts';

const LINK = /\]\(([^)\s]+)\)/g;
const TEST_PATH = /`(test\/[^`\s]*\.ts)`/g;
const REASONS_FILE = 'core/reasons.ts';

/** Relative links and named test files of every Markdown document that lead nowhere. */
export function documentFindings(root: string): Finding[] {
  return filesUnder(root, '.md').flatMap((path) => {
    const lines = readFileSync(join(root, path), 'utf8').split('\n');
    return lines.flatMap((text, index) =>
      [...targets(path, text)]
        .filter((target) => !existsSync(join(root, target)))
        .map((target) => ({ path, line: index + 1, message: `\`${target}\` does not exist` })),
    );
  });
}

/** Reasons of the closed list that no source gives, or that no test names. */
export function reasonFindings(sources: readonly Source[], reasons: readonly string[]): Finding[] {
  const text = (inTests: boolean): string =>
    sources
      .filter(({ folder, path }) => (folder === 'test') === inTests && path !== REASONS_FILE)
      .map((source) => source.text)
      .join('\n');
  const product = text(false);
  const tests = text(true);
  return reasons.flatMap((reason) => {
    const faults: Finding[] = [];
    const fault = (message: string): void => {
      faults.push({ path: REASONS_FILE, line: 0, message: `\`${reason}\` ${message}` });
    };
    if (!product.includes(`'${reason}'`)) fault('is given by no source');
    if (!tests.includes(reason)) fault('is named by no test');
    return faults;
  });
}

function* targets(path: string, line: string): Generator<string> {
  for (const [, link = ''] of line.matchAll(LINK)) {
    const target = link.split('#')[0] ?? '';
    if (target !== '' && !target.includes('://') && !target.startsWith('mailto:')) {
      yield posix.join(posix.dirname(path), target);
    }
  }
  for (const [, test = ''] of line.matchAll(TEST_PATH)) yield test;
}
