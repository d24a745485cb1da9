// Malformed and smuggled requests over real mutual TLS: each is answered with its status and reason, its
// connection is closed, and the application gets not one byte, although a valid request stands right behind
// it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answered, answers, codeOf } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK } from './stage/wire.ts';

const request = (line: string, ...lines: string[]): string =>
  `${[line, 'Host: cart.shop', ...lines].join('\r\n')}\r\n\r\n`;
const post = (...lines: string[]): string => request('POST /x HTTP/1.1', ...lines);
const target = (text: string): string => request(`GET ${text} HTTP/1.1`);
const CHUNKED = 'Transfer-Encoding: chunked';

type Row = readonly [name: string, text: string, status: number, code: string];
const ROWS: readonly Row[] = [
  ['CL.TE', `${post('Content-Length: 6', CHUNKED)}0\r\n\r\nG`, 400, 'conflicting-framing'],
  ['TE.CL', `${post(CHUNKED, 'Content-Length: 4')}5c\r\n`, 400, 'conflicting-framing'],
  ['two lengths', `${post('Content-Length: 0', 'Content-Length: 44')}`, 400, 'bad-content-length'],
  ['two equal lengths', `${post('Content-Length: 5', 'Content-Length: 5')}hello`, 400, 'bad-content-length'],
  ['a list of lengths', `${post('Content-Length: 5, 5')}hello`, 400, 'bad-content-length'],
  ['a signed length', post('Content-Length: +5'), 400, 'bad-content-length'],
  ['a negative length', post('Content-Length: -5'), 400, 'bad-content-length'],
  ['a hexadecimal length', post('Content-Length: 0x5'), 400, 'bad-content-length'],
  ['an empty length', post('Content-Length:'), 400, 'bad-content-length'],
  ['a huge length', post('Content-Length: 99999999999999999999'), 400, 'bad-content-length'],
  ['a length with a tail', post('Content-Length: 5 5'), 400, 'bad-content-length'],
  ['a length behind NBSP', post('Content-Length: \xa05'), 400, 'bad-content-length'],
  ['a length behind a control byte', post('Content-Length: \x015'), 400, 'bad-header'],
  ['a length behind a bare CR', post('X: y\rContent-Length: 5'), 400, 'bare-newline'],
  ['a coding behind a bare LF', post(`X: y\n${CHUNKED}`), 400, 'bare-newline'],
  ['a coding behind a space', post('Transfer-Encoding : chunked'), 400, 'bad-header'],
  ['a coding behind a leading space', post(` ${CHUNKED}`), 400, 'bad-header'],
  ['a folded coding', post('Transfer-Encoding:', ' chunked'), 400, 'bad-header'],
  ['a folded header', post('X: y', '\tz'), 400, 'bad-header'],
  ['an unknown coding', post('Transfer-Encoding: xchunked'), 400, 'bad-transfer-encoding'],
  ['identity', post('Transfer-Encoding: identity'), 400, 'bad-transfer-encoding'],
  ['gzip before chunked', post('Transfer-Encoding: gzip, chunked'), 400, 'bad-transfer-encoding'],
  ['chunked before gzip', post('Transfer-Encoding: chunked, gzip'), 400, 'bad-transfer-encoding'],
  ['chunked twice', post(CHUNKED, CHUNKED), 400, 'bad-transfer-encoding'],
  ['a coding with a tab', post('Transfer-Encoding:\tchunked'), 400, 'bad-transfer-encoding'],
  ['a coding with a vertical tab', post('Transfer-Encoding: \x0bchunked'), 400, 'bad-header'],
  ['a quoted coding', post('Transfer-Encoding: "chunked"'), 400, 'bad-transfer-encoding'],
  ['a coding with a parameter', post('Transfer-Encoding: chunked;a=b'), 400, 'bad-transfer-encoding'],
  ['an empty coding', post('Transfer-Encoding:'), 400, 'bad-transfer-encoding'],
  ['a coding in HTTP/1.0', request('POST /x HTTP/1.0', CHUNKED), 400, 'bad-transfer-encoding'],
  ['a look-alike of the coding', post('Transfer_Encoding: chunked'), 400, 'ambiguous-header'],
  ['a look-alike of the length', post('Content_Length: 5'), 400, 'ambiguous-header'],
  ['a NUL in a name', post('Transfer-Encoding\0: chunked'), 400, 'bad-header'],
  ['a NUL in a value', post('X: a\0b'), 400, 'bad-header'],
  ['a raw byte in a name', post('X\xe4: a'), 400, 'bad-header'],
  ['an empty name', post(': a'), 400, 'bad-header'],
  ['no colon', post('nonsense'), 400, 'bad-header'],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'bad-host'],
  ['two Hosts', request('GET / HTTP/1.1', 'Host: cart.shop'), 400, 'bad-host'],
  ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400, 'bad-host'],
  ['a Host with a path', 'GET / HTTP/1.1\r\nHost: cart.shop/a\r\n\r\n', 400, 'bad-host'],
  ['a Host with user information', 'GET / HTTP/1.1\r\nHost: a@cart.shop\r\n\r\n', 400, 'bad-host'],
  ['a Host list', 'GET / HTTP/1.1\r\nHost: cart.shop, b\r\n\r\n', 400, 'bad-host'],
  ['another authority', target('http://other.shop/'), 400, 'authority-mismatch'],
  ['ftp', target('ftp://cart.shop/'), 400, 'bad-target'],
  ['a relative target', target('items/7'), 400, 'bad-target'],
  ['a fragment', target('/a#b'), 400, 'bad-path'],
  ['a raw byte in the path', target('/\xe4'), 400, 'bad-path'],
  ['an encoded slash', target('/a%2Fb'), 400, 'ambiguous-path'],
  ['an encoded backslash', target('/a%5Cb'), 400, 'ambiguous-path'],
  ['a backslash', target('/a\\b'), 400, 'ambiguous-path'],
  ['two slashes', target('/a//b'), 400, 'ambiguous-path'],
  ['an encoded NUL', target('/a%00'), 400, 'ambiguous-path'],
  ['a bad escape', target('/a%zz'), 400, 'ambiguous-path'],
  ['dots before a parameter', target('/public/..;/admin'), 400, 'ambiguous-path'],
  ['CONNECT', request('CONNECT cart.shop:443 HTTP/1.1'), 405, 'method-not-allowed'],
  ['TRACE', request('TRACE / HTTP/1.1'), 405, 'method-not-allowed'],
  ['two spaces', request('GET  / HTTP/1.1'), 400, 'bad-request-line'],
  ['a space in the target', request('GET /a b HTTP/1.1'), 400, 'bad-request-line'],
  ['a leading space', request(' GET / HTTP/1.1'), 400, 'bad-request-line'],
  ['no version', request('GET /'), 400, 'bad-request-line'],
  ['a lower-case version', request('GET / http/1.1'), 505, 'bad-version'],
  ['HTTP/2.0', request('GET / HTTP/2.0'), 505, 'bad-version'],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, 'bad-version'],
  ['bare LF line ends', 'GET / HTTP/1.1\nHost: cart.shop\n\n', 400, 'bare-newline'],
  ['bare CR line ends', 'GET / HTTP/1.1\rHost: cart.shop\r\r', 400, 'bare-newline'],
  ['two empty lines before', `\r\n\r\n${get('/')}`, 400, 'bad-request-line'],
  ['TLS inside TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400, 'bad-request-line'],
  ['a long target', target(`/${'a'.repeat(20_000)}`), 414, 'target-too-long'],
  ['a large head', request('GET / HTTP/1.1', `X: ${'a'.repeat(70_000)}`), 431, 'head-too-large'],
  ['many headers', request('GET / HTTP/1.1', ...Array<string>(150).fill('X: y')), 431, 'too-many-headers'],
  [
    'Connection drops the length',
    post('Content-Length: 5', 'Connection: content-length'),
    400,
    'bad-connection-header',
  ],
  [
    'Connection drops the coding',
    post(CHUNKED, 'Connection: transfer-encoding'),
    400,
    'bad-connection-header',
  ],
  ['an unknown expectation', post('Content-Length: 5', 'Expect: nothing'), 417, 'bad-expect'],
];

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({ upstreamPort: application.port });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

