// From HTTP/2 to HTTP/1.1 (RFC 9113 sections 8.1 to 8.3): what the application reads is one request, the one
// that was judged; what could be read in two ways reaches nobody.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, type Field, FLAG } from './stage/http2-frames.ts';
import { eventually, statusPage } from './stage/observe.ts';
import { response, routed } from './stage/routed.ts';
import { ALLOW_MESH, Stage, type SvidFiles } from './stage/stage.ts';
import { Application } from './stage/wire.ts';

const DENY_ROLE = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: admins, namespace: shop }
spec:
  action: DENY
  rules: [{ when: [{ key: "request.headers[x-role]", values: ["admin"] }] }]
`;
/** Lines that the proxy adds; what is left has to be what the caller said. */
const OURS = /^(?:x-request-id|traceparent|x-forwarded-(?:client-cert|for|proto)): [^\r]*\r\n/gm;

let stage: Stage;
let application: Application;
let web: SvidFiles;
let caller: Http2Caller;
let nextId = 1;
/** What the application read. */
let arrived = '';

beforeAll(async () => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  const answer = routed({ '*': ({ wire }) => wire.send(response('ok')) });
  application = await Application.start((wire, index) => {
    wire.socket.on('data', (chunk: Buffer) => {
      arrived += chunk.toString('latin1');
    });
    answer(wire, index);
  });
  await stage.start({
    upstreamPort: application.port,
    policies: { 'mesh.yaml': ALLOW_MESH, 'admins.yaml': DENY_ROLE },
  });
});

beforeEach(async () => {
  arrived = '';
  if (caller === undefined || caller.closed || caller.goaway !== null) {
    caller = await Http2Caller.connect(stage, web);
    nextId = 1;
  }
});

afterAll(async () => {
  caller.close();
  await stage.close();
  application.close();
});

/** How many requests were recorded as malformed. */
async function malformed(): Promise<number> {
  const { text } = await statusPage(stage, '/metrics');
  const series = /^sallyport_requests_total\{.*reason="http2-malformed-request".*\} (\d+)$/gm;
  return [...text.matchAll(series)].reduce((sum, [, value]) => sum + Number(value), 0);
}

interface Sent {
  readonly fields: readonly Field[];
  /** DATA frames behind it; none: the header block is all. */
  readonly data?: readonly string[];
  readonly trailers?: readonly Field[];
}

async function send({ fields, data, trailers }: Sent): Promise<Answer> {
  const streamId = nextId;
  nextId += 2;
  const bare = data === undefined && trailers === undefined;
  const frames = [h.headers(streamId, fields, bare ? FLAG.END_HEADERS | FLAG.END_STREAM : FLAG.END_HEADERS)];
  const pieces = data ?? [];
  for (const [i, piece] of pieces.entries())
    frames.push(
      h.data(streamId, piece, trailers === undefined && i === pieces.length - 1 ? FLAG.END_STREAM : 0),
    );
  if (trailers !== undefined) frames.push(h.headers(streamId, trailers));
  caller.send(...frames);
  return caller.over(streamId);
}

const without = (fields: readonly Field[], name: string): Field[] => fields.filter(([key]) => key !== name);
const instead = (name: string, value: string): Field[] =>
  h.get('/evil').map((field) => (field[0] === name ? [name, value] : field));
const having = (...more: Field[]): Sent => ({ fields: h.get('/evil', more) });
const sending = (length: string, ...data: string[]): Sent => ({
  fields: h.post('/evil', [['content-length', length]]),
  data,
});
const behind = (...trailers: Field[]): Sent => ({ fields: h.post('/evil'), data: ['x'], trailers });

const MALFORMED: readonly ({ name: string } & Sent)[] = [
  { name: 'content-length above the data', ...sending('3', 'xx') },
  { name: 'content-length below the data', ...sending('1', 'xx') },
  { name: 'content-length without data', fields: h.post('/evil', [['content-length', '1']]) },
  { name: 'content-length 0 with data', ...sending('0', 'x') },
  { name: 'content-length that the pieces pass', ...sending('3', 'xx', 'xx') },
  { name: 'content-length that trailers cut short', ...sending('3', 'x'), trailers: [['x-a', 'b']] },
  { name: 'transfer-encoding', ...having(['transfer-encoding', 'chunked']) },
  {
    name: 'transfer-encoding with data',
    fields: h.post('/evil', [['transfer-encoding', 'chunked']]),
    data: ['0\r\n\r\n'],
  },
  { name: 'connection', ...having(['connection', 'close']) },
  { name: 'connection that names a field', ...having(['x-a', 'b'], ['connection', 'x-a']) },
  { name: 'keep-alive', ...having(['keep-alive', 'timeout=5']) },
  { name: 'proxy-connection', ...having(['proxy-connection', 'keep-alive']) },
  { name: 'upgrade', ...having(['upgrade', 'websocket']) },
  { name: 'http2-settings', ...having(['http2-settings', 'AAMAAABkAAQAAP__']) },
  { name: 'te: gzip', ...having(['te', 'gzip']) },
  { name: 'te: trailers, and more', ...having(['te', 'trailers, gzip']) },
  { name: ':path with a space', fields: instead(':path', '/evil HTTP/1.1') },
  { name: ':path with a tab', fields: instead(':path', '/evil\tx') },
  { name: ':path with another request', fields: instead(':path', '/ HTTP/1.1\r\nhost: a\r\n\r\nGET /evil') },
  { name: ':path with a bare newline', fields: instead(':path', '/\nx-role: admin') },
  { name: ':path with NUL', fields: instead(':path', '/evil\0') },
  { name: ':path in absolute-form', fields: instead(':path', 'http://cart.shop/evil') },
  { name: ':path without a slash', fields: instead(':path', 'evil') },
  { name: ':path with nothing', fields: instead(':path', '') },
  { name: ':authority with nothing', fields: instead(':authority', '') },
  { name: 'no :path', fields: without(h.get('/evil'), ':path') },
  { name: ':method with a space', fields: instead(':method', 'GET /evil') },
  { name: ':method with a line', fields: instead(':method', 'GET / HTTP/1.1\r\nx: y\r\n\r\nGET') },
  { name: ':method with nothing', fields: instead(':method', '') },
  { name: 'no :method', fields: without(h.get('/evil'), ':method') },
  { name: ':scheme with nothing', fields: instead(':scheme', '') },
  { name: ':scheme that is none', fields: instead(':scheme', 'https\r\nx-role: admin') },
  { name: ':scheme of another kind', fields: instead(':scheme', 'ftp') },
  { name: 'no :scheme', fields: without(h.get('/evil'), ':scheme') },
  { name: ':authority with a line', fields: instead(':authority', 'cart.shop\r\nx-role: admin') },
  { name: 'a second :authority', fields: [[':authority', 'a'], ...h.get('/evil')] },
  { name: 'a second :authority that agrees', fields: [[':authority', 'cart.shop'], ...h.get('/evil')] },
  { name: 'a second :path', fields: [[':path', '/a'], ...h.get('/evil')] },
  { name: 'a second :method', fields: [[':method', 'GET'], ...h.get('/evil')] },
  { name: 'a second :scheme', fields: [[':scheme', 'http'], ...h.get('/evil')] },
  { name: 'host other than :authority', ...having(['host', 'other.shop']) },
  { name: 'host in another case than :authority', ...having(['host', 'CART.shop:1']) },
  { name: 'host twice', ...having(['host', 'cart.shop'], ['host', 'cart.shop']) },
  {
    name: 'host twice, without :authority',
    fields: [...without(h.get('/evil'), ':authority'), ['host', 'a'], ['host', 'b']],
  },
  { name: 'a pseudo-header field behind others', fields: [['x-a', 'b'], ...h.get('/evil')] },
  {
    name: ':path behind others',
    fields: [...without(h.get('/evil'), ':path'), ['x-a', 'b'], [':path', '/evil']],
  },
  { name: ':protocol', fields: [[':protocol', 'websocket'], ...instead(':method', 'CONNECT')] },
  { name: ':status', fields: [[':status', '200'], ...h.get('/evil')] },
  { name: 'a pseudo-header field that nobody knows', fields: [[':x', 'y'], ...h.get('/evil')] },
  { name: 'a pseudo-header field in upper case', fields: [[':Path', '/a'], ...h.get('/evil')] },
  { name: 'a name in upper case', ...having(['X-A', 'b']) },
  { name: 'a name with nothing', ...having(['', 'b']) },
  { name: 'a name with a colon', ...having(['x-a:x-role', 'admin']) },
  { name: 'a name with a space', ...having(['x-role ', 'admin']) },
  { name: 'a name with a line', ...having(['x-a: b\r\nx-role', 'admin']) },
  { name: 'a name with a newline', ...having(['x-a\nx-role', 'admin']) },
  { name: 'a name with NUL', ...having(['x-role\0', 'admin']) },
  { name: 'a name with a raw byte', ...having(['x-r\u00f6le', 'admin']) },
  { name: 'a value with a line', ...having(['x-a', 'b\r\nx-role: admin']) },
  { name: 'a value with a newline', ...having(['x-a', 'b\nx-role: admin']) },
  { name: 'a value with a carriage return', ...having(['x-a', 'b\rx-role: admin']) },
  { name: 'a value with NUL', ...having(['x-a', 'b\0c']) },
  { name: 'a value that begins with a space', ...having(['x-role', ' admin']) },
  { name: 'a value that ends with a tab', ...having(['x-role', 'admin\t']) },
  { name: 'a cookie with a line', ...having(['cookie', 'a=b\r\nx-role: admin']) },
  { name: 'a content-length with a line', ...having(['content-length', '0\r\nx-role: admin']) },
];

const REFUSED: readonly ({ name: string; status: number; code: string } & Sent)[] = [
  {
    name: 'content-length twice',
    fields: h.post('/evil', [
      ['content-length', '2'],
      ['content-length', '3'],
    ]),
    data: ['xx'],
    status: 400,
    code: 'bad-content-length',
  },
  { name: 'content-length as a list', ...sending('2, 2', 'xx'), status: 400, code: 'bad-content-length' },
  { name: 'content-length with a sign', ...sending('+2', 'xx'), status: 400, code: 'bad-content-length' },
  { name: 'content-length in hexadecimal', ...sending('0x2', 'xx'), status: 400, code: 'bad-content-length' },
  { name: ':path with a fragment', fields: instead(':path', '/a#/evil'), status: 400, code: 'bad-path' },
  { name: ':path with a raw byte', fields: instead(':path', '/\u00e9vil'), status: 400, code: 'bad-path' },
  {
    name: ':path with an escaped slash',
    fields: instead(':path', '/a%2f../evil'),
    status: 400,
    code: 'ambiguous-path',
  },
  { name: ':path with two slashes', fields: instead(':path', '//evil'), status: 400, code: 'ambiguous-path' },
  { name: ':path * for GET', fields: instead(':path', '*'), status: 400, code: 'bad-target' },
  {
    name: ':method CONNECT',
    fields: [
      [':method', 'CONNECT'],
      [':authority', 'cart.shop:80'],
    ],
    status: 405,
    code: 'method-not-allowed',
  },
  { name: ':method TRACE', fields: instead(':method', 'TRACE'), status: 405, code: 'method-not-allowed' },
  {
    name: ':authority with userinfo',
    fields: instead(':authority', 'user@cart.shop'),
    status: 400,
    code: 'bad-host',
  },
  {
    name: ':authority with two names',
    fields: instead(':authority', 'cart.shop,other.shop'),
    status: 400,
    code: 'bad-host',
  },
  {
    name: ':authority with a path',
    fields: instead(':authority', 'cart.shop/evil'),
    status: 400,
    code: 'bad-host',
  },
  {
    name: ':authority with a bad port',
    fields: instead(':authority', 'cart.shop:99999'),
    status: 400,
    code: 'bad-host',
  },
  {
    name: 'neither :authority nor host',
    fields: without(h.get('/evil'), ':authority'),
    status: 400,
    code: 'bad-host',
  },
  {
    name: 'an identity with underscores',
    ...having(['x_forwarded_client_cert', 'URI=x']),
    status: 400,
    code: 'ambiguous-header',
  },
  {
    name: 'a policy’s header with an underscore',
    ...having(['x_role', 'admin']),
    status: 400,
    code: 'ambiguous-header',
  },
  {
    name: 'a framing field with an underscore',
    ...having(['content_length', '5']),
    status: 400,
    code: 'ambiguous-header',
  },
  { name: 'a denied header', ...having(['x-role', 'admin']), status: 403, code: 'deny-rule' },
  {
    name: 'a denied header as the second',
    ...having(['x-role', 'user'], ['x-role', 'admin']),
    status: 403,
    code: 'deny-rule',
  },
  {
    name: 'an expectation that nobody knows',
    ...having(['expect', 'a-miracle']),
    status: 417,
    code: 'bad-expect',
  },
  {
    name: '101 fields',
    ...having(...Array.from({ length: 101 }, (_, i): Field => [`x-${i}`, 'y'])),
    status: 431,
    code: 'too-many-headers',
  },
];

const TRAILERS: readonly ({ name: string } & Sent)[] = [
  { name: 'content-length', ...behind(['content-length', '5']) },
  { name: 'transfer-encoding', ...behind(['transfer-encoding', 'chunked']) },
  { name: 'host', ...behind(['host', 'other.shop']) },
  { name: 'authorization', ...behind(['authorization', 'Bearer x']) },
  { name: 'cookie', ...behind(['cookie', 'a=b']) },
  { name: 'an identity', ...behind(['x-forwarded-client-cert', 'URI=x']) },
  { name: 'an identity with underscores', ...behind(['x_forwarded_client_cert', 'URI=x']) },
  { name: 'a header that a policy names', ...behind(['x-role', 'admin']) },
  { name: 'the same with an underscore', ...behind(['x_role', 'admin']) },
  { name: 'a pseudo-header field', ...behind([':path', '/evil']) },
  { name: 'a second status', ...behind([':status', '200']) },
  { name: 'a name in upper case', ...behind(['X-A', 'b']) },
  { name: 'a value with a line', ...behind(['x-a', 'b\r\n\r\nGET /evil HTTP/1.1\r\nhost: a\r\n\r\n']) },
  { name: 'more than a trailer section may be', ...behind(['x-a', 'b'.repeat(9_000)]) },
];

const ARRIVING: readonly ({ name: string; lines: string; body?: string } & Sent)[] = [
  { name: 'a GET', fields: h.get('/a?x=1'), lines: 'GET /a?x=1 HTTP/1.1\r\nhost: cart.shop\r\n' },
  {
    name: 'a method in lower case, as it is',
    fields: h.get('/a', [], 'get'),
    lines: 'get /a HTTP/1.1\r\nhost: cart.shop\r\n',
  },
  {
    name: 'OPTIONS *',
    fields: h.get('*', [], 'OPTIONS'),
    lines: 'OPTIONS * HTTP/1.1\r\nhost: cart.shop\r\n',
  },
  {
    name: 'host for :authority',
    fields: [...without(h.get('/a'), ':authority'), ['host', 'cart.shop']],
    lines: 'GET /a HTTP/1.1\r\nhost: cart.shop\r\n',
  },
  {
    name: 'host that agrees with :authority, once',
    fields: h.get('/a', [['host', 'cart.shop']]),
    lines: 'GET /a HTTP/1.1\r\nhost: cart.shop\r\n',
  },
  {
    name: 'a path that is not canonical, as it was judged',
    fields: h.get('/b/../%61'),
    lines: 'GET /a HTTP/1.1\r\nhost: cart.shop\r\n',
  },
  {
    name: 'cookies, as one line',
    fields: h.get('/a', [
      ['cookie', 'a=b'],
      ['x-a', 'c'],
      ['cookie', 'd=e'],
      ['cookie', 'f'],
    ]),
    lines: 'GET /a HTTP/1.1\r\nhost: cart.shop\r\nx-a: c\r\ncookie: a=b; d=e; f\r\n',
  },
  {
    name: 'claims of identity, which do not',
    fields: h.get('/a', [
      ['x-forwarded-client-cert', 'URI=spiffe://example.org/ns/shop/sa/forged'],
      ['x-forwarded-for', '1.2.3.4'],
      ['forwarded', 'for=1.2.3.4'],
      ['x-real-ip', '1.2.3.4'],
      ['proxy-authorization', 'Basic x'],
      ['te', 'trailers'],
    ]),
    lines: 'GET /a HTTP/1.1\r\nhost: cart.shop\r\n',
  },
  {
    name: 'a body with content-length',
    fields: h.post('/a', [['content-length', '4']]),
    data: ['ab', '', 'cd'],
    lines: 'POST /a HTTP/1.1\r\nhost: cart.shop\r\ncontent-length: 4\r\n',
    body: 'abcd',
  },
  {
    name: 'a body that looks like a request',
    fields: h.post('/a'),
    data: ['0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n'],
    lines: 'POST /a HTTP/1.1\r\nhost: cart.shop\r\ntransfer-encoding: chunked\r\n',
    body: '1b\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n\r\n0\r\n\r\n',
  },
  {
    name: 'no body behind an empty end',
    fields: h.post('/a'),
    data: [''],
    lines: 'POST /a HTTP/1.1\r\nhost: cart.shop\r\ntransfer-encoding: chunked\r\n',
    body: '0\r\n\r\n',
  },
  {
    name: 'trailers',
    fields: h.post('/a', [['trailer', 'x-sum']]),
    data: ['ab'],
    trailers: [
      ['x-sum', '1'],
      ['x-more', '2'],
    ],
    lines: 'POST /a HTTP/1.1\r\nhost: cart.shop\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n',
    body: '2\r\nab\r\n0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n',
  },
  {
    name: 'content-length 0',
    fields: h.post('/a', [['content-length', '0']]),
    lines: 'POST /a HTTP/1.1\r\nhost: cart.shop\r\ncontent-length: 0\r\n',
  },
];

describe('reset with PROTOCOL_ERROR, and nothing arrives', () => {
  test.each(MALFORMED)('$name', async (sent) => {
    const before = await malformed();
    const { reset, status, ended } = await send(sent);
    expect({ reset, status, ended }).toEqual({ reset: CODE.PROTOCOL_ERROR, status: 0, ended: false });
    expect(await malformed()).toBe(before + 1);
    // Of a body that is too long or too short the head may be there: never a complete request.
    if (sent.data === undefined) expect(arrived).toBe('');
    else expect(arrived).not.toMatch(/0\r\n\r\n$|\r\n\r\nx{3}/);
  });
});

describe('answered by the proxy, and nothing arrives', () => {
  test.each(REFUSED)('$name: $status $code', async ({ status, code, ...sent }) => {
    const answer = await send(sent);
    expect({ status: answer.status, code: answer.code }).toEqual({ status, code });
    expect(arrived).toBe('');
  });
});

describe('trailers that are refused', () => {
  test.each(TRAILERS)('$name', async (sent) => {
    const answer = await send(sent);
    expect({ status: answer.status, code: answer.code }).toEqual({ status: 400, code: 'bad-trailer' });
    expect(arrived).not.toContain('\r\n0\r\n');
    expect(arrived).not.toContain('/evil HTTP/1.1\r\nhost: a');
  });
});

describe('what arrives', () => {
  test.each(ARRIVING)('$name', async ({ lines, body = '', ...sent }) => {
    const answer = await send(sent);
    expect(answer).toMatchObject({ status: 200, body: 'ok', ended: true });
    await eventually(
      () => arrived.replaceAll(OURS, ''),
      (text) => text === `${lines}\r\n${body}`,
      2_000,
    );
    expect(arrived.match(/^x-forwarded-client-cert: .*$/gm)).toEqual([
      expect.stringMatching(
        /^x-forwarded-client-cert: By=.*;URI=spiffe:\/\/example.org\/ns\/shop\/sa\/web\r?$/,
      ),
    ]);
  });
});
