// From header blocks to heads of HTTP/1.1: RFC 9113 sections 8.1.1 to 8.3, and 8.5.
import { describe, expect, test } from 'vitest';
import { RequestParser } from '../../../../proxy/http1/parse-request.ts';
import { HpackDecoder, Scratch } from '../../../../proxy/http2/hpack/decoder.ts';
import { RequestBlock } from '../../../../proxy/http2/request-block.ts';
import { parserOptions } from '../http1/parsing.ts';
import { block, INCREMENTAL, indexed, literal, type Pair } from './coding.ts';

const GET: readonly Pair[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/'],
  [':authority', 'a'],
];
const get = (...fields: readonly Pair[]): Pair[] => [...GET, ...fields];
/** GET with another value of one pseudo-header field, or without it. */
const but = (name: string, value: string | null, ...fields: readonly Pair[]): Pair[] =>
  get(...fields).flatMap((pair) =>
    pair[0] !== name ? [pair] : value === null ? [] : [[name, value] as const],
  );
const connect = (...fields: readonly Pair[]): Pair[] => [
  [':method', 'CONNECT'],
  [':authority', 'a:443'],
  ...fields,
];

interface Read {
  readonly head: string | null;
  readonly fault: string;
  readonly oversize: boolean;
}

function read(bytes: Buffer, blocks = new RequestBlock(65_536)): Read {
  blocks.begin();
  expect(new HpackDecoder(new Scratch()).decode(bytes, 0, bytes.length, blocks)).toBe(true);
  const head = blocks.finish();
  return { head: head?.toString('latin1') ?? null, fault: blocks.fault, oversize: blocks.oversize };
}
const readList = (list: readonly Pair[]): Read => read(block(list));
const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

describe('is a head', () => {
  const rows: { name: string; list: Pair[]; expect: string }[] = [
    { name: 'the least', list: get(), expect: head('GET / HTTP/1.1', 'host: a') },
    {
      name: 'pseudo-header fields in another order',
      list: GET.toReversed(),
      expect: head('GET / HTTP/1.1', 'host: a'),
    },
    { name: 'http', list: but(':scheme', 'http'), expect: head('GET / HTTP/1.1', 'host: a') },
    {
      name: 'OPTIONS *',
      list: [
        [':method', 'OPTIONS'],
        [':scheme', 'https'],
        [':path', '*'],
        [':authority', 'a'],
      ],
      expect: head('OPTIONS * HTTP/1.1', 'host: a'),
    },
    {
      name: 'a method of marks',
      list: but(':method', "!#$%&'*+-.^_`|~0a"),
      expect: head("!#$%&'*+-.^_`|~0a / HTTP/1.1", 'host: a'),
    },
    { name: 'a query', list: but(':path', '/a?b=/../'), expect: head('GET /a?b=/../ HTTP/1.1', 'host: a') },
    {
      name: 'fields in order',
      list: get(['b', '1'], ['a', '2'], ['b', '']),
      expect: head('GET / HTTP/1.1', 'host: a', 'b: 1', 'a: 2', 'b: '),
    },
    {
      name: 'Host instead of :authority',
      list: but(':authority', null, ['x', '1'], ['host', 'a']),
      expect: head('GET / HTTP/1.1', 'x: 1', 'host: a'),
    },
    {
      name: 'Host as :authority says it',
      list: get(['host', 'a'], ['x', '1']),
      expect: head('GET / HTTP/1.1', 'host: a', 'x: 1'),
    },
    {
      name: 'te: trailers',
      list: get(['te', 'trailers']),
      expect: head('GET / HTTP/1.1', 'host: a', 'te: trailers'),
    },
    {
      name: 'te: Trailers',
      list: get(['te', 'Trailers']),
      expect: head('GET / HTTP/1.1', 'host: a', 'te: Trailers'),
    },
    {
      name: 'one cookie',
      list: get(['cookie', 'a=b; c=d']),
      expect: head('GET / HTTP/1.1', 'host: a', 'cookie: a=b; c=d'),
    },
    {
      name: 'cookies in crumbs',
      list: get(['cookie', 'a=b'], ['x', '1'], ['cookie', 'c=d'], ['cookie', 'e']),
      expect: head('GET / HTTP/1.1', 'host: a', 'x: 1', 'cookie: a=b; c=d; e'),
    },
    {
      name: 'an empty cookie',
      list: get(['cookie', '']),
      expect: head('GET / HTTP/1.1', 'host: a', 'cookie: '),
    },
    {
      name: 'content-length',
      list: get(['content-length', '5']),
      expect: head('GET / HTTP/1.1', 'host: a', 'content-length: 5'),
    },
    {
      name: 'obs-text and a tab in a value',
      list: get(['x', 'a\t\xff\x80']),
      expect: head('GET / HTTP/1.1', 'host: a', 'x: a\t\xff\x80'),
    },
    {
      name: 'CONNECT',
      list: connect(['x', '1']),
      expect: head('CONNECT a:443 HTTP/1.1', 'host: a:443', 'x: 1'),
    },
    {
      name: 'names that begin as those of a connection',
      list: get(['connection-x', '1'], ['upgrade-insecure-requests', '1']),
      expect: head('GET / HTTP/1.1', 'host: a', 'connection-x: 1', 'upgrade-insecure-requests: 1'),
    },
  ];
  test.each(rows)('$name', ({ list, expect: want }) => {
    expect(readList(list)).toEqual({ head: want, fault: '', oversize: false });
  });
});

