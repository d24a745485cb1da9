// The request head that the application gets, byte for byte.
import { describe, expect, test } from 'vitest';
import {
  type ForwardOptions,
  forwardedValues,
  forwardHead,
  sanitizedLines,
} from '../../../../proxy/http1/forward-head.ts';
import { KNOWN_HEADERS, type RequestHead } from '../../../../proxy/http1/head.ts';
import { HeadWriter } from '../../../../proxy/http1/head-writer.ts';
import { type ParserChoice, parseRequest } from './parsing.ts';

const BASE: Omit<ForwardOptions, 'sanitized'> = {
  forwarded: 'sanitize',
  authority: '127.0.0.1:8080',
  clientCert: 'By=spiffe://td/b;URI=spiffe://td/a',
  ids: {
    requestId: 'id-1',
    traceparent: '00-a-b-00',
    traceparentKept: false,
    tracestateKept: false,
    writeIds: (writer) => writer.text('x-request-id: id-1\r\ntraceparent: 00-a-b-00\r\n'),
  },
  clientIp: '10.0.0.7',
  proto: 'https',
};
const ADDED = [
  'x-request-id: id-1',
  'traceparent: 00-a-b-00',
  'x-forwarded-client-cert: By=spiffe://td/b;URI=spiffe://td/a',
  'x-forwarded-for: 10.0.0.7',
  'x-forwarded-proto: https',
];

interface Row {
  readonly name: string;
  readonly input: readonly string[];
  /** Lines before the ones that are always added. */
  readonly expect: readonly string[];
  /** Instead of ADDED. */
  readonly added?: readonly string[];
  readonly options?: Partial<ForwardOptions>;
  readonly parser?: ParserChoice;
}

