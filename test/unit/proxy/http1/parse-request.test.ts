// The request head: what is accepted, and how it is read.
import { describe, expect, test } from 'vitest';
import { KEY, type ParserChoice, parseRequest, request, websocket } from './parsing.ts';

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
