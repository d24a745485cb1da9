// The request head: what is accepted, what is refused and why.
import { describe, expect, test } from 'vitest';
import type { Reason } from '../../../../core/reasons.ts';
import { type ParserChoice, parseRequest, request, requestFault } from './parsing.ts';

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const websocket = (line: string, ...lines: string[]): string =>
  request(line, 'Connection: Upgrade', 'Upgrade: websocket', KEY, 'Sec-WebSocket-Version: 13', ...lines);

describe('accepts', () => {
  const rows: { name: string; input: string; expect: object; options?: ParserChoice }[] = [
    {
      name: 'the usual',
      input: request('GET /a?b=c HTTP/1.1', 'Accept: */*'),
      expect: { method: 'GET', target: '/a?b=c', path: '/a', query: '?b=c', pathUnchanged: true, host: 'a' },
    },
    { name: 'an empty query', input: request('GET /a? HTTP/1.1'), expect: { path: '/a', query: '?' } },
    {
      name: 'a query with `?` and brackets',
      input: request('GET /?a[b]=c?d"|^ HTTP/1.1'),
      expect: { query: '?a[b]=c?d"|^' },
    },
    {
      name: 'dots in the query',
      input: request('GET /?/../%zz//%2f HTTP/1.1'),
      expect: { query: '?/../%zz//%2f', pathUnchanged: true },
    },
    { name: 'an unknown method', input: request('PURGE /a HTTP/1.1'), expect: { method: 'PURGE' } },
    { name: 'a lower-case method, another one', input: request('get / HTTP/1.1'), expect: { method: 'get' } },
    {
      name: 'a method that begins as another',
      input: request('GETX / HTTP/1.1'),
      expect: { method: 'GETX' },
    },
    {
      name: 'a token of marks',
      input: request("!#$%&'*+-.^_`|~0 / HTTP/1.1"),
      expect: { method: "!#$%&'*+-.^_`|~0" },
    },
    { name: 'one empty line before', input: `\r\n${request('GET / HTTP/1.1')}`, expect: { method: 'GET' } },
    {
      name: 'a path to repair',
      input: request('GET /a/../%62 HTTP/1.1'),
      expect: { target: '/a/../%62', path: '/b', pathUnchanged: false },
    },
    {
      name: 'merged slashes by choice',
      input: request('GET /a//b HTTP/1.1'),
      expect: { path: '/a/b' },
      options: { paths: 'merge-slashes' },
    },
    {
      name: 'OPTIONS *',
      input: request('OPTIONS * HTTP/1.1'),
      expect: { path: '*', query: '', pathUnchanged: true },
    },
    {
      name: 'absolute-form',
      input: request('GET http://a/b?c HTTP/1.1'),
      expect: { path: '/b', query: '?c', pathUnchanged: false, host: 'a' },
    },
    { name: 'absolute-form, other case', input: request('GET HTTPS://A/b HTTP/1.1'), expect: { path: '/b' } },
    {
      name: 'absolute-form without path',
      input: request('GET http://a HTTP/1.1'),
      expect: { path: '/', query: '' },
    },
    {
      name: 'absolute-form with a query only',
      input: request('GET http://a?b HTTP/1.1'),
      expect: { path: '/', query: '?b' },
    },
    {
      name: 'OPTIONS absolute-form without path',
      input: request('OPTIONS http://a HTTP/1.1'),
      expect: { path: '*' },
    },
    {
      name: 'OPTIONS absolute-form with a path',
      input: request('OPTIONS http://a/ HTTP/1.1'),
      expect: { path: '/' },
    },
    {
      name: 'HTTP/1.0 without Host',
      input: 'GET / HTTP/1.0\r\n\r\n',
      expect: { minor: 0, host: '', keepAlive: false, headerCount: 0 },
    },
    { name: 'HTTP/1.0 with Host', input: request('GET / HTTP/1.0'), expect: { minor: 0, host: 'a' } },
    {
      name: 'HTTP/1.0 keep-alive',
      input: request('GET / HTTP/1.0', 'Connection: Keep-Alive'),
      expect: { keepAlive: true },
    },
    { name: 'HTTP/1.1 persists', input: request('GET / HTTP/1.1'), expect: { keepAlive: true } },
    {
      name: 'HTTP/1.1 close',
      input: request('GET / HTTP/1.1', 'connection: CLOSE'),
      expect: { keepAlive: false },
    },
    {
      name: 'close beats keep-alive',
      input: request('GET / HTTP/1.1', 'Connection: keep-alive', 'Connection: x, close'),
      expect: { keepAlive: false, connectionNames: ['x'] },
    },
    {
      name: 'Connection with empty members',
      input: request('GET / HTTP/1.1', 'Connection: , TE ,,X-A,'),
      expect: { connectionNames: ['te', 'x-a'], keepAlive: true },
    },
    {
      name: 'an empty Connection',
      input: request('GET / HTTP/1.1', 'Connection:'),
      expect: { connectionNames: [], keepAlive: true },
    },
    {
      name: 'Content-Length',
      input: request('POST / HTTP/1.1', 'Content-Length: 5'),
      expect: { contentLength: 5, chunked: false, bodyExpected: true },
    },
    {
      name: 'Content-Length 0',
      input: request('POST / HTTP/1.1', 'content-length:0'),
      expect: { contentLength: 0, bodyExpected: false },
    },
    {
      name: 'Content-Length with OWS',
      input: request('POST / HTTP/1.1', 'Content-Length: \t 5 \t'),
      expect: { contentLength: 5 },
    },
    {
      name: 'the largest Content-Length',
      input: request('POST / HTTP/1.1', 'Content-Length: 9007199254740991'),
      expect: { contentLength: 9007199254740991 },
    },
    {
      name: 'no framing: no body',
      input: request('POST / HTTP/1.1'),
      expect: { contentLength: -1, chunked: false, bodyExpected: false },
    },
    {
      name: 'chunked',
      input: request('POST / HTTP/1.1', 'Transfer-Encoding: chunked'),
      expect: { chunked: true, contentLength: -1, bodyExpected: true },
    },
    {
      name: 'Chunked, any case',
      input: request('GET / HTTP/1.1', 'TRANSFER-ENCODING:ChunKed'),
      expect: { chunked: true },
    },
    {
      name: 'Expect',
      input: request('POST / HTTP/1.1', 'Expect: 100-Continue', 'Content-Length: 5'),
      expect: { expectContinue: true },
    },
    {
      name: 'Expect in HTTP/1.0, ignored',
      input: request('POST / HTTP/1.0', 'Expect: x', 'Content-Length: 5'),
      expect: { expectContinue: false },
    },
    {
      name: 'a websocket upgrade',
      input: websocket('GET /ws HTTP/1.1'),
      expect: { upgrade: 'websocket', connectionNames: ['upgrade'] },
    },
    {
      name: 'a websocket upgrade in capitals',
      input: request(
        'GET / HTTP/1.1',
        'Connection: keep-alive, UPGRADE',
        'Upgrade: WebSocket',
        KEY,
        'Sec-WebSocket-Version: 13',
      ),
      expect: { upgrade: 'websocket', keepAlive: true },
    },
    {
      name: 'h2c, to be stripped',
      input: request(
        'GET / HTTP/1.1',
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABk',
      ),
      expect: { upgrade: '', connectionNames: ['upgrade', 'http2-settings'] },
    },
    {
      name: 'another upgrade, to be stripped',
      input: request('POST / HTTP/1.0', 'Upgrade: TLS/1.0', 'Content-Length: 3'),
      expect: { upgrade: '' },
    },
    {
      name: 'no space after the colon',
      input: 'GET / HTTP/1.1\r\nHost:a\r\nX:b\r\n\r\n',
      expect: { host: 'a', headerCount: 2 },
    },
    { name: 'an empty value', input: request('GET / HTTP/1.1', 'X:', 'Y: \t'), expect: { headerCount: 3 } },
    {
      name: 'obs-text and HTAB in a value',
      input: request('GET / HTTP/1.1', 'X: a\tb\xff\x80c'),
      expect: { headerCount: 2 },
    },
    {
      name: 'a name with `_` that nothing protects',
      input: request('GET / HTTP/1.1', 'X_Y: a'),
      expect: { headerCount: 2 },
    },
    {
      name: 'a policy-named header itself',
      input: request('GET / HTTP/1.1', 'X-User: a'),
      expect: { headerCount: 2 },
    },
    {
      name: 'a policy-named header with `_` itself',
      input: request('GET / HTTP/1.1', 'x_id: a'),
      expect: {},
      options: { policyNames: ['x_id'] },
    },
    {
      name: 'the exact number of headers',
      input: request('GET / HTTP/1.1', 'X: a'),
      expect: {},
      options: { headersMax: 2 },
    },
    {
      name: 'the exact target length',
      input: request('GET /123456789 HTTP/1.1'),
      expect: {},
      options: { targetBytesMax: 10 },
    },
    {
      name: 'the exact head size',
      input: request('GET / HTTP/1.1'),
      expect: { bytes: 27 },
      options: { headBytesMax: 27 },
    },
    {
      name: '40 headers, more than fit at first',
      input: request('GET / HTTP/1.1', ...Array.from({ length: 40 }, (_, i) => `X${i}: ${i}`)),
      expect: { headerCount: 41 },
    },
  ];
  test.each(rows)('$name', ({ input, expect: want, options }) => {
    const { next, head } = parseRequest(input, options);
    expect(head.fault).toBeNull();
    expect(next).toBe(input.length);
    expect(head).toMatchObject({ ...want, complete: true });
  });
});