describe('is none: RFC 9113', () => {
  const rows: { name: string; list: Pair[] }[] = [
    ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings'].map(
      (name) => ({ name: `section 8.2.2: ${name}`, list: get([name, 'x']) }),
    ),
    { name: 'section 8.2.2: Transfer-Encoding: chunked', list: get(['transfer-encoding', 'chunked']) },
    { name: 'section 8.2.2: te: gzip', list: get(['te', 'gzip']) },
    { name: 'section 8.2.2: te: trailers, gzip', list: get(['te', 'trailers, gzip']) },
    { name: 'section 8.2.2: te: trailers;q=1', list: get(['te', 'trailers;q=1']) },
    { name: 'section 8.2.2: an empty te', list: get(['te', '']) },
    { name: 'section 8.2.2: te a second time', list: get(['te', 'trailers'], ['te', 'x']) },
    { name: 'section 8.2: a capital letter in a name', list: get(['X-a', '1']) },
    { name: 'section 8.2: Host in capitals', list: but(':authority', null, ['Host', 'a']) },
    { name: 'section 8.2.1: an empty name', list: get(['', '1']) },
    { name: 'section 8.2.1: a space in a name', list: get(['x a', '1']) },
    { name: 'section 8.2.1: a colon in a name', list: get(['x:a', '1']) },
    { name: 'section 8.2.1: CRLF in a name', list: get(['x: 1\r\nhost', 'b']) },
    { name: 'section 8.2.1: a byte above ASCII in a name', list: get(['x\xe9', '1']) },
    { name: 'section 8.2.1: CRLF in a value', list: get(['x', '1\r\nhost: b']) },
    { name: 'section 8.2.1: a head in a value', list: get(['x', '1\r\n\r\nGET /admin HTTP/1.1']) },
    { name: 'section 8.2.1: LF in a value', list: get(['x', '1\nhost: b']) },
    { name: 'section 8.2.1: CR in a value', list: get(['x', '1\rhost: b']) },
    { name: 'section 8.2.1: NUL in a value', list: get(['x', '1\0']) },
    { name: 'section 8.2.1: CRLF in a cookie', list: get(['cookie', 'a\r\nb: c']) },
    { name: 'section 8.2.1: a blank before a value', list: get(['x', ' 1']) },
    { name: 'section 8.2.1: a blank behind a value', list: get(['x', '1\t']) },
    { name: 'section 8.2.1: a blank around a content-length', list: get(['content-length', ' 5']) },
    { name: 'section 8.3: behind a field', list: [['x', '1'], ...GET] },
    {
      name: 'section 8.3: one of them behind a field',
      list: [...but(':path', null), ['x', '1'], [':path', '/']],
    },
    {
      name: 'section 8.3: :authority behind a field',
      list: [...but(':authority', null), ['x', '1'], [':authority', 'a']],
    },
    { name: 'section 8.3: :path twice', list: [...GET, [':path', '/']] },
    { name: 'section 8.3: another :path', list: [...GET, [':path', '/admin']] },
    { name: 'section 8.3: :method twice', list: [...GET, [':method', 'GET']] },
    { name: 'section 8.3: :scheme twice', list: [...GET, [':scheme', 'https']] },
    { name: 'section 8.3: :authority twice', list: [...GET, [':authority', 'a']] },
    { name: 'section 8.3: unknown', list: [...GET, [':x', '1']] },
    { name: 'section 8.3: :status', list: [...GET, [':status', '200']] },
    { name: 'section 8.3: :protocol', list: [...GET, [':protocol', 'websocket']] },
    { name: 'section 8.3: a colon alone', list: [...GET, [':', '1']] },
    { name: 'section 8.3: in capitals', list: [...but(':path', null), [':Path', '/']] },
    { name: 'section 8.3.1: no :method', list: but(':method', null) },
    { name: 'section 8.3.1: no :scheme', list: but(':scheme', null) },
    { name: 'section 8.3.1: no :path', list: but(':path', null) },
    { name: 'section 8.3.1: no :path, but fields', list: but(':path', null, ['x', '1']) },
    { name: 'section 8.3.1: nothing', list: [] },
    { name: 'section 8.3.1: fields alone', list: [['host', 'a']] },
    ...[
      '',
      'a',
      ':80',
      'http://b/',
      'https://a/',
      '?a',
      '/a b',
      '/ HTTP/1.1\r\nx: 1',
      '/\t',
      '*a',
      '**',
      '#',
      '%2f',
    ].map((path) => ({ name: `section 8.3.1: :path ${JSON.stringify(path)}`, list: but(':path', path) })),
    ...['', 'GET ', 'G ET', 'GET /x', 'G:', 'G\u00c4T', '"GET"', 'GET\t'].map((method) => ({
      name: `section 8.3.1: :method ${JSON.stringify(method)}`,
      list: but(':method', method),
    })),
    ...['', 'ftp', 'HTTPS', 'https ', 'https:', 'httpss', 'htt', 'ws'].map((scheme) => ({
      name: `section 8.3.1: :scheme ${JSON.stringify(scheme)}`,
      list: but(':scheme', scheme),
    })),
    ...['', 'a b', 'a\tb', 'a\r\nx: 1', 'a\0'].map((authority) => ({
      name: `section 8.3.1: :authority ${JSON.stringify(authority)}`,
      list: but(':authority', authority),
    })),
    { name: 'section 8.3.1: Host names another place', list: get(['host', 'b']) },
    { name: 'section 8.3.1: Host names it with a port', list: get(['host', 'a:443']) },
    { name: 'section 8.3.1: Host names less of it', list: but(':authority', 'ab', ['host', 'a']) },
    { name: 'section 8.3.1: Host names more of it', list: get(['host', 'ab']) },
    { name: 'section 8.3.1: an empty Host', list: get(['host', '']) },
    { name: 'two Hosts', list: but(':authority', null, ['host', 'a'], ['host', 'a']) },
    { name: 'two Hosts beside :authority', list: get(['host', 'a'], ['host', 'a']) },
    { name: 'section 8.5: CONNECT with :scheme', list: [[':scheme', 'https'], ...connect()] },
    { name: 'section 8.5: CONNECT with :path', list: [[':path', '/'], ...connect()] },
    { name: 'section 8.5: CONNECT with both', list: but(':method', 'CONNECT') },
    { name: 'section 8.5: CONNECT without :authority', list: [[':method', 'CONNECT']] },
    {
      name: 'section 8.5: CONNECT with Host alone',
      list: [
        [':method', 'CONNECT'],
        ['host', 'a:443'],
      ],
    },
    {
      name: 'section 8.5: CONNECT to nowhere',
      list: [
        [':method', 'CONNECT'],
        [':authority', ''],
      ],
    },
    {
      name: 'section 8.5: CONNECT and a request line',
      list: [
        [':method', 'CONNECT'],
        [':authority', 'a:443 HTTP/1.1'],
      ],
    },
    // What was wrong before stays wrong.
    { name: 'CONNECT with an unknown pseudo-header field', list: connect([':x', '1']) },
    { name: 'CONNECT with :authority twice', list: connect([':authority', 'b:443']) },
    { name: 'CONNECT with a malformed field first', list: [['X', '1'], ...connect()] },
    { name: 'CONNECT with a malformed field', list: connect(['x y', '1']) },
    { name: 'CONNECT with Connection', list: connect(['connection', 'close']) },
  ];
  test.each(rows)('$name', ({ list }) => {
    const { head: made, fault, oversize } = readList(list);
    expect({ made, oversize }).toEqual({ made: null, oversize: false });
    expect(fault).not.toBe('');
    // Whatever follows does not mend it.
    expect(readList([...list, ['x-last', '1']]).head).toBeNull();
  });
});

