// Chunked framing on its way through: canonical, without extensions, trailers only when they are harmless,
// however the bytes are cut.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from './stage/observe.ts';
import { type Arrival, answered, answers, codeOf, response, routed } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, type Wire } from './stage/wire.ts';

const HEAD = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;
let last: Arrival | null = null;

/** Answers byte by byte. */
const dripping =
  (text: string) =>
  ({ wire }: Arrival): void => {
    let at = 0;
    const next = (): void => {
      if (at < text.length) wire.socket.write(text.charAt(at++), 'latin1', () => setImmediate(next));
    };
    next();
  };
const saying =
  (text: string) =>
  ({ wire }: Arrival): void =>
    wire.send(text);

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(
    routed({
      '/upload': (arrival) => {
        last = arrival;
        const reply = (): void => {
          if (!arrival.wire.text.endsWith('\r\n0\r\n\r\n') && !arrival.wire.text.endsWith('X-Sum: 1\r\n\r\n'))
            return;
          arrival.wire.socket.off('data', reply);
          arrival.wire.send(response('ok'));
        };
        arrival.wire.socket.on('data', reply);
        reply();
      },
      '/extensions': saying(`${HEAD}3;a=b;c="d e"\r\nabc\r\n0;last\r\n\r\n`),
      '/zeros': saying(`${HEAD}0003\r\nabc\r\n00\r\n\r\n`),
      '/trailers': saying(`${HEAD}3\r\nabc\r\n0\r\nX-Sum: 1\r\nServer-Timing: a\r\n\r\n`),
      '/dripped': dripping(`${HEAD}3\r\nabc\r\n0a\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n`),
      '/dripped-length': dripping('HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhello'),
      '/dripped-interim': dripping(`HTTP/1.1 103 E\r\nlink: a\r\n\r\n${response('hello')}`),
    }),
  );
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({ upstreamPort: application.port });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

const POST = 'POST /upload HTTP/1.1\r\nHost: cart.shop\r\nTransfer-Encoding: chunked\r\n\r\n';

const REQUESTS = [
  { name: 'as it is', body: '3\r\nabc\r\n0\r\n\r\n', expect: '3\r\nabc\r\n0\r\n\r\n' },
  {
    name: 'extensions are dropped',
    body: '3;a=b;c="d\\" e"\r\nabc\r\n0;x\r\n\r\n',
    expect: '3\r\nabc\r\n0\r\n\r\n',
  },
  { name: 'leading zeros are dropped', body: '003\r\nabc\r\n000\r\n\r\n', expect: '3\r\nabc\r\n0\r\n\r\n' },
  {
    name: 'upper-case sizes',
    body: 'A\r\n0123456789\r\n0\r\n\r\n',
    expect: /^a\r\n0123456789\r\n0\r\n\r\n$/i,
  },
  {
    name: 'trailers go on',
    body: '1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n',
    expect: '1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n',
  },
  { name: 'an empty body', body: '0\r\n\r\n', expect: '0\r\n\r\n' },
];

