// Hostile text in hand-built JSON: valid, bounded, without control characters.
import { describe, expect, test } from 'vitest';
import { ownText, quote, quoteList, TimeText } from '../../../../proxy/record/json-text.ts';

describe('quote', () => {
  test('gives valid JSON for each of the 256 byte values, alone, first, last and between', () => {
    for (let byte = 0; byte < 256; byte++) {
      const char = String.fromCharCode(byte);
      for (const text of [char, `${char}ab`, `ab${char}`, `a${char}b`, char.repeat(3)]) {
        expect(JSON.parse(quote(text, 100)), `byte ${byte}`).toBe(text);
      }
    }
  });

  test('leaves no control character, quote or separator that a reader of lines would obey', () => {
    const all = Array.from({ length: 0x3000 }, (_, c) => String.fromCharCode(c)).join('');
    const inner = quote(all, all.length).slice(1, -1);
    for (const char of inner) {
      const c = char.codePointAt(0) ?? 0;
      expect(c >= 0x20 && !(c >= 0x7f && c < 0xa0) && c !== 0x2028 && c !== 0x2029, `U+${c}`).toBe(true);
    }
  });

  const rows = [
    { name: 'empty', input: '', max: 5, expect: '""' },
    { name: 'plain', input: 'abc', max: 5, expect: '"abc"' },
    { name: 'exactly as long as allowed', input: 'abcde', max: 5, expect: '"abcde"' },
    { name: 'one too long', input: 'abcdef', max: 5, expect: '"abcde\\u2026"' },
    { name: 'too long behind an escape', input: '"bcdef', max: 5, expect: '"\\"bcde\\u2026"' },
    {
      name: 'line break',
      input: 'a\r\n{"verdict":"allow"}',
      max: 50,
      expect: '"a\\u000d\\u000a{\\"verdict\\":\\"allow\\"}"',
    },
    { name: 'terminal escape', input: '\x1b[2J', max: 50, expect: '"\\u001b[2J"' },
    { name: 'C1 control', input: '\x9b2J', max: 50, expect: '"\\u009b2J"' },
    { name: 'lone surrogate', input: 'a\ud800b', max: 50, expect: '"a\\ud800b"' },
    { name: 'pair', input: '\u{1f600}', max: 50, expect: '"\\ud83d\\ude00"' },
    { name: 'pair cut in half', input: '\u{1f600}', max: 1, expect: '"\\ud83d\\u2026"' },
    { name: 'latin1 letter', input: 'caf\xe9', max: 50, expect: '"café"' },
  ];
  test.each(rows)('$name', ({ input, max, expect: expected }) => {
    const text = quote(input, max);
    expect(text).toBe(expected);
    const bytes = Buffer.from(text, 'utf8');
    expect(new TextDecoder('utf-8', { fatal: true }).decode(bytes)).toBe(expected);
  });

  test('bounds a list by items and by characters', () => {
    expect(quoteList(['aaa', 'b', 'c'], 2, 2)).toBe('["aa\\u2026","b"]');
    expect(quoteList([], 2, 2)).toBe('[]');
  });
});

test('ownText is the same text', () => {
  expect(ownText('/caf\xe9/\u{1f600}')).toBe('/caf\xe9/\u{1f600}');
});

test('TimeText is RFC 3339 with milliseconds', () => {
  const time = new TimeText();
  expect(time.at(0)).toBe('1970-01-01T00:00:00.000Z');
  expect(time.at(0)).toBe('1970-01-01T00:00:00.000Z');
  expect(time.at(1_756_728_000_123)).toBe('2025-09-01T12:00:00.123Z');
});
