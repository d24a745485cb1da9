// Published ways to turn a request over HTTP/2 into two over HTTP/1.1, or into another one (H2.CL, H2.TE,
// H2.0, injection into the request line and into fields, trailers): nothing arrives, or nothing whole.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Downgrade, having, instead, type Sent, without } from './stage/downgrade.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, type Field } from './stage/http2-frames.ts';

let to: Downgrade;
beforeAll(async () => {
  to = await Downgrade.start();
});
afterAll(() => to.close());

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nhost: cart.shop\r\nx-role: admin\r\n\r\n';
const uploading = (...more: Field[]): Sent => ({ fields: h.post('/evil', more), data: [SMUGGLED] });
const names = (value: string, ...all: readonly string[]): ({ name: string } & Sent)[] =>
  all.map((name) => ({ name: JSON.stringify(name), ...uploading([name, value]) }));
const values = (name: string, ...all: readonly string[]): ({ name: string } & Sent)[] =>
  all.map((value) => ({ name: `${name}: ${JSON.stringify(value)}`, ...uploading([name, value]) }));
const pseudo = (name: string, ...all: readonly string[]): ({ name: string } & Sent)[] =>
  all.map((value) => ({ name: `${name} ${JSON.stringify(value)}`, fields: instead(name, value) }));
const LINE = 'x\r\nx-role: admin';

const RESET: readonly ({ name: string } & Sent)[] = [
  // H2.TE
  ...values('transfer-encoding', 'chunked', 'identity', '', 'xchunked', 'chunked, identity', ' chunked'),
  ...names(
    'chunked',
    'transfer-encoding ',
    ' transfer-encoding',
    'transfer-encoding:',
    'transfer-encoding\t',
  ),
  ...names(
    'chunked',
    'transfer-encoding\0',
    'transfer-encoding\r',
    'transfer-encoding\n',
    'Transfer-Encoding',
  ),
  ...names(
    'chunked',
    'tRANSFER-ENCODING',
    '\rtransfer-encoding',
    '\x0btransfer-encoding',
    'transfer\x7fencoding',
  ),
  ...names(
    'chunked',
    'x: y\r\ntransfer-encoding',
    'x:\ntransfer-encoding',
    'transfer-encoding\xa0',
    ':transfer-encoding',
  ),
  ...values(
    'x-a',
    'b\r\ntransfer-encoding: chunked',
    'b\ntransfer-encoding: chunked',
    'b\r\n\ttransfer-encoding: x',
  ),
  ...values('x-a', 'b\r\n', '\r\nb', 'b\n', 'b\r', '\0', 'b\x01', 'b\x7f', `b\r\n\r\n${SMUGGLED}`),
  ...values('cookie', `a=b\r\n\r\n${SMUGGLED}`, 'a=b\n', '\0', 'a=b\r\n c'),
  {
    name: 'cookie crumbs with a line between them',
    ...uploading(['cookie', 'a=b\r'], ['cookie', '\nx-role: admin']),
  },
  // H2.CL
  ...values(
    'content-length',
    '0',
    '1',
    '3',
    String(SMUGGLED.length - 1),
    String(SMUGGLED.length + 1),
    '999999999',
  ),
  ...values('content-length', '0\r\nx-role: admin', ' 0', '0 ', '0\t', '0\0', '0\n'),
  ...names(
    '0',
    'content-length ',
    'content-length:',
    'Content-Length',
    'content-length\0',
    ' content-length',
  ),
  { name: 'a length and no data', fields: h.post('/evil', [['content-length', '5']]) },
  {
    name: 'a length, no data and trailers',
    fields: h.post('/evil', [['content-length', '5']]),
    trailers: [],
  },
  { name: 'a length above an empty end', fields: h.post('/evil', [['content-length', '5']]), data: [''] },
  {
    name: 'GET with a length above its data',
    fields: h.get('/evil', [['content-length', '9']]),
    data: ['x'],
  },
  { name: 'HEAD with a length and no data', fields: h.get('/evil', [['content-length', '9']], 'HEAD') },
  // fields of a connection, in every spelling
  ...values(
    'connection',
    'close',
    'keep-alive',
    '',
    'x-forwarded-client-cert',
    'content-length',
    'upgrade, http2-settings',
  ),
  ...names(
    'x',
    'keep-alive',
    'proxy-connection',
    'upgrade',
    'http2-settings',
    'Connection',
    'KEEP-ALIVE',
    'Te',
  ),
  ...values('upgrade', 'h2c', 'websocket', 'HTTP/1.1'),
  ...values('te', 'gzip', 'chunked', '', 'trailers, deflate', 'trailers;q=1', 'trailers trailers'),
  // the request line
  ...pseudo(
    ':method',
    `GET /smuggled HTTP/1.1\r\n${LINE}`,
    'GET\r\n',
    'GET\n',
    ' GET',
    'GET ',
    'GET\t',
    'G\0T',
    'GET:',
    '"GET"',
  ),
  ...pseudo(
    ':path',
    '/ HTTP/1.1',
    `/ HTTP/1.1\r\n${LINE}`,
    '/\r',
    '/\n',
    '/\t',
    '/\x0b',
    '/\x7f',
    '/\0',
    ' /',
    '/ ',
    '\\evil',
  ),
  ...pseudo(':path', 'http://a/', 'a', '?x', '#x', '*x', '**', './evil', 'cart.shop:80', '%2fevil'),
  ...pseudo(
    ':scheme',
    'HTTPS',
    'https:',
    'https://x',
    'ws',
    'file',
    'http ',
    `http://${LINE}`,
    'h',
    'httpss',
    'http\0',
  ),
  ...pseudo(':authority', ' cart.shop', 'cart.shop ', 'cart\tshop', 'a\nb', `a${LINE}`, 'a\0', 'a\x7f'),
  // pseudo-header fields
  { name: 'no fields at all', fields: [] },
  { name: 'no :method', fields: without(':method') },
  { name: 'all of them twice', fields: [...h.get('/evil'), ...h.get('/evil')] },
  { name: ':path twice, the second empty', fields: [...h.get('/evil'), [':path', '']] },
  ...[
    ':host',
    ':version',
    ':protocol',
    ':',
    ':method:',
    ':path ',
    ':PATH',
    ':status',
    '::path',
    ':x\r\ny',
  ].map((name) => ({ name: JSON.stringify(name), fields: [[name, 'x'], ...h.get('/evil')] as Field[] })),
  {
    name: 'a pseudo-header field between others',
    fields: [...without(':path'), ['a', 'b'], [':path', '/evil'], ['c', 'd']],
  },
  {
    name: 'a pseudo-header field behind a cookie',
    fields: [...without(':path'), ['cookie', 'a=b'], [':path', '/evil']],
  },
  // RFC 9113 section 8.5, RFC 8441
  {
    name: 'CONNECT with :path',
    fields: [
      [':method', 'CONNECT'],
      [':authority', 'a:1'],
      [':path', '/'],
    ],
  },
  {
    name: 'CONNECT with :scheme',
    fields: [
      [':method', 'CONNECT'],
      [':authority', 'a:1'],
      [':scheme', 'http'],
    ],
  },
  { name: 'CONNECT without :authority', fields: [[':method', 'CONNECT']] },
  {
    name: 'CONNECT with host alone',
    fields: [
      [':method', 'CONNECT'],
      ['host', 'a:1'],
    ],
  },
  { name: 'CONNECT as an ordinary request', fields: h.get('/evil', [], 'CONNECT') },
  { name: 'extended CONNECT', fields: [...h.get('/evil', [], 'CONNECT'), [':protocol', 'websocket']] },
  { name: ':protocol with GET', fields: [...h.get('/evil'), [':protocol', 'websocket']] },
  // host and :authority
  ...[
    'other',
    'cart.shop.',
    'cart.shop:443',
    'CART.shop',
    '',
    'user@cart.shop',
    'cart.shop,cart.shop',
    'cart.shop\t',
  ].map((host) => ({ name: `host ${JSON.stringify(host)}`, ...having(['host', host]) })),
  { name: 'host twice beside :authority', ...having(['host', 'cart.shop'], ['host', 'other']) },
  { name: 'host in capitals', fields: [...without(':authority'), ['Host', 'cart.shop']] },
];

