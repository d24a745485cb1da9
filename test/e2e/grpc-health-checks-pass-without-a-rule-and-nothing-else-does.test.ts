// `probes` of a listener lets exactly the health checks that it names through, of everybody who reaches it:
// no other method, path, content or version, nothing that a DENY rule matches, nothing without policies.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Http2Application, type Http2Arrival } from './stage/http2-application.ts';
import { type Answer, Http2Caller } from './stage/http2-caller.ts';
import * as h from './stage/http2-frames.ts';
import { CODE, type Field, FLAG } from './stage/http2-frames.ts';
import { eventually, metric } from './stage/observe.ts';
import { type RunningProxy, Stage, type StageOptions } from './stage/stage.ts';
import { call } from './stage/wire.ts';

const CHECK = '/grpc.health.v1.Health/Check';
const WATCH = '/grpc.health.v1.Health/Watch';
const GRPC: Field = ['content-type', 'application/grpc'];
const MESSAGE = '\0\0\0\0\0';
const policy = (name: string, spec: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: ${spec}
`;
/** Nobody who calls here is web. */
const WEB_ONLY = policy(
  'web',
  '{ action: ALLOW, rules: [{ from: [{ source: { principals: ["example.org/ns/shop/sa/web"] } }] }] }',
);
const DENY_CHECK = policy(
  'isolate',
  `{ action: DENY, rules: [{ to: [{ operation: { paths: ["${CHECK}"] } }] }] }`,
);

let application: Http2Application;
let watches: Http2Arrival[] = [];

beforeAll(async () => {
  application = await Http2Application.start(() => ({
    end: (arrival) => {
      if (arrival.path !== WATCH)
        return arrival.connection.send(
          h.headers(arrival.streamId, [[':status', '200'], GRPC], FLAG.END_HEADERS),
          h.data(arrival.streamId, MESSAGE, 0),
          h.headers(arrival.streamId, [['grpc-status', '0']]),
        );
      watches.push(arrival);
      return arrival.connection.send(
        h.headers(arrival.streamId, [[':status', '200'], GRPC], FLAG.END_HEADERS),
        h.data(arrival.streamId, MESSAGE, 0),
      );
    },
  }));
});

afterAll(() => application.close());

const options = (probes: string, policies: Readonly<Record<string, string>>): StageOptions => ({
  upstreamPort: application.port,
  upstream: 'protocol: h2c',
  listener: `mtls: permissive\nprobes: [${probes}]`,
  policies,
});
const BOTH = `${CHECK.slice(1)}, ${WATCH.slice(1)}`;

function ask(caller: Http2Caller, streamId: number, fields: readonly Field[]): Answer {
  caller.send(h.headers(streamId, fields, FLAG.END_HEADERS), h.data(streamId, MESSAGE));
  return caller.answer(streamId);
}
const statusOf = (answer: Answer): string | undefined =>
  answer.trailers?.find(([name]) => name === 'grpc-status')?.[1] ?? answer.value('grpc-status');

describe('where they are named', () => {
  let stage: Stage;
  let proxy: RunningProxy;
  let caller: Http2Caller;

  beforeAll(async () => {
    stage = await Stage.create();
    proxy = await stage.start(options(BOTH, { 'web.yaml': WEB_ONLY }));
  });
  afterAll(() => stage.close());
  beforeEach(async () => {
    caller = await Http2Caller.connect(stage, null);
  });
  afterEach(() => caller.close());

  test.each(['application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8'])(
    'a stranger may check with %s',
    async (type) => {
      const before = application.arrivals.length;
      ask(caller, 1, h.post(CHECK, [['content-type', type]]));
      expect(statusOf(await caller.over(1))).toBe('0');
      const arrival = application.arrivals.slice(before).at(0);
      expect(arrival).toMatchObject({ path: CHECK, body: MESSAGE, ended: true });
      expect(arrival?.fields.some(([name]) => name === 'x-forwarded-client-cert')).toBe(false);
    },
  );

  test('so may a caller that no rule allows, and it may watch', async () => {
    const ads = await stage.svid('ads', 'spiffe://example.org/ns/shop/sa/ads');
    const other = await Http2Caller.connect(stage, ads);
    ask(other, 1, h.post(CHECK, [GRPC]));
    expect(statusOf(await other.over(1))).toBe('0');
    const watch = ask(other, 3, h.post(WATCH, [GRPC]));
    await other.until(() => watch.body === MESSAGE);
    other.send(h.reset(3, CODE.CANCEL));
    ask(other, 5, h.post('/test.Echo/Unary', [GRPC]));
    expect((await other.over(5)).value('grpc-message')).toBe('default-deny');
    other.close();
  });

  test('it is seen: in the log, in the metrics, and in what is softer than enforcing', async () => {
    ask(caller, 1, h.post(CHECK, [GRPC]));
    await caller.over(1);
    const line = await proxy.line((one) => one['reason'] === 'allow-probe');
    expect(line).toMatchObject({ verdict: 'allow', enforced: true, rules: [], grpc: { status: 0 } });
    const counted = await metric(
      stage,
      'sallyport_requests_total{listener="inbound",verdict="allow",reason="allow-probe",code="200"}',
    );
    expect(counted).toBeGreaterThan(0);
    expect(JSON.stringify(proxy.lines)).toContain(`probes=${BOTH.replace(', ', ',')}`);
  });

  const path = (name: string, value: string): { name: string; fields: Field[] } => ({
    name,
    fields: h.post(value, [GRPC]),
  });
  const REFUSED: readonly { name: string; fields: readonly Field[] }[] = [
    path('another service', '/test.Echo/Check'),
    path('another method', '/grpc.health.v1.Health/List'),
    path('the service alone', '/grpc.health.v1.Health'),
    path('no method', '/grpc.health.v1.Health/'),
    path('a longer name', `${CHECK}s`),
    path('a segment more', `${CHECK}/x`),
    path('a slash more', `${CHECK}/`),
    path('two slashes', `/${CHECK}`),
    path('two slashes inside', '/grpc.health.v1.Health//Check'),
    path('another case', '/grpc.health.v1.Health/check'),
    path('another case of the service', '/grpc.health.v1.health/Check'),
    path('another version', '/grpc.health.v2.Health/Check'),
    path('a query', `${CHECK}?`),
    path('a query with a path', `${CHECK}?/../../test.Echo/Unary`),
    path('a fragment', `${CHECK}#x`),
    path('an escaped letter', '/grpc.health.v1.Health/%43heck'),
    path('an escaped slash', '/grpc.health.v1.Health%2FCheck'),
    path('an escaped escape', '/grpc.health.v1.Health/%2543heck'),
    path('a backslash', '/grpc.health.v1.Health\\Check'),
    path('a dot segment', '/grpc.health.v1.Health/./Check'),
    path('a way up', `/test.Echo/..${CHECK}`),
    path('a way up behind it', `${CHECK}/../../test.Echo/Unary`),
    path('a parameter', `${CHECK};a=b`),
    path('a prefix', `/v1${CHECK}`),
    path('a full URL', `https://cart.shop${CHECK}`),
    path('NUL', `${CHECK}\0`),
    ...['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'post', 'Post', 'POSTS'].map((method) => ({
      name: `the method ${method}`,
      fields: h.get(CHECK, [GRPC], method),
    })),
    { name: 'no content type', fields: h.post(CHECK) },
    ...[
      'text/plain',
      'application/json',
      'application/grpc-web',
      'application/grpcx',
      'application/grp',
      'text/plain, application/grpc',
      '',
    ].map((type) => ({
      name: `the content type \`${type}\``,
      fields: h.post(CHECK, [['content-type', type]]),
    })),
    { name: 'two content types', fields: h.post(CHECK, [GRPC, ['content-type', 'text/plain']]) },
    {
      name: 'a method by header',
      fields: h.get('/test.Echo/Unary', [GRPC, ['x-original-url', CHECK], ['x-http-method', 'POST']]),
    },
  ];
  test.each(REFUSED)('not $name', async ({ fields }) => {
    const before = application.arrivals.length;
    ask(caller, 1, fields);
    const answer = await caller.over(1);
    const denied = answer.value('grpc-message') === 'default-deny' || answer.code === 'default-deny';
    // What is malformed, or could be read in two ways, is refused before any rule is asked.
    const refused = answer.reset !== null || [400, 405].includes(answer.status);
    expect(denied || refused || Number(answer.value('grpc-status') ?? 0) > 0).toBe(true);
    ask(caller, 3, h.post(CHECK, [GRPC]));
    await caller.over(3);
    expect(application.arrivals.slice(before).map((one) => one.path)).toEqual([CHECK]);
  });

  test('not over HTTP/1.1', async () => {
    const before = application.arrivals.length;
    const ads = await stage.svid('ads', 'spiffe://example.org/ns/shop/sa/ads');
    const wire = await call(stage, ads);
    wire.send(
      `POST ${CHECK} HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\nConnection: close\r\n\r\n${MESSAGE}`,
    );
    expect(await wire.end()).toMatch(/^HTTP\/1\.1 403 [\s\S]*"code":"default-deny"/);
    expect(application.arrivals).toHaveLength(before);
  });

  test('a DENY rule beats it, also for a check that goes on', async () => {
    watches = [];
    const watch = ask(caller, 1, h.post(WATCH, [GRPC]));
    await caller.until(() => watch.body === MESSAGE);
    stage.write('policies/isolate.yaml', DENY_CHECK.replace(CHECK, '/grpc.health.v1.Health/*'));
    await caller.over(1);
    expect([statusOf(watch), watches.length]).toEqual(['7', 1]);
    await eventually(
      () => watches[0]?.reset,
      (code) => code !== null,
    );
    ask(caller, 3, h.post(CHECK, [GRPC]));
    expect((await caller.over(3)).value('grpc-message')).toBe('deny-rule');
  });
});

