// `npm ci` refuses a lockfile that leaves out a platform's optional package, as npm writes it when a registry
// mirror does not carry that platform. Every optional package is in the lockfile, fetched or not.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';

const lockfile = z.object({
  packages: z.record(
    z.string(),
    z.object({ version: z.string(), optionalDependencies: z.record(z.string(), z.string()).optional() }),
  ),
});

test('the lockfile has an entry for every optional package', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../package-lock.json'), 'utf8');
  const { packages } = lockfile.parse(JSON.parse(text));
  const wanted = Object.values(packages).flatMap((one) => Object.keys(one.optionalDependencies ?? {}));
  expect(wanted.length).toBeGreaterThan(0);
  const missing = wanted.filter((name) => packages[`node_modules/${name}`] === undefined);
  expect(missing, 'add them by hand: version, os, cpu, optional').toEqual([]);
});