const bytes = (): number => application.connections.reduce((sum, { text }) => sum + text.length, 0);

test.each(ROWS)('%s', async (_name, text, status, code) => {
  const before = bytes();
  const caller = await call(stage, web);
  caller.send(text + get('/smuggled'));
  const all = answers(await caller.end());
  expect(all.map((one) => [one.status, codeOf(one)])).toEqual([[status, code]]);
  expect(all[0]?.head).toMatch(/\r\nconnection: close\r\n/);
  expect(bytes()).toBe(before);
});

test.each(ROWS.filter(([, text]) => text.length < 200))(
  '%s, behind a valid request',
  async (name, text, status, code) => {
    const before = application.connections.length;
    const caller = await call(stage, web);
    caller.send(get('/valid'));
    await answered(caller, 1);
    const after = bytes();
    // In two pieces, cut in the middle.
    caller.send(text.slice(0, text.length / 2));
    await new Promise(setImmediate);
    caller.send(text.slice(text.length / 2) + get('/smuggled'));
    const all = answers(await caller.end());
    const skipsOneEmptyLine = name === 'two empty lines before';
    expect(
      all.map((one) => one.status),
      name,
    ).toEqual(skipsOneEmptyLine ? [200, 400] : [200, status]);
    expect(codeOf(all[1])).toBe(code);
    expect(bytes()).toBe(after);
    expect(application.connections.length - before).toBeLessThanOrEqual(1);
  },
);

test('nothing smuggled arrived, and every reason stands in the log', async () => {
  expect(application.connections.map(({ text }) => text).join('')).not.toContain('smuggled');
  for (const code of new Set(ROWS.map(([, , , reason]) => reason)))
    expect(await proxy.line((line) => line['reason'] === code)).toMatchObject({ verdict: 'deny', rules: [] });
});