describe('every byte', () => {
  const visible = (c: number): boolean => c > 0x20 && c !== 0x7f;
  const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;
  const rows: { name: string; list: (byte: string) => Pair[]; accepts: (c: number) => boolean }[] = [
    { name: 'of :path', list: (b) => but(':path', `/a${b}b`), accepts: visible },
    { name: 'at the end of :path', list: (b) => but(':path', `/a${b}`), accepts: visible },
    { name: 'that is :path', list: (b) => but(':path', b), accepts: (c) => c === 0x2f || c === 0x2a },
    { name: 'at the start of :path', list: (b) => but(':path', `${b}a`), accepts: (c) => c === 0x2f },
    { name: 'of :authority', list: (b) => but(':authority', `a${b}b`), accepts: visible },
    {
      name: 'of :method',
      list: (b) => but(':method', `G${b}T`),
      accepts: (c) => token.test(String.fromCharCode(c)),
    },
    {
      name: 'that is :method',
      list: (b) => but(':method', b),
      accepts: (c) => token.test(String.fromCharCode(c)),
    },
    { name: 'of :scheme', list: (b) => but(':scheme', `http${b}`), accepts: (c) => c === 0x73 },
    { name: 'of a pseudo-header name', list: (b) => [...GET, [`:${b}`, '1']], accepts: () => false },
    {
      name: 'of a name',
      list: (b) => get([`x${b}`, '1']),
      accepts: (c) => token.test(String.fromCharCode(c)) && (c < 0x41 || c > 0x5a),
    },
    {
      name: 'of a value',
      list: (b) => get(['x', `1${b}2`]),
      accepts: (c) => visible(c) || c === 0x20 || c === 0x09,
    },
    { name: 'at the start of a value', list: (b) => get(['x', `${b}2`]), accepts: visible },
    { name: 'at the end of a value', list: (b) => get(['x', `1${b}`]), accepts: visible },
    {
      name: 'of a cookie',
      list: (b) => get(['cookie', `1${b}2`]),
      accepts: (c) => visible(c) || c === 0x20 || c === 0x09,
    },
    { name: 'of te', list: (b) => get(['te', `trailers${b}`]), accepts: () => false },
  ];
  test.each(rows)('$name', ({ list, accepts }) => {
    for (let c = 0; c < 256; c++) {
      const { head: made } = readList(list(String.fromCharCode(c)));
      expect(made !== null, `byte ${c}`).toBe(accepts(c));
      if (made === null) continue;
      // One head, and no more lines in it than the list had.
      expect(made.indexOf('\r\n\r\n'), `byte ${c}`).toBe(made.length - 4);
      expect(made.split(/[\r\n]+/).length, `byte ${c}`).toBeLessThanOrEqual(4);
    }
  });
});

