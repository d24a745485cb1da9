// The examples of a page: fenced blocks that begin with a command, and what it prints.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');
const PROMPT = '$ sallyport ';

export interface DocumentExample {
  readonly command: string;
  readonly printed: string;
}

/** The examples of `docs/<page>`, in order. */
export function examplesOf(page: string): DocumentExample[] {
  return readFileSync(join(ROOT, 'docs', page), 'utf8')
    .split('\n```\n')
    .filter((block) => block.startsWith(PROMPT))
    .map((block) => {
      const [command = '', ...printed] = block.slice(PROMPT.length).split('\n');
      return { command, printed: printed.join('\n').trimEnd() };
    });
}

/** A folder of test/fixtures. */
export const fixtures = (folder: string): string => join(ROOT, 'test/fixtures', folder);
