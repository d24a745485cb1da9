// The path normalizer: every row of policy-semantics "Paths", Istio's own normalization cases, every byte
// value.
import { describe, expect, test } from 'vitest';
import { canonicalPath, isCanonicalPath, type PathMode } from '../../../core/path.ts';

const AMBIGUOUS = { fault: 'ambiguous-path' } as const;
const BAD = { fault: 'bad-path' } as const;
type Want = string | { fault: 'ambiguous-path' | 'bad-path' };

interface Row {
  readonly input: string;
  readonly reject: Want;
  readonly merge: Want;
  readonly decode: Want;
}

/** One expectation for the three modes. */
const same = (input: string, want: Want): Row => ({ input, reject: want, merge: want, decode: want });
const kept = (input: string): Row => same(input, input);
/** Refused unless slashes are merged. */
const slashes = (input: string, want: string): Row => ({
  input,
  reject: AMBIGUOUS,
  merge: want,
  decode: want,
});
/** Refused unless escaped slashes are decoded. */
const escaped = (input: string, want: string): Row => ({
  input,
  reject: AMBIGUOUS,
  merge: AMBIGUOUS,
  decode: want,
});

const rows: Row[] = [
  ...[
    '/',
    '/a',
    '/a/',
    '/a/b.c',
    '/.a',
    '/..a',
    '/...',
    '/a/...',
    '/a./b',
    '/a../b',
    '/.well-known/x',
    '/..../x',
    "/-._~!$&'()*+,;=:@",
    '/a;v=1/b',
    '/;.',
    '/a;..',
    '/a%20b',
    '/a%25b',
    '/%252e%252e/a',
    '/%252Fa',
    '/a%3Bb',
    '/a%3Ab',
    '/a%01%7F%80%FF',
    '/a%23%3Fb',
    '/pkg.Service/Method',
  ].map(kept),
  // Dot segments and unreserved characters: repaired
  same('/.', '/'),
  same('/./', '/'),
  same('/..', '/'),
  same('/../..', '/'),
  same('/../a', '/a'),
  same('/a/.', '/a/'),
  same('/a/./b', '/a/b'),
  same('/a/..', '/'),
  same('/a/../b', '/b'),
  same('/a/b/..', '/a/'),
  same('/a/b/../../../c', '/c'),
  same('/%41%5a%7A%30%2d%2E%5f%7e', '/AZz0-._~'),
  same('/%2e', '/'),
  same('/%2e%2E/a', '/a'),
  same('/a/%2e./b', '/b'),
  same('/a/.%2E/b', '/b'),
  same('/%2e%2e%2e', '/...'),
  same('/app/%2E./admin', '/admin'),
  same('/%61%64min', '/admin'),
  // RFC 3986 section 6.2.2.1: escapes in upper case
  same('/a%3ab', '/a%3Ab'),
  same('/a%c3%a9', '/a%C3%A9'),
  // Visible characters that RFC 3986 allows nowhere in a path: one spelling
  same('/a"<>[]^`{|}', '/a%22%3C%3E%5B%5D%5E%60%7B%7C%7D'),
  same('/pages/[id].js', '/pages/%5Bid%5D.js'),
  same('/pages/%5bid%5d.js', '/pages/%5Bid%5D.js'),
  // Slashes
  slashes('//', '/'),
  slashes('//a', '/a'),
  slashes('/a//', '/a/'),
  slashes('/a//b', '/a/b'),
  slashes('/a///b//c', '/a/b/c'),
  slashes('/\\', '/'),
  slashes('/app\\admin', '/app/admin'),
  slashes('/app/\\/\\/\\admin', '/app/admin'),
  slashes('/a\\..\\b', '/b'),
  slashes('/app//../admin', '/app/admin'),
  slashes('/app//../../admin', '/admin'),
  slashes('/xyz%30..//abc', '/xyz0../abc'),
  slashes('//../', '/'),
  escaped('/app%2fadmin', '/app/admin'),
  escaped('/app/%2f', '/app/'),
  escaped('/app%2f/', '/app/'),
  escaped('/a%5Cb', '/a/b'),
  escaped('/a%5cb', '/a/b'),
  escaped('/%2Fapp%5cadmin%5Cabc', '/app/admin/abc'),
  escaped('/%5Capp%2f%5c%2F%2e%2e%2fadmin%5c\\abc', '/app/admin/abc'),
  escaped('/a/..%2fb', '/b'),
  escaped('/a/%2e%2e%2Fb', '/b'),
  escaped('/a%2f..%5c../b', '/b'),
  // Never resolved
  ...[
    '/%00',
    '/a%00.js',
    '/a/..%00/b',
    '/%',
    '/%4',
    '/a%',
    '/%zz',
    '/%4g',
    '/%g4',
    '/%%41',
    '/%2%35',
    '/%u002f',
    '/..;',
    '/.;',
    '/..;/a',
    '/a/..;/b',
    '/a/.;/b',
    '/public/..;/admin',
    '/public/..;x=y/admin',
    '/a/%2e%2e;/b',
    '/a/.%2e;/b',
    '/a/..%3b/b',
    '/a/..%3B/b',
    '/a/%2e%2e%3b',
    '/a/.%3B',
  ].map((input) => same(input, AMBIGUOUS)),
  ...[
    '',
    'a',
    'a/b',
    '*',
    '/a b',
    '/a\tb',
    '/a\rb',
    '/a\nb',
    '/a\0',
    '/a#b',
    '/#',
    '/a?b',
    '/\x7f',
    '/\x80',
    '/\xff',
    '/\xe9',
    '/Ā',
    '/\u2215',
    '/../\x80',
  ].map((input) => same(input, BAD)),
];

