// Classes of texts against a search through all short ones.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalPath } from '../../../../core/path.ts';
import { parseSpiffeId } from '../../../../core/spiffe-id.ts';
import { classesOf } from '../../../../policy/algebra/automaton.ts';
import {
  ANY,
  belongs,
  type Language,
  SEGMENT,
  SOME,
  type Token,
  type Universe,
} from '../../../../policy/algebra/language.ts';
import { HOSTS, METHODS, PATHS, PEERS, peersWithout } from '../../../../policy/algebra/universes.ts';

const SEED = Number(process.env['SALLYPORT_AUTOMATON_SEED'] ?? Date.now() & 0x7fffffff);

const isText = (universe: Universe, text: string): boolean => {
  let state = universe.start;
  for (const c of text) if (state >= 0) state = universe.step(state, c.charCodeAt(0));
  return state >= 0 && universe.accepts(state);
};

/** Letters and slashes in any order. */
const SMALL: Universe = {
  groups: ['abxyz', '/'],
  start: 0,
  step: (state, code) => ('abxyz/'.includes(String.fromCharCode(code)) ? state : -1),
  accepts: () => true,
};

const token: fc.Arbitrary<Token> = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 3 }).map((text) => ({ text })),
  fc.constantFrom<Token>(ANY, SOME, SEGMENT, { run: 'not-slash', least: 0 }),
);
const language: fc.Arbitrary<Language> = fc.array(fc.array(token, { maxLength: 3 }), {
  minLength: 1,
  maxLength: 2,
});

describe('the classes of texts', () => {
  test(`are all there are, each with a text of its own (seed ${SEED})`, () => {
    const texts: string[] = [''];
    for (let i = 0; (texts[i]?.length ?? 9) < 5; i++) for (const c of 'abx/') texts.push(texts[i] + c);
    fc.assert(
      fc.property(
        fc.array(language, { maxLength: 4 }),
        fc.subarray(texts.slice(0, 60)),
        (languages, apart) => {
          const classes = classesOf(SMALL, languages, new Set(apart)) ?? [];
          const membersOf = (text: string): string =>
            languages.flatMap((one, index) => (belongs(one, text) ? [index] : [])).join();
          for (const { example, members } of classes) {
            expect(membersOf(example), example).toBe(members.join());
            expect(apart).not.toContain(example);
          }
          const found = new Set(classes.map(({ members }) => members.join()));
          expect(found.size).toBe(classes.length);
          for (const text of texts) if (!apart.includes(text)) expect(found, text).toContain(membersOf(text));
        },
      ),
      { numRuns: 100, seed: SEED },
    );
  });

  test('that are wholly apart are none', () => {
    expect(classesOf(SMALL, [[[{ text: 'a' }]]], new Set(['a']))).toEqual([{ example: '', members: [] }]);
  });

  test('of too many languages are not told', () => {
    const many = Array.from({ length: 3_000 }, (_, i): Language => [[ANY, { text: `a${i}b` }, ANY]]);
    expect(classesOf(METHODS, many, new Set())).toBeNull();
  });
});

describe('a universe', () => {
  test(`of paths has the canonical ones (seed ${SEED})`, () => {
    const piece = fc.constantFrom(
      '/',
      '.',
      '..',
      'a',
      ';',
      '%2F',
      '%3B',
      '%41',
      '%20',
      '%2f',
      '%',
      '{',
      '//',
      '~',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), (pieces) => {
        const path = `/${pieces.join('')}`;
        const { fault, changed } = canonicalPath(path, 'reject');
        expect(isText(PATHS, path), path).toBe(fault === null && !changed);
      }),
      { numRuns: 2_000, seed: SEED },
    );
  });

  test(`of peers has the SPIFFE IDs with a path (seed ${SEED})`, () => {
    const piece = fc.constantFrom('/', '.', '..', 'a', 'B', '-', '_', 'ns', '//', '%', '');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), (pieces) => {
        const text = `a${pieces.join('')}`;
        let isId = false;
        try {
          isId = parseSpiffeId(`spiffe://${text}`).path !== '';
        } catch {
          // refused: not an ID
        }
        expect(isText(PEERS, text), text).toBe(isId);
      }),
      { numRuns: 2_000, seed: SEED },
    );
  });

  test('of peers may lack trust domains', () => {
    const some = peersWithout(['cluster.local', 'cluster', 'x']);
    for (const text of ['cluster.local/a', 'cluster/a', 'x/ns/a/sa/b'])
      expect(isText(some, text)).toBe(false);
    for (const text of ['cluster.locals/a', 'cluste/a', 'cluster.loca/a', 'xx/x/x', 'a/cluster.local/b'])
      expect(isText(some, text), text).toBe(true);
  });

  test.each(['', 'cart', 'cart:80', '[::1]', '[::1]:8080', 'a.b-c_d', 'a:0'])('of hosts has `%s`', (host) =>
    expect(isText(HOSTS, host)).toBe(true),
  );
  test.each([':80', 'Cart', 'a:b', 'a:', 'a:08', 'a:00', '[::1', '::1', '[g]', 'a/b', 'a b', '[::1]x'])(
    'of hosts lacks `%s`',
    (host) => expect(isText(HOSTS, host)).toBe(false),
  );
});
