// The chunked coding: grammar, bounds, trailers, both modes, every cut and every byte.
import { describe, expect, test } from 'vitest';
import { decodeChunked } from './parsing.ts';

const LAST = '0\r\n\r\n';
const accepted: { name: string; input: string; relay: string; data: string }[] = [
  { name: 'nothing', input: LAST, relay: LAST, data: '' },
  { name: 'one chunk', input: `5\r\nhello\r\n${LAST}`, relay: `5\r\nhello\r\n${LAST}`, data: 'hello' },
  {
    name: 'a hexadecimal size',
    input: `a\r\n0123456789\r\n${LAST}`,
    relay: `a\r\n0123456789\r\n${LAST}`,
    data: '0123456789',
  },
  {
    name: 'two chunks',
    input: `1\r\na\r\n2\r\nbc\r\n${LAST}`,
    relay: `1\r\na\r\n2\r\nbc\r\n${LAST}`,
    data: 'abc',
  },
  {
    name: 'line ends as data',
    input: `4\r\n\r\n\r\n\r\n${LAST}`,
    relay: `4\r\n\r\n\r\n\r\n${LAST}`,
    data: '\r\n\r\n',
  },
  {
    name: 'leading zeros, written anew',
    input: `0005\r\nhello\r\n000\r\n\r\n`,
    relay: `5\r\nhello\r\n${LAST}`,
    data: 'hello',
  },
  {
    name: 'an extension, dropped',
    input: `5;a\r\nhello\r\n${LAST}`,
    relay: `5\r\nhello\r\n${LAST}`,
    data: 'hello',
  },
  {
    name: 'an extension with a value',
    input: `5;a=b\r\nhello\r\n${LAST}`,
    relay: `5\r\nhello\r\n${LAST}`,
    data: 'hello',
  },
  {
    name: 'a quoted value',
    input: `5;a="b;\\"\\\r, \t\xff"\r\nhello\r\n${LAST}`.replace('\\\r', '\\\\'),
    relay: `5\r\nhello\r\n${LAST}`,
    data: 'hello',
  },
  {
    name: 'several extensions',
    input: `5;a;b=c;d="e";f\r\nhello\r\n0;x=y\r\n\r\n`,
    relay: `5\r\nhello\r\n${LAST}`,
    data: 'hello',
  },
  {
    name: 'the longest extension',
    input: `1;${'a'.repeat(255)}\r\nx\r\n${LAST}`,
    relay: `1\r\nx\r\n${LAST}`,
    data: 'x',
  },
  {
    name: 'a plain chunk between two with extensions',
    input: `1;a\r\nx\r\n1\r\ny\r\n1;b\r\nz\r\n${LAST}`,
    relay: `1\r\nx\r\n1\r\ny\r\n1\r\nz\r\n${LAST}`,
    data: 'xyz',
  },
  {
    name: 'trailers',
    input: `1\r\nx\r\n0\r\nX-Sum: 1\r\nY:2 \r\n\r\n`,
    relay: `1\r\nx\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n`,
    data: 'x',
  },
  {
    name: 'trailers after an extension',
    input: `0;a=b\r\nX-Sum: 1\r\n\r\n`,
    relay: `0\r\nX-Sum: 1\r\n\r\n`,
    data: '',
  },
];

const chunkFaults: { name: string; input: string }[] = [
  { name: 'no size', input: '\r\n' },
  { name: 'a letter', input: 'g\r\n' },
  { name: '17 digits', input: '00000000000000001\r\nx' },
  { name: '2^53', input: '20000000000000\r\n' },
  { name: 'sixteen f', input: 'ffffffffffffffff\r\n' },
  { name: 'a semicolon only', input: '1;\r\nx\r\n' },
  { name: 'two semicolons', input: '1;;a\r\nx\r\n' },
  { name: 'a trailing semicolon', input: '1;a;\r\nx\r\n' },
  { name: 'no extension name', input: '1;=a\r\nx\r\n' },
  { name: 'no extension value', input: '1;a=\r\nx\r\n' },
  { name: 'two equals', input: '1;a=b=c\r\nx\r\n' },
  { name: 'a space before the semicolon', input: '1 ;a\r\nx\r\n' },
  { name: 'a space after the semicolon', input: '1; a\r\nx\r\n' },
  { name: 'a space around the equals', input: '1;a = b\r\nx\r\n' },
  { name: 'an open quote', input: '1;a="b\r\nx\r\n' },
  { name: 'text after a quote', input: '1;a="b"c\r\nx\r\n' },
  { name: 'a control in a quote', input: '1;a="\x01"\r\nx\r\n' },
  { name: 'an escaped CR', input: '1;a="\\\r\n"\r\nx\r\n' },
  { name: 'LF in a quote', input: '1;a="\n"\r\nx\r\n' },
  { name: 'an extension over the bound', input: `1;${'a'.repeat(256)}\r\nx\r\n` },
  { name: 'extensions over the bound in total', input: `1;${'a'.repeat(250)}\r\nx\r\n`.repeat(40) },
  { name: 'LF after the size', input: '1\nx\r\n' },
  { name: 'CR and another byte', input: '1\rx' },
  { name: 'no line end after the data', input: '1\r\nxy' },
  { name: 'CR and another byte after the data', input: '1\r\nx\ry' },
  { name: 'LF after the data', input: '1\r\nx\n' },
];

