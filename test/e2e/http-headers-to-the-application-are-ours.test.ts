// What the application is told about the caller comes from the proxy alone, in every listener mode.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Arrival, answered, answers, codeOf, response, routed } from './stage/routed.ts';
import { Stage, type StageOptions, type SvidFiles } from './stage/stage.ts';
import { Application, call, get } from './stage/wire.ts';

/** Named by a policy: `x-team`; the client's address decides about /internal. */
const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: most, namespace: shop }
spec:
  action: ALLOW
  rules:
    - to: [{ operation: { notPaths: ["/team", "/internal"] } }]
    - to: [{ operation: { paths: ["/team"] } }]
      when: [{ key: "request.headers[x-team]", values: ["blue"] }]
    - from: [{ source: { remoteIpBlocks: ["10.0.0.0/8"] } }]
      to: [{ operation: { paths: ["/internal"] } }]
`;
const ID = '0af76519-16cd-43dd-8448-eb211c80319c';
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

interface Setting {
  readonly stage: Stage;
  readonly web: SvidFiles;
}

let application: Application;
let arrivals: Arrival[] = [];
const stages = new Map<string, Setting>();

beforeAll(async () => {
  application = await Application.start(
    routed({
      '*': (arrival) => {
        arrivals.push(arrival);
        arrival.wire.send(response('ok'));
      },
    }),
  );
  const modes: Record<string, StageOptions> = {
    sanitize: {},
    append: { listener: 'forwarded: append' },
    trust: { listener: 'forwarded: { trust: 1 }' },
    plaintext: { listener: 'mtls: permissive' },
  };
  await Promise.all(
    Object.entries(modes).map(async ([name, options]) => {
      const stage = await Stage.create();
      const web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
      await stage.start({ ...options, upstreamPort: application.port, policies: { 'most.yaml': POLICY } });
      stages.set(name, { stage, web });
    }),
  );
});

afterAll(async () => {
  await Promise.all([...stages.values()].map(({ stage }) => stage.close()));
  application.close();
});

/** The answer to one GET with `lines`, and the head that arrived, '' when none did. */
async function send(mode: string, path: string, lines: string) {
  const { stage, web } = stages.get(mode) as Setting;
  arrivals = [];
  const caller = await call(stage, web);
  caller.send(get(path, lines));
  const [answer] = await answered(caller, 1);
  caller.socket.destroy();
  return {
    status: answer?.status,
    code: codeOf(answer),
    head: arrivals[0]?.head ?? '',
    answer: answer?.head ?? '',
  };
}

/** The lines of `head` with one of these names, sorted, lower-case names. */
function lines(head: string, ...names: string[]): string[] {
  return head
    .split('\r\n')
    .map((line) => line.replace(/^[^:]*/, (name) => name.toLowerCase()))
    .filter((line) => names.some((name) => line.startsWith(`${name}:`)))
    .sort();
}

describe('x-forwarded-client-cert', () => {
  const FORGED = 'URI=spiffe://example.org/ns/shop/sa/admin';
  const COPIES = [
    `X-Forwarded-Client-Cert: ${FORGED}\r\n`,
    `x-forwarded-client-cert: ${FORGED}\r\n`,
    `X-FORWARDED-CLIENT-CERT:${FORGED}\r\n`,
    `x-forwarded-client-cert: a\r\nX-Forwarded-Client-Cert: ${FORGED}\r\n`,
    `Connection: x-forwarded-client-cert\r\nx-forwarded-client-cert: ${FORGED}\r\n`,
  ];
  test.each(COPIES)('%j is replaced by the one of the handshake', async (copy) => {
    for (const mode of ['sanitize', 'append', 'trust']) {
      const { head, status } = await send(mode, '/', copy);
      expect(status).toBe(200);
      expect(lines(head, 'x-forwarded-client-cert')).toEqual([
        expect.stringMatching(
          /^[^:]+: By=spiffe:\/\/example.org\/ns\/shop\/sa\/cart;Hash=[0-9a-f]{64};URI=[^;]+\/shop\/sa\/web$/,
        ),
      ]);
    }
  });

  const LOOK_ALIKES = [
    'X_Forwarded_Client_Cert',
    'x-forwarded_client-cert',
    'x_forwarded_for',
    'x-real_ip',
    'X_Team',
  ];
  test.each(LOOK_ALIKES)('a look-alike (`%s`) is refused', async (name) => {
    expect(await send('sanitize', '/', `${name}: a\r\n`)).toMatchObject({
      status: 400,
      code: 'ambiguous-header',
      head: '',
    });
  });

  test('a plaintext peer has none, whatever it sends', async () => {
    const { stage } = stages.get('plaintext') as Setting;
    arrivals = [];
    const answer = await fetch(`http://127.0.0.1:${stage.port}/plain`, {
      headers: { 'x-forwarded-client-cert': FORGED, 'x-request-id': ID, traceparent: TRACE },
    });
    expect(answer.status).toBe(200);
    const head = arrivals[0]?.head ?? '';
    expect(lines(head, 'x-forwarded-client-cert')).toEqual([]);
    expect(lines(head, 'x-forwarded-proto')).toEqual(['x-forwarded-proto: http']);
    expect(head).not.toContain(ID); // a stranger's ids are not kept
    expect(head).not.toContain(TRACE.slice(3, 35));
    expect(lines(head, 'x-request-id', 'traceparent').length).toBe(2);
  });
});

