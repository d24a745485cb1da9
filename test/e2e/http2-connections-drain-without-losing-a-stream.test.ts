// HTTP/2 connections that end: by SIGTERM, by a policy, by a certificate that is withdrawn, by a limit. What
// is under way and allowed finishes, what is denied is reset, what comes too late is not served.
import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from './stage/foreign.ts';
import { Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, FLAG, SETTING, TYPE } from './stage/http2-frames.ts';
import { Http2Load } from './stage/http2-load.ts';
import { eventually, openConnections } from './stage/observe.ts';
import { policyText } from './stage/policies.ts';
import { type Arrival, response, routed } from './stage/routed.ts';
import { ALLOW_ALL, type RunningProxy, Stage, type StageOptions, type SvidFiles } from './stage/stage.ts';
import { Application, targets } from './stage/wire.ts';

const HEAD = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
/** The buffers between two processes of one machine hold it. */
const LARGE = 'x'.repeat(1_500_000);
const IDENTITY = `trustDomain: example.org
files:
  certificate: server.pem
  key: server.key
  bundles: { example.org: ca.pem }
  crls: { example.org: ca.crl }`;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;
let serial = '';
let arrivals: Arrival[] = [];

beforeEach(async () => {
  arrivals = [];
  stage = await Stage.create();
  application = await Application.start(
    routed(
      {
        '/begins': ({ wire }) => wire.send(`${HEAD}5\r\nbegin\r\n`),
        '/cut/begins': ({ wire }) => wire.send(`${HEAD}5\r\nbegin\r\n`),
        '/large': ({ wire }) => wire.send(response(LARGE)),
        '/uploads': () => undefined,
        '/cut/uploads': () => undefined,
        '*': ({ wire }) => wire.send(response('ok')),
      },
      (arrival) => arrivals.push(arrival),
    ),
  );
  const spiffeId = 'spiffe://example.org/ns/shop/sa/web';
  const issued = await stage.authority.issue({ spiffeId });
  serial = issued.serial;
  web = { certificatePem: issued.chainPem, keyPem: issued.privateKeyPem ?? '', certificate: '', key: '' };
  writeFileSync(stage.path('ca.crl'), stage.authority.issueCrl({ revokedSerials: [] }));
});

afterEach(async () => {
  await stage.close();
  application.close();
});

async function launch(options: StageOptions): Promise<void> {
  proxy = await stage.start({ upstreamPort: application.port, identity: IDENTITY, ...options });
}

async function start(options: StageOptions = {}): Promise<Http2Caller> {
  await launch(options);
  return Http2Caller.connect(stage, web);
}

const arrival = (path: string): Promise<Arrival | undefined> =>
  eventually(
    () => arrivals.find((one) => one.path === path),
    (one) => one !== undefined,
  );

/** An answer on stream 1 that has begun, and an upload on stream 3 that goes on. */
async function underWay(caller: Http2Caller, prefix = '', first = 1): Promise<void> {
  caller.send(h.headers(first, h.get(`${prefix}/begins`)));
  caller.send(
    h.headers(first + 2, h.post(`${prefix}/uploads`), FLAG.END_HEADERS),
    h.data(first + 2, 'half', 0),
  );
  await caller.until(() => caller.answer(first).body === 'begin');
  const upload = await arrival(`${prefix}/uploads`);
  await upload?.wire.until((text) => text.includes('half'));
}

/** Ends what `underWay` began. */
async function finish(caller: Http2Caller): Promise<void> {
  (await arrival('/begins'))?.wire.send('3\r\nend\r\n0\r\n\r\n');
  caller.send(h.data(3, 'rest'));
  const upload = await arrival('/uploads');
  await upload?.wire.until((text) => text.endsWith('4\r\nrest\r\n0\r\n\r\n'));
  upload?.wire.send(response('taken'));
  expect(await caller.over(1)).toMatchObject({ status: 200, body: 'beginend', ended: true });
  expect(await caller.over(3)).toMatchObject({ status: 200, body: 'taken', ended: true });
}

test('SIGTERM: what is under way finishes, what comes late is passed over', async () => {
  const caller = await start({ blocks: 'shutdown: { delay: 0s, drain: 20s }' });
  await underWay(caller);
  proxy.signal('SIGTERM');
  await caller.until(() => caller.goaways === 2);
  expect(caller.goaway).toEqual({ lastId: 3, code: CODE.NO_ERROR });
  expect(caller.types.filter((type) => type === TYPE.PING)).toHaveLength(1);
  // Sent before the second GOAWAY was read: head, data, trailers, and a change of mind.
  caller.send(h.headers(5, h.post('/late'), FLAG.END_HEADERS), h.data(5, 'x', 0));
  caller.send(h.windowUpdate(5, 1), h.headers(5, [['x-a', 'b']]));
  caller.send(h.headers(7, h.post('/late'), FLAG.END_HEADERS), h.reset(7));
  await finish(caller);
  expect(await caller.end()).toBe(CODE.NO_ERROR);
  expect(await proxy.exited()).toBe(0);
  expect(targets(application)).not.toContain('/late');
});

test('SIGTERM: the deadline resets what does not finish', async () => {
  const caller = await start({ blocks: 'shutdown: { delay: 0s, drain: 1s }' });
  await underWay(caller);
  proxy.signal('SIGTERM');
  await caller.until(() => caller.closed);
  expect(caller.answer(1)).toMatchObject({ ended: false });
  expect(caller.answer(3).status).toBe(503);
  expect(await proxy.exited()).toBe(0);
});