const trailerFaults: { name: string; lines: string }[] = [
  { name: 'LF as the end', lines: '\n' },
  { name: 'CR and another byte', lines: '\rX' },
  { name: 'a folded line', lines: ' X: a\r\n\r\n' },
  { name: 'a bare LF', lines: 'X: a\nY: b\r\n\r\n' },
  { name: 'a space before the colon', lines: 'X : a\r\n\r\n' },
  { name: 'no colon', lines: 'X\r\n\r\n' },
  { name: 'NUL', lines: 'X: \0\r\n\r\n' },
  { name: 'a request', lines: 'GET / HTTP/1.1\r\n\r\n' },
  { name: 'too many', lines: `${'X: a\r\n'.repeat(9)}\r\n` },
  { name: 'too long', lines: `X: ${'a'.repeat(1_100)}\r\n\r\n` },
  { name: 'too long, without end', lines: `X: ${'a'.repeat(1_100)}` },
  ...[
    ...[
      'Transfer-Encoding',
      'content-length',
      'Host',
      'Connection',
      'Keep-Alive',
      'TE',
      'Trailer',
      'Upgrade',
    ],
    ...[
      'Expect',
      'HTTP2-Settings',
      'Authorization',
      'Cookie',
      'Set-Cookie',
      'Proxy-Authorization',
      'Proxy-X',
    ],
    ...[
      'Content-Type',
      'Content-Encoding',
      'Content-Range',
      'Cache-Control',
      'Range',
      'If-Match',
      'Max-Forwards',
    ],
    ...['X-Forwarded-Client-Cert', 'x_forwarded_client_cert', 'X-Forwarded-For', 'Forwarded', 'X-Real-IP'],
    ...['X-Request-Id', 'traceparent', 'Sec-WebSocket-Key', 'X-User', 'x_user', 'Content_Length'],
  ].map((name) => ({ name, lines: `${name}: a\r\n\r\n` })),
];

const cutsOf = (text: string): number[][] => [
  ...Array.from({ length: text.length }, (_, i) => [i]),
  [...text].map((_, i) => i),
];

describe('accepts', () => {
  test.each(accepted)('$name', ({ input, relay, data }) => {
    for (const [mode, out] of [
      ['relay', relay],
      ['data', data],
    ] as const) {
      for (const cuts of [[], ...cutsOf(input)]) {
        const want = { fault: null, done: true, taken: input.length, out, dataBytes: data.length };
        expect(decodeChunked(input, mode, cuts), `${mode}, cut at ${cuts}`).toEqual(want);
      }
    }
  });

  test('what comes after the body is left alone', () => {
    for (const end of [LAST, '0\r\nX: y\r\n\r\n', '00\r\n\r\n']) {
      const body = `1\r\nx\r\n${end}`;
      expect(decodeChunked(`${body}GET / HTTP/1.1`).taken).toBe(body.length);
      expect(decodeChunked(`${body}\r\n\r\n`, 'data').taken).toBe(body.length);
    }
  });
});

describe('bad-chunk', () => {
  test.each(chunkFaults)('$name', ({ input }) => {
    for (const mode of ['relay', 'data'] as const) {
      expect(decodeChunked(input, mode).fault).toBe('bad-chunk');
      for (const cuts of cutsOf(input.slice(0, 400)))
        expect(decodeChunked(input, mode, cuts).fault).toBe('bad-chunk');
    }
  });
});

describe('bad-trailer', () => {
  test.each(trailerFaults)('$name', ({ lines }) => {
    for (const mode of ['relay', 'data'] as const) {
      const input = `1\r\nx\r\n0\r\n${lines}`;
      const whole = decodeChunked(input, mode);
      expect(whole.fault).toBe('bad-trailer');
      for (const cuts of cutsOf(input.slice(0, 60))) {
        const got = decodeChunked(input, mode, cuts);
        expect(got.fault).toBe('bad-trailer');
        expect(got.out.includes('0\r\n'), 'the last chunk is kept back').toBe(false);
      }
    }
  });
});

