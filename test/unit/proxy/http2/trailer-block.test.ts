// Header blocks behind the data: RFC 9113 section 8.1, RFC 9110 section 6.5.
import { describe, expect, test } from 'vitest';
import { ProtectedNames } from '../../../../proxy/http1/protected-names.ts';
import { HpackDecoder, Scratch } from '../../../../proxy/http2/hpack/decoder.ts';
import { TrailerBlock } from '../../../../proxy/http2/trailer-block.ts';
import { block, type Pair } from './coding.ts';

const newBlock = (): TrailerBlock =>
  new TrailerBlock({ trailerBytesMax: 100, trailersMax: 3, names: new ProtectedNames(['x-user']) });

function read(list: readonly Pair[], trailer = newBlock()): string | null {
  trailer.begin();
  const bytes = block(list);
  expect(new HpackDecoder(new Scratch()).decode(bytes, 0, bytes.length, trailer)).toBe(true);
  return trailer.finish()?.toString('latin1') ?? null;
}

describe('go on', () => {
  const rows: { name: string; list: Pair[]; expect: string }[] = [
    { name: 'none', list: [], expect: '' },
    {
      name: 'of gRPC',
      list: [
        ['grpc-status', '0'],
        ['grpc-message', ''],
      ],
      expect: 'grpc-status: 0\r\ngrpc-message: \r\n',
    },
    {
      name: 'as many bytes as they may have',
      list: [['x', 'v'.repeat(93)]],
      expect: `x: ${'v'.repeat(93)}\r\n`,
    },
    {
      name: 'as many as there may be',
      list: [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
      ],
      expect: 'a: 1\r\nb: 2\r\na: 3\r\n',
    },
  ];
  test.each(rows)('$name', ({ list, expect: want }) => expect(read(list)).toBe(want));
});

describe('do not', () => {
  const rows: { name: string; list: Pair[] }[] = [
    ...[':path', ':method', ':status', ':authority', ':x'].map((name) => ({
      name: `section 8.1: ${name}`,
      list: [[name, '/']] as Pair[],
    })),
    ...[
      'connection',
      'keep-alive',
      'proxy-connection',
      'transfer-encoding',
      'upgrade',
      'te',
      'http2-settings',
    ].map((name) => ({ name: `section 8.2.2: ${name}`, list: [[name, 'trailers']] as Pair[] })),
    ...[
      'content-length',
      'host',
      'authorization',
      'cookie',
      'x-forwarded-client-cert',
      'x-user',
      'x_user',
    ].map((name) => ({ name: `RFC 9110 section 6.5.1: ${name}`, list: [[name, '1']] as Pair[] })),
    { name: 'a capital letter', list: [['X', '1']] },
    { name: 'CRLF in a value', list: [['x', '1\r\ny: 2']] },
    { name: 'CRLF in a name', list: [['x: 1\r\ny', '2']] },
    { name: 'NUL', list: [['x', '\0']] },
    { name: 'a blank before a value', list: [['x', ' 1']] },
    { name: 'too many bytes', list: [['x', 'v'.repeat(94)]] },
    { name: 'far too many bytes', list: [['x', 'v'.repeat(10_000)]] },
    { name: 'too many', list: ['a', 'b', 'c', 'd'].map((name): Pair => [name, '1']) },
    {
      name: 'a bad one before good ones',
      list: [
        [':x', '1'],
        ['a', '1'],
      ],
    },
  ];
  test.each(rows)('$name', ({ list }) => expect(read(list)).toBeNull());
});

test('one section after the other', () => {
  const trailer = newBlock();
  expect([
    read([['a', '1']], trailer),
    read([[':x', '1']], trailer),
    read([], trailer),
    read([['b', '2']], trailer),
  ]).toEqual(['a: 1\r\n', null, '', 'b: 2\r\n']);
});