const refused = (
  code: string,
  rows: readonly ({ name: string } & Sent)[],
): ({ name: string; code: string } & Sent)[] => rows.map((row) => ({ ...row, code }));

const REFUSED: readonly ({ name: string; code: string } & Sent)[] = [
  ...refused('bad-content-length', [
    ...values('content-length', '-0', '-1', '+1', '00', '01', '0x10', '1e1', '1.0', '1,1', '1 1', '1;', ''),
    ...values(
      'content-length',
      '9007199254740992',
      '18446744073709551616',
      '1'.repeat(100),
      '\xb9',
      '\u00d91',
    ),
    { name: 'two lengths that agree', ...uploading(['content-length', '88'], ['content-length', '88']) },
    { name: 'two lengths, the second empty', ...uploading(['content-length', '88'], ['content-length', '']) },
  ]),
  ...refused('ambiguous-header', [
    ...names('chunked', 'transfer_encoding', 'content_length', 'x_forwarded_client_cert', 'x_forwarded_for'),
    ...names(
      'x',
      'x-forwarded_client-cert',
      'x_forwarded-client_cert',
      'x_real_ip',
      'x_forwarded_proto',
      'x_role',
    ),
  ]),
  ...refused('bad-host', [
    ...pseudo(
      ':authority',
      'a@cart.shop',
      'cart.shop@',
      'cart.shop:',
      'cart.shop:x',
      'cart.shop:080',
      'cart.shop:65536',
    ),
    ...pseudo(
      ':authority',
      ':80',
      '[::1',
      '[::1]x',
      '[::1%25lo]',
      'a..b',
      '.',
      '.a',
      'a/b',
      'a?b',
      'a#b',
      'a\\b',
      '%63art.shop',
    ),
    ...pseudo(
      ':authority',
      'c\u00e4rt.shop',
      'a,b',
      'https://cart.shop',
      `${'a'.repeat(256)}`,
      'cart.shop:80:80',
      '*:80/',
    ),
    { name: 'an empty host alone', fields: [...without(':authority'), ['host', '']] },
  ]),
  ...refused('ambiguous-path', [
    ...pseudo(
      ':path',
      '//evil',
      '/a//evil',
      '/%2fevil',
      '/a%2F..%2Fevil',
      '/a%5cevil',
      '/\\evil',
      '/a/..;/evil',
      '/a%00',
    ),
    ...pseudo(':path', '/%', '/%2', '/%zz', '/a/.;x/evil'),
  ]),
  ...refused('bad-path', pseudo(':path', '/\xff', '/a\xc0\xaf', '/a#b')),
  ...refused('bad-target', [
    ...pseudo(':path', '*', '/a?\xff', '/a?b#c'),
    { name: 'POST *', fields: h.get('*', [], 'POST') },
    { name: 'PRI *', fields: h.get('*', [], 'PRI') },
  ]),
  ...refused('bad-expect', [
    ...values('expect', '100-continue, x', '200-ok', '', '100-continue;'),
    { name: 'expect twice', ...uploading(['expect', '100-continue'], ['expect', '100-continue']) },
  ]),
  ...refused('deny-rule', [
    {
      name: 'the denied header, behind a hundred bytes',
      ...having(['x-a', 'b'.repeat(100)], ['x-role', 'admin']),
    },
    { name: 'the denied header in a list', ...having(['x-role', 'user, admin']) },
  ]),
];