describe('elsewhere they are requests like others', () => {
  const rows: { name: string; probes: string; policies: Record<string, string>; says: string }[] = [
    { name: 'nothing is named', probes: '', policies: { 'web.yaml': WEB_ONLY }, says: 'default-deny' },
    {
      name: 'another one is named',
      probes: WATCH.slice(1),
      policies: { 'web.yaml': WEB_ONLY },
      says: 'default-deny',
    },
    {
      name: 'a DENY rule was there first',
      probes: BOTH,
      policies: { 'web.yaml': WEB_ONLY, 'deny.yaml': DENY_CHECK },
      says: 'deny-rule',
    },
    {
      name: 'the policies are invalid',
      probes: BOTH,
      policies: { 'a.yaml': 'x: [' },
      says: 'invalid-policy',
    },
  ];
  test.each(rows)('$name', async ({ probes, policies, says }) => {
    const stage = await Stage.create();
    const before = application.arrivals.length;
    const proxy = stage.launch(options(probes, policies));
    await proxy.line((line) => line['msg'] === 'listening');
    const caller = await Http2Caller.connect(stage, null);
    // Before the first load is over, nothing is allowed either.
    let answer = (await ask(caller, 1, h.post(CHECK, [GRPC]))) && (await caller.over(1));
    for (let id = 3; answer.value('grpc-message') === 'no-policy'; id += 2) {
      ask(caller, id, h.post(CHECK, [GRPC]));
      answer = await caller.over(id);
    }
    expect([statusOf(answer), answer.value('grpc-message')]).toEqual(['7', says]);
    expect(application.arrivals).toHaveLength(before);
    caller.close();
    await stage.close();
  });
});
