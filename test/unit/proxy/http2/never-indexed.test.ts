// Never-indexed literals stay what they are (RFC 7541 sections 6.2.3 and 7.1.3): their names are read from
// blocks, and the encoder heeds them.
import { describe, expect, test } from 'vitest';
import { ProtectedNames } from '../../../../proxy/http1/protected-names.ts';
import { HeadEncoder } from '../../../../proxy/http2/head-encoder.ts';
import { type FieldSink, HpackDecoder, Scratch } from '../../../../proxy/http2/hpack/decoder.ts';
import { both, type NeverIndexed } from '../../../../proxy/http2/never-indexed.ts';
import { Output } from '../../../../proxy/http2/output.ts';
import { RequestBlock } from '../../../../proxy/http2/request-block.ts';
import { ResponseBlock } from '../../../../proxy/http2/response-block.ts';
import { TrailerBlock } from '../../../../proxy/http2/trailer-block.ts';
import { decode, INCREMENTAL, indexed, literal, NEVER_INDEXED, NOT_INDEXED, taken } from './coding.ts';

interface Marked extends FieldSink {
  readonly neverIndexed: NeverIndexed;
  begin(): void;
}

const BLOCKS: readonly { readonly of: string; readonly make: () => Marked; readonly start: Buffer }[] = [
  {
    of: 'a request',
    make: () => new RequestBlock(1_000),
    start: Buffer.concat([indexed(2), indexed(7), indexed(4), literal(1, 'a')]),
  },
  { of: 'a response', make: () => new ResponseBlock(1_000), start: indexed(8) },
  {
    of: 'trailers',
    make: () => new TrailerBlock({ trailerBytesMax: 1_000, trailersMax: 9, names: new ProtectedNames([]) }),
    start: Buffer.alloc(0),
  },
];

const ROWS: readonly { name: string; fields: Buffer[]; expect: readonly string[] | null }[] = [
  { name: 'none', fields: [], expect: null },
  { name: 'a literal that may be indexed', fields: [literal('x', 'a', NOT_INDEXED)], expect: null },
  { name: 'one that is', fields: [literal('x', 'a', INCREMENTAL), indexed(62)], expect: null },
  { name: 'a literal of the static table', fields: [indexed(16)], expect: null },
  { name: 'one name', fields: [literal('x', 'a', NEVER_INDEXED)], expect: ['x'] },
  { name: 'a name of the static table', fields: [literal(34, 'a', NEVER_INDEXED)], expect: ['etag'] },
  {
    name: 'a name of the dynamic table',
    fields: [literal('x', 'a', INCREMENTAL), literal(62, 'b', NEVER_INDEXED)],
    expect: ['x'],
  },
  {
    name: 'names among others, twice',
    fields: [
      literal('x', 'a', NEVER_INDEXED),
      literal('y', 'a', NOT_INDEXED),
      literal('x', 'b', NEVER_INDEXED),
      literal('z', '', NEVER_INDEXED),
    ],
    expect: ['x', 'z'],
  },
  {
    name: 'what is never indexed anyway',
    fields: [literal(23, 'a', NEVER_INDEXED), literal('cookie', 'a', NEVER_INDEXED)],
    expect: null,
  },
];

describe.each(BLOCKS)('of $of', ({ make, start }) => {
  test.each(ROWS)('$name', ({ fields, expect: want }) => {
    const sink = make();
    sink.begin();
    const bytes = Buffer.concat([start, ...fields]);
    expect(new HpackDecoder(new Scratch()).decode(bytes, 0, bytes.length, sink)).toBe(true);
    expect(sink.neverIndexed === null ? null : [...sink.neverIndexed]).toEqual(want);
    sink.begin();
    expect(sink.neverIndexed).toBeNull();
  });
});