describe('its size', () => {
  const size = (list: readonly Pair[]): number => readList(list).head?.length ?? 0;
  const rows: { name: string; list: Pair[] }[] = [
    { name: 'fields', list: get(['x', 'v'.repeat(3_000)], ['y', 'v'.repeat(3_000)]) },
    { name: 'a long :path', list: but(':path', `/${'v'.repeat(6_000)}`) },
    { name: 'a long :authority', list: but(':authority', 'v'.repeat(6_000)) },
    { name: 'many cookies', list: get(...Array.from({ length: 500 }, (): Pair => ['cookie', 'a=b'])) },
    { name: 'many fields', list: get(...Array.from({ length: 500 }, (): Pair => ['x', 'a'])) },
  ];
  test.each(rows)('$name: as large as it may be, and a byte more', ({ list }) => {
    const bytes = size(list);
    expect(bytes).toBeGreaterThan(1_000);
    expect(read(block(list), new RequestBlock(bytes))).toMatchObject({ fault: '', oversize: false });
    expect(read(block(list), new RequestBlock(bytes - 1))).toEqual({ head: null, fault: '', oversize: true });
  });

  test('one entry of a table, ten thousand times', () => {
    const bomb = Buffer.concat([
      block(GET),
      literal('x', 'v'.repeat(4_000), INCREMENTAL),
      ...Array.from({ length: 10_000 }, () => indexed(62)),
    ]);
    expect(read(bomb)).toEqual({ head: null, fault: '', oversize: true });
  });
});

