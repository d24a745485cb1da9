// Pipelining: however requests are cut into writes, each is judged once, answered once and in order, and its
// body is its own.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from './stage/observe.ts';
import { answered, answers, response, routed } from './stage/routed.ts';
import { type LogLine, type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, type Wire } from './stage/wire.ts';

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: most, namespace: shop }
spec:
  action: ALLOW
  rules: [{ to: [{ operation: { notPaths: ["/denied*"] } }] }]
`;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(
    routed({
      '/fails': ({ wire }) => wire.socket.resetAndDestroy(),
      '/large': ({ wire }) => wire.send(response('x'.repeat(300_000))),
      '*': ({ wire, path, head, bodyAt }) => {
        const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
        const reply = (): void => {
          if (wire.text.length < bodyAt + length) return;
          wire.socket.off('data', reply);
          wire.send(response(`${path}:${wire.text.slice(bodyAt, bodyAt + length)}`));
        };
        if (length === 0) return wire.send(response(`${path}:`));
        wire.socket.on('data', reply);
        reply();
      },
    }),
  );
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({ upstreamPort: application.port, policies: { 'most.yaml': POLICY } });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

const WHOLE = 'in-one-write';

interface Sent {
  readonly text: string;
  readonly expect: string;
}

/** The `i`th of a mixed sequence: allowed, denied, with a body of either kind, or without. */
function request(i: number, run: string): Sent {
  const at = `${run}-${i}`;
  const body = `body ${i} ${'b'.repeat(i * 7)}`;
  const length = `Content-Length: ${body.length}\r\n`;
  const head = (method: string, path: string, lines: string): string =>
    `${method} ${path} HTTP/1.1\r\nHost: cart.shop\r\n${lines}\r\n`;
  switch (i % 5) {
    case 0:
      return { text: head('GET', `/${at}`, ''), expect: `200 /${at}:` };
    case 1:
      return { text: head('GET', `/denied-${at}`, ''), expect: '403' };
    case 2:
      return { text: head('POST', `/${at}`, length) + body, expect: `200 /${at}:${body}` };
    case 3:
      // A deny while a body is pending ends the connection, so it must not be.
      if (run !== WHOLE) return { text: head('DELETE', `/denied-${at}`, ''), expect: '403' };
      return { text: head('POST', `/denied-${at}`, length) + body, expect: '403' };
    default:
      return {
        text: `${head('PUT', `/${at}`, 'Transfer-Encoding: chunked\r\n')}2\r\nab\r\n0\r\n\r\n`,
        expect: `200 /${at}:`,
      };
  }
}

const told = (text: string): string[] =>
  answers(text).map(({ status, body }) => (status === 200 ? `200 ${body}` : String(status)));

const DELIVERIES: { name: string; send: (caller: Wire, text: string) => Promise<void> }[] = [
  { name: 'in one write', send: async (caller, text) => caller.send(text) },
  { name: 'in pieces of 7 bytes', send: (caller, text) => inPieces(caller, text, 7) },
  { name: 'in pieces of 1,000 bytes', send: (caller, text) => inPieces(caller, text, 1_000) },
  { name: 'byte by byte', send: (caller, text) => inPieces(caller, text, 1) },
];

test.each(DELIVERIES)('50 requests $name', async ({ name, send }) => {
  const run = name.replaceAll(' ', '-');
  const sent = Array.from({ length: 50 }, (_, i) => request(i, run));
  const caller = await call(stage, web);
  const text = sent.map((one) => one.text).join('');
  await send(
    caller,
    name === 'byte by byte'
      ? sent
          .slice(0, 10)
          .map((one) => one.text)
          .join('')
      : text,
  );
  const count = name === 'byte by byte' ? 10 : 50;
  await answered(caller, count, 20_000);
  expect(told(caller.text)).toEqual(sent.slice(0, count).map((one) => one.expect));
  caller.socket.destroy();
  // One record each; those of alike denials within a second share a line, with a count.
  const mine = (): LogLine[] => proxy.lines.filter((line) => pathOf(line).includes(`${run}-`));
  const recorded = (): number => mine().reduce((sum, line) => sum + Number(line['count'] ?? 1), 0);
  await eventually(recorded, (n) => n >= count);
  expect(recorded()).toBe(count);
  const allowed = mine().filter((line) => line['verdict'] === 'allow');
  const paths = sent.slice(0, count).map(pathSent);
  expect(allowed.map(pathOf).sort()).toEqual(paths.filter((path) => !path.startsWith('/denied')).sort());
  for (const line of mine()) {
    const denied = pathOf(line).startsWith('/denied');
    expect(line).toMatchObject({ verdict: denied ? 'deny' : 'allow', http: { status: denied ? 403 : 200 } });
  }
});

describe('what ends a pipeline', () => {
  test('Connection: close: what follows is not a request', async () => {
    const caller = await call(stage, web);
    caller.send(get('/last', 'Connection: close\r\n') + get('/after-the-last'));
    expect(told(await caller.end())).toEqual(['200 /last:']);
    expect(received()).not.toContain('/after-the-last');
  });

  test('a malformed head: the ones before are answered, nothing after it is read', async () => {
    const caller = await call(stage, web);
    caller.send(`${get('/before-bad')}GET /bad\x01 HTTP/1.1\r\n\r\n${get('/after-bad')}`);
    expect(told(await caller.end())).toEqual(['200 /before-bad:', '400']);
    expect(received()).not.toContain('/after-bad');
  });

  const BAD_BODIES = [
    { name: 'a bad chunk', body: 'zz\r\n', reason: 'bad-chunk' },
    { name: 'a bad chunk after a good one', body: '1\r\na\r\nzz\r\n', reason: 'bad-chunk' },
    { name: 'a bad trailer', body: '0\r\nHost: a\r\n\r\n', reason: 'bad-trailer' },
  ];
  test.each(BAD_BODIES)('$name: what follows is not a request', async ({ name, body, reason }) => {
    const path = `/hidden-behind-${reason}-${body.length}`;
    const caller = await call(stage, web);
    caller.send(get('/warm')); // so that the body meets a connection that is ready
    await answered(caller, 1);
    caller.send(
      get('/upload', 'Transfer-Encoding: chunked\r\n').replace('GET', 'POST') + body + get(path) + get(path),
    );
    expect(told(await caller.end()), name).toEqual(['200 /warm:', '400']);
    expect(received()).not.toContain(path);
    const line = await proxy.line((one) => one['reason'] === reason);
    expect(line).toMatchObject({ http: { status: 400, path: '/upload' } });
  });

  test('nothing does when the application fails: the next request gets its answer', async () => {
    const caller = await call(stage, web);
    const post = 'POST /fails HTTP/1.1\r\nHost: cart.shop\r\nContent-Length: 2\r\n\r\nhi';
    caller.send(post + get('/next') + post + get('/next'));
    await answered(caller, 4);
    expect(told(caller.text)).toEqual(['502', '200 /next:', '502', '200 /next:']);
    caller.socket.destroy();
  });
});

test('a caller that pipelines and does not read is served when it reads, at bounded memory', async () => {
  const caller = await call(stage, web);
  caller.socket.pause();
  const count = 60; // 18 MB of answers
  let tail = '';
  caller.socket.on('data', (chunk: Buffer) => {
    tail = (tail + chunk.subarray(-20).toString('latin1')).slice(-20);
  });
  const asked = (): number => received().split('GET /large').length - 1;
  const before = asked();
  caller.send(`${get('/large').repeat(count)}${get('/the-end')}`);
  await settled(asked);
  expect(asked() - before).toBeLessThan(count / 2); // the rest was not even asked for
  caller.socket.resume();
  await eventually(
    () => tail,
    (text) => text.endsWith('/the-end:'),
  );
  expect(answers(caller.text).length).toBe(count + 1);
  caller.socket.destroy();
});

test('half-closing after the last of several requests leaves no answer out', async () => {
  const caller = await call(stage, web);
  caller.socket.end(get('/h1') + get('/denied-h2') + get('/large') + get('/h3'), 'latin1');
  const all = answers(await caller.end());
  expect(all.map((one) => one.status)).toEqual([200, 403, 200, 200]);
  expect(all[3]?.body).toBe('/h3:');
});

const pathOf = (line: LogLine): string => (line['http'] as { path?: string } | undefined)?.path ?? '';
const pathSent = ({ text }: Sent): string => text.split(' ')[1] ?? '';
const received = (): string => application.connections.map((one) => one.text).join('\n');

async function inPieces(caller: Wire, text: string, size: number): Promise<void> {
  for (let at = 0; at < text.length; at += size) {
    caller.send(text.slice(at, at + size));
    await new Promise(setImmediate);
  }
}

/** Waits until a number that grows stops growing. */
async function settled(read: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 5; ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = read();
    same = now === last && now > 0 ? same + 1 : 0;
    last = now;
  }
}