const rejected: { [R in Reason]?: [name: string, input: string, options?: ParserChoice][] } = {
  'bad-request-line': [
    ['nothing before the end', '\r\n\r\n'],
    ['two empty lines before', `\r\n\r\n${request('GET / HTTP/1.1')}`],
    ['HTTP/0.9', 'GET /\r\n\r\n'],
    ['no target', request('GET HTTP/1.1')],
    ['an empty target', request('GET  HTTP/1.1')],
    ['two spaces before the target', request('GET  / HTTP/1.1')],
    ['two spaces before the version', request('GET /  HTTP/1.1')],
    ['a space before the method', request(' GET / HTTP/1.1')],
    ['a space after the version', request('GET / HTTP/1.1 ')],
    ['a space in the target', request('GET /a b HTTP/1.1')],
    ['a tab after the method', request('GET\t/ HTTP/1.1')],
    ['a method that is no token', request('G(T / HTTP/1.1')],
    ['a method with a colon', request('GET: / HTTP/1.1')],
    ['no method', request('/ HTTP/1.1')],
    ['a status line', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['a quoted method', request('"GET" / HTTP/1.1')],
    ['HTTP/1.10', request('GET / HTTP/1.10')],
    ['HTTP/1', request('GET / HTTP/1')],
    ['HTTP/1.', request('GET / HTTP/1.')],
    ['HTTP/11', request('GET / HTTP/11')],
    ['HTTP 1.1', request('GET / HTTP 1.1')],
    ['HTP/1.1', request('GET / HTP/1.1')],
    ['ICY', request('GET / ICY')],
    ['HTTP/1.x', request('GET / HTTP/1.x')],
  ],
  'bad-version': [
    ['HTTP/2.0', request('GET / HTTP/2.0')],
    ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/1.2', request('GET / HTTP/1.2')],
    ['HTTP/0.9', request('GET / HTTP/0.9')],
    ['HTTP/3.0', request('GET / HTTP/3.0')],
    ['lower case', request('GET / http/1.1')],
  ],
  'bad-target': [
    ['no slash', request('GET a HTTP/1.1')],
    ['only a query', request('GET ?a HTTP/1.1')],
    ['authority-form', request('GET a:80 HTTP/1.1')],
    ['asterisk-form with GET', request('GET * HTTP/1.1')],
    ['asterisk-form with more', request('OPTIONS *a HTTP/1.1')],
    ['another scheme', request('GET ftp://a/ HTTP/1.1')],
    ['a scheme without authority', request('GET http:///a HTTP/1.1')],
    ['a scheme alone', request('GET http:// HTTP/1.1')],
    ['one slash', request('GET http:/a HTTP/1.1')],
    ['userinfo', request('GET http://u@a/ HTTP/1.1')],
    ['userinfo and password', request('GET http://u:p@a/ HTTP/1.1')],
    ['a bad port', request('GET http://a:99999/ HTTP/1.1')],
    ['a fragment in the authority', request('GET http://a#b HTTP/1.1')],
    ['a backslash authority', request('GET http://a\\b/ HTTP/1.1')],
    ['`#` in the query', request('GET /?a#b HTTP/1.1')],
    ['a raw byte in the query', request('GET /?\x80 HTTP/1.1')],
    ['a control in the query', request('GET /?\x01 HTTP/1.1')],
    ['DEL in the query', request('GET /?\x7f HTTP/1.1')],
    ['a tab in the query', request('GET /?\t HTTP/1.1')],
    ['NUL in the query of absolute-form', request('GET http://a?\0 HTTP/1.1')],
  ],
  'bad-path': [
    ['a raw byte', request('GET /\xe9 HTTP/1.1')],
    ['a fragment', request('GET /a#b HTTP/1.1')],
    ['a control', request('GET /a\x01 HTTP/1.1')],
    ['NUL', request('GET /\0 HTTP/1.1')],
    ['a tab', request('GET /\t HTTP/1.1')],
    ['DEL', request('GET /\x7f HTTP/1.1')],
    ['a raw byte in absolute-form', request('GET http://a/\x80 HTTP/1.1')],
  ],
  'ambiguous-path': [
    ['%2F', request('GET /a%2Fb HTTP/1.1')],
    ['%5c', request('GET /a%5cb HTTP/1.1')],
    ['a backslash', request('GET /a\\b HTTP/1.1')],
    ['//', request('GET //a HTTP/1.1')],
    ['// in absolute-form', request('GET http://a//b HTTP/1.1')],
    ['%00', request('GET /%00 HTTP/1.1')],
    ['a bad escape', request('GET /%zz HTTP/1.1')],
    ['..;', request('GET /a/..;/b HTTP/1.1')],
    ['%2F with merge-slashes', request('GET /a%2Fb HTTP/1.1'), { paths: 'merge-slashes' }],
  ],
  'method-not-allowed': [
    ['CONNECT', request('CONNECT a:80 HTTP/1.1')],
    ['CONNECT in origin-form', request('CONNECT / HTTP/1.1')],
    ['TRACE', request('TRACE / HTTP/1.1')],
  ],
  'bare-newline': [
    ['LF for every line end', 'GET / HTTP/1.1\nHost: a\n\n'],
    ['LF after the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n'],
    ['LF after a header', 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
    ['LF before the empty line', 'GET / HTTP/1.1\r\nHost: a\n\r\n'],
    ['LF as the empty line', 'GET / HTTP/1.1\r\nHost: a\r\n\n'],
    ['CR after the request line', 'GET / HTTP/1.1\rHost: a\r\n\r\n'],
    ['CR in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n'],
    ['CR CR LF', 'GET / HTTP/1.1\r\nHost: a\r\r\n\r\n'],
    ['LF in a name', 'GET / HTTP/1.1\r\nHost: a\r\nX\nY: b\r\n\r\n'],
    ['LF in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n'],
    ['LF in the target', 'GET /a\nb HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['CR in the target', 'GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['LF in the method', 'G\nET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['LF before the request', '\nGET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['CR before the request', '\rGET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ],
  'bad-header': [
    ['a space before the colon', request('GET / HTTP/1.1', 'X : a')],
    ['a tab before the colon', request('GET / HTTP/1.1', 'X\t: a')],
    ['a space in the name', request('GET / HTTP/1.1', 'X Y: a')],
    ['an empty name', request('GET / HTTP/1.1', ': a')],
    ['no colon', request('GET / HTTP/1.1', 'X')],
    ['a folded line', request('GET / HTTP/1.1', 'X: a', ' b')],
    ['a folded line with a tab', request('GET / HTTP/1.1', 'X: a', '\tb: c')],
    ['a space before the first header', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n'],
    ['a tab before the first header', 'GET / HTTP/1.1\r\n\tHost: a\r\n\r\n'],
    ['NUL in a value', request('GET / HTTP/1.1', 'X: a\0b')],
    ['NUL in a name', request('GET / HTTP/1.1', 'X\0: a')],
    ['a vertical tab in a value', request('GET / HTTP/1.1', 'X: a\x0bb')],
    ['DEL in a value', request('GET / HTTP/1.1', 'X: a\x7f')],
    ['a raw byte in a name', request('GET / HTTP/1.1', 'X\xe9: a')],
    ['brackets in a name', request('GET / HTTP/1.1', 'X[a]: a')],
    ['a quoted name', request('GET / HTTP/1.1', '"X": a')],
    ['a slash in a name', request('GET / HTTP/1.1', 'X/Y: a')],
  ],
  'bad-host': [
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['no Host among others', 'GET / HTTP/1.1\r\nX: a\r\n\r\n'],
    ['two Hosts', request('GET / HTTP/1.1', 'Host: b')],
    ['two equal Hosts', request('GET / HTTP/1.1', 'host: a')],
    ['two Hosts in HTTP/1.0', request('GET / HTTP/1.0', 'Host: b')],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
    ['an empty Host in HTTP/1.0', 'GET / HTTP/1.0\r\nHost: \r\n\r\n'],
    ['a list', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n'],
    ['a list without space', 'GET / HTTP/1.1\r\nHost: a,b\r\n\r\n'],
    ['userinfo', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n'],
    ['a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'],
    ['a scheme', 'GET / HTTP/1.1\r\nHost: http://a\r\n\r\n'],
    ['a port above 65535', 'GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n'],
    ['an escape', 'GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n'],
    ['a bare IPv6 address', 'GET / HTTP/1.1\r\nHost: ::1\r\n\r\n'],
    ['a raw byte', 'GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n'],
  ],
  'authority-mismatch': [
    ['another host', request('GET http://b/ HTTP/1.1')],
    ['another port', request('GET http://a:80/ HTTP/1.1')],
    ['a longer host', request('GET http://a.b/ HTTP/1.1')],
    ['a trailing dot', request('GET http://a./ HTTP/1.1')],
    ['HTTP/1.0 without Host', 'GET http://a/ HTTP/1.0\r\n\r\n'],
  ],
  'conflicting-framing': [
    ['both', request('POST / HTTP/1.1', 'Content-Length: 5', 'Transfer-Encoding: chunked')],
    ['both, other order', request('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Content-Length: 5')],
    ['both, one nonsense', request('POST / HTTP/1.1', 'Transfer-Encoding: x', 'Content-Length: 0')],
    ['both in HTTP/1.0', request('POST / HTTP/1.0', 'Transfer-Encoding: chunked', 'Content-Length: 5')],
  ],
  'bad-content-length': [
    ...[
      '',
      '+5',
      '-5',
      '5 5',
      '5,5',
      '5, 5',
      '5,6',
      '0x5',
      '5.0',
      '5e1',
      'a',
      '05',
      '00',
      '5;',
      '"5"',
      '\xb2',
    ].map((value): [string, string] => [
      `\`${value}\``,
      request('POST / HTTP/1.1', `Content-Length: ${value}`),
    ]),
    ['2^53', request('POST / HTTP/1.1', 'Content-Length: 9007199254740992')],
    ['2^64 + 5', request('POST / HTTP/1.1', 'Content-Length: 18446744073709551621')],
    ['many zeros', request('POST / HTTP/1.1', `Content-Length: ${'0'.repeat(40)}5`)],
    ['repeated, differing', request('POST / HTTP/1.1', 'Content-Length: 5', 'Content-Length: 6')],
    ['repeated, equal', request('POST / HTTP/1.1', 'Content-Length: 5', 'content-length: 5')],
  ],
  'bad-transfer-encoding': [
    ...[
      '',
      'identity',
      'gzip',
      'gzip, chunked',
      'chunked, gzip',
      'chunked, chunked',
      'chunked, identity',
      ', chunked',
    ].map((value): [string, string] => [
      `\`${value}\``,
      request('POST / HTTP/1.1', `Transfer-Encoding: ${value}`),
    ]),
    ...[
      'xchunked',
      'chunkedx',
      'chunked;',
      'chunked;q=1',
      '"chunked"',
      'chun ked',
      'chunked,',
      'x',
      '\x80chunked',
      'chunked\xa0',
    ].map((value): [string, string] => [
      `\`${value}\``,
      request('POST / HTTP/1.1', `Transfer-Encoding: ${value}`),
    ]),
    ['repeated', request('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    [
      'repeated with identity',
      request('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'),
    ],
    ['in HTTP/1.0', request('POST / HTTP/1.0', 'Transfer-Encoding: chunked')],
  ],
  'bad-connection-header': [
    ...[
      'host',
      'Content-Length',
      'transfer-encoding',
      'Authorization',
      'COOKIE',
      'X-User',
      'close, x-user',
      'a b',
      'a;b',
      '"close"',
      'a/b',
      'close\xa0',
    ].map((value): [string, string] => [`\`${value}\``, request('GET / HTTP/1.1', `Connection: ${value}`)]),
    ['on a second line', request('GET / HTTP/1.1', 'Connection: close', 'Connection: cookie')],
  ],
  'bad-expect': [
    ['unknown', request('POST / HTTP/1.1', 'Expect: x')],
    ['empty', request('POST / HTTP/1.1', 'Expect:')],
    ['a list', request('POST / HTTP/1.1', 'Expect: 100-continue, x')],
    ['repeated', request('POST / HTTP/1.1', 'Expect: 100-continue', 'Expect: 100-continue')],
  ],
  'bad-upgrade': [
    ['POST', websocket('POST / HTTP/1.1')],
    ['a lower-case get', websocket('get / HTTP/1.1')],
    ['HTTP/1.0', websocket('GET / HTTP/1.0')],
    ['a body', websocket('GET / HTTP/1.1', 'Content-Length: 1')],
    ['a chunked body', websocket('GET / HTTP/1.1', 'Transfer-Encoding: chunked')],
    [
      'no Connection: upgrade',
      request('GET / HTTP/1.1', 'Upgrade: websocket', KEY, 'Sec-WebSocket-Version: 13'),
    ],
    [
      'no key',
      request('GET / HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'),
    ],
    ['two keys', websocket('GET / HTTP/1.1', KEY)],
    [
      'a short key',
      request(
        'GET / HTTP/1.1',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Key: dGhl',
        'Sec-WebSocket-Version: 13',
      ),
    ],
    [
      'a key that is not base64',
      request(
        'GET / HTTP/1.1',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==',
        'Sec-WebSocket-Version: 13',
      ),
    ],
    [
      'another version',
      request('GET / HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket', KEY, 'Sec-WebSocket-Version: 8'),
    ],
    ['in a list, malformed', request('POST / HTTP/1.1', 'Upgrade: h2c, websocket')],
  ],
  'ambiguous-header': [
    ...[
      'X_Forwarded_Client_Cert',
      'x-forwarded_client-cert',
      'X_User',
      'x_USER',
      'X_Forwarded_For',
      'X_Real_IP',
      'Content_Length',
      'Transfer_Encoding',
    ].map((name): [string, string] => [name, request('GET / HTTP/1.1', `${name}: a`)]),
    ['the other spelling of a policy name', request('GET / HTTP/1.1', 'X-Id: a'), { policyNames: ['x_id'] }],
    ['a third spelling of a policy name', request('GET / HTTP/1.1', 'x_b-c: a'), { policyNames: ['x-b_c'] }],
  ],
  'target-too-long': [
    ['over the limit', request('GET /1234567890 HTTP/1.1'), { targetBytesMax: 10 }],
    ['a request line without end', `GET /${'a'.repeat(200)}`, { headBytesMax: 100 }],
    [
      'a request line over the head limit',
      request(`GET /${'a'.repeat(200)} HTTP/1.1`),
      { headBytesMax: 100 },
    ],
  ],
  'head-too-large': [
    ['over the limit', request('GET / HTTP/1.1', 'X: a'), { headBytesMax: 30 }],
    ['one byte over', request('GET / HTTP/1.1'), { headBytesMax: 26 }],
    ['without end', `GET / HTTP/1.1\r\nX: ${'a'.repeat(200)}`, { headBytesMax: 100 }],
  ],
  'too-many-headers': [
    ['one over', request('GET / HTTP/1.1', 'X: a', 'Y: b'), { headersMax: 2 }],
    ['one hundred and one', request('GET / HTTP/1.1', ...Array.from({ length: 100 }, (_, i) => `X${i}: a`))],
  ],
};

describe.each(Object.entries(rejected))('%s', (reason, rows) => {
  test.each(rows)('%s', (_, input, options) => {
    expect(requestFault(input, options)).toBe(reason);
    expect(parseRequest(input, options).head.complete).toBe(false);
  });
});

test('a later CRLFCRLF does not rescue bare line ends', () => {
  expect(requestFault(`GET / HTTP/1.1\nHost: a\n\n${request('GET / HTTP/1.1')}`)).toBe('bare-newline');
});

test('waits for more', () => {
  for (const text of [
    '',
    'G',
    '\r',
    '\r\n',
    'GET / HTTP/1.1\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\n\r',
  ])
    expect(requestFault(text), JSON.stringify(text)).toBe('more');
});

test('headerValues: every line of a name, in order, OWS trimmed', () => {
  const { head } = parseRequest(request('GET / HTTP/1.1', 'X-A:  1 ', 'x-b: 2', 'X-a:\t3', 'x-A:'));
  expect(head.headerValues('x-a')).toEqual(['1', '3', '']);
  expect(head.headerValues('x-b')).toEqual(['2']);
  expect(head.headerValues('x')).toBeUndefined();
  expect(head.headerValues('host')).toEqual(['a']);
});

test('soleValue: one line only', () => {
  const { head } = parseRequest(
    request('GET / HTTP/1.1', 'X-Request-Id: 1', 'Traceparent: 2', 'traceparent: 3'),
  );
  expect([head.soleValue(13), head.soleValue(14), head.soleValue(15)]).toEqual(['1', null, null]);
});
