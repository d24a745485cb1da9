// Where the harness finds what it starts.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENTRY } from '../../../bench/build.ts';
import { FROM_SOURCES, PROGRAMS, programFile, programUrl, ROOT } from '../../../bench/program.ts';

describe('from the sources', () => {
  it('the root is that of the checkout', () => {
    expect(FROM_SOURCES).toBe(true);
    expect(existsSync(join(ROOT, 'package.json'))).toBe(true);
    expect(existsSync(ENTRY.source)).toBe(true);
  });

  it.each(PROGRAMS)('%s is a file', (program) => {
    expect(existsSync(programFile(program))).toBe(true);
    expect(programUrl(program).pathname).toBe(programFile(program));
  });
});
