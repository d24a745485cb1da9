// What a head costs: parse, forward, both, and chunked bodies, on one thread.
import { ChunkedDecoder } from '../../proxy/http1/chunked.ts';
import { type ForwardOptions, forwardHead } from '../../proxy/http1/forward-head.ts';
import type { ResponseForwardOptions } from '../../proxy/http1/forward-response.ts';
import { forwardResponseHead } from '../../proxy/http1/forward-response.ts';
import { HeadWriter } from '../../proxy/http1/head-writer.ts';
import { RequestParser } from '../../proxy/http1/parse-request.ts';
import { ResponseParser } from '../../proxy/http1/parse-response.ts';
import { ProtectedNames } from '../../proxy/http1/protected-names.ts';
import { ID_BYTES, RequestIds } from '../../proxy/request-ids.ts';
import { type Figure, fastestOf, type Task } from './measure.ts';

const TURNS = 25;
const CALLS = 10_000;

const head = (...lines: string[]): Buffer => Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');

/** 248 bytes, 10 lines: one service calling another. */
const SERVICE = head(
  'GET /items/42?full=1 HTTP/1.1',
  'Host: cart.shop:8080',
  'User-Agent: shop-web/2.1',
  'Accept: application/json',
  'Accept-Encoding: gzip',
  'X-User: u-1842',
  'X-Tenant: acme',
  'Cache-Control: no-cache',
  'X-Trace-Sampled: 1',
  'X-Region: eu-west-1',
  'Connection: keep-alive',
);

/** About 600 bytes, 10 lines: a browser. */
const BROWSER = head(
  'GET /shop/items/42?ref=home&utm_source=mail HTTP/1.1',
  'Host: shop.example.org',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
  'Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=1',
  'Referer: https://shop.example.org/shop/',
  'Cache-Control: max-age=0',
  'Upgrade-Insecure-Requests: 1',
  'Connection: keep-alive',
);

const RESPONSE = head(
  'HTTP/1.1 200 OK',
  'Content-Type: application/json; charset=utf-8',
  'Content-Length: 1024',
  'ETag: W/"400-abcdef"',
  'Date: Mon, 01 Jan 2024 00:00:00 GMT',
  'Connection: keep-alive',
  'Keep-Alive: timeout=5',
);

const CHUNKS = Buffer.from(`400\r\n${'x'.repeat(1024)}\r\n`.repeat(16), 'latin1');

const IDS = new RequestIds();
const ID = new Uint8Array(ID_BYTES);

const FORWARD: ForwardOptions = {
  forwarded: 'sanitize',
  authority: '127.0.0.1:8080',
  clientCert: `By=spiffe://example.org/ns/shop/sa/cart;Hash=${'0123456789abcdef'.repeat(4)};URI=spiffe://example.org/ns/shop/sa/web`,
  ids: {
    requestId: '',
    traceparent: '',
    traceparentKept: false,
    tracestateKept: false,
    writeIds(writer) {
      writer.block(IDS.requestIdLine(ID));
      writer.block(IDS.traceparentLine(ID));
    },
  },
  clientIp: '10.0.0.7',
  proto: 'https',
  sanitized: Buffer.alloc(220, 'x'),
};
const BACK: ResponseForwardOptions = { minor: 1, persist: true, upgrade: '' };

/** Nanoseconds per head or body. */
export function headFigures(turns = TURNS): Promise<Figure[]> {
  return fastestOf(tasks(), turns);
}

function tasks(): Task[] {
  const request = new RequestParser({
    headBytesMax: 65_536,
    headersMax: 100,
    targetBytesMax: 8_192,
    paths: 'reject',
    proxy: false,
    names: new ProtectedNames(['x-user']),
  });
  const response = new ResponseParser();
  const writer = new HeadWriter();
  const both = (bytes: Buffer) => () => {
    request.push(bytes, 0);
    IDS.draw(ID);
    writer.begin();
    forwardHead(writer, request, FORWARD);
    return writer.view().length;
  };
  const chunked = new ChunkedDecoder({
    trailerBytesMax: 8_192,
    trailersMax: 32,
    names: new ProtectedNames([]),
  });
  const out: Buffer[] = [];
  return [
    task('parse, service 248 B', null, () => request.push(SERVICE, 0)),
    task('parse, browser 600 B', null, () => request.push(BROWSER, 0)),
    task('parse + forward, service', 2_500, both(SERVICE)),
    task('parse + forward, browser', null, both(BROWSER)),
    task('response, parse + forward', null, () => {
      response.push(RESPONSE, 0, 'GET');
      writer.begin();
      forwardResponseHead(writer, response, BACK);
      return writer.take([]).length;
    }),
    task('chunked, 16 chunks of 1 KiB', null, () => {
      chunked.start('relay');
      out.length = 0;
      return chunked.push(CHUNKS, 0, out);
    }),
  ];
}

function task(name: string, target: number | null, call: () => number): Task {
  const run = (): void => {
    let sum = 0;
    for (let i = 0; i < CALLS; i++) sum += call();
    if (sum <= 0) throw new Error(`\`${name}\` refused its input`);
  };
  return { name, unit: 'ns', operations: CALLS, run, ...(target === null ? {} : { target }) };
}
