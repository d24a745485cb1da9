// The decision log's contract: every field with its type, one line a request, no query, only headers that
// policies name, redaction, sampling, and one line a second for equal denials.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { policyText } from './stage/policies.ts';
import { type LogLine, type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK, type Wire } from './stage/wire.ts';

let stage: Stage;
let application: Application;
let web: SvidFiles;

beforeEach(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
});

afterEach(async () => {
  await stage.close();
  application.close();
});

const POLICIES = {
  'web.yaml': `${policyText({ paths: ['/a'] })}    - when:
        - { key: "request.headers[x-tier]", values: ["gold"] }\n`,
};

const start = (log: string): Promise<RunningProxy> =>
  stage.start({
    upstreamPort: application.port,
    policies: POLICIES,
    blocks: `log: ${log}\nshutdown: { delay: 0s, drain: 5s }`,
  });

async function ask(caller: Wire, request: string): Promise<void> {
  const from = caller.text.length;
  caller.send(request);
  await caller.until((text) => /(\r\n\r\nok|\}\n)$/.test(text.slice(from)));
}

/** Ends the proxy, so that everything is written, and returns the decision lines. */
async function decisionsOf(proxy: RunningProxy): Promise<LogLine[]> {
  proxy.signal('SIGTERM');
  expect(await proxy.exited()).toBe(0);
  return proxy.lines.filter((line) => 'verdict' in line);
}

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const COUNT = expect.any(Number);
const COMMON = {
  time: TIME,
  level: 'info',
  listener: 'inbound',
  direction: 'inbound',
  team: 'payments',
};

/** What every line of a request of the one caller has. */
const requestFields = (): Record<string, unknown> => ({
  ...COMMON,
  enforced: true,
  policyHash: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
  requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  connectionId: expect.stringMatching(/^[0-9a-f]{12}-1$/),
  source: {
    principal: 'spiffe://example.org/ns/shop/sa/web',
    ip: '127.0.0.1',
    remoteIp: '127.0.0.1',
    remoteIpFrom: 'peer',
  },
  destination: { workload: 'cart', namespace: 'shop', ip: '127.0.0.1', port: application.port },
  sni: 'localhost',
  durationUs: COUNT,
  decisionUs: COUNT,
  bytesIn: COUNT,
  bytesOut: COUNT,
  trace: expect.stringMatching(/^[0-9a-f]{32}$/),
});

test('a line of an allowed, a denied and a refused caller', async () => {
  const proxy = await start('{ decisions: all, fields: { team: payments } }');
  const caller = await call(stage, web);
  await ask(caller, get('/a?secret=1', 'X-Tier: silver\r\nX-Other: hidden\r\nX-Tier: iron\r\n'));
  await ask(caller, get('/b?secret=1'));
  const other = await createAuthority({ trustDomain: 'example.org' });
  const stranger = await stage.svid('stranger', 'spiffe://example.org/ns/shop/sa/web', { authority: other });
  await (await call(stage, stranger)).end();
  await proxy.line((line) => line['reason'] === 'untrusted-certificate');
  const [allowed, denied, refused, ...more] = await decisionsOf(proxy);
  expect(more).toEqual([]);

  const both = requestFields();
  const http = { method: 'GET', host: 'cart.shop', version: '1.1' };
  expect(allowed).toEqual({
    ...both,
    verdict: 'allow',
    reason: 'allow-rule',
    rules: ['ns[shop]-policy[web]-rule[0]'],
    http: {
      ...http,
      path: '/a',
      status: 200,
      headers: [
        ['x-tier', 'silver'],
        ['x-tier', 'iron'],
      ],
    },
  });
  expect(denied).toEqual({
    ...both,
    verdict: 'deny',
    reason: 'default-deny',
    rules: [],
    near: [
      { rule: 'ns[shop]-policy[web]-rule[0]', field: 'to.operation.paths', want: ['/a'], got: '/b' },
      {
        rule: 'ns[shop]-policy[web]-rule[1]',
        field: expect.stringContaining('x-tier'),
        want: ['gold'],
        got: null,
      },
    ],
    http: { ...http, path: '/b', status: 403 },
  });
  expect(refused).toEqual({
    ...COMMON,
    verdict: 'deny',
    enforced: true,
    reason: 'untrusted-certificate',
    rules: [],
    source: { principal: null, ip: '127.0.0.1', remoteIp: '127.0.0.1', remoteIpFrom: 'peer' },
    destination: { workload: 'cart', namespace: 'shop', port: application.port },
    message: expect.any(String),
  });
  expect(JSON.stringify([allowed, denied])).not.toMatch(/secret|hidden/);
});

test('redacted fields and credentials are masked, in near misses too', async () => {
  const proxy = await start('{ decisions: all, redact: [source.principal, http.path, http.headers.x-tier] }');
  const caller = await call(stage, web);
  await ask(caller, get('/a', 'X-Tier: silver\r\n'));
  await ask(caller, get('/private', 'X-Tier: silver\r\n'));
  const lines = await decisionsOf(proxy);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatchObject({
    source: { principal: '[redacted]', ip: '127.0.0.1' },
    http: { path: '[redacted]', headers: [['x-tier', '[redacted]']] },
  });
  expect(JSON.stringify(lines)).not.toMatch(/private|silver|sa\/web/);
});

test.each([
  { name: 'none: nothing', log: '{ decisions: none }', allowed: 0, denied: 0 },
  { name: 'denied: only those', log: '{ decisions: denied }', allowed: 0, denied: 1 },
  { name: 'sampled at 1: everything', log: '{ decisions: sampled, sample: 1 }', allowed: 20, denied: 1 },
])('decisions $name', async ({ log, allowed, denied }) => {
  const proxy = await start(log);
  const caller = await call(stage, web);
  for (let n = 0; n < 20; n++) await ask(caller, get('/a'));
  await ask(caller, get('/b'));
  const lines = await decisionsOf(proxy);
  const of = (verdict: string): number => lines.filter((line) => line['verdict'] === verdict).length;
  expect([of('allow'), of('deny')]).toEqual([allowed, denied]);
  expect(new Set(lines.map((line) => line['requestId'])).size).toBe(lines.length);
});

test('equal denials come as one line a second with their count', async () => {
  const proxy = await start('{ decisions: denied }');
  const caller = await call(stage, web);
  const [first, again] = [50, 30];
  for (let n = 0; n < first; n++) await ask(caller, get('/b'));
  await proxy.line((line) => line['count'] !== undefined);
  for (let n = 0; n < again; n++) await ask(caller, get('/b'));
  const lines = await decisionsOf(proxy);
  const total = lines.reduce((sum, line) => sum + (typeof line['count'] === 'number' ? line['count'] : 1), 0);
  expect(total).toBe(first + again);
  expect(lines.length).toBeLessThan(10);
});
