// What the application does wrong becomes a status and a reason of ours, or, once its answer has begun, a
// connection that breaks: never an answer that looks complete and is not.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../../core/free-ports.ts';
import { run } from './stage/foreign.ts';
import { eventually, metric } from './stage/observe.ts';
import { type Answer, type Arrival, answered, answers, codeOf, response, routed } from './stage/routed.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { StoppedApplication } from './stage/stopped.ts';
import { Application, call, get, type Wire } from './stage/wire.ts';

const say =
  (text: string, then: 'keep' | 'end' | 'reset' = 'keep') =>
  ({ wire }: Arrival): void => {
    if (then === 'keep') wire.send(text);
    else
      wire.socket.write(text, 'latin1', () =>
        then === 'end' ? wire.socket.end() : wire.socket.resetAndDestroy(),
      );
  };
const HEAD = 'HTTP/1.1 200 OK\r\n';

/** The answer cannot be used, and nothing of it was passed on. */
const REFUSED = [
  { path: '/closes', act: say('', 'end'), status: 502, reason: 'upstream-reset' },
  { path: '/resets', act: say('', 'reset'), status: 502, reason: 'upstream-reset' },
  { path: '/closes-in-head', act: say(`${HEAD}content-len`, 'end'), status: 502, reason: 'upstream-reset' },
  { path: '/resets-in-head', act: say(`${HEAD}content-len`, 'reset'), status: 502, reason: 'upstream-reset' },
  ...[
    ['garbage', 'hello\r\n\r\n'],
    ['http-2', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['lower-case', 'http/1.1 200 OK\r\n\r\n'],
    ['icy', 'ICY 200 OK\r\n\r\n'],
    ['status-99', 'HTTP/1.1 099 No\r\n\r\n'],
    ['status-600', 'HTTP/1.1 600 No\r\n\r\n'],
    ['status-short', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['status-long', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['bare-lf', 'HTTP/1.1 200 OK\ncontent-length: 0\n\n'],
    ['bare-lf-in-line', `${HEAD}content-length: 0\nx: y\r\n\r\n`],
    ['bare-cr', `${HEAD}content-length: 0\rx: y\r\n\r\n`],
    ['obs-fold', `${HEAD}x: y\r\n z\r\ncontent-length: 0\r\n\r\n`],
    ['space-before-colon', `${HEAD}content-length : 0\r\n\r\n`],
    ['nul', `${HEAD}x: \0\r\ncontent-length: 0\r\n\r\n`],
    ['cl-and-te', `${HEAD}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two-lengths', `${HEAD}content-length: 0\r\ncontent-length: 5\r\n\r\nhello`],
    ['length-list', `${HEAD}content-length: 5, 5\r\n\r\nhello`],
    ['length-signed', `${HEAD}content-length: +5\r\n\r\nhello`],
    ['length-negative', `${HEAD}content-length: -1\r\n\r\n`],
    ['gzip-chunked', `${HEAD}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['te-1-0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['te-204', 'HTTP/1.1 204 No\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['length-204', 'HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\nhello'],
    ['interim-close', 'HTTP/1.1 103 Early\r\nconnection: close\r\n\r\n'],
    ['huge-head', `${HEAD}x: ${'a'.repeat(70_000)}\r\n\r\n`],
    ['many-headers', `${HEAD}${'x: y\r\n'.repeat(300)}\r\n`],
    ['first-chunk-bad', `${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n`],
    ['first-chunk-negative', `${HEAD}transfer-encoding: chunked\r\n\r\n-1\r\n`],
    ['chunk-overflow', `${HEAD}transfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\n`],
    ['bare-lf-chunk', `${HEAD}transfer-encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n`],
    ['trailer-bad', `${HEAD}transfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 5\r\n\r\n`],
  ].map(([path = '', text = '']) => ({
    path: `/${path}`,
    act: say(text),
    status: 502,
    reason: 'upstream-bad-response',
  })),
  {
    path: '/unsolicited-101',
    act: say('HTTP/1.1 101 Switching\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n'),
    status: 502,
    reason: 'upstream-unsolicited-upgrade',
  },
  {
    path: '/interim-9',
    act: say('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(9) + response('ok')),
    status: 502,
    reason: 'upstream-too-many-interim',
  },
  { path: '/silent', act: say(''), status: 504, reason: 'upstream-timeout' },
  {
    path: '/silent-after-interim',
    act: say('HTTP/1.1 102 P\r\n\r\n'),
    status: 504,
    reason: 'upstream-timeout',
  },
  { path: '/dripped-head', act: dripped, status: 504, reason: 'upstream-timeout' },
];

/** The answer began, and cannot be completed. */
const CUT = [
  { path: '/short-length', act: say(`${HEAD}content-length: 9\r\n\r\nabc`, 'end'), reason: 'upstream-reset' },
  {
    path: '/reset-length',
    act: say(`${HEAD}content-length: 9\r\n\r\nabc`, 'reset'),
    reason: 'upstream-reset',
  },
  {
    path: '/no-last-chunk',
    act: say(`${HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`, 'end'),
    reason: 'upstream-reset',
  },
  {
    path: '/in-chunk',
    act: say(`${HEAD}transfer-encoding: chunked\r\n\r\n9\r\nabc`, 'reset'),
    reason: 'upstream-reset',
  },
  {
    path: '/no-trailer-end',
    act: say(`${HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n`, 'end'),
    reason: 'upstream-reset',
  },
  { path: '/late-bad-chunk', act: late('zz\r\n'), reason: 'upstream-bad-response' },
  { path: '/late-bad-trailer', act: late('0\r\nhost: a\r\n\r\n'), reason: 'upstream-bad-response' },
  {
    path: '/silent-length',
    act: say(`${HEAD}content-length: 9\r\n\r\nabc`),
    reason: 'upstream-idle-timeout',
  },
  {
    path: '/silent-chunked',
    act: say(`${HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`),
    reason: 'upstream-idle-timeout',
  },
];

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  const rows = [...REFUSED, ...CUT].map(({ path, act }) => [path, act] as const);
  application = await Application.start(
    routed({
      ...Object.fromEntries(rows),
      '/interim-8': say('HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n'.repeat(8) + response('ok')),
      '/until-close': say('HTTP/1.1 200 OK\r\n\r\nall of it', 'end'),
      '/until-reset': ({ wire }) => {
        wire.send('HTTP/1.1 200 OK\r\n\r\nhalf');
        wire.socket.once('data', () => wire.socket.resetAndDestroy());
        setTimeout(() => wire.socket.resetAndDestroy(), 200);
      },
    }),
  );
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({
    upstreamPort: application.port,
    listener: 'timeouts: { request: 700ms, idle: 900ms }',
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

test.each(REFUSED)('$path: $status $reason', async ({ path, status, reason }) => {
  const caller = await call(stage, web);
  caller.send(get(path));
  const final = await finalAnswer(caller);
  expect([final?.status, codeOf(final)]).toEqual([status, reason]);
  // The caller's own connection is not at fault: it goes on.
  caller.send('BAD\r\n\r\n');
  await caller.until((text) => text.includes('400 Bad Request'));
  expect(await record(path)).toMatchObject([{ reason, http: { status }, verdict: 'allow' }]);
  caller.socket.destroy();
});

test.each(CUT)('$path: the caller sees it break, $reason', async ({ path, reason }) => {
  const caller = await call(stage, web);
  caller.send(get(path));
  const text = await caller.end();
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(text).toContain('abc');
  expect(answers(text)).toEqual([]); // not a complete answer
  expect(text).not.toContain('502');
  expect(await record(path)).toMatchObject([{ reason, http: { status: 200 } }]);
});

describe('an answer that ends with its connection', () => {
  const curl = (path: string, ...more: string[]) =>
    run('curl', [
      ...more,
      ...['--silent', '--show-error', '--cacert', stage.path('ca.pem'), '--max-time', '10'],
      ...['--cert', web.certificate, '--key', web.key, `https://localhost:${stage.port}${path}`],
    ]);

  test('is complete when the application closes in order', async () => {
    expect(await curl('/until-close')).toMatchObject({ code: 0, out: 'all of it' });
  });

  test('is seen to break when it does not: no close_notify', async () => {
    const { code, out, err } = await curl('/until-reset', '--http1.1');
    expect(out).toBe('half');
    expect({ code, err }).toMatchObject({ code: 56, err: expect.stringContaining('reset') });
    expect(await record('/until-reset')).toMatchObject([{ reason: 'upstream-reset' }]);
  });

  test('is seen to break over HTTP/2: no END_STREAM', async () => {
    const { code, err } = await curl('/until-reset', '--http2');
    expect({ code, err }).toMatchObject({ code: 92, err: expect.stringContaining('INTERNAL_ERROR') });
  });
});

test('eight interim answers pass, in order, before the final one; none to HTTP/1.0', async () => {
  const caller = await call(stage, web);
  caller.send(get('/interim-8'));
  const all = await answered(caller, 9);
  expect(all.map((one) => one.status)).toEqual([...Array<number>(8).fill(103), 200]);
  const old = await call(stage, web);
  old.send('GET /interim-8 HTTP/1.0\r\n\r\n');
  expect(answers(await old.end()).map((one) => one.status)).toEqual([200]);
  caller.socket.destroy();
});

test('the application that nobody serves is a 503, and each failure is counted', async () => {
  const other = await Stage.create();
  const [port = 0] = await freePorts(1);
  const svid = await other.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  const broken = await other.start({ upstreamPort: port });
  const caller = await call(other, svid);
  caller.send(get('/a') + get('/b'));
  const all = await answered(caller, 2);
  expect(all.map((one) => [one.status, codeOf(one)])).toEqual([
    [503, 'upstream-refused'],
    [503, 'upstream-refused'],
  ]);
  await broken.line((line) => line['reason'] === 'upstream-refused');
  const series = 'sallyport_upstream_errors_total{listener="inbound",reason="upstream-refused"}';
  expect(
    await eventually(
      () => metric(other, series),
      (n) => n === 2,
    ),
  ).toBe(2);
  await other.close();
});

test('an application whose backlog is full is a 504 after upstream.connectTimeout', async () => {
  const stopped = await StoppedApplication.start();
  const other = await Stage.create();
  const svid = await other.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  await other.start({ upstreamPort: stopped.port, upstream: 'connectTimeout: 300ms' });
  const caller = await call(other, svid);
  caller.send(get('/'));
  const [answer] = await answered(caller, 1);
  expect([answer?.status, codeOf(answer)]).toEqual([504, 'upstream-connect-timeout']);
  await other.close();
  stopped.close();
});

/** The first answer that is not an interim one. */
async function finalAnswer(caller: Wire): Promise<Answer | undefined> {
  const isFinal = (one: Answer): boolean => one.status >= 200;
  await caller.until((text) => answers(text).some(isFinal));
  return answers(caller.text).find(isFinal);
}

/** Every decision line about `path`; there must be exactly one. */
async function record(path: string): Promise<readonly unknown[]> {
  const about = (line: Readonly<Record<string, unknown>>): boolean =>
    (line['http'] as { path?: string } | undefined)?.path === path;
  await proxy.line(about);
  return proxy.lines.filter(about);
}

/** One byte of the head at a time: it counts in total, not by byte. */
function dripped({ wire }: Arrival): void {
  let at = 0;
  const timer = setInterval(() => {
    if (wire.closed) return clearInterval(timer);
    wire.send(HEAD.charAt(at++) || 'x');
  }, 40);
}

/** A first chunk, and when the caller may have it, `rest`. */
function late(rest: string): (arrival: Arrival) => void {
  return ({ wire }) => {
    wire.send(`${HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    setTimeout(() => wire.send(rest), 150);
  };
}