const rows: Row[] = [
  {
    name: 'unchanged lines',
    input: ['GET /a?b HTTP/1.1', 'Host: a', 'X: y'],
    expect: ['GET /a?b HTTP/1.1', 'Host: a', 'X: y'],
  },
  {
    name: 'a canonical path',
    input: ['GET /a/../b?c HTTP/1.1', 'Host: a'],
    expect: ['GET /b?c HTTP/1.1', 'Host: a'],
  },
  {
    name: 'absolute-form as origin-form, Host as sent',
    input: ['GET http://A/b?c HTTP/1.1', 'Host: A'],
    expect: ['GET /b?c HTTP/1.1', 'Host: A'],
  },
  {
    name: 'absolute-form without path',
    input: ['GET http://a?c HTTP/1.1', 'Host: a'],
    expect: ['GET /?c HTTP/1.1', 'Host: a'],
  },
  {
    name: 'OPTIONS *',
    input: ['OPTIONS http://a HTTP/1.1', 'Host: a'],
    expect: ['OPTIONS * HTTP/1.1', 'Host: a'],
  },
  {
    name: 'merged slashes',
    input: ['GET /a//b HTTP/1.1', 'Host: a'],
    expect: ['GET /a/b HTTP/1.1', 'Host: a'],
    parser: { paths: 'merge-slashes' },
  },
  {
    name: 'HTTP/1.0 as HTTP/1.1',
    input: ['GET / HTTP/1.0', 'Host: a', 'Connection: keep-alive'],
    expect: ['GET / HTTP/1.1', 'Host: a'],
  },
  {
    name: 'HTTP/1.0 without Host',
    input: ['GET / HTTP/1.0'],
    expect: ['GET / HTTP/1.1', 'host: 127.0.0.1:8080'],
  },
  {
    name: 'HTTP/1.0 with Expect',
    input: ['POST / HTTP/1.0', 'Host: a', 'Expect: 100-continue', 'Content-Length: 1'],
    expect: ['POST / HTTP/1.1', 'Host: a', 'Content-Length: 1'],
  },
  {
    name: 'Expect',
    input: ['POST / HTTP/1.1', 'Host: a', 'Expect: 100-continue', 'Content-Length: 1'],
    expect: ['POST / HTTP/1.1', 'Host: a', 'Expect: 100-continue', 'Content-Length: 1'],
  },
  {
    name: 'no hop-by-hop field',
    input: [
      'GET / HTTP/1.1',
      'Connection: keep-alive',
      'Keep-Alive: 5',
      'Host: a',
      'TE: trailers',
      'Proxy-Connection: x',
      'X: y',
      'Trailer: Z',
      'Upgrade: h2c',
      'HTTP2-Settings: AA',
    ],
    expect: ['GET / HTTP/1.1', 'Host: a', 'X: y', 'Trailer: Z'],
  },
  {
    name: 'no field that Connection names',
    input: ['GET / HTTP/1.1', 'Host: a', 'X-A: 1', 'x-b: 2', 'X-a: 3', 'Connection: X-A, close', 'X-C: 4'],
    expect: ['GET / HTTP/1.1', 'Host: a', 'x-b: 2', 'X-C: 4'],
  },
  {
    name: 'chunked, spelled anew',
    input: ['POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding:CHUNKED ', 'X: y'],
    expect: ['POST / HTTP/1.1', 'Host: a', 'X: y', 'transfer-encoding: chunked'],
  },
  {
    name: 'odd white space, written anew',
    input: ['POST / HTTP/1.1', 'Host:a', 'Content-Length:\t5  ', 'X: y', 'Y:', 'Z:  z'],
    expect: ['POST / HTTP/1.1', 'Host: a', 'Content-Length: 5', 'X: y', 'Y: ', 'Z: z'],
  },
  {
    name: 'a websocket upgrade',
    input: [
      'GET / HTTP/1.1',
      'Host: a',
      'Connection: keep-alive, Upgrade',
      'Upgrade: websocket, h2c',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: p',
    ],
    expect: [
      'GET / HTTP/1.1',
      'Host: a',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: p',
      'connection: Upgrade',
      'upgrade: websocket',
    ],
  },
  {
    name: 'no copy of the identity header, in any case',
    input: [
      'GET / HTTP/1.1',
      'X-Forwarded-Client-Cert: By=evil',
      'Host: a',
      'x-forwarded-client-cert: b',
      'X: y',
      'X-FORWARDED-CLIENT-CERT: c',
    ],
    expect: ['GET / HTTP/1.1', 'Host: a', 'X: y'],
  },
  {
    name: 'no identity for a peer without one',
    input: ['GET / HTTP/1.1', 'Host: a', 'X-Forwarded-Client-Cert: By=evil'],
    expect: ['GET / HTTP/1.1', 'Host: a'],
    options: { clientCert: null },
    added: [...ADDED.slice(0, 2), ...ADDED.slice(3)],
  },
  {
    name: 'sanitize: nothing about earlier hops',
    input: [
      'GET / HTTP/1.1',
      'Host: a',
      'X-Forwarded-For: 1.1.1.1',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Host: b',
      'Forwarded: for=1',
      'X-Real-IP: 1.1.1.1',
      'X: y',
    ],
    expect: ['GET / HTTP/1.1', 'Host: a', 'X: y'],
  },
  {
    name: 'append: one X-Forwarded-For with the peer added',
    input: [
      'GET / HTTP/1.1',
      'Host: a',
      'X-Forwarded-For: 1.1.1.1',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Host: b',
      'Forwarded: for=1',
      'X-Real-IP: 1.1.1.1',
      'x-forwarded-for:',
      'x-forwarded-for: 2.2.2.2, 3.3.3.3',
    ],
    expect: ['GET / HTTP/1.1', 'Host: a'],
    options: { forwarded: 'append' },
    added: [
      ...ADDED.slice(0, 3),
      'x-forwarded-for: 1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.7',
      'x-forwarded-proto: https',
    ],
  },
  {
    name: 'append: Connection drops the earlier hops',
    input: ['GET / HTTP/1.1', 'Host: a', 'X-Forwarded-For: 1.1.1.1', 'Connection: x-forwarded-for'],
    expect: ['GET / HTTP/1.1', 'Host: a'],
    options: { forwarded: 'append' },
  },
  {
    name: 'trust: all of it',
    input: [
      'GET / HTTP/1.1',
      'Host: a',
      'X-Forwarded-For: 1.1.1.1',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Host: b',
      'Forwarded: for=1',
      'X-Real-IP: 1.1.1.1',
    ],
    expect: [
      'GET / HTTP/1.1',
      'Host: a',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Host: b',
      'Forwarded: for=1',
      'X-Real-IP: 1.1.1.1',
    ],
    options: { forwarded: { trust: 1 } },
    added: [...ADDED.slice(0, 3), 'x-forwarded-for: 1.1.1.1, 10.0.0.7'],
  },
  {
    name: 'trust: the protocol when nobody said it',
    input: ['GET / HTTP/1.1', 'Host: a'],
    expect: ['GET / HTTP/1.1', 'Host: a'],
    options: { forwarded: { trust: 1 } },
  },
  {
    name: 'ids replaced, with the state of the trace',
    input: ['GET / HTTP/1.1', 'X-Request-Id: x', 'Host: a', 'traceparent: y', 'tracestate: z'],
    expect: ['GET / HTTP/1.1', 'Host: a'],
  },
  {
    name: 'ids kept',
    input: ['GET / HTTP/1.1', 'X-Request-Id: x', 'Host: a', 'traceparent: y', 'tracestate: z'],
    expect: ['GET / HTTP/1.1', 'Host: a', 'traceparent: y', 'tracestate: z'],
    options: {
      ids: {
        requestId: 'x',
        traceparent: 'y',
        traceparentKept: true,
        tracestateKept: true,
        writeIds: (writer) => writer.text('x-request-id: x\r\n'),
      },
    },
    added: ['x-request-id: x', ...ADDED.slice(2)],
  },
];

