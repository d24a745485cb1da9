// Text of others stays text: in pages, in pictures and in Markdown.
import { describe, expect, it } from 'vitest';
import { escapeMarkdown, escapeXml } from '../../../../bench/report/escape.ts';

describe('escapeXml', () => {
  it.each([
    { name: 'plain text', input: 'CPU <= 0.5 x', expect: 'CPU &lt;= 0.5 x' },
    { name: 'a tag', input: '<b>', expect: '&lt;b&gt;' },
    { name: 'the end of an attribute', input: `" onload='x'`, expect: '&quot; onload=&#39;x&#39;' },
    { name: 'an entity', input: '&lt;', expect: '&amp;lt;' },
    { name: 'colours of a terminal', input: '\u001b[31mred', expect: '\u{fffd}[31mred' },
    { name: 'zero', input: 'a\u0000b', expect: 'a\u{fffd}b' },
    { name: 'a lone surrogate', input: 'a\ud800', expect: 'a\u{fffd}' },
    { name: 'lines', input: 'a\n\tb', expect: 'a\n\tb' },
  ])('$name', ({ input, expect: want }) => expect(escapeXml(input)).toBe(want));
});

describe('escapeMarkdown', () => {
  it.each([
    { name: 'a bound', input: 'CPU <= 0.5 x [1-2] > 3 & 4', expect: 'CPU <= 0.5 x [1-2] > 3 & 4' },
    { name: 'a name with underscores', input: 'TLS_AES_128', expect: 'TLS_AES_128' },
    { name: 'emphasis', input: '_a_ *b* ~c~ `d`', expect: '\\_a\\_ \\*b\\* \\~c\\~ \\`d\\`' },
    { name: 'a tag', input: '<script>', expect: '&lt;script>' },
    { name: 'a marker of ours', input: '<!-- figures:end -->', expect: '&lt;!-- figures:end -->' },
    { name: 'an entity', input: '&lt;b&#62;', expect: '&amp;lt;b&amp;#62;' },
    { name: 'a cell', input: 'a|b', expect: 'a\\|b' },
    { name: 'a cell behind a backslash', input: 'a\\|b', expect: 'a\\\\\\|b' },
    { name: 'a link', input: '[a](b)', expect: '[a]\\(b)' },
    { name: 'lines', input: ' a\r\n\n# b ', expect: 'a # b' },
    { name: 'colours of a terminal', input: '\u001b[31m', expect: '\u{fffd}[31m' },
  ])('$name', ({ input, expect: want }) => expect(escapeMarkdown(input)).toBe(want));
});
