// Answers that come before the request body is complete: a deny, a limit, or the application's own. The
// caller sees them, the rest of the body is not read for long, and the connection ends. And the 100
// (Continue) that avoids it.
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ran, run } from './stage/foreign.ts';
import { eventually } from './stage/observe.ts';
import { type Arrival, answered, answers, codeOf, response, routed } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, type Wire } from './stage/wire.ts';

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: most, namespace: shop }
spec:
  action: ALLOW
  rules: [{ to: [{ operation: { notPaths: ["/denied"] } }] }]
`;
const BODY_BYTES_MAX = 100_000;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;
let arrivals: Arrival[] = [];

beforeAll(async () => {
  stage = await Stage.create();
  const whole = ({ wire, bodyAt, head }: Arrival): void => {
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    if (length === 0 && !/chunked/i.test(head)) return wire.send(response('whole'));
    const reply = (): void => {
      const { text } = wire;
      if (length > 0 ? text.length < bodyAt + length : !text.slice(bodyAt).endsWith('0\r\n\r\n')) return;
      wire.socket.off('data', reply);
      wire.send(response('whole'));
    };
    wire.socket.on('data', reply);
    reply();
  };
  application = await Application.start(
    routed(
      {
        '/early': ({ wire }) => wire.send(response('early', { status: '401 Unauthorized' })),
        '/early-close': ({ wire }) => {
          wire.send(response('early', { status: '413 Content Too Large', lines: 'connection: close\r\n' }));
          wire.socket.end();
        },
        '/continue': (arrival) => {
          arrival.wire.send('HTTP/1.1 100 Continue\r\n\r\n');
          whole(arrival);
        },
        '/417': ({ wire }) => wire.send(response('no', { status: '417 Expectation Failed' })),
        '/401': ({ wire }) => wire.send(response('who', { status: '401 Unauthorized' })),
        '*': whole,
      },
      (arrival) => arrivals.push(arrival),
    ),
  );
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({
    upstreamPort: application.port,
    policies: { 'most.yaml': POLICY },
    listener: `limits: { bodyBytes: ${BODY_BYTES_MAX}B }`,
  });
  writeFileSync(stage.path('large'), Buffer.alloc(20_000_000, 'x'));
  writeFileSync(stage.path('small'), Buffer.alloc(50_000, 'x'));
});

afterAll(async () => {
  await stage.close();
  application.close();
});

const curl = (path: string, ...more: string[]): Promise<Ran> =>
  run('curl', [
    ...['--silent', '--show-error', '--cacert', stage.path('ca.pem'), '--max-time', '10'],
    ...['--cert', web.certificate, '--key', web.key, '--write-out', ' %{http_code}', ...more],
    `https://localhost:${stage.port}${path}`,
  ]);