const writer = new HeadWriter(8);

function optionsOf(options: Partial<ForwardOptions> = {}): ForwardOptions {
  const all = { ...BASE, ...options };
  return { sanitized: sanitizedLines(all), ...all };
}

function forwarded(head: RequestHead, options: ForwardOptions): string {
  writer.begin();
  forwardHead(writer, head, options);
  return writer.view().toString('latin1');
}

describe('forwardHead', () => {
  test.each(rows)('$name', ({ input, expect: want, options, parser, added }) => {
    const { head } = parseRequest(`${input.join('\r\n')}\r\n\r\n`, parser);
    expect(head.fault).toBeNull();
    const text = forwarded(head, optionsOf(options));
    expect(text.split('\r\n')).toEqual([...want, ...(added ?? ADDED), '', '']);
  });

  test('what was forwarded is accepted again, and means the same', () => {
    for (const { input, parser, options } of rows) {
      const { head } = parseRequest(`${input.join('\r\n')}\r\n\r\n`, parser);
      const again = parseRequest(forwarded(head, optionsOf(options)), parser).head;
      expect(again.fault).toBeNull();
      const { method, path, query, contentLength, chunked, upgrade } = head;
      expect(again).toMatchObject({
        method,
        path,
        query,
        contentLength,
        chunked,
        upgrade,
        pathUnchanged: true,
      });
    }
  });

  test('policies judge every field with the values that were forwarded', () => {
    for (const { name, input, parser, options } of rows) {
      const { head } = parseRequest(`${input.join('\r\n')}\r\n\r\n`, parser);
      const all = optionsOf(options);
      const again = parseRequest(forwarded(head, all), parser).head;
      for (const field of [...KNOWN_HEADERS.slice(1), 'x', 'x-a', 'accept'])
        expect(forwardedValues(head, all, field), `${name}: ${field}`).toEqual(again.headerValues(field));
    }
  });
});
