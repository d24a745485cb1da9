// The corpus as go-spiffe and OpenSSL see it: every row on which they differ from us is one that we know,
// with a reason that is documented, and none of the reasons is idle. A newer one of them may have come round
// to our view of a row.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BAD_ROWS, GOOD } from '../conformance/certificates/corpus.ts';
import { DIFFERENCES, renderDifferences } from '../conformance/certificates/differences.ts';
import { createCast } from '../conformance/certificates/sample.ts';
import { goSpiffe, openssl } from './stage/compare.ts';
import { ForeignVerifier } from './stage/foreign-verifier.ts';

let folder: string;
let verifier: ForeignVerifier;
/** `who: topic: row`, by what they do otherwise. */
const differing = { accept: new Set<string>(), refuse: new Set<string>() };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-compare-'));
  verifier = new ForeignVerifier();
  const cast = await createCast();
  for (const row of [...BAD_ROWS, ...GOOD.map((good) => ({ ...good, topic: 'good' }))]) {
    const sample = await row.make(cast);
    const [go, ssl] = await Promise.all([goSpiffe(verifier, cast, sample), openssl(folder, cast, sample)]);
    const ours = row.expect === 'ok';
    const into = ours ? differing.refuse : differing.accept;
    if (go.ok !== ours) into.add(`go-spiffe: ${row.topic}: ${row.name}`);
    if (ssl.ok !== ours) into.add(`OpenSSL: ${row.topic}: ${row.name}`);
  }
}, 120_000);
afterAll(() => {
  verifier.close();
  rmSync(folder, { recursive: true, force: true });
});

for (const they of ['accept', 'refuse'] as const) {
  test(`what they ${they} and we do not is known, row by row`, () => {
    const unknown = new Set(differing[they]);
    const idle: string[] = [];
    for (const { who, why, rows } of DIFFERENCES.filter((one) => one.they === they)) {
      const before = unknown.size;
      for (const [topic, names] of Object.entries(rows)) {
        const known =
          names === '*'
            ? [...differing[they]].filter((one) => one.startsWith(`${who}: ${topic}: `))
            : names.map((name) => `${who}: ${topic}: ${name}`);
        for (const one of known) unknown.delete(one);
      }
      if (unknown.size === before) idle.push(`${who}: ${why}`);
    }
    expect([...unknown]).toEqual([]);
    expect(idle).toEqual([]);
  });
}

test('the reasons are documented', () => {
  const document = readFileSync(join(import.meta.dirname, '../../docs/certificates.md'), 'utf8');
  expect(document).toContain(renderDifferences());
});
