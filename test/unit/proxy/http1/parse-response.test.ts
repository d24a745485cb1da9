// The response head: what is accepted, how its body ends, what is refused, and what the caller gets.
import { describe, expect, test } from 'vitest';
import type { Reason } from '../../../../core/reasons.ts';
import {
  forwardResponseHead,
  type ResponseForwardOptions,
} from '../../../../proxy/http1/forward-response.ts';
import { HeadWriter } from '../../../../proxy/http1/head-writer.ts';
import { ResponseParser } from '../../../../proxy/http1/parse-response.ts';
import { parseResponse, pushInPieces } from './parsing.ts';

const response = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
const ok = (...lines: string[]): string => response('HTTP/1.1 200 OK', ...lines);

const accepted: { name: string; input: string; method?: string; expect: object }[] = [
  {
    name: 'a length',
    input: ok('Content-Length: 5'),
    expect: {
      status: 200,
      reasonPhrase: 'OK',
      framing: 'length',
      contentLength: 5,
      keepAlive: true,
      minor: 1,
    },
  },
  { name: 'length 0', input: ok('Content-Length: 0'), expect: { framing: 'length', contentLength: 0 } },
  { name: 'chunked', input: ok('Transfer-Encoding: Chunked'), expect: { framing: 'chunked' } },
  { name: 'until the connection closes', input: ok('X: y'), expect: { framing: 'until-close' } },
  {
    name: 'HTTP/1.0',
    input: response('HTTP/1.0 200 OK', 'Content-Length: 5'),
    expect: { minor: 0, keepAlive: false, framing: 'length' },
  },
  {
    name: 'HTTP/1.0 keep-alive',
    input: response('HTTP/1.0 200 OK', 'Connection: keep-alive', 'Content-Length: 5'),
    expect: { keepAlive: true },
  },
  { name: 'close', input: ok('Connection: close', 'Content-Length: 5'), expect: { keepAlive: false } },
  {
    name: 'no reason phrase',
    input: response('HTTP/1.1 200 ', 'Content-Length: 5'),
    expect: { reasonPhrase: '' },
  },
  {
    name: 'no space before no reason phrase',
    input: response('HTTP/1.1 200', 'Content-Length: 5'),
    expect: { reasonPhrase: '' },
  },
  {
    name: 'a reason phrase with spaces and obs-text',
    input: response('HTTP/1.1 404 Not\tF\xe4und '),
    expect: { status: 404, reasonPhrase: 'Not\tF\xe4und ' },
  },
  {
    name: 'HEAD with a length',
    input: ok('Content-Length: 5'),
    method: 'HEAD',
    expect: { framing: 'none', contentLength: 5 },
  },
  {
    name: 'HEAD with chunked',
    input: ok('Transfer-Encoding: chunked'),
    method: 'HEAD',
    expect: { framing: 'none', chunked: true },
  },
  { name: 'HEAD with neither', input: ok(), method: 'HEAD', expect: { framing: 'none' } },
  {
    name: '304 with a length',
    input: response('HTTP/1.1 304 Not Modified', 'Content-Length: 5'),
    expect: { framing: 'none' },
  },
  { name: '204', input: response('HTTP/1.1 204 No Content'), expect: { framing: 'none' } },
  {
    name: '204 with length 0',
    input: response('HTTP/1.1 204 No Content', 'Content-Length: 0'),
    expect: { framing: 'none' },
  },
  { name: '100', input: response('HTTP/1.1 100 Continue'), expect: { status: 100, framing: 'none' } },
  {
    name: '103',
    input: response('HTTP/1.1 103 Early Hints', 'Link: </a>'),
    expect: { status: 103, framing: 'none' },
  },
  {
    name: '101 to websocket',
    input: response('HTTP/1.1 101 Switching Protocols', 'Upgrade: WebSocket', 'Connection: upgrade'),
    expect: { status: 101, framing: 'none' },
  },
  {
    name: 'the highest status',
    input: response('HTTP/1.1 599 X', 'Content-Length: 0'),
    expect: { status: 599 },
  },
];

