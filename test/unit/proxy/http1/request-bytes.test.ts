// Each of the 256 byte values in each position of a request head, and every way to cut a head in pieces.
import { describe, expect, test } from 'vitest';
import { RequestParser } from '../../../../proxy/http1/parse-request.ts';
import { parserOptions, pushInPieces, request, requestFault } from './parsing.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const TCHARS = `${LETTERS}0123456789!#$%&'*+-.^_\`|~`;
const visible = Array.from({ length: 0x5e }, (_, i) => String.fromCharCode(0x21 + i)).join('');
const obsText = Array.from({ length: 0x80 }, (_, i) => String.fromCharCode(0x80 + i)).join('');
const without = (set: string, gone: string): string => [...set].filter((x) => !gone.includes(x)).join('');

const positions: { name: string; input: (x: string) => string; accepted: string }[] = [
  { name: 'first of the method', input: (x) => request(`${x}ET / HTTP/1.1`), accepted: TCHARS },
  { name: 'inside the method', input: (x) => request(`G${x}T / HTTP/1.1`), accepted: TCHARS },
  { name: 'instead of the first SP', input: (x) => request(`GET${x}/ HTTP/1.1`), accepted: ' ' },
  { name: 'first of the target', input: (x) => request(`GET ${x} HTTP/1.1`), accepted: '/' },
  {
    name: 'inside the path',
    input: (x) => request(`GET /a${x}b HTTP/1.1`),
    accepted: without(visible, '#\\%'),
  },
  {
    name: 'inside the query',
    input: (x) => request(`GET /?a${x}b HTTP/1.1`),
    accepted: without(visible, '#'),
  },
  { name: 'instead of the second SP', input: (x) => request(`GET /${x}HTTP/1.1`), accepted: ' ' },
  { name: 'first of the version', input: (x) => request(`GET / ${x}TTP/1.1`), accepted: 'H' },
  { name: 'the slash of the version', input: (x) => request(`GET / HTTP${x}1.1`), accepted: '/' },
  { name: 'the major version', input: (x) => request(`GET / HTTP/${x}.1`), accepted: '1' },
  { name: 'the dot of the version', input: (x) => request(`GET / HTTP/1${x}1`), accepted: '.' },
  { name: 'the minor version', input: (x) => request(`GET / HTTP/1.${x}`), accepted: '01' },
  { name: 'after the version', input: (x) => request(`GET / HTTP/1.1${x}`), accepted: '' },
  {
    name: 'the CR of the request line',
    input: (x) => `GET / HTTP/1.1${x}\nHost: a\r\n\r\n`,
    accepted: '\r',
  },
  { name: 'the LF of the request line', input: (x) => `GET / HTTP/1.1\r${x}Host: a\r\n\r\n`, accepted: '\n' },
  { name: 'first of a name', input: (x) => request('GET / HTTP/1.1', `${x}b: c`), accepted: TCHARS },
  { name: 'inside a name', input: (x) => request('GET / HTTP/1.1', `a${x}b: c`), accepted: `${TCHARS}:` },
  { name: 'last of a name', input: (x) => request('GET / HTTP/1.1', `a${x}: c`), accepted: `${TCHARS}:` },
  {
    name: 'first of a value',
    input: (x) => request('GET / HTTP/1.1', `a: ${x}b`),
    accepted: `${visible}${obsText}\t `,
  },
  {
    name: 'inside a value',
    input: (x) => request('GET / HTTP/1.1', `a: b${x}c`),
    accepted: `${visible}${obsText}\t `,
  },
  {
    name: 'last of a value',
    input: (x) => request('GET / HTTP/1.1', `a: b${x}`),
    accepted: `${visible}${obsText}\t `,
  },
  {
    name: 'the CR of a header line',
    input: (x) => `GET / HTTP/1.1\r\nHost: a${x}\nX: b\r\n\r\n`,
    accepted: '\r',
  },
  {
    name: 'the LF of a header line',
    input: (x) => `GET / HTTP/1.1\r\nHost: a\r${x}X: b\r\n\r\n`,
    accepted: '\n',
  },
  {
    name: 'inside Content-Length',
    input: (x) => request('GET / HTTP/1.1', `Content-Length: 1${x}1`),
    accepted: '0123456789',
  },
  {
    name: 'before Content-Length',
    input: (x) => request('GET / HTTP/1.1', `Content-Length:${x}1`),
    accepted: '123456789\t ',
  },
  {
    name: 'before chunked',
    input: (x) => request('GET / HTTP/1.1', `Transfer-Encoding:${x}chunked`),
    accepted: ' ',
  },
  {
    name: 'after chunked',
    input: (x) => request('GET / HTTP/1.1', `Transfer-Encoding: chunked${x}`),
    accepted: ' ',
  },
  {
    name: 'inside chunked',
    input: (x) => request('GET / HTTP/1.1', `Transfer-Encoding: chun${x}ed`),
    accepted: 'kK',
  },
  {
    name: 'inside a Connection member',
    input: (x) => request('GET / HTTP/1.1', `Connection: a${x}b`),
    accepted: `${TCHARS},`,
  },
];