describe.each(['at once', 'byte by byte'])('a request %s', (delivery) => {
  test.each(REQUESTS)('$name', async ({ body, expect: wanted }) => {
    const caller = await call(stage, web);
    if (delivery === 'at once') caller.send(POST + body);
    else await dripped(caller, POST + body);
    await answered(caller, 1);
    const text = last?.wire.text.slice(last.bodyAt) ?? '';
    if (typeof wanted === 'string') expect(text).toBe(wanted);
    else expect(text).toMatch(wanted);
    caller.socket.destroy();
  });

  const TRAILERS = [
    'Host: a',
    'Content-Length: 5',
    'Transfer-Encoding: chunked',
    'Authorization: x',
    'Cookie: a',
  ];
  const BAD = [
    ...[
      ...TRAILERS,
      'X-Forwarded-Client-Cert: a',
      'X_Forwarded_Client_Cert: a',
      'x-request-id: a',
      'no colon',
    ].map((line) => ({
      name: `the trailer \`${line}\``,
      body: `1\r\na\r\n0\r\n${line}\r\n\r\n`,
      reason: 'bad-trailer',
    })),
    { name: 'a bare LF', body: '1\na\r\n0\r\n\r\n', reason: 'bad-chunk' },
    { name: 'a missing CRLF after data', body: '1\r\nab\r\n0\r\n\r\n', reason: 'bad-chunk' },
    { name: 'a size that overflows', body: 'ffffffffffffffffff\r\n', reason: 'bad-chunk' },
    { name: 'a sign', body: '+1\r\na\r\n0\r\n\r\n', reason: 'bad-chunk' },
    { name: 'a prefix', body: '0x1\r\na\r\n0\r\n\r\n', reason: 'bad-chunk' },
    { name: 'a space', body: '1 \r\na\r\n0\r\n\r\n', reason: 'bad-chunk' },
    { name: 'an endless extension', body: `1;${'a'.repeat(9_000)}\r\na\r\n0\r\n\r\n`, reason: 'bad-chunk' },
    { name: 'a CR in an extension', body: '1;a\rb\r\na\r\n0\r\n\r\n', reason: 'bad-chunk' },
  ];
  test.each(BAD)(
    '$name: 400, and the request to the application never completes',
    async ({ body, reason }) => {
      last = null;
      const caller = await call(stage, web);
      if (delivery === 'at once' || body.length > 1_000) caller.send(POST + body);
      else await dripped(caller, POST + body);
      const [answer, ...more] = answers(await caller.end());
      expect([answer?.status, codeOf(answer), more.length]).toEqual([400, reason, 0]);
      const arrived = last as Arrival | null;
      if (arrived === null) return; // refused before the first byte left
      await eventually(
        () => arrived.wire.ended || arrived.wire.closed,
        (gone) => gone,
      );
      expect(arrived.wire.text.slice(arrived.bodyAt)).not.toContain('0\r\n');
    },
  );
});

const RESPONSES = [
  { path: '/extensions', body: '3\r\nabc\r\n0\r\n\r\n' },
  { path: '/zeros', body: '3\r\nabc\r\n0\r\n\r\n' },
  { path: '/trailers', body: '3\r\nabc\r\n0\r\nX-Sum: 1\r\nServer-Timing: a\r\n\r\n' },
  { path: '/dripped', body: '3\r\nabc\r\na\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n' },
  { path: '/dripped-length', body: 'hello' },
];

test.each(RESPONSES)('the answer of $path arrives canonical', async ({ path, body }) => {
  const caller = await call(stage, web);
  caller.send(get(path));
  await answered(caller, 1);
  expect(caller.text.slice(caller.text.indexOf('\r\n\r\n') + 4)).toBe(body);
  caller.send(get(path)); // the connection is in step
  await answered(caller, 2);
  expect(answers(caller.text)[1]?.body).toBe(body);
  caller.socket.destroy();
});

test('an interim answer and the final one arrive byte by byte', async () => {
  const caller = await call(stage, web);
  caller.send(get('/dripped-interim'));
  const all = await answered(caller, 2);
  expect(all.map((one) => [one.status, one.body])).toEqual([
    [103, ''],
    [200, 'hello'],
  ]);
  caller.socket.destroy();
});

test('an HTTP/1.0 caller gets chunked answers as plain bytes, and the end of the connection', async () => {
  for (const path of ['/trailers', '/dripped', '/extensions']) {
    const caller = await call(stage, web);
    caller.send(`GET ${path} HTTP/1.0\r\nHost: cart.shop\r\nConnection: keep-alive\r\n\r\n`);
    const text = await caller.end();
    expect(text).not.toMatch(/transfer-encoding/i);
    expect(text).toMatch(/\r\nconnection: close\r\n/);
    expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe(path === '/dripped' ? 'abc0123456789' : 'abc');
  }
  expect(proxy.exitCode).toBeNull();
});

async function dripped(caller: Wire, text: string): Promise<void> {
  for (const one of text) {
    caller.send(one);
    await new Promise(setImmediate);
  }
}
