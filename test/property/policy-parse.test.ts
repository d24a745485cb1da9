// Whatever the text, the parser answers with findings: it never throws, every finding has a place in the
// file, and a document with an error gives no policy.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePolicies } from '../../policy/parse.ts';
import { readCorpus } from '../conformance/policy-corpus.ts';
import { NOW_MS, OPTIONS } from '../unit/policy/policy-text.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const RUNS = 1000;

const texts = [...new Set(readCorpus().map((row) => row.policies))].filter((text) => text !== '');
const PIECES = [
  '\n',
  '  ',
  ': ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  '*',
  '&a ',
  '*a',
  '"',
  "'",
  '#',
  '|',
  '>',
  '!!',
  '?',
  '~',
  '---\n',
];
const piece = fc.constantFrom(...PIECES, 'null', '0', 'spec', 'rules', '\u0000', '\ud800', '\t', '%', '<<: ');

/** A policy text with a few pieces cut out or put in. */
const mutated = fc
  .tuple(
    fc.constantFrom(...texts),
    fc.array(fc.tuple(fc.nat(), fc.nat(12), piece), { minLength: 1, maxLength: 4 }),
  )
  .map(([text, edits]) =>
    edits.reduce((result, [at, cut, insert]) => {
      const index = at % (result.length + 1);
      return result.slice(0, index) + insert + result.slice(index + cut);
    }, text),
  );

test(`the parser answers every text (seed ${seed}, ${RUNS} runs)`, () => {
  fc.assert(
    fc.property(mutated, (text) => {
      const { policies, diagnostics, refused } = parsePolicies([{ file: 'x.yaml', text }], OPTIONS, NOW_MS);
      const lines = text.split('\n').length;
      for (const { at, code, message } of diagnostics) {
        expect(at?.file, message).toBe('x.yaml');
        expect(at?.line, code).toBeGreaterThanOrEqual(1);
        expect(at?.line, code).toBeLessThanOrEqual(lines);
      }
      expect(refused.length > 0).toBe(diagnostics.some(({ severity }) => severity === 'error'));
      for (const { rules } of policies)
        for (const { at } of rules) expect(at.line).toBeLessThanOrEqual(lines);
    }),
    { seed, numRuns: RUNS },
  );
});