describe('every byte value', () => {
  const hex = '0123456789abcdefABCDEF';
  const positions: { name: string; input: (x: string) => string; accepted: (x: string) => boolean }[] = [
    { name: 'first of the size', input: (x) => `${x}\r\nx`, accepted: (x) => hex.includes(x) },
    { name: 'second of the size', input: (x) => `0${x}\r\nx`, accepted: (x) => hex.includes(x) },
    { name: 'CR of the size', input: (x) => `1${x}\nx`, accepted: (x) => x === '\r' },
    { name: 'LF of the size', input: (x) => `1\r${x}x`, accepted: (x) => x === '\n' },
    { name: 'after the size', input: (x) => `1${x}\r\nx`, accepted: (x) => hex.includes(x) },
    {
      name: 'an extension name',
      input: (x) => `1;a${x}b\r\nx`,
      accepted: (x) => /^[!#$%&'*+.^_`|~0-9A-Za-z;=-]$/.test(x),
    },
    {
      name: 'an extension value',
      input: (x) => `1;a=b${x}c\r\nx`,
      accepted: (x) => /^[!#$%&'*+.^_`|~0-9A-Za-z;-]$/.test(x),
    },
    {
      name: 'a quoted value',
      input: (x) => `1;a="b${x}"\r\nx`,
      accepted: (x) => x !== '"' && x !== '\\' && (x === '\t' || (x >= ' ' && x !== '\x7f')),
    },
    {
      name: 'a quoted pair',
      input: (x) => `1;a="b\\${x}"\r\nx`,
      accepted: (x) => x === '\t' || (x >= ' ' && x !== '\x7f'),
    },
    { name: 'CR after the data', input: (x) => `1\r\nx${x}\n`, accepted: (x) => x === '\r' },
    { name: 'LF after the data', input: (x) => `1\r\nx\r${x}`, accepted: (x) => x === '\n' },
    { name: 'data', input: (x) => `1\r\n${x}\r\n`, accepted: () => true },
    { name: 'LF of the end', input: (x) => `0\r\n\r${x}`, accepted: (x) => x === '\n' },
    {
      name: 'a trailer name',
      input: (x) => `0\r\na${x}b: c\r\n\r\n`,
      accepted: (x) => /^[!#$%&'*+.^_`|~0-9A-Za-z:-]$/.test(x),
    },
    {
      name: 'a trailer value',
      input: (x) => `0\r\na: b${x}c\r\n\r\n`,
      accepted: (x) => x === '\t' || (x >= ' ' && x !== '\x7f'),
    },
  ];
  test.each(positions)('$name', ({ input, accepted: isAccepted }) => {
    for (let c = 0; c < 256; c++) {
      const x = String.fromCharCode(c);
      expect(decodeChunked(input(x)).fault === null, `byte ${c}`).toBe(isAccepted(x));
    }
  });
});

test('one decoder, one body after the other', async () => {
  const { ChunkedDecoder } = await import('../../../../proxy/http1/chunked.ts');
  const { ProtectedNames } = await import('../../../../proxy/http1/protected-names.ts');
  const decoder = new ChunkedDecoder({ trailerBytesMax: 100, trailersMax: 2, names: new ProtectedNames([]) });
  for (const body of ['1;a\r\nx\r\n0\r\nX: y\r\n\r\n', '2\r\nyz\r\n0\r\n\r\n', 'zz', '0\r\n\r\n']) {
    decoder.start('relay');
    decoder.push(Buffer.from(body), 0, []);
    expect([decoder.done, decoder.fault, decoder.dataBytes]).toEqual([
      true,
      body === 'zz' ? 'bad-chunk' : null,
      body === 'zz' ? 0 : Math.min(2, Number(body[0])),
    ]);
  }
});

test('upper-case hexadecimal', () => {
  expect(decodeChunked(`A\r\n0123456789\r\n${LAST}`)).toMatchObject({ fault: null, dataBytes: 10 });
});

test('a plain body goes on as one view, without a copy', async () => {
  const { ChunkedDecoder } = await import('../../../../proxy/http1/chunked.ts');
  const { ProtectedNames } = await import('../../../../proxy/http1/protected-names.ts');
  const decoder = new ChunkedDecoder({ trailerBytesMax: 100, trailersMax: 2, names: new ProtectedNames([]) });
  decoder.start('relay');
  const chunk = Buffer.from(`5\r\nhello\r\n5\r\nworld\r\n${LAST}`);
  const out: Buffer[] = [];
  decoder.push(chunk, 0, out);
  expect(out).toHaveLength(1);
  expect(out[0]?.buffer).toBe(chunk.buffer);
});