const TRAILERS = [
  ...['connection', 'keep-alive', 'te', 'upgrade', 'proxy-connection', 'http2-settings', 'trailer', 'expect'],
  ...[
    'content-length',
    'content_length',
    'transfer-encoding',
    'transfer_encoding',
    'host',
    'content-type',
    'range',
  ],
  ...[
    'authorization',
    'proxy-authorization',
    'cookie',
    'set-cookie',
    'forwarded',
    'x-forwarded-for',
    'x_forwarded_for',
  ],
  ...[
    'x-forwarded-client-cert',
    'x_forwarded_client_cert',
    'x-forwarded_client-cert',
    'x-real-ip',
    'x-request-id',
  ],
  ...[
    'traceparent',
    'tracestate',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x-role',
    'x_role',
    'sec-websocket-key',
  ],
  ...[':path', ':authority', ':status', ':x', 'X-A', 'x a', 'x:a', 'x\r\na', '', 'x-http-method-override'],
];

describe('reset, and nothing arrives', () => {
  test.each(RESET)('$name', async (sent) => {
    const before = to.arrived.length;
    const { reset, status } = await to.send(sent);
    expect({ reset, status }).toEqual({ reset: CODE.PROTOCOL_ERROR, status: 0 });
    untouched(before, sent);
  });
});

describe('answered by the proxy, and nothing arrives', () => {
  test.each(REFUSED)('$code: $name', async ({ code, ...sent }) => {
    const before = to.arrived.length;
    const answer = await to.send(sent);
    expect({ code: answer.code, ended: answer.ended }).toEqual({ code, ended: true });
    expect(to.arrived.slice(before)).toBe('');
  });
});

describe('refused behind the body', () => {
  test.each(TRAILERS)('%j', async (name) => {
    const before = to.arrived.length;
    const trailers: Field[] = [
      ['x-a', 'b'],
      [name, 'admin'],
    ];
    const answer = await to.send({ fields: h.post('/evil'), data: ['x'], trailers });
    expect(
      answer.code === 'bad-trailer' || answer.reset === CODE.PROTOCOL_ERROR || answer.body === 'ok',
    ).toBe(true);
    const came = to.arrived.slice(before);
    expect(came).not.toContain('\r\n0\r\n');
    expect(came).not.toContain('x-a: b');
    expect(came.match(/HTTP\/1\.1\r\n/g)?.length ?? 0).toBeLessThan(2);
  });
});

/** No request is complete; of one whose data is at fault the head may be there. */
function untouched(before: number, { fields, data }: Sent): void {
  const came = to.arrived.slice(before);
  const mayBegin = data !== undefined && fields.some(([name]) => name === 'content-length');
  if (!mayBegin) return expect(came).toBe('');
  expect(came).not.toContain('content-length: 0\r\n');
  const [head = '', body = ''] = came.split('\r\n\r\n');
  const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? Number.POSITIVE_INFINITY);
  expect(body.length).toBeLessThan(length);
}
