// Heads of HTTP/1.1 as header blocks: what a decoder reads of them (RFC 9113 sections 8.2.2 and 8.3).
import { describe, expect, test } from 'vitest';
import { HeadEncoder } from '../../../../proxy/http2/head-encoder.ts';
import { HpackDecoder, Scratch } from '../../../../proxy/http2/hpack/decoder.ts';
import { Output } from '../../../../proxy/http2/output.ts';
import { Collected, decode, type Pair, taken } from './coding.ts';

const HTTPS = Buffer.from('https', 'latin1');
const latin1 = (...lines: string[]): Buffer =>
  Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1');

function read(write: (encoder: HeadEncoder, out: Output) => void): Collected {
  const out = new Output();
  write(new HeadEncoder(), out);
  return decode(new HpackDecoder(new Scratch()), taken(out)) ?? new Collected();
}
const readResponse = (...lines: string[]): Collected =>
  read((encoder, out) => encoder.response(out, latin1(...lines)));
const readRequest = (...lines: string[]): Collected =>
  read((encoder, out) => encoder.request(out, latin1(...lines), HTTPS));
/** Without `te: trailers`, which a request may get. */
const withoutTe = ({ list }: Collected): Pair[] => list.filter(([name]) => name !== 'te');

describe('a response', () => {
  const rows: { name: string; head: string[]; expect: Pair[] }[] = [
    { name: 'alone', head: ['HTTP/1.1 200 OK', ''], expect: [[':status', '200']] },
    { name: 'without the empty line', head: ['HTTP/1.1 200 OK'], expect: [[':status', '200']] },
    { name: 'without a reason', head: ['HTTP/1.1 404 ', ''], expect: [[':status', '404']] },
    { name: 'with nothing behind the status', head: ['HTTP/1.1 503', ''], expect: [[':status', '503']] },
    {
      name: 'an interim one',
      head: ['HTTP/1.1 103 Early Hints', 'Link: </a>', ''],
      expect: [
        [':status', '103'],
        ['link', '</a>'],
      ],
    },
    {
      name: 'with fields, whose names get small letters and whose values do not',
      head: ['HTTP/1.1 200 OK', 'Content-TYPE: Text/HTML', 'X_A: B: c', 'empty: ', ''],
      expect: [
        [':status', '200'],
        ['content-type', 'Text/HTML'],
        ['x_a', 'B: c'],
        ['empty', ''],
      ],
    },
    {
      name: 'without what belongs to the connection (RFC 9113 section 8.2.2)',
      head: [
        'HTTP/1.1 200 OK',
        'Connection: close',
        'a: 1',
        'Keep-Alive: 5',
        'Proxy-Connection: x',
        'TRANSFER-ENCODING: chunked',
        'b: 2',
        'Upgrade: h2c',
        '',
      ],
      expect: [
        [':status', '200'],
        ['a', '1'],
        ['b', '2'],
      ],
    },
    {
      name: 'with obs-text and tabs',
      head: ['HTTP/1.1 200 OK', 'x: a\t\xff\x80b', ''],
      expect: [
        [':status', '200'],
        ['x', 'a\t\xff\x80b'],
      ],
    },
    {
      name: 'with a host, which is a field like others',
      head: ['HTTP/1.1 200 OK', 'host: a', ''],
      expect: [
        [':status', '200'],
        ['host', 'a'],
      ],
    },
  ];
  test.each(rows)('$name', ({ head, expect: want }) => expect(readResponse(...head).list).toEqual(want));
});

describe('a request', () => {
  const start = (method: string, path: string, authority: string): Pair[] => [
    [':method', method],
    [':scheme', 'https'],
    [':path', path],
    [':authority', authority],
  ];
  const rows: { name: string; head: string[]; expect: Pair[] }[] = [
    { name: 'alone', head: ['GET / HTTP/1.1', 'host: a', ''], expect: start('GET', '/', 'a') },
    {
      name: 'with a query',
      head: ['PURGE /a?b=c:d HTTP/1.1', 'Host: a:80', ''],
      expect: start('PURGE', '/a?b=c:d', 'a:80'),
    },
    {
      name: 'OPTIONS *',
      head: ['OPTIONS * HTTP/1.1', 'HOST: [::1]:80', ''],
      expect: start('OPTIONS', '*', '[::1]:80'),
    },
    {
      name: 'whose Host is behind others',
      head: ['GET / HTTP/1.1', 'x: 1', 'hosts: 2', 'Host: a', 'y: 3', ''],
      expect: [...start('GET', '/', 'a'), ['x', '1'], ['hosts', '2'], ['y', '3']],
    },
    {
      name: 'without what belongs to the connection',
      head: [
        'GET / HTTP/1.1',
        'Host: a',
        'Connection: x',
        'transfer-encoding: chunked',
        'x: 1',
        'upgrade: websocket',
        '',
      ],
      expect: [...start('GET', '/', 'a'), ['x', '1']],
    },
    {
      name: 'without Host',
      head: ['GET / HTTP/1.0', 'x: 1', ''],
      expect: [...start('GET', '/', '').slice(0, 3), ['x', '1']],
    },
  ];
  test.each(rows)('$name', ({ head, expect: want }) => expect(withoutTe(readRequest(...head))).toEqual(want));
});

describe('trailers', () => {
  test('are fields alone', () => {
    const fields = read((encoder, out) =>
      encoder.trailers(out, latin1('Grpc-Status: 0', 'connection: x', 'a: b')),
    );
    expect(fields.list).toEqual([
      ['grpc-status', '0'],
      ['a', 'b'],
    ]);
  });
  test('may be none', () => expect(read((encoder, out) => encoder.trailers(out, latin1())).list).toEqual([]));
});

describe('what is worth guessing is never indexed (RFC 7541 section 7.1.3)', () => {
  const rows = ['authorization', 'Proxy-Authorization', 'Cookie', 'Set-Cookie', 'SET-COOKIE'].map((name) => ({
    name,
  }));
  test.each(rows)('$name', ({ name }) => {
    const encoder = new HeadEncoder();
    const decoder = new HpackDecoder(new Scratch());
    const blocks = new Set<string>();
    for (let i = 0; i < 4; i++) {
      const out = new Output();
      encoder.trailers(out, latin1(`${name}: a=b`));
      const block = taken(out);
      blocks.add(block.toString('hex'));
      const fields = decode(decoder, block);
      expect(fields?.fields.map(({ sensitive }) => sensitive)).toEqual([true]);
      expect(fields?.list).toEqual([[name.toLowerCase(), 'a=b']]);
    }
    expect(blocks.size).toBe(1);
  });

  test('other fields and pseudo-header fields may be', () => {
    const { fields } = readRequest(
      'GET /a HTTP/1.1',
      'Host: a',
      'x-set-cookie: 1',
      'set-cookie2: 2',
      'cookies: 3',
      '',
    );
    expect(fields.every(({ sensitive }) => !sensitive)).toBe(true);
  });
});