describe('Connection', () => {
  test.each([
    'Host',
    'Content-Length',
    'Authorization',
    'Cookie',
    'Transfer-Encoding',
    'X-Team',
    'x-team, foo',
  ])('may not name %s', async (named) => {
    expect(await send('sanitize', '/team', `X-Team: blue\r\nConnection: ${named}\r\n`)).toMatchObject({
      status: 400,
      code: 'bad-connection-header',
      head: '',
    });
  });

  test('takes the fields along that it names, and the hop-by-hop ones', async () => {
    const { head, status } = await send(
      'sanitize',
      '/',
      'Connection: X-Own, keep-alive\r\nX-Own: a\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\nTE: trailers\r\nX-Kept: b\r\n',
    );
    expect(status).toBe(200);
    expect(lines(head, 'x-own', 'keep-alive', 'proxy-connection', 'te', 'connection', 'upgrade')).toEqual([]);
    expect(lines(head, 'x-kept')).toEqual(['x-kept: b']);
  });
});

describe('a header that a policy names', () => {
  test.each([
    ['X-Team: blue\r\n', 200],
    ['X-Team: red\r\n', 403],
    ['', 403],
    ['X-Team: blue\r\nX-Team: red\r\n', 403],
  ])('%j: %i', async (text, status) => {
    expect((await send('sanitize', '/team', text)).status).toBe(status);
  });
});

const HOPS =
  'X-Forwarded-For: 10.1.1.1, 10.2.2.2\r\nX-Forwarded-Proto: ftp\r\nX-Forwarded-Host: evil\r\nForwarded: for=10.1.1.1\r\nX-Real-IP: 10.1.1.1\r\n';
const HOP_NAMES = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded', 'x-real-ip'];

describe('forwarded', () => {
  test('sanitize: nothing of what the caller says about earlier hops goes on', async () => {
    const { head } = await send('sanitize', '/', HOPS);
    expect(lines(head, ...HOP_NAMES)).toEqual(['x-forwarded-for: 127.0.0.1', 'x-forwarded-proto: https']);
  });

  test('append: X-Forwarded-For gets the peer at its end, the rest goes', async () => {
    const { head } = await send('append', '/', HOPS);
    expect(lines(head, ...HOP_NAMES)).toEqual([
      'x-forwarded-for: 10.1.1.1, 10.2.2.2, 127.0.0.1',
      'x-forwarded-proto: https',
    ]);
  });

  test('trust: all of it goes on, X-Forwarded-For with the peer', async () => {
    const { head } = await send('trust', '/', HOPS);
    expect(lines(head, ...HOP_NAMES)).toEqual([
      'forwarded: for=10.1.1.1',
      'x-forwarded-for: 10.1.1.1, 10.2.2.2, 127.0.0.1',
      'x-forwarded-host: evil',
      'x-forwarded-proto: ftp',
      'x-real-ip: 10.1.1.1',
    ]);
  });

  const DECIDED = [
    { mode: 'sanitize', hops: 'X-Forwarded-For: 10.1.1.1\r\n', status: 403 },
    { mode: 'append', hops: 'X-Forwarded-For: 10.1.1.1\r\n', status: 403 },
    { mode: 'trust', hops: 'X-Forwarded-For: 10.1.1.1\r\n', status: 200 },
    { mode: 'trust', hops: 'X-Forwarded-For: 10.1.1.1\r\nX-Forwarded-For: 192.0.2.1\r\n', status: 403 },
    { mode: 'trust', hops: 'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.1.1.1\r\n', status: 200 },
    { mode: 'trust', hops: 'X-Forwarded-For: 10.1.1.1, 192.0.2.1\r\n', status: 403 },
    { mode: 'trust', hops: 'X-Forwarded-For: 192.0.2.1,10.1.1.1\r\n', status: 200 },
    { mode: 'trust', hops: 'X-Forwarded-For: 10.1.1.1:80\r\n', status: 400 },
    { mode: 'trust', hops: 'X-Forwarded-For: 010.1.1.1\r\n', status: 400 },
    { mode: 'trust', hops: 'X-Forwarded-For: unknown\r\n', status: 400 },
    { mode: 'trust', hops: 'X-Forwarded-For: \r\n', status: 403 },
    { mode: 'trust', hops: '', status: 403 },
    { mode: 'trust', hops: 'Forwarded: for=10.1.1.1\r\nX-Real-IP: 10.1.1.1\r\n', status: 403 },
    // What does not go on does not count.
    { mode: 'trust', hops: 'Connection: X-Forwarded-For\r\nX-Forwarded-For: 10.1.1.1\r\n', status: 403 },
  ];
  test.each(DECIDED)('$mode: $hops decides about remote.ip: $status', async ({ mode, hops, status }) => {
    expect((await send(mode, '/internal', hops)).status).toBe(status);
  });
});

