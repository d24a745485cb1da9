// The response reader of the load: where a response ends (RFC 9112 section 6.3), cut anywhere; refused when
// its framing is ambiguous.
import { describe, expect, it } from 'vitest';
import { ResponseReader } from '../../../bench/load/response.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const denied = 'HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n';
const chunked =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1A;name="v"\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n';
const trailers =
  'HTTP/1.1 201 Created\r\ntransfer-encoding: gzip, Chunked\r\n\r\n1\r\nx\r\n0\r\nx-sum: 1\r\ny: 2\r\n\r\n';
const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n';
const noContent = 'HTTP/1.1 204 No Content\r\nserver: x\r\n\r\n';
const notModified = 'HTTP/1.1 304 Not Modified\r\ncontent-length: 1024\r\n\r\n';
const closing = 'HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length: 2\r\n\r\nok';
const old = 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok';
const untilClose = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nhello';

interface Seen {
  readonly status: number;
  readonly reusable: boolean;
}

function readAll(chunks: readonly string[], options: { toHead?: boolean; end?: boolean } = {}): Seen[] {
  const seen: Seen[] = [];
  const reader = new ResponseReader((status, reusable) => seen.push({ status, reusable }), options.toHead);
  for (const chunk of chunks) reader.push(Buffer.from(chunk, 'latin1'));
  if (options.end) reader.end();
  return seen;
}

const read = (chunks: readonly string[]): number[] => readAll(chunks).map(({ status }) => status);

