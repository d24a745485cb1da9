// The published schema of files with cases takes what the reader takes, as far as a schema can say.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const root = join(import.meta.dirname, '../../../..');
const schema = z.fromJSONSchema(
  JSON.parse(readFileSync(join(root, 'docs/policy-cases.schema.json'), 'utf8')),
);
const folder = join(root, 'test/fixtures/policy-test');
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

test.each(files)('%s', (name) => {
  expect(schema.safeParse(parse(readFileSync(join(folder, name), 'utf8'))).error).toBeUndefined();
});

test.each([
  ['a key that there is not', { cases: [{ name: 'a', requst: 'GET /' }] }],
  ['a case without a name', { cases: [{ request: 'GET /' }] }],
  ['another verdict', { cases: [{ name: 'a', expect: 'maybe' }] }],
  ['a port that is none', { cases: [{ name: 'a', tcp: 0 }] }],
  ['a name in the defaults', { defaults: { name: 'a' } }],
  ['neither never nor always', { invariants: [{ name: 'a' }] }],
  ['both', { invariants: [{ never: {}, always: {} }] }],
  ['a field of a source that there is not', { invariants: [{ never: { from: { namespace: ['a'] } } }] }],
])('%s is refused', (_, value) => {
  expect(schema.safeParse(value).success).toBe(false);
});