const modes: [PathMode, (row: Row) => Want][] = [
  ['reject', (row) => row.reject],
  ['merge-slashes', (row) => row.merge],
  ['decode-and-merge-slashes', (row) => row.decode],
];

describe.each(modes)('canonicalPath, %s', (mode, wanted) => {
  test.each(rows.map((row) => [row.input, wanted(row)] as const))('%j', (input, want) => {
    const got = canonicalPath(input, mode);
    if (typeof want === 'string') {
      expect(got).toEqual({ path: want, changed: want !== input, fault: null });
      expect(canonicalPath(want, mode)).toEqual({ path: want, changed: false, fault: null });
      expect(isCanonicalPath(want, 0, want.length)).toBe(true);
    } else {
      expect(got).toEqual({ path: input, changed: false, fault: want.fault });
    }
  });

  test('every byte, raw and escaped: one spelling, idempotent', () => {
    for (let c = 0; c < 256; c++) {
      const hex = c.toString(16).padStart(2, '0');
      const inputs = [String.fromCharCode(c), `%${hex}`, `%${hex.toUpperCase()}`].flatMap((x) => [
        `/${x}`,
        `/a${x}`,
        `/${x}.`,
        `/.${x}`,
        `/..${x}`,
        `/..${x}/b`,
        `/a/${x}${x}/b`,
      ]);
      for (const input of inputs) {
        const first = canonicalPath(input, mode);
        if (first.fault !== null) continue;
        expect(canonicalPath(first.path, mode), input).toEqual({
          path: first.path,
          changed: false,
          fault: null,
        });
        expect(isCanonicalPath(first.path, 0, first.path.length), input).toBe(true);
      }
      const raw = canonicalPath(`/a${String.fromCharCode(c)}b`, mode);
      if (c <= 0x20 || c >= 0x7f || c === 0x23 || c === 0x3f) expect(raw.fault).toBe('bad-path');
      const upper = canonicalPath(`/a%${hex.toUpperCase()}b`, mode);
      expect(canonicalPath(`/a%${hex}b`, mode).fault).toBe(upper.fault);
      if (upper.fault === null) expect(canonicalPath(`/a%${hex}b`, mode).path).toBe(upper.path);
    }
  });
});

test('isCanonicalPath reads only its range', () => {
  const text = 'GET /a/.. HTTP/1.1';
  expect(isCanonicalPath(text, 4, 7)).toBe(true);
  expect(isCanonicalPath(text, 4, 8)).toBe(false);
  expect(isCanonicalPath(text, 4, 4)).toBe(false);
  expect(isCanonicalPath('/%412', 0, 3)).toBe(false);
});

test('a long hostile path costs linear time', () => {
  const deep = '/a/..'.repeat(13_000);
  expect(canonicalPath(deep, 'reject').path).toBe('/');
  const slashed = '/'.repeat(65_000);
  expect(canonicalPath(slashed, 'merge-slashes').path).toBe('/');
});