test('SIGTERM: a caller that reads slowly, and asks for windows, gets all of its answer', async () => {
  await launch({ blocks: 'log: { decisions: all }\nshutdown: { delay: 0s, drain: 20s }' });
  const caller = await Http2Caller.connect(stage, web, {
    settings: [[SETTING.WINDOW, 0x7fffffff]],
    widens: false,
  });
  caller.send(h.windowUpdate(0, 0x7fff0000 - 65_535), h.headers(1, h.get('/large')));
  const answer = caller.answer(1);
  await caller.until(() => answer.status === 200);
  caller.socket.pause();
  await proxy.line(({ http }) => (http as { path?: string } | undefined)?.path === '/large');
  proxy.signal('SIGTERM');
  for (let n = 0; n < 20; n++) {
    caller.send(h.windowUpdate(0, 1), h.ping());
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  caller.socket.resume();
  await caller.until(() => caller.closed);
  expect({ bytes: answer.bytes, ended: answer.ended, error: caller.error }).toEqual({
    bytes: LARGE.length,
    ended: true,
    error: null,
  });
  expect(await proxy.exited()).toBe(0);
});

test('SIGTERM under load of node:http2: no request is lost', async () => {
  const first = await start({ blocks: 'log: { decisions: none }\nshutdown: { delay: 4s, drain: 10s }' });
  first.close();
  const load = new Http2Load(stage, web);
  await eventually(
    () => load.answers,
    (n) => n > 200,
  );
  const before = load.answers;
  proxy.signal('SIGTERM');
  await eventually(
    () => load.answers,
    (n) => n > before + 20,
  );
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(await proxy.exited()).toBe(0);
});

test('the proxy’s own SVID rotates under load: no request is lost', async () => {
  const first = await start({ blocks: 'log: { decisions: none }' });
  first.close();
  const load = new Http2Load(stage, web);
  for (let n = 1; n <= 4; n++) {
    await stage.svid('server', 'spiffe://example.org/ns/shop/sa/cart');
    await eventually(
      () => proxy.lines.filter((line) => line['msg'] === 'identity swapped').length,
      (swaps) => swaps >= n,
    );
    const before = load.answers;
    await eventually(
      () => load.answers,
      (n) => n > before + 50,
    );
  }
  await load.stop();
  expect(load.failures).toEqual([]);
});

test('a policy takes a path away: its streams end, the others of the connection go on', async () => {
  const open = policyText({ paths: ['/begins', '/uploads', '/cut/{*}'] });
  const caller = await start({ policies: { 'web.yaml': open } });
  await underWay(caller);
  await underWay(caller, '/cut', 5);
  stage.write('policies/web.yaml', policyText({ paths: ['/begins', '/uploads'] }));
  expect(await caller.over(5)).toMatchObject({ status: 200, body: 'begin', ended: false });
  expect(caller.answer(5).reset).toBe(CODE.INTERNAL_ERROR);
  expect(await caller.over(7)).toMatchObject({ status: 403, code: 'policy-revoked' });
  await (await arrival('/cut/uploads'))?.wire.end();
  await finish(caller);
  caller.send(h.headers(9, h.get('/cut/begins')));
  expect(await caller.over(9)).toMatchObject({ status: 403, code: 'default-deny' });
  expect(caller.goaway).toBeNull();
  caller.close();
});

test('a certificate on the CRL: told, what is under way finishes, nothing else is served', async () => {
  const caller = await start();
  await underWay(caller);
  const issued = stage.authority.issueCrl({ revokedSerials: [serial] });
  writeFileSync(stage.path('ca.crl'), issued);
  await caller.until(() => caller.goaways === 1);
  caller.send(h.headers(5, h.get('/late')));
  await finish(caller);
  expect(await caller.end()).toBe(CODE.NO_ERROR);
  expect(targets(application)).not.toContain('/late');
});

test('a certificate on the CRL: what does not finish is cut', async () => {
  const caller = await start();
  await underWay(caller);
  const sinceMs = performance.now();
  writeFileSync(stage.path('ca.crl'), stage.authority.issueCrl({ revokedSerials: [serial] }));
  await caller.until(() => caller.closed, 15_000);
  expect(performance.now() - sinceMs).toBeGreaterThan(2_000);
  expect(performance.now() - sinceMs).toBeLessThan(5_000);
  expect(caller.answer(1).ended).toBe(false);
  expect(caller.answer(3).ended).toBe(false);
});

test('a connection above limits.connectionsPerIdentity is refused, and does not stay for more', async () => {
  const first = await start({ listener: 'limits: { connectionsPerIdentity: 1 }' });
  first.send(h.headers(1, h.get('/ok')));
  expect((await first.over(1)).status).toBe(200);
  const second = await Http2Caller.connect(stage, web);
  for (let n = 0; n < 3; n++) {
    second.send(h.headers(2 * n + 1, h.get('/evil')));
    expect(await second.over(2 * n + 1)).toMatchObject({ status: 503, code: 'identity-connection-limit' });
  }
  await second.until(() => second.closed, 5_000);
  await eventually(
    () => openConnections(stage),
    (n) => n === 1,
  );
  expect(targets(application)).not.toContain('/evil');
  first.close();
});

test.each(['curl', 'nghttp'])('%s is served', async (command) => {
  const caller = await start({ listener: 'mtls: server-tls', policies: { 'all.yaml': ALLOW_ALL } }).catch(
    () => null,
  );
  caller?.close();
  const url = `https://localhost:${stage.port}/ok`;
  const args = {
    curl: ['--http2', '--cacert', stage.path('ca.pem'), '-s', '-i', '-d', 'x'.repeat(100_000), url],
    nghttp: ['-n', '-v', '--no-verify-peer', url],
  }[command];
  const { code, out } = await run(command, args ?? []);
  expect(code).toBe(0);
  expect(out).toMatch(command === 'curl' ? /^HTTP\/2 200 [\s\S]*\r\n\r\nok$/ : /:status: 200/);
});
