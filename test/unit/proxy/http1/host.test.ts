// Host and authority: one spelling, no guesses.
import { expect, test } from 'vitest';
import { canonicalHost } from '../../../../proxy/http1/host.ts';

const accepted: [string, string][] = [
  ['a', 'a'],
  ['Shop.Example.ORG', 'shop.example.org'],
  ['shop.example.org.', 'shop.example.org'],
  ['shop.example.org.:8080', 'shop.example.org:8080'],
  ['a:0', 'a:0'],
  ['a:65535', 'a:65535'],
  ['127.0.0.1', '127.0.0.1'],
  ['127.0.0.1:8080', '127.0.0.1:8080'],
  ['[::1]', '[::1]'],
  ['[2001:DB8::1]:443', '[2001:db8::1]:443'],
  ['[::ffff:10.0.0.1]', '10.0.0.1'],
  ['[::FFFF:a00:1]:80', '10.0.0.1:80'],
  ['[2001:db8:0:0::0001]', '[2001:db8::1]'],
  ['[0:0:0:0:0:0:0:1]', '[::1]'],
  ['my_service', 'my_service'],
  ["a-b~c!$&'()*+;=", "a-b~c!$&'()*+;="],
];

const refused = [
  '',
  ' ',
  '.',
  '..',
  '.a',
  'a..',
  'a..b',
  '.:80',
  ':80',
  'a:',
  'a.:',
  'a:65536',
  'a:99999',
  'a:000080',
  'a:00080',
  'a:080',
  'a:00',
  'a:-1',
  'a:+1',
  'a:8o',
  'a:80:80',
  'a:80 ',
  'a b',
  'a/b',
  'a/',
  'a?b',
  'a#b',
  'a@b',
  'user:pass@b',
  'user@b:80',
  'a%2eb',
  'a%',
  'a,b',
  'a\\b',
  'a"b',
  '<a>',
  'a\tb',
  'a\0',
  '\xe9',
  '::1',
  '2001:db8::1',
  '[::1',
  '[]',
  '[::1]]',
  '[::1]a',
  '[::1]:',
  '[::1]:x',
  '[::1%25eth0]',
  '[fe80::1%eth0]',
  '[v1.a]',
  '[127.0.0.1]',
  '[a]',
  `${'a'.repeat(256)}`,
];

test.each(accepted)('%s', (input, want) => expect(canonicalHost(input, 0, input.length)).toBe(want));
test.each(refused)('refuses %j', (input) => expect(canonicalHost(input, 0, input.length)).toBeNull());

test('reads only its range', () => {
  expect(canonicalHost('Host: a.b\r\n', 6, 9)).toBe('a.b');
  expect(canonicalHost('[::1]', 0, 4)).toBeNull();
});

test('every byte in a name', () => {
  const names = "abcdefghijklmnopqrstuvwxyz0123456789-_~!$&'()*+;=.";
  for (let c = 0; c < 256; c++) {
    const x = String.fromCharCode(c);
    const host = `a${x}b`;
    const want = names.includes(c < 0x80 ? x.toLowerCase() : x) ? host.toLowerCase() : null;
    expect(canonicalHost(host, 0, 3), `byte ${c}`).toBe(want);
  }
});