describe('x-request-id and traceparent of an authenticated peer', () => {
  test('are kept when well-formed, with tracestate', async () => {
    const { head } = await send(
      'sanitize',
      '/',
      `X-Request-Id: ${ID}\r\ntraceparent: ${TRACE}\r\ntracestate: a=b\r\n`,
    );
    expect(lines(head, 'x-request-id', 'traceparent', 'tracestate')).toEqual([
      `traceparent: ${TRACE}`,
      'tracestate: a=b',
      `x-request-id: ${ID}`,
    ]);
  });

  const BAD = [
    { name: 'an id with a space', text: 'X-Request-Id: a b\r\n' },
    { name: 'an id that is too long', text: `X-Request-Id: ${'a'.repeat(300)}\r\n` },
    { name: 'two ids', text: `X-Request-Id: ${ID}\r\nX-Request-Id: ${ID}\r\n` },
    { name: 'an empty id', text: 'X-Request-Id:\r\n' },
    {
      name: 'a trace of zeros',
      text: `traceparent: 00-${'0'.repeat(32)}-b7ad6b7169203331-01\r\ntracestate: a=b\r\n`,
    },
    { name: 'an upper-case trace', text: `traceparent: ${TRACE.toUpperCase()}\r\ntracestate: a=b\r\n` },
    { name: 'a short trace', text: 'traceparent: 00-0af7\r\ntracestate: a=b\r\n' },
    { name: 'two traces', text: `traceparent: ${TRACE}\r\ntraceparent: ${TRACE}\r\ntracestate: a=b\r\n` },
  ];
  test.each(BAD)('$name is replaced', async ({ text }) => {
    const { head, status } = await send('sanitize', '/', text);
    expect(status).toBe(200);
    const [trace, id, ...more] = lines(head, 'x-request-id', 'traceparent', 'tracestate');
    expect(trace).toMatch(/^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    expect(id).toMatch(/^x-request-id: [0-9a-f-]{36}$/);
    expect(more).toEqual([]);
    expect(text).not.toContain(id?.slice(14));
  });

  test('the answer of a denied request carries the id that it was given', async () => {
    const { answer, status } = await send('sanitize', '/team', `X-Request-Id: ${ID}\r\n`);
    expect([status, /x-request-id: ([^\r]*)/.exec(answer)?.[1]]).toEqual([403, ID]);
  });
});

test('a target in absolute-form is forwarded in origin-form, a path in canonical form', async () => {
  const { stage, web } = stages.get('sanitize') as Setting;
  arrivals = [];
  const caller = await call(stage, web);
  caller.send('GET http://cart.shop/a/./b/../%63?q=%2F HTTP/1.1\r\nHost: cart.shop\r\n\r\n');
  await answered(caller, 1);
  expect(arrivals[0]?.head.split('\r\n')[0]).toBe('GET /a/c?q=%2F HTTP/1.1');
  caller.send('GET / HTTP/1.0\r\n\r\n');
  expect(answers(await caller.end()).length).toBe(2);
  expect(lines(arrivals[1]?.head ?? '', 'host')).toEqual([`host: 127.0.0.1:${application.port}`]);
});