const post = (path: string, lines: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: cart.shop\r\n${lines}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

/** Sends body bytes until the proxy closes; the bytes that went out. */
async function flood(caller: Wire, piece: string): Promise<number> {
  const before = caller.socket.bytesWritten;
  while (!caller.closed && !caller.ended) {
    if (caller.socket.writableLength < 65_536) caller.send(piece);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return caller.socket.bytesWritten - before;
}

describe.each(['--http1.1', '--http2'])('curl %s, with 20 MB to send,', (protocol) => {
  const rows = [
    { name: 'shows the 403', path: '/denied', status: 403, code: 'default-deny', more: [] as string[] },
    {
      name: 'shows the 403 without Expect',
      path: '/denied',
      status: 403,
      code: 'default-deny',
      more: ['-H', 'Expect:'],
    },
    { name: 'shows the 413', path: '/a', status: 413, code: 'body-too-large', more: ['-H', 'Expect:'] },
    {
      name: 'shows the 413 of a chunked body',
      path: '/a',
      status: 413,
      code: 'body-too-large',
      more: ['-H', 'Expect:', '-H', 'Transfer-Encoding: chunked'],
    },
  ];
  test.each(rows)('$name', async ({ path, status, code, more }) => {
    arrivals = [];
    for (let i = 0; i < 3; i++) {
      const {
        out,
        err,
        code: exit,
      } = await curl(path, protocol, '-X', 'POST', '--data-binary', `@${stage.path('large')}`, ...more);
      expect({ exit, err, out }).toMatchObject({ exit: 0, err: '' });
      expect(out).toContain(`"code":"${code}"`);
      expect(out).toMatch(new RegExp(` ${status}$`));
    }
    if (path === '/denied') expect(arrivals.map((one) => one.path)).toEqual([]);
  });

  test('sends the body after the 100 of the application', async () => {
    const { out } = await curl(
      '/continue',
      protocol,
      '-H',
      'Expect: 100-continue',
      '--data-binary',
      `@${stage.path('small')}`,
    );
    expect(out).toBe('whole 200');
  });

  // Over HTTP/2 curl 7.88 asks again with the same expectation for ever.
  const finals = protocol === '--http2' ? ['/401'] : ['/401', '/417'];
  test.each(finals)('gets the final %s instead of a 100', async (path) => {
    const { out } = await curl(
      path,
      protocol,
      '-H',
      'Expect: 100-continue',
      '--data-binary',
      `@${stage.path('small')}`,
    );
    expect(out).toMatch(path === '/401' ? /who 401$/ : /no 417$/); // curl asks again after a 417
  });
});

const DENIED = [
  {
    name: 'a deny',
    head: post('/denied', 'Content-Length: 50000000\r\n').replace('50000000', '90000'),
    code: 'default-deny',
  },
  { name: 'a deny of a chunked body', head: post('/denied', CHUNKED), code: 'default-deny' },
  {
    name: 'a length over the limit',
    head: post('/a', 'Content-Length: 50000000\r\n'),
    code: 'body-too-large',
  },
];
test.each(DENIED)(
  '$name: answered at once, at most 64 KiB and 1 s more, then closed',
  async ({ head, code }) => {
    arrivals = [];
    const caller = await call(stage, web);
    caller.send(head);
    const [answer] = await answered(caller, 1);
    const sinceMs = performance.now();
    expect(codeOf(answer)).toBe(code);
    expect(answer?.head).toMatch(/\r\nconnection: close\r\n/);
    const sent = await flood(caller, `800\r\n${'x'.repeat(2_048)}\r\n`);
    expect(performance.now() - sinceMs).toBeLessThan(6_000);
    expect(sent).toBeLessThan(12_000_000); // what the kernel buffers: the proxy stopped reading
    expect(arrivals.map((one) => one.path)).toEqual([]);
    expect(answers(caller.text).length).toBe(1);
  },
);

test('a chunked body that passes the limit is a 413, and never completes at the application', async () => {
  arrivals = [];
  const caller = await call(stage, web);
  caller.send(post('/a', CHUNKED));
  for (let sent = 0; sent <= BODY_BYTES_MAX; sent += 10_000) {
    caller.send(`2710\r\n${'x'.repeat(10_000)}\r\n`);
    await new Promise(setImmediate);
  }
  const [answer] = answers(await caller.end());
  expect([answer?.status, codeOf(answer)]).toEqual([413, 'body-too-large']);
  await eventually(
    () => arrivals[0]?.wire,
    (wire) => wire === undefined || wire.ended || wire.closed,
  );
  expect(arrivals[0]?.wire.text ?? '').not.toContain('0\r\n\r\n');
  const line = await proxy.line(
    (one) => one['reason'] === 'body-too-large' && JSON.stringify(one).includes('"allow"'),
  );
  expect(line).toMatchObject({ http: { status: 413 } });
});

test.each([
  { name: 'a length', lines: `Content-Length: ${BODY_BYTES_MAX}\r\n`, body: 'x'.repeat(BODY_BYTES_MAX) },
  {
    name: 'chunks',
    lines: CHUNKED,
    body: `${BODY_BYTES_MAX.toString(16)}\r\n${'x'.repeat(BODY_BYTES_MAX)}\r\n0\r\n\r\n`,
  },
])('a body of exactly limits.bodyBytes passes ($name)', async ({ lines, body }) => {
  const caller = await call(stage, web);
  caller.send(post('/a', lines) + body);
  expect((await answered(caller, 1))[0]?.body).toBe('whole');
  caller.socket.destroy();
});

test.each(['/early', '/early-close'])(
  '%s: the early answer of the application ends the connection',
  async (path) => {
    arrivals = [];
    const caller = await call(stage, web);
    caller.send(`${post(path, 'Content-Length: 90000\r\n')}begin`);
    const [answer] = await answered(caller, 1);
    expect(answer?.body).toBe('early');
    expect(answer?.head).toMatch(/\r\nconnection: close\r\n/);
    await flood(caller, get('/after')); // the rest of the body: no request
    expect(answers(caller.text).length).toBe(1);
    // The application does not wait for a body that will not come.
    await eventually(
      () => arrivals[0]?.wire,
      (wire) => wire?.ended === true || wire?.closed === true,
    );
    expect(arrivals.length).toBe(1);
  },
);

describe('Expect', () => {
  test('100-continue: the 100 is passed on, then the body, then the answer, again and again', async () => {
    const caller = await call(stage, web);
    for (let i = 0; i < 3; i++) {
      caller.text = '';
      caller.send(post('/continue', 'Content-Length: 5\r\nExpect: 100-continue\r\n'));
      await caller.until((text) => text === 'HTTP/1.1 100 Continue\r\n\r\n');
      caller.send('hello');
      await caller.until((text) => text.endsWith('whole'));
    }
    caller.socket.destroy();
  });

  test('a caller that does not wait for the 100 is served as well', async () => {
    const caller = await call(stage, web);
    caller.send(`${post('/continue', 'Content-Length: 5\r\nExpect: 100-continue\r\n')}hello${get('/next')}`);
    await caller.until((text) => text.split('whole').length === 3);
    caller.socket.destroy();
  });

  test('a deny comes instead of the 100, and the application hears nothing', async () => {
    arrivals = [];
    const caller = await call(stage, web);
    caller.send(post('/denied', 'Content-Length: 5\r\nExpect: 100-continue\r\n'));
    const [answer] = answers(await caller.end());
    expect(answer?.status).toBe(403);
    expect(arrivals.map((one) => one.path)).toEqual([]);
  });

  test('an unknown expectation is a 417', async () => {
    const caller = await call(stage, web);
    caller.send(post('/a', 'Content-Length: 5\r\nExpect: a-miracle\r\n'));
    const [answer] = answers(await caller.end());
    expect([answer?.status, codeOf(answer)]).toEqual([417, 'bad-expect']);
  });

  test('of an HTTP/1.0 caller is dropped, and no 100 is sent to it', async () => {
    arrivals = [];
    const caller = await call(stage, web);
    caller.send('POST /continue HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello');
    expect(answers(await caller.end()).map((one) => one.status)).toEqual([200]);
    expect(arrivals[0]?.head).not.toMatch(/expect/i);
  });
});
