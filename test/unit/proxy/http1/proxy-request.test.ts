// Requests to an egress proxy name their destination (RFC 9112 sections 3.2.2 and 3.2.3); elsewhere CONNECT
// is refused.
import { expect, test } from 'vitest';
import { parseRequest, requestFault } from './parsing.ts';

const PROXY = { proxy: true };

test.each([
  { line: 'CONNECT a.test:443 HTTP/1.1', host: 'a.test:443', headers: 'Host: a.test:443\r\n' },
  { line: 'CONNECT A.Test:443 HTTP/1.1', host: 'a.test:443', headers: 'Host: a.test:443\r\n' },
  { line: 'CONNECT a.test.:443 HTTP/1.1', host: 'a.test:443', headers: 'Host: a.test.:443\r\n' },
  {
    line: 'CONNECT [2001:db8::1]:443 HTTP/1.1',
    host: '[2001:db8::1]:443',
    headers: 'Host: [2001:db8::1]:443\r\n',
  },
  { line: 'CONNECT a.test:443 HTTP/1.0', host: 'a.test:443', headers: '' },
])('$line', ({ line, host, headers }) => {
  const { next, head } = parseRequest(`${line}\r\n${headers}\r\n`, PROXY);
  expect(next).toBeGreaterThan(0);
  expect(head).toMatchObject({ method: 'CONNECT', host, path: '', query: '', bodyExpected: false });
});

test.each([
  { target: 'http://a.test/x?y=1', path: '/x', query: '?y=1' },
  { target: 'http://a.test', path: '/', query: '' },
  { target: 'http://a.test/a/../b', path: '/b', query: '' },
  { target: 'HTTPS://a.test/', path: '/', query: '' },
])('GET $target', ({ target, path, query }) => {
  const { head } = parseRequest(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`, PROXY);
  expect(head).toMatchObject({ fault: null, host: 'a.test', path, query, pathUnchanged: false });
});

const rows = [
  { request: 'CONNECT a.test HTTP/1.1\r\nHost: a.test\r\n', fault: 'bad-target' },
  { request: 'CONNECT a.test: HTTP/1.1\r\nHost: a.test:\r\n', fault: 'bad-target' },
  { request: 'CONNECT :443 HTTP/1.1\r\nHost: :443\r\n', fault: 'bad-target' },
  { request: 'CONNECT a.test:65536 HTTP/1.1\r\nHost: a.test:65536\r\n', fault: 'bad-target' },
  { request: 'CONNECT a.test:443/ HTTP/1.1\r\nHost: a.test:443\r\n', fault: 'bad-target' },
  { request: 'CONNECT a.test:443?x HTTP/1.1\r\nHost: a.test:443\r\n', fault: 'bad-target' },
  { request: 'CONNECT http://a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n', fault: 'bad-target' },
  { request: 'CONNECT u@a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n', fault: 'bad-target' },
  { request: 'CONNECT [::1] HTTP/1.1\r\nHost: [::1]\r\n', fault: 'bad-target' },
  { request: 'CONNECT ::1:443 HTTP/1.1\r\nHost: [::1]:443\r\n', fault: 'bad-target' },
  { request: 'CONNECT / HTTP/1.1\r\nHost: a.test\r\n', fault: 'bad-target' },
  { request: 'CONNECT * HTTP/1.1\r\nHost: a.test\r\n', fault: 'bad-target' },
  { request: 'CONNECT a.test:443 HTTP/1.1\r\n', fault: 'bad-host' },
  { request: 'CONNECT a.test:443 HTTP/1.1\r\nHost: b.test:443\r\n', fault: 'authority-mismatch' },
  { request: 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:444\r\n', fault: 'authority-mismatch' },
  {
    request: 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nContent-Length: 1\r\n',
    fault: 'bad-content-length',
  },
  {
    request: 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nTransfer-Encoding: chunked\r\n',
    fault: 'bad-content-length',
  },
  { request: 'TRACE http://a.test/ HTTP/1.1\r\nHost: a.test\r\n', fault: 'method-not-allowed' },
  { request: 'GET / HTTP/1.1\r\nHost: a.test\r\n', fault: 'bad-target' },
  { request: 'OPTIONS * HTTP/1.1\r\nHost: a.test\r\n', fault: 'bad-target' },
  { request: 'GET ftp://a.test/ HTTP/1.1\r\nHost: a.test\r\n', fault: 'bad-target' },
  { request: 'GET http:///x HTTP/1.1\r\nHost: a.test\r\n', fault: 'bad-target' },
  { request: 'GET http://a.test/ HTTP/1.0\r\n', fault: 'authority-mismatch' },
];

test.each(rows)('$request is refused: $fault', ({ request, fault }) => {
  expect(requestFault(`${request}\r\n`, PROXY)).toBe(fault);
});

test('elsewhere CONNECT is no method', () => {
  expect(requestFault('CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n')).toBe('method-not-allowed');
});