test('of a request: pseudo-header fields, too', () => {
  const sink = new RequestBlock(1_000);
  sink.begin();
  const bytes = Buffer.concat([indexed(2), indexed(7), literal(4, '/a', NEVER_INDEXED), literal(1, 'a')]);
  new HpackDecoder(new Scratch()).decode(bytes, 0, bytes.length, sink);
  expect([...(sink.neverIndexed ?? [])]).toEqual([':path']);
});

test('a block that is refused costs no further name', () => {
  const sink = new RequestBlock(50);
  sink.begin();
  const many = Array.from({ length: 100 }, (_, i) => literal(`name${i}`, 'a', NEVER_INDEXED));
  const bytes = Buffer.concat([indexed(2), indexed(7), indexed(4), literal(1, 'a'), ...many]);
  new HpackDecoder(new Scratch()).decode(bytes, 0, bytes.length, sink);
  expect(sink.oversize).toBe(true);
  expect(sink.neverIndexed?.size).toBeLessThan(10);
});

describe('both', () => {
  const rows: { name: string; a: NeverIndexed; b: NeverIndexed; expect: string[] | null }[] = [
    { name: 'nothing', a: null, b: null, expect: null },
    { name: 'the first', a: new Set(['x']), b: null, expect: ['x'] },
    { name: 'the second', a: null, b: new Set(['y']), expect: ['y'] },
    { name: 'two', a: new Set(['x', 'y']), b: new Set(['y', 'z']), expect: ['x', 'y', 'z'] },
  ];
  test.each(rows)('$name', ({ a, b, expect: want }) => {
    const all = both(a, b);
    expect(all === null ? null : [...all]).toEqual(want);
  });
});

describe('the encoder', () => {
  const HTTPS = Buffer.from('https', 'latin1');
  const lines = (...all: string[]): Buffer => Buffer.from(`${all.join('\r\n')}\r\n`, 'latin1');
  const request = lines('GET /a HTTP/1.1', 'Host: a', 'X-Key: 1', 'x-keys: 2', 'accept: */*');
  const rows: {
    name: string;
    write: (encoder: HeadEncoder, out: Output, names: NeverIndexed) => void;
    names: NeverIndexed;
    expect: string[];
  }[] = [
    {
      name: 'a request without',
      write: (encoder, out, names) => encoder.request(out, request, HTTPS, names),
      names: null,
      expect: [],
    },
    {
      name: 'a request',
      write: (encoder, out, names) => encoder.request(out, request, HTTPS, names),
      names: new Set(['x-key', ':path', ':authority', 'not-there']),
      expect: [':path', ':authority', 'x-key'],
    },
    {
      name: 'a response',
      write: (encoder, out, names) => encoder.response(out, lines('HTTP/1.1 200 OK', 'ETag: a'), names),
      names: new Set([':status', 'etag']),
      expect: [':status', 'etag'],
    },
    {
      name: 'trailers',
      write: (encoder, out, names) => encoder.trailers(out, lines('grpc-status: 0', 'x-sum: 1'), names),
      names: new Set(['x-sum']),
      expect: ['x-sum'],
    },
  ];
  test.each(rows)('$name', ({ write, names, expect: want }) => {
    const encoder = new HeadEncoder();
    const decoder = new HpackDecoder(new Scratch());
    for (let i = 0; i < 3; i++) {
      const out = new Output();
      write(encoder, out, names);
      const { fields = [] } = decode(decoder, taken(out)) ?? {};
      const marked = fields.filter(({ sensitive }) => sensitive);
      expect(marked.map(({ line }) => line.slice(0, line.indexOf(': ')))).toEqual(want);
    }
  });

  test('a line that is in the table already is not referred to', () => {
    const encoder = new HeadEncoder();
    const decoder = new HpackDecoder(new Scratch());
    const marks = [null, null, null, new Set(['x-sum']), null].map((names) => {
      const out = new Output();
      encoder.trailers(out, lines('x-sum: 1'), names);
      return decode(decoder, taken(out))?.fields[0]?.sensitive;
    });
    expect(marks).toEqual([false, false, false, true, false]);
  });
});