test('blocks one after the other have nothing of each other, and memory of their own', () => {
  const blocks = new RequestBlock(8_192);
  const decoder = new HpackDecoder(new Scratch());
  const heads = [get(['x', '1'], ['cookie', 'a']), connect(), but(':path', '/bad path'), get(['y', '2'])].map(
    (list) => {
      blocks.begin();
      const bytes = block(list);
      decoder.decode(bytes, 0, bytes.length, blocks);
      return blocks.finish();
    },
  );
  expect(heads.map((bytes) => bytes?.toString('latin1') ?? null)).toEqual([
    head('GET / HTTP/1.1', 'host: a', 'x: 1', 'cookie: a'),
    head('CONNECT a:443 HTTP/1.1', 'host: a:443'),
    null,
    head('GET / HTTP/1.1', 'host: a', 'y: 2'),
  ]);
});

test('an entry that is evicted within the block has been copied', () => {
  const bytes = Buffer.concat([
    literal(':path', `/${'p'.repeat(2_000)}`, INCREMENTAL),
    literal(':authority', 'a'.repeat(2_000), INCREMENTAL),
    block([
      [':method', 'GET'],
      [':scheme', 'http'],
    ]),
    literal('x', 'v'.repeat(3_000), INCREMENTAL),
    literal('y', 'w'.repeat(3_000), INCREMENTAL),
  ]);
  expect(read(bytes).head).toBe(
    head(
      `GET /${'p'.repeat(2_000)} HTTP/1.1`,
      `host: ${'a'.repeat(2_000)}`,
      `x: ${'v'.repeat(3_000)}`,
      `y: ${'w'.repeat(3_000)}`,
    ),
  );
});

test('what is a head here and none in HTTP/1.1 is refused by its parser', () => {
  const parser = new RequestParser(parserOptions());
  const rows: [Pair[], string][] = [
    [but(':authority', null), 'bad-host'],
    [but(':authority', 'u@a'), 'bad-host'],
    [but(':path', '*'), 'bad-target'],
    [but(':path', '//a'), 'ambiguous-path'],
    [but(':path', '/a#b'), 'bad-path'],
    [get(['content-length', '1, 1']), 'bad-content-length'],
    [get(['content-length', '1'], ['content-length', '1']), 'bad-content-length'],
    [connect(), 'method-not-allowed'],
    [but(':method', 'TRACE'), 'method-not-allowed'],
    [get(['x-forwarded_for', '1']), 'ambiguous-header'],
  ];
  for (const [list, fault] of rows) {
    parser.reset();
    expect(parser.push(Buffer.from(readList(list).head ?? '', 'latin1'), 0)).toBe(-1);
    expect(parser.fault, JSON.stringify(list)).toBe(fault);
  }
});