describe('every byte value', () => {
  test.each(positions)('$name', ({ input, accepted }) => {
    for (let c = 0; c < 256; c++) {
      const x = String.fromCharCode(c);
      const fault = requestFault(input(x));
      expect(fault === null, `byte ${c}: ${fault}`).toBe(accepted.includes(x));
    }
  });
});

const messages: { name: string; text: string }[] = [
  { name: 'a request', text: request('GET /a?b HTTP/1.1', 'X: y', 'Content-Length: 5') },
  { name: 'an empty line before', text: `\r\n${request('POST / HTTP/1.0', 'Connection: keep-alive, x')}` },
  { name: 'two empty lines before', text: `\r\n\r\n${request('GET / HTTP/1.1')}` },
  {
    name: 'a request followed by a body',
    text: `${request('POST / HTTP/1.1', 'Content-Length: 5')}he\r\n\r\n`,
  },
  { name: 'a bare LF', text: 'GET / HTTP/1.1\nHost: a\r\n\r\n' },
  { name: 'bare LFs only', text: 'GET / HTTP/1.1\nHost: a\n\n' },
  { name: 'a bare CR', text: 'GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n' },
  { name: 'a bad name', text: request('GET / HTTP/1.1', 'X : a') },
  { name: 'a bad target', text: request('GET /?\x01 HTTP/1.1') },
  { name: 'no Host', text: 'GET / HTTP/1.1\r\n\r\n' },
];

describe('pieces', () => {
  const snapshot = (cuts: readonly number[], text: string): object => {
    const head = new RequestParser(parserOptions());
    const next = pushInPieces((chunk, at) => head.push(chunk, at), text, cuts);
    const { fault, method, path, query, host, minor, headerCount, contentLength, keepAlive } = head;
    const fields = { method, path, query, host, minor, headerCount, contentLength, keepAlive };
    return fault === null
      ? {
          next,
          ...fields,
          text: head.text,
          names: head.connectionNames,
          lines: head.lines.slice(0, headerCount * 5),
        }
      : { next: -1, fault };
  };

  test.each(messages)('$name: two pieces at every place, and byte by byte', ({ text }) => {
    const whole = snapshot([], text);
    for (let cut = 1; cut < text.length; cut++) expect(snapshot([cut], text), `cut at ${cut}`).toEqual(whole);
    expect(
      snapshot(
        [...text].map((_, i) => i),
        text,
      ),
    ).toEqual(whole);
  });

  test('three pieces at every pair of places', () => {
    const text = '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n';
    const whole = snapshot([], text);
    for (let a = 1; a < text.length; a++) {
      for (let b = a + 1; b < text.length; b++) expect(snapshot([a, b], text)).toEqual(whole);
    }
  });
});

test('one parser, one request after the other, nothing left over', () => {
  const head = new RequestParser(parserOptions());
  const first = request(
    'POST http://a/x/../y?z HTTP/1.1',
    'Connection: close, x',
    'Content-Length: 3',
    'Expect: 100-continue',
  );
  const second = 'GET / HTTP/1.0\r\n\r\n';
  const chunk = Buffer.from(`${first}abc${second}`, 'latin1');
  expect(head.push(chunk, 0)).toBe(first.length);
  expect(head).toMatchObject({ host: 'a', path: '/y', query: '?z', contentLength: 3, expectContinue: true });
  head.reset();
  expect(head.push(chunk, first.length + 3)).toBe(chunk.length);
  expect(head).toMatchObject({
    ...{ method: 'GET', path: '/', query: '', host: '', minor: 0, headerCount: 0, contentLength: -1 },
    ...{ expectContinue: false, keepAlive: false, connectionNames: [], pathUnchanged: true, started: false },
  });
  expect(head.headerValues('content-length')).toBeUndefined();
});

test('slow drip of a large head costs linear time', () => {
  const text = request('GET / HTTP/1.1', `X: ${'a'.repeat(60_000)}`);
  const head = new RequestParser(parserOptions());
  const start = process.threadCpuUsage().user;
  expect(
    pushInPieces(
      (chunk, at) => head.push(chunk, at),
      text,
      [...text].map((_, i) => i),
    ),
  ).toBe(text.length);
  expect(process.threadCpuUsage().user - start).toBeLessThan(2_000_000);
});

test('a swap of the protected names holds from the next head on', async () => {
  const { ProtectedNames } = await import('../../../../proxy/http1/protected-names.ts');
  const options = parserOptions({ policyNames: [] });
  const head = new RequestParser(options);
  const bytes = Buffer.from(request('GET / HTTP/1.1', 'x_user: a'), 'latin1');
  expect(head.push(bytes, 0)).toBe(bytes.length);
  options.names = new ProtectedNames(['x-user']);
  expect([head.push(bytes, 0), head.fault]).toEqual([-1, 'ambiguous-header']);
});
