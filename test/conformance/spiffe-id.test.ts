// The SPIFFE-ID standard, section 2: the grammar, with every byte value in every position that it can have.
import { describe, expect, test } from 'vitest';
import { parseSpiffeId, parseTrustDomain } from '../../core/spiffe-id.ts';

function accepts(id: string): boolean {
  try {
    return parseSpiffeId(id).uri === id;
  } catch {
    return false;
  }
}

const LOWER_DIGIT_MARK = new Set('abcdefghijklmnopqrstuvwxyz0123456789.-_');
const PATH_CHARACTERS = new Set([...LOWER_DIGIT_MARK, ...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']);

describe('SPIFFE-ID section 2, SPIFFE Identity', () => {
  test.each([
    ['spiffe://example.org/a', true],
    ['', false],
    ['spiffe', false],
    ['spiffe:', false],
    ['spiffe:/example.org/a', false],
    ['spiffe:example.org/a', false],
    ['spiffe://', false],
    ['spiffe:///a', false],
    ['//example.org/a', false],
    ['https://example.org/a', false],
    ['SPIFFE://example.org/a', false],
    ['Spiffe://example.org/a', false],
    [' spiffe://example.org/a', false],
    ['spiffe://example.org/a ', false],
    ['spiffe://example.org/a\n', false],
    ['spiffe://example.org/a?b', false],
    ['spiffe://example.org/a?', false],
    ['spiffe://example.org?b', false],
    ['spiffe://example.org/a#b', false],
    ['spiffe://example.org#', false],
  ])('%j -> %s', (id, expected) => {
    expect(accepts(id)).toBe(expected);
  });

  test.each(Array.from({ length: 9 }, (_, i) => i))('every byte value at byte %i of the scheme', (at) => {
    for (let byte = 0; byte < 256; byte++) {
      const scheme = `${'spiffe://'.slice(0, at)}${String.fromCharCode(byte)}${'spiffe://'.slice(at + 1)}`;
      expect(accepts(`${scheme}example.org/a`), `byte ${byte}`).toBe(scheme === 'spiffe://');
    }
  });
});

describe('SPIFFE-ID section 2.1, trust domain', () => {
  test.each([
    ['spiffe://a/x', true],
    ['spiffe://1.2.3.4/x', true],
    ['spiffe://a_b-c.d/x', true],
    ['spiffe://xn--vuoi-7pa.example/x', true],
    ['spiffe://user@example.org/x', false],
    ['spiffe://user:pw@example.org/x', false],
    ['spiffe://example.org:443/x', false],
    ['spiffe://example.org:/x', false],
    ['spiffe://[::1]/x', false],
    ['spiffe://Example.org/x', false],
    ['spiffe://exa%6dple.org/x', false],
    ['spiffe://exämple.org/x', false],
    ['spiffe://example.org\\x', false],
  ])('%j -> %s', (id, expected) => {
    expect(accepts(id)).toBe(expected);
  });

  test.each(['first', 'middle', 'last'])('every byte value as the %s character', (where) => {
    for (let byte = 0; byte < 256; byte++) {
      const c = String.fromCharCode(byte);
      const name = where === 'first' ? `${c}ab` : where === 'middle' ? `a${c}b` : `ab${c}`;
      // `/` ends the trust domain: then `a` or `ab` is left, and in the last place an empty path segment.
      const expected = LOWER_DIGIT_MARK.has(c) || (c === '/' && where === 'middle');
      expect(accepts(`spiffe://${name}/x`), `byte ${byte}`).toBe(expected);
    }
  });

  test('parseTrustDomain takes the same characters and nothing else', () => {
    for (let byte = 0; byte < 256; byte++) {
      const name = `a${String.fromCharCode(byte)}`;
      const parse = () => parseTrustDomain(name);
      if (LOWER_DIGIT_MARK.has(name.slice(1))) expect(parse()).toBe(name);
      else expect(parse, `byte ${byte}`).toThrow('is not a SPIFFE ID');
    }
    expect(() => parseTrustDomain('')).toThrow('empty trust domain');
  });
});

describe('SPIFFE-ID section 2.2, path', () => {
  test.each([
    ['spiffe://td', true],
    ['spiffe://td/a', true],
    ['spiffe://td/a/b/c', true],
    ['spiffe://td/...', true],
    ['spiffe://td/..a', true],
    ['spiffe://td/.a', true],
    ['spiffe://td/', false],
    ['spiffe://td/a/', false],
    ['spiffe://td//a', false],
    ['spiffe://td/a//b', false],
    ['spiffe://td/.', false],
    ['spiffe://td/..', false],
    ['spiffe://td/a/./b', false],
    ['spiffe://td/a/../b', false],
    ['spiffe://td/a/..', false],
    ['spiffe://td/%61', false],
    ['spiffe://td/%2e%2e', false],
    ['spiffe://td/a%2Fb', false],
    ['spiffe://td/a;b=c', false],
    ['spiffe://td/a:b', false],
    ['spiffe://td/a@b', false],
    ['spiffe://td/a*', false],
    ['spiffe://td/ä', false],
    ['spiffe://td/\u{1f600}', false],
  ])('%j -> %s', (id, expected) => {
    expect(accepts(id)).toBe(expected);
  });

  test.each(['first', 'middle', 'last'])('every byte value as the %s character of a segment', (where) => {
    for (let byte = 0; byte < 256; byte++) {
      const c = String.fromCharCode(byte);
      const segment = where === 'first' ? `${c}ab` : where === 'middle' ? `a${c}b` : `ab${c}`;
      const expected = PATH_CHARACTERS.has(c) || (c === '/' && where === 'middle');
      expect(accepts(`spiffe://td/x/${segment}`), `byte ${byte}`).toBe(expected);
    }
  });
});

describe('SPIFFE-ID section 2.3, maximum length', () => {
  test.each([
    { name: 'an ID of 2048 bytes', id: `spiffe://td/${'a'.repeat(2036)}`, expected: true },
    { name: 'an ID of 2049 bytes', id: `spiffe://td/${'a'.repeat(2037)}`, expected: false },
    { name: 'a trust domain of 255 bytes', id: `spiffe://${'a'.repeat(255)}/x`, expected: true },
    { name: 'a trust domain of 256 bytes', id: `spiffe://${'a'.repeat(256)}/x`, expected: false },
  ])('$name', ({ id, expected }) => {
    expect(accepts(id)).toBe(expected);
  });
});