const refused: { [R in Reason]?: [name: string, input: string][] } = {
  'bad-header': [
    ['an empty line before', `\r\n${ok('Content-Length: 0')}`],
    ['another protocol', response('ICY 200 OK')],
    ['HTTP/2', response('HTTP/2.0 200 OK')],
    ['HTTP/1.2', response('HTTP/1.2 200 OK')],
    ['lower case', response('http/1.1 200 OK')],
    ['two spaces', response('HTTP/1.1  200 OK')],
    ['a tab', response('HTTP/1.1\t200 OK')],
    ['two digits', response('HTTP/1.1 20 OK')],
    ['four digits', response('HTTP/1.1 2000 OK')],
    ['a sign', response('HTTP/1.1 +20 OK')],
    ['a letter', response('HTTP/1.1 2x0 OK')],
    ['status 099', response('HTTP/1.1 099 OK')],
    ['status 600', response('HTTP/1.1 600 OK')],
    ['text right after the status', response('HTTP/1.1 200OK')],
    ['a control in the reason phrase', response('HTTP/1.1 200 O\x01K')],
    ['NUL in the reason phrase', response('HTTP/1.1 200 O\0K')],
    ['a space before the line', response(' HTTP/1.1 200 OK')],
    ['a space before the colon', ok('X : y')],
    ['a folded line', ok('X: y', ' z')],
    ['a folded first line', ok(' X: y')],
    ['no colon', ok('X')],
    ['an empty name', ok(': y')],
    ['NUL in a value', ok('X: \0')],
    ['a space in a name', ok('Content-Length 5: 6')],
  ],
  'bad-version': [['an interim response of HTTP/1.0', response('HTTP/1.0 100 Continue')]],
  'bare-newline': [
    ['LF only', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['LF after the status line', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n'],
    ['LF after a header', 'HTTP/1.1 200 OK\r\nX: y\nContent-Length: 0\r\n\r\n'],
    ['LF before the empty line', 'HTTP/1.1 200 OK\r\nX: y\n\r\n'],
    ['CR in a value', 'HTTP/1.1 200 OK\r\nX: y\rz\r\n\r\n'],
    ['CR in the reason phrase', 'HTTP/1.1 200 O\rK\r\n\r\n'],
  ],
  'conflicting-framing': [['both', ok('Content-Length: 5', 'Transfer-Encoding: chunked')]],
  'bad-content-length': [
    ...['', '+5', '-1', '5, 5', '0x5', '9007199254740992', 'a', '5 6', '05'].map(
      (value): [string, string] => [`\`${value}\``, ok(`Content-Length: ${value}`)],
    ),
    ['differing', ok('Content-Length: 5', 'Content-Length: 6')],
    ['equal', ok('Content-Length: 5', 'Content-Length: 5')],
    ['in a 204', response('HTTP/1.1 204 No Content', 'Content-Length: 5')],
    ['in a 100', response('HTTP/1.1 100 Continue', 'Content-Length: 5')],
    ['in a 101', response('HTTP/1.1 101 X', 'Upgrade: websocket', 'Content-Length: 5')],
  ],
  'bad-transfer-encoding': [
    ...['', 'gzip', 'gzip, chunked', 'chunked, chunked', 'identity', 'xchunked', 'chunked;a=b'].map(
      (value): [string, string] => [`\`${value}\``, ok(`Transfer-Encoding: ${value}`)],
    ),
    ['repeated', ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    ['in HTTP/1.0', response('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked')],
    ['in a 204', response('HTTP/1.1 204 No Content', 'Transfer-Encoding: chunked')],
    ['in a 100', response('HTTP/1.1 100 Continue', 'Transfer-Encoding: chunked')],
  ],
  'bad-connection-header': [
    // Found by fuzzing: llhttp takes the connection for closed.
    ['an interim response that closes', response('HTTP/1.1 103 Early Hints', 'Connection: close')],
    ['drops the length', ok('Connection: content-length', 'Content-Length: 5')],
    ['drops the coding', ok('Connection: transfer-encoding')],
    ['no token', ok('Connection: a b')],
  ],
  'bad-upgrade': [
    ['101 without Upgrade', response('HTTP/1.1 101 Switching Protocols')],
    ['101 to h2c', response('HTTP/1.1 101 Switching Protocols', 'Upgrade: h2c')],
    ['101 to two protocols', response('HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket, h2c')],
  ],
  'head-too-large': [['a value of 70 KB', ok(`X: ${'a'.repeat(70_000)}`)]],
  'too-many-headers': [['257', ok(...Array.from({ length: 257 }, (_, i) => `X${i}: y`))]],
};

describe('accepts', () => {
  test.each(accepted)('$name', ({ input, method, expect: want }) => {
    const { next, head } = parseResponse(input, method);
    expect(head.detail).toBeNull();
    expect(next).toBe(input.length);
    expect(head).toMatchObject(want);
  });
});

describe.each(Object.entries(refused))('%s', (detail, rows) => {
  test.each(rows)('%s', (_, input) => {
    const { next, head } = parseResponse(input);
    expect([next, head.fault, head.detail]).toEqual([-1, 'upstream-bad-response', detail]);
  });
});

test('every byte value in the status line', () => {
  const field = (x: string): boolean => x === '\t' || (x >= ' ' && x !== '\x7f');
  const positions: [string, (x: string) => string, (x: string) => boolean][] = [
    ['protocol', (x) => `${x}TTP/1.1 200 OK`, (x) => x === 'H'],
    ['minor version', (x) => `HTTP/1.${x} 200 OK`, (x) => x === '0' || x === '1'],
    ['first SP', (x) => `HTTP/1.1${x}200 OK`, (x) => x === ' '],
    ['first digit', (x) => `HTTP/1.1 ${x}02 OK`, (x) => x >= '1' && x <= '5'],
    ['second digit', (x) => `HTTP/1.1 2${x}2 OK`, (x) => x >= '0' && x <= '9'],
    ['third digit', (x) => `HTTP/1.1 20${x} OK`, (x) => x >= '0' && x <= '9'],
    ['second SP', (x) => `HTTP/1.1 200${x}OK`, (x) => x === ' '],
    ['reason phrase', (x) => `HTTP/1.1 200 O${x}K`, field],
  ];
  for (const [name, line, isAccepted] of positions) {
    for (let c = 0; c < 256; c++) {
      const x = String.fromCharCode(c);
      const { head } = parseResponse(response(line(x), 'X: y'));
      expect(head.fault === null, `${name}, byte ${c}`).toBe(isAccepted(x));
    }
  }
});

test('in pieces: the same, at every cut', () => {
  for (const message of [
    ok('Content-Length: 5'),
    'HTTP/1.1 200 OK\nX: y\r\n\r\n',
    response('HTTP/1.1 2x0 OK'),
  ]) {
    const run = (cuts: readonly number[]): unknown[] => {
      const head = new ResponseParser();
      let text = ''; // of the chunk, so read while it is there
      const push = (chunk: Buffer, at: number): number => {
        const next = head.push(chunk, at, 'GET');
        if (next > 0) text = head.text;
        return next;
      };
      const next = pushInPieces(push, message, cuts);
      return [next, head.fault, head.detail, head.status, head.framing, head.contentLength, text];
    };
    const whole = run([]);
    for (let cut = 1; cut < message.length; cut++) expect(run([cut])).toEqual(whole);
    expect(run([...message].map((_, i) => i))).toEqual(whole);
  }
});

test('interim and final responses in one chunk', () => {
  const interim = response('HTTP/1.1 103 Early Hints', 'Link: </a>');
  const chunk = Buffer.from(interim + ok('Content-Length: 1'));
  const head = new ResponseParser();
  expect(head.push(chunk, 0, 'GET')).toBe(interim.length);
  expect(head.push(chunk, interim.length, 'GET')).toBe(chunk.length);
  expect(head).toMatchObject({ status: 200, framing: 'length', contentLength: 1 });
});

test('reset drops the bytes of another connection', () => {
  const head = new ResponseParser();
  expect(head.push(Buffer.from('HTTP/1.1 200 OK\r\nX: '), 0, 'GET')).toBe(0);
  head.reset();
  const text = ok('Content-Length: 1');
  expect(head.push(Buffer.from(text), 0, 'GET')).toBe(text.length);
});

describe('forwardResponseHead', () => {
  const KEEP: ResponseForwardOptions = { minor: 1, persist: true, upgrade: '' };
  const rows: { name: string; input: string[]; options?: ResponseForwardOptions; expect: string[] }[] = [
    {
      name: 'as it came',
      input: ['HTTP/1.1 200 OK', 'X: y', 'Content-Length: 5'],
      expect: ['HTTP/1.1 200 OK', 'X: y', 'Content-Length: 5'],
    },
    {
      name: 'HTTP/1.0 as HTTP/1.1',
      input: ['HTTP/1.0 200 OK', 'Content-Length: 5'],
      expect: ['HTTP/1.1 200 OK', 'Content-Length: 5'],
    },
    {
      name: 'without hop-by-hop fields',
      input: [
        'HTTP/1.1 200 OK',
        'Connection: close, X-A',
        'Keep-Alive: timeout=5',
        'X-A: 1',
        'Content-Length: 5',
        'Proxy-Connection: x',
        'Upgrade: h2c',
        'X: y',
      ],
      expect: ['HTTP/1.1 200 OK', 'Content-Length: 5', 'X: y'],
    },
    {
      name: 'chunked, spelled anew',
      input: ['HTTP/1.1 200 OK', 'Transfer-Encoding:CHUNKED', 'Trailer: Z'],
      expect: ['HTTP/1.1 200 OK', 'Trailer: Z', 'transfer-encoding: chunked'],
    },
    {
      name: 'chunked, for HTTP/1.0',
      input: ['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'],
      options: { minor: 0, persist: false, upgrade: '' },
      expect: ['HTTP/1.1 200 OK', 'connection: close'],
    },
    {
      name: 'HTTP/1.0 keep-alive',
      input: ['HTTP/1.1 200 OK', 'Content-Length: 5'],
      options: { minor: 0, persist: true, upgrade: '' },
      expect: ['HTTP/1.1 200 OK', 'Content-Length: 5', 'connection: keep-alive'],
    },
    {
      name: 'the last on its connection',
      input: ['HTTP/1.1 200 OK', 'Content-Length: 5'],
      options: { minor: 1, persist: false, upgrade: '' },
      expect: ['HTTP/1.1 200 OK', 'Content-Length: 5', 'connection: close'],
    },
    {
      name: '204 without a length',
      input: ['HTTP/1.1 204 No Content', 'Content-Length: 0', 'X: y'],
      expect: ['HTTP/1.1 204 No Content', 'X: y'],
    },
    { name: '100', input: ['HTTP/1.1 100 Continue'], expect: ['HTTP/1.1 100 Continue'] },
    {
      name: '101',
      input: [
        'HTTP/1.1 101 Switching Protocols',
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Accept: x',
      ],
      options: { minor: 1, persist: true, upgrade: 'websocket' },
      expect: [
        'HTTP/1.1 101 Switching Protocols',
        'Sec-WebSocket-Accept: x',
        'connection: Upgrade',
        'upgrade: websocket',
      ],
    },
    {
      name: 'an empty reason phrase',
      input: ['HTTP/1.1 200', 'Content-Length: 5'],
      expect: ['HTTP/1.1 200 ', 'Content-Length: 5'],
    },
    {
      name: 'odd white space',
      input: ['HTTP/1.1 200 OK', 'Content-Length:\t5 '],
      expect: ['HTTP/1.1 200 OK', 'Content-Length: 5'],
    },
    {
      name: 'a line of ours',
      input: ['HTTP/1.1 200 OK', 'Content-Length: 5'],
      options: { ...KEEP, extra: 'x-request-id: 1\r\n' },
      expect: ['HTTP/1.1 200 OK', 'Content-Length: 5', 'x-request-id: 1'],
    },
  ];
  test.each(rows)('$name', ({ input, options, expect: want }) => {
    const { head } = parseResponse(response(...input));
    expect(head.detail).toBeNull();
    const writer = new HeadWriter(8);
    forwardResponseHead(writer, head, options ?? KEEP);
    expect(writer.take([]).toString('latin1').split('\r\n')).toEqual([...want, '', '']);
  });
});
