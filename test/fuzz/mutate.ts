// Turns a mostly right message into a mostly wrong one: the bytes and words that smuggling is made of, in odd
// places.
import type { Random } from './random.ts';

const PIECES = [
  ...([
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    '\n\n',
    '\r\r\n',
    '\0',
    ' ',
    '\t',
    '\x0b',
    '\x0c',
    '\x7f',
    '\x80',
    '\xa0',
    '\xff',
  ] as const),
  ...([
    ':',
    ';',
    ',',
    '=',
    '"',
    '\\',
    '%',
    '%2f',
    '%00',
    '/',
    '//',
    '..',
    '#',
    '?',
    '@',
    '_',
    '-',
    '0',
    '+',
    '0x',
  ] as const),
  ...([
    'Host: a\r\n',
    'Host: b\r\n',
    'Content-Length: 5\r\n',
    'Content-Length: 0\r\n',
    'Transfer-Encoding: chunked\r\n',
  ] as const),
  ...([
    'Transfer-Encoding : chunked\r\n',
    'Transfer-Encoding: x\r\n',
    'Connection: close\r\n',
    ' folded\r\n',
  ] as const),
  ...([
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    '0\r\n\r\n',
    '5\r\nhello\r\n',
    'chunked',
    'HTTP/1.1',
    'HTTP/1.0',
  ] as const),
  ...([
    'HTTP/2.0',
    'ffffffffffffffff',
    '10000000000000000',
    '9007199254740993',
    'http://b/',
    '\r\n 0\r\n\r\n',
  ] as const),
] as const;

/** `text` with one to four changes; `other` is spliced in at times. */
export function mutate(random: Random, text: string, other: string): string {
  let out = text;
  for (let i = 1 + random.below(4); i > 0; i--) out = change(random, out, other);
  return out;
}

function change(random: Random, text: string, other: string): string {
  const at = random.below(text.length + 1);
  const end = Math.min(text.length, at + 1 + random.below(random.chance(0.2) ? 40 : 4));
  switch (random.below(9)) {
    case 0:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at);
    case 2:
      return text.slice(0, at) + random.pick(PIECES) + text.slice(at);
    case 3:
      return text.slice(0, at) + random.pick(PIECES) + text.slice(end);
    case 4:
      return text.slice(0, at) + text.slice(end);
    case 5:
      return text.slice(0, end) + text.slice(at);
    case 6:
      return text.slice(0, at) + other.slice(random.below(other.length + 1));
    case 7:
      return atLineEnd(random, text);
    default:
      return flipCase(text, at, end);
  }
}

/** Breaks one line end: most disagreements begin there. */
function atLineEnd(random: Random, text: string): string {
  const ends: number[] = [];
  for (let i = text.indexOf('\r\n'); i >= 0; i = text.indexOf('\r\n', i + 2)) ends.push(i);
  const at = ends[random.below(ends.length)];
  if (at === undefined) return text;
  const instead = random.pick([
    '\n',
    '\r',
    '\r\r\n',
    '\n\r',
    '',
    ' \r\n',
    '\r\n ',
    '\t\r\n',
    '\x85',
    '\r\n\r\n',
    '\0\r\n',
  ]);
  return text.slice(0, at) + instead + text.slice(at + 2);
}

function flipCase(text: string, at: number, end: number): string {
  const part = text.slice(at, end);
  return (
    text.slice(0, at) +
    (part === part.toLowerCase() ? part.toUpperCase() : part.toLowerCase()) +
    text.slice(end)
  );
}
