// Upgrades: only websocket, only when asked for and granted; then bytes both ways until either side, or the
// policy, ends it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from './stage/observe.ts';
import { type Arrival, answered, answers, codeOf, response, routed } from './stage/routed.ts';
import { type LogLine, type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, type Wire } from './stage/wire.ts';

const policy = (paths: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: most, namespace: shop }
spec:
  action: ALLOW
  rules: [{ to: [{ operation: { notPaths: [${paths}] } }] }]
`;
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n';
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const VERSION = 'Sec-WebSocket-Version: 13\r\n';
const ASK = `Connection: Upgrade\r\nUpgrade: websocket\r\n${KEY}${VERSION}`;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;
let arrivals: Arrival[] = [];

beforeAll(async () => {
  stage = await Stage.create();
  /** Grants, and sends back what comes. */
  const echo = ({ wire }: Arrival): void => {
    wire.send(SWITCH);
    wire.socket.removeAllListeners('data');
    wire.socket.on('end', () => wire.socket.end());
    wire.socket.on('data', (chunk: Buffer) => {
      wire.text += chunk.toString('latin1');
      if (!wire.socket.write(chunk)) {
        wire.socket.pause();
        wire.socket.once('drain', () => wire.socket.resume());
      }
    });
  };
  application = await Application.start(
    routed(
      {
        '/echo': echo,
        '/revoked': echo,
        '/held': () => undefined,
        '/with-bytes': ({ wire }) => wire.send(`${SWITCH}first`),
        '/h2c-101': ({ wire }) => wire.send(SWITCH.replace('websocket', 'h2c')),
        '/refuses': ({ wire }) => wire.send(response('no', { status: '426 Upgrade Required' })),
        '*': ({ wire }) => wire.send(response('ok')),
      },
      (arrival) => arrivals.push(arrival),
    ),
  );
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({
    upstreamPort: application.port,
    policies: { 'most.yaml': policy('"/denied"') },
    listener: 'timeouts: { idle: 4s }',
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

async function upgraded(path: string): Promise<{ caller: Wire; arrival: Arrival }> {
  arrivals = [];
  const caller = await call(stage, web);
  caller.send(get(path, ASK));
  await caller.until((text) => text.includes('\r\n\r\n'));
  caller.text = caller.text.slice(caller.text.indexOf('\r\n\r\n') + 4);
  return { caller, arrival: arrivals[0] as Arrival };
}

const about =
  (path: string) =>
  (line: LogLine): boolean =>
    (line['http'] as { path?: string } | undefined)?.path === path;

test('the upgrade arrives with its own fields and ours, and frames go both ways', async () => {
  arrivals = [];
  const caller = await call(stage, web);
  caller.send(get('/echo', ASK));
  await caller.until((text) => text.includes('\r\n\r\n'));
  expect(caller.text).toMatch(
    /^HTTP\/1\.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n$/i,
  );
  const head = arrivals[0]?.head ?? '';
  expect(head.match(/^(connection|upgrade|sec-websocket-[a-z]+): .*$/gim)?.sort()).toEqual([
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    'connection: Upgrade',
    'upgrade: websocket',
  ]);
  expect(head).toContain('URI=spiffe://example.org/ns/shop/sa/web');
  caller.text = '';
  const frame = '\x81\x85\x01\x02\x03\x04ignmn'; // a masked text frame; the proxy does not look inside
  caller.send(frame);
  await caller.until((text) => text === frame);
  caller.send('GET /denied HTTP/1.1\r\n\r\n'); // bytes, no longer a request
  await caller.until((text) => text.endsWith('GET /denied HTTP/1.1\r\n\r\n'));
  caller.socket.destroy();
  const line = await proxy.line(about('/echo'));
  expect(line).toMatchObject({ verdict: 'allow', http: { status: 101 } });
  expect(Number(line['bytesIn'])).toBeGreaterThan(frame.length + 24 + 100);
});

test('bytes sent before the 101 are held until it comes', async () => {
  arrivals = [];
  const caller = await call(stage, web);
  caller.send(`${get('/held', ASK)}early`);
  await eventually(
    () => arrivals.length,
    (n) => n === 1,
  );
  caller.send(' bird');
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { wire, bodyAt } = arrivals[0] as Arrival;
  expect(wire.text.slice(bodyAt)).toBe('');
  wire.send(SWITCH);
  await wire.until((text) => text.slice(bodyAt) === 'early bird');
  wire.send('answer');
  await caller.until((text) => text.endsWith('answer'));
  caller.socket.destroy();
});

test('bytes that come with the 101 arrive behind it', async () => {
  const { caller } = await upgraded('/with-bytes');
  await caller.until((text) => text === 'first');
  caller.socket.destroy();
});

test('after another answer than 101 what was sent early is HTTP, and judged', async () => {
  arrivals = [];
  const caller = await call(stage, web);
  caller.send(get('/refuses', ASK) + get('/denied') + get('/after'));
  await answered(caller, 3);
  expect(answers(caller.text).map((one) => one.status)).toEqual([426, 403, 200]);
  expect(arrivals.map((one) => one.path)).toEqual(['/refuses', '/after']);
  caller.socket.destroy();
});

describe('what is not an upgrade to websocket', () => {
  const STRIPPED = [
    {
      name: 'h2c',
      lines:
        'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n',
    },
    { name: 'HTTP2-Settings alone', lines: 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n' },
    { name: 'TLS/1.0', lines: 'Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n' },
    { name: 'an invention', lines: 'Connection: Upgrade\r\nUpgrade: foo/2, bar\r\n' },
  ];
  test.each(STRIPPED)('$name is forwarded without it', async ({ lines }) => {
    arrivals = [];
    const caller = await call(stage, web);
    caller.send(get('/plain', lines));
    expect((await answered(caller, 1))[0]?.status).toBe(200);
    expect(arrivals[0]?.head).not.toMatch(/^(upgrade|connection|http2-settings):/im);
    caller.socket.destroy();
  });

  const REFUSED = [
    { name: 'POST', text: get('/r', ASK).replace('GET', 'POST') },
    { name: 'a body', text: `${get('/r', `${ASK}Content-Length: 5\r\n`)}hello` },
    { name: 'a chunked body', text: `${get('/r', `${ASK}Transfer-Encoding: chunked\r\n`)}0\r\n\r\n` },
    { name: 'HTTP/1.0', text: get('/r', ASK).replace('HTTP/1.1', 'HTTP/1.0') },
    { name: 'no key', text: get('/r', ASK.replace(KEY, '')) },
    { name: 'a bad key', text: get('/r', ASK.replace('dGhl', '?Ghl')) },
    { name: 'an old version', text: get('/r', ASK.replace('13', '8')) },
    { name: 'no Connection: Upgrade', text: get('/r', ASK.replace('Connection: Upgrade\r\n', '')) },
  ];
  test.each(REFUSED)('$name: 400 bad-upgrade, and nothing arrives', async ({ text }) => {
    arrivals = [];
    const caller = await call(stage, web);
    caller.send(text);
    const [answer] = answers(await caller.end());
    expect([answer?.status, codeOf(answer)]).toEqual([400, 'bad-upgrade']);
    expect(arrivals).toEqual([]);
  });

  test('a 101 to another protocol than the one that was asked for is a 502', async () => {
    const caller = await call(stage, web);
    caller.send(get('/h2c-101', ASK));
    expect((await answered(caller, 1))[0]?.status).toBe(502);
    caller.socket.destroy();
  });
});

describe('a tunnel', () => {
  test('whose caller half-closes: the application hears it, and its last bytes still arrive', async () => {
    const { caller, arrival } = await upgraded('/with-bytes');
    caller.socket.end('bye', 'latin1');
    await arrival.wire.until((text) => text.endsWith('bye'));
    await arrival.wire.end();
    arrival.wire.send(' and last');
    await caller.until((text) => text === 'first and last');
    arrival.wire.socket.end();
    await caller.end();
    await eventually(
      () => caller.closed && arrival.wire.closed,
      (closed) => closed,
    );
    expect(caller.error).toBeNull();
    const line = await proxy.line((one) => about('/with-bytes')(one) && one['reason'] === 'allow-rule');
    expect(line).toMatchObject({ verdict: 'allow', http: { status: 101 } });
  });

  test('whose caller half-closed before the 101 is half-closed from the start', async () => {
    arrivals = [];
    const caller = await call(stage, web);
    caller.socket.end(`${get('/held', ASK)}bye`, 'latin1');
    await eventually(
      () => arrivals.length,
      (n) => n === 1,
    );
    const { wire, bodyAt } = arrivals[0] as Arrival;
    wire.send(SWITCH);
    await wire.until((text) => text.slice(bodyAt) === 'bye');
    await wire.end();
    wire.send('last');
    await caller.until((text) => text.endsWith('last'));
    wire.socket.end();
    await caller.end();
  });

  test('whose application half-closes: the caller hears it, and its last bytes still arrive', async () => {
    const { caller, arrival } = await upgraded('/with-bytes');
    arrival.wire.socket.end('over', 'latin1');
    expect(await caller.end()).toBe('firstover');
    caller.send('one more');
    await arrival.wire.until((text) => text.endsWith('one more'));
    caller.socket.end();
    await eventually(
      () => caller.closed && arrival.wire.closed,
      (closed) => closed,
    );
  });

  test('carries 8 MiB each way, whoever is slow', async () => {
    const { caller } = await upgraded('/echo');
    const bytes = 8 * 1024 * 1024;
    let got = 0;
    caller.socket.removeAllListeners('data');
    caller.socket.on('data', (chunk: Buffer) => {
      got += chunk.length;
      caller.socket.pause();
      setTimeout(() => caller.socket.resume(), 1);
    });
    const piece = Buffer.alloc(65_536, 'x');
    for (let sent = 0; sent < bytes; sent += piece.length) {
      if (caller.socket.write(piece)) continue;
      await new Promise((resolve) => caller.socket.once('drain', resolve));
    }
    await eventually(
      () => got,
      (n) => n === bytes,
    );
    caller.socket.destroy();
  });

  test('that is silent ends after timeouts.idle', async () => {
    const { caller } = await upgraded('/echo');
    await caller.end();
    const idle = (line: LogLine): boolean =>
      about('/echo')(line) && line['reason'] === 'upstream-idle-timeout';
    expect(await proxy.line(idle)).toMatchObject({ verdict: 'allow', http: { status: 101 } });
  });

  test('that the application resets is reset', async () => {
    const { caller, arrival } = await upgraded('/echo');
    arrival.wire.socket.resetAndDestroy();
    await caller.end();
    await eventually(
      () => caller.error,
      (error) => error === 'ECONNRESET',
    );
  });

  test('ends when a policy swap denies it, and only that one', async () => {
    const revoked = await upgraded('/revoked');
    const other = await upgraded('/echo');
    stage.write('policies/most.yaml', policy('"/denied", "/revoked"'));
    await revoked.caller.end();
    const { wire } = revoked.arrival;
    await eventually(
      () => wire.ended || wire.closed,
      (gone) => gone,
    );
    const line = await proxy.line((one) => one['reason'] === 'policy-revoked');
    expect(line).toMatchObject({ verdict: 'deny', enforced: true, http: { path: '/revoked', status: 101 } });
    other.caller.text = '';
    other.caller.send('still here');
    await other.caller.until((text) => text === 'still here');
    other.caller.socket.destroy();
  });
});