describe('ResponseReader', () => {
  it.each([
    { name: 'one response', chunks: [ok], expect: [200] },
    { name: 'head and body apart', chunks: [ok.slice(0, -5), 'hello'], expect: [200] },
    { name: 'an unfinished body', chunks: [ok.slice(0, -1)], expect: [] },
    { name: 'an unfinished head', chunks: [ok.slice(0, 20)], expect: [] },
    { name: 'no body', chunks: [denied], expect: [403] },
    { name: 'several, one after the other', chunks: [ok, denied, ok], expect: [200, 403, 200] },
    { name: 'byte by byte', chunks: [...ok, ...denied, ...ok], expect: [200, 403, 200] },
    { name: 'chunks', chunks: [chunked, ok, chunked], expect: [200, 200, 200] },
    { name: 'chunks byte by byte', chunks: [...chunked, ...chunked], expect: [200, 200] },
    { name: 'unfinished chunks', chunks: [chunked.slice(0, -1)], expect: [] },
    { name: 'trailers, and chunked as the last coding', chunks: [trailers, ok], expect: [201, 200] },
    { name: 'a response after interim ones', chunks: [interim + ok, ok], expect: [200, 200] },
    { name: 'interim responses apart', chunks: [interim, ok, interim, denied], expect: [200, 403] },
    {
      name: 'the same interim and final head again',
      chunks: [interim + ok, interim + ok],
      expect: [200, 200],
    },
    { name: '204 without a length', chunks: [noContent, ok], expect: [204, 200] },
    { name: '304 with the length of what it stands for', chunks: [notModified, ok], expect: [304, 200] },
    { name: 'a length twice', chunks: [ok.replace('\r\n', '\r\ncontent-length:\t5 \r\n')], expect: [200] },
    {
      name: 'another length in a head of the same size',
      chunks: [ok, ok.replace('5', '3').replace('hello', 'abc'), ok],
      expect: [200, 200, 200],
    },
    {
      name: 'a head again of which a part came first',
      chunks: [ok, denied.slice(0, 30), denied.slice(30), ok.slice(0, 30), ok.slice(30), ok],
      expect: [200, 403, 200, 200],
    },
  ])('reads $name', ({ chunks, expect: want }) => expect(read(chunks)).toEqual(want));

  it.each([ok, chunked, trailers, interim + ok])('reads a response cut at each place: %j', (text) => {
    for (let cut = 1; cut < text.length; cut++) {
      expect(read([text.slice(0, cut), text.slice(cut), text])).toHaveLength(2);
    }
  });

  it.each([ok, denied, notModified, chunked.slice(0, chunked.indexOf('\r\n\r\n') + 4)])(
    'reads the answer to a HEAD, which has no body: %j',
    (text) => {
      const head = text.slice(0, text.indexOf('\r\n\r\n') + 4);
      expect(readAll([head, head], { toHead: true })).toHaveLength(2);
    },
  );

  it.each([
    { name: 'keep-alive', text: ok, end: false, reusable: true },
    { name: 'close in any case', text: closing, end: false, reusable: false },
    { name: 'close in a list', text: closing.replace('Close', 'x, close'), end: false, reusable: false },
    { name: 'HTTP/1.0', text: old, end: false, reusable: false },
    { name: 'a body until the end of the connection', text: untilClose, end: true, reusable: false },
    {
      name: 'an unknown transfer coding',
      text: untilClose.replace('content-type: text/plain', 'transfer-encoding: gzip'),
      end: true,
      reusable: false,
    },
  ])('knows whether the connection can be used again: $name', ({ text, end, reusable }) => {
    expect(readAll([text], { end })).toEqual([{ status: 200, reusable }]);
  });

  it.each([
    { name: 'a fixed body', text: ok.slice(0, -1) },
    { name: 'chunks', text: chunked.slice(0, -3) },
    { name: 'a head', text: ok.slice(0, 20) },
    { name: 'nothing', text: '' },
  ])('does not take the end of the connection for the end of $name', ({ text }) => {
    expect(readAll([text], { end: true })).toEqual([]);
  });

  const withField = (field: string): string => `HTTP/1.1 200 OK\r\n${field}\r\n\r\n`;
  it.each([
    { name: 'a body beyond its length', text: `${ok}!`, expect: 'more bytes' },
    { name: 'a response nobody asked for', text: ok + ok, expect: 'more bytes' },
    { name: 'bytes after the last chunk', text: `${chunked}!`, expect: 'more bytes' },
    { name: 'a body of a 204', text: `${noContent}x`, expect: 'more bytes' },
    { name: 'a chunk longer than its size', text: chunked.replace('hello', 'hello!'), expect: 'chunk' },
    { name: 'a chunk without a size', text: chunked.replace('5\r\n', '\r\n'), expect: 'size' },
    { name: 'a chunk size that is no number', text: chunked.replace('5\r\n', '0x5\r\n'), expect: 'size' },
    { name: 'no length in a length', text: withField('content-length:'), expect: 'no Content-Length' },
    { name: 'a negative length', text: withField('content-length: -1'), expect: 'no Content-Length' },
    { name: 'a length with a sign', text: withField('content-length: +1'), expect: 'no Content-Length' },
    { name: 'a list of lengths', text: withField('content-length: 5, 5'), expect: 'no Content-Length' },
    { name: 'a huge length', text: withField('content-length: 99999999999999999'), expect: 'no Content' },
    { name: 'two lengths', text: withField('content-length: 5\r\nContent-Length: 6'), expect: 'two lengths' },
    {
      name: 'a length and chunks',
      text: withField('content-length: 5\r\ntransfer-encoding: chunked'),
      expect: 'Transfer-Encoding',
    },
    {
      name: 'chunks and a length',
      text: withField('transfer-encoding: chunked\r\ncontent-length: 5'),
      expect: 'Transfer-Encoding',
    },
    { name: 'another protocol', text: withField('upgrade: h2c').replace('200', '101'), expect: 'switched' },
    { name: 'HTTP/2', text: ok.replace('1.1', '2.0'), expect: 'no response of HTTP/1.1' },
    { name: 'HTTP/1.2', text: ok.replace('1.1', '1.2'), expect: 'no response of HTTP/1.1' },
    { name: 'a status of two digits', text: ok.replace('200', '20'), expect: 'no response' },
    { name: 'a status below 100', text: ok.replace('200', '099'), expect: 'no response' },
    { name: 'a request', text: 'GET / HTTP/1.1\r\nhost: a\r\n\r\n', expect: 'no response' },
    { name: 'an empty line first', text: `\r\n${ok}`, expect: 'empty line' },
    { name: 'an end without CR', text: 'HTTP/1.1 200 OK\n\nhello', expect: 'empty line' },
    { name: 'an endless head', text: withField(`x: ${'y'.repeat(70_000)}`).slice(0, -4), expect: '65536' },
    {
      name: 'endless trailers',
      text: chunked.slice(0, -2) + `x: ${'y'.repeat(100)}\r\n`.repeat(700),
      expect: 'trailers of more',
    },
  ])('refuses $name', ({ text, expect: want }) => expect(() => read([text])).toThrow(want));

  it('refuses a body that is later found to be longer', () => {
    expect(() => read([ok.slice(0, -2), 'lo!'])).toThrow('more bytes');
  });
});
