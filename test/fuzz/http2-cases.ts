// Random header blocks of one HTTP/2 connection: lists that are mostly requests, in any representation, and
// then mostly with something wrong in them.
import type { Case } from './cases.ts';
import { mutate } from './mutate.ts';
import type { Pairs } from './nghttp2.ts';
import { Random } from './random.ts';

/** First index of the dynamic table, and how far beyond the indexes go at times. */
const DYNAMIC_FIRST = 62;
const INDEXES = 8;

const NAMES = [
  ...([
    'accept',
    'x-a',
    'x-b',
    'x_a',
    'cookie',
    'content-length',
    'te',
    'host',
    'authorization',
    'expect',
  ] as const),
  ...([
    'connection',
    'transfer-encoding',
    'upgrade',
    'keep-alive',
    'proxy-connection',
    'http2-settings',
  ] as const),
  ...([':path', ':method', ':scheme', ':authority', ':status', ':protocol', ':', 'X-A', 'x a', ''] as const),
] as const;
const VALUES = [
  ...([
    'a',
    '',
    'a=b',
    'trailers',
    '5',
    '0',
    'chunked',
    'close',
    '100-continue',
    'a\tb',
    '\xe4\xff',
    ' a',
    'a ',
  ] as const),
  ...(['a\r\nx: y', 'a\nb', 'a\0b', 'v', 'gzip, deflate', '1, 1', '\x7f', '\x01'] as const),
] as const;
const PATHS = [
  '/',
  '/a',
  '/a?b=c',
  '/index.html',
  '*',
  'a',
  'http://b/',
  '/a b',
  '/\r\nx: y',
  '/%2e%2e/b',
  '/a#b',
  '//a',
  '?a',
  '/\xff',
  '/..;/',
] as const;
const METHODS = [
  'GET',
  'GET',
  'POST',
  'OPTIONS',
  'CONNECT',
  'PURGE',
  'HEAD',
  'get',
  'G T',
  'TRACE',
  "!#$%&'*",
] as const;
const SCHEMES = ['http', 'https', 'http', 'https', 'ftp', 'HTTP', '1'] as const;
const PLACES = [
  'a',
  'a',
  'a:80',
  'shop.example',
  '[::1]:8080',
  'b',
  'u@a',
  'a b',
  'a,b',
  'a\xff',
  '%61',
  'a:',
] as const;

/** The case of `seed`: `text` is the blocks behind each other, `cuts` are the ends of all but the last. */
export function http2CaseOf(seed: number): Case {
  const random = new Random(seed);
  const blocks = Array.from({ length: 1 + random.below(5) }, () => block(random));
  const broken = random.chance(0.4) ? random.below(blocks.length) : -1;
  const texts = blocks.map((text, i) => (i === broken ? mutate(random, text, block(random)) : text));
  const cuts: number[] = [];
  let length = 0;
  for (const text of texts) {
    length += text.length;
    cuts.push(length);
  }
  return { kind: 'requests', text: texts.join(''), cuts: cuts.slice(0, -1) };
}

function block(random: Random): string {
  const updates = random.chance(0.08) ? random.repeat(1 + random.below(2), () => sizeUpdate(random)) : '';
  return (
    updates +
    list(random)
      .map(([name, value]) => field(random, name, value))
      .join('')
  );
}

function list(random: Random): Pairs {
  const common = <T extends string>(items: readonly [T, ...T[]]): string =>
    random.chance(0.9) ? items[0] : random.pick(items);
  const pairs: Pairs = [
    [':method', common(METHODS)],
    [':scheme', common(SCHEMES)],
    [':path', common(PATHS)],
    [':authority', common(PLACES)],
  ];
  if (random.chance(0.06)) pairs.splice(random.below(4), 1);
  if (random.chance(0.1)) pairs.reverse();
  for (let i = random.below(5); i > 0; i--) {
    const at = random.chance(0.98) ? pairs.length : random.below(pairs.length);
    const name = random.chance(0.8) ? random.pick(['accept', 'x-a', 'x-b', 'cookie']) : random.pick(NAMES);
    const value =
      name === 'host'
        ? random.pick(PLACES)
        : random.chance(0.7)
          ? random.pick(['a', 'b'])
          : random.pick(VALUES);
    pairs.splice(at, 0, [name, value]);
  }
  return pairs;
}

/** One field in one of its representations; an index is mostly one that is there. */
function field(random: Random, name: string, value: string): string {
  if (random.chance(0.04)) return integer(0x80, 7, index(random));
  const form = random.pick([0x40, 0x40, 0x00, 0x10]);
  const prefix = form === 0x40 ? 6 : 4;
  if (random.chance(0.05)) return integer(form, prefix, index(random)) + text(value);
  return integer(form, prefix, 0) + text(name) + text(value);
}

const index = (random: Random): number =>
  random.chance(0.5)
    ? random.pick([16, 19, 32, 51, 58, 1 + random.below(DYNAMIC_FIRST)])
    : DYNAMIC_FIRST + random.below(INDEXES);

const sizeUpdate = (random: Random): string =>
  integer(0x20, 5, random.pick([0, 40, 100, 1_000, 4_096, 4_096, random.below(5_000)]));

const text = (value: string): string => integer(0, 7, value.length) + value;

function integer(form: number, prefix: number, value: number): string {
  const full = (1 << prefix) - 1;
  if (value < full) return String.fromCharCode(form | value);
  let out = String.fromCharCode(form | full);
  let rest = value - full;
  for (; rest >= 128; rest >>= 7) out += String.fromCharCode((rest & 127) | 128);
  return out + String.fromCharCode(rest);
}
