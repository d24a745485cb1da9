// After a swap every request in flight and every tunnel is judged again: the now-denied are ended within a
// second (or after revokeGrace), the others go on.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expiresIn, policyText } from './stage/policies.ts';
import { type RunningProxy, Stage, type StageOptions, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, type Script } from './stage/wire.ts';

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;

beforeEach(async () => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
});

afterEach(async () => {
  await stage.close();
  application.close();
});

async function start(script: Script, options: StageOptions = {}): Promise<void> {
  application = await Application.start(script);
  proxy = await stage.start({
    ...options,
    upstreamPort: application.port,
    policies: { 'web.yaml': policyText({ paths: ['/keep', '/cut'] }) },
  });
}

/** Takes /cut away and leaves /keep. */
const cut = (): string => stage.write('policies/web.yaml', policyText({ paths: ['/keep'] }));

const arrived = async (path: string): Promise<number> => {
  for (;;) {
    const at = application.connections.findIndex(({ text }) => text.includes(path));
    if (at >= 0) return at;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

const SILENT: Script = () => undefined;
const HEAD_ONLY: Script = (wire) => {
  wire.socket.once('data', () => wire.send('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nok'));
};
const SWITCHING: Script = (wire) => {
  wire.socket.once('data', () =>
    wire.send('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello'),
  );
};
const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

test('before its answer began, a request gets 403; another is answered', async () => {
  await start(SILENT);
  const [gone, kept] = [await call(stage, web), await call(stage, web)];
  gone.send(get('/cut'));
  kept.send(get('/keep'));
  await arrived('/cut');
  const keptAt = await arrived('/keep');
  cut();
  const answer = await gone.until((text) => text.endsWith('\n'));
  const answeredMs = performance.now();
  expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  expect(answer).toContain('"code":"policy-revoked"');
  const line = await proxy.line((one) => one['reason'] === 'policy-revoked');
  expect(line).toMatchObject({ verdict: 'deny', enforced: true, http: { path: '/cut', status: 403 } });
  expect(performance.now() - answeredMs).toBeLessThan(1_000);
  application.connections[keptAt]?.send('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  expect(await kept.until((text) => text.endsWith('ok'))).toMatch(/^HTTP\/1\.1 200 /);
  gone.send(get('/cut'));
  await gone.until((text) => text.includes('"code":"default-deny"'));
});

test('in the middle of its answer, a request is reset', async () => {
  await start(HEAD_ONLY);
  const caller = await call(stage, web);
  caller.send(get('/cut'));
  await caller.until((text) => text.endsWith('ok'));
  cut();
  await caller.end();
  expect(caller.text.endsWith('\r\n\r\nok')).toBe(true);
  const line = await proxy.line((one) => one['reason'] === 'policy-revoked');
  expect(line).toMatchObject({ verdict: 'deny', enforced: true, http: { status: 200 } });
});

test('a WebSocket is closed on both sides, another goes on', async () => {
  await start(SWITCHING);
  const [gone, kept] = [await call(stage, web), await call(stage, web)];
  gone.send(get('/cut', UPGRADE));
  kept.send(get('/keep', UPGRADE));
  await gone.until((text) => text.endsWith('hello'));
  await kept.until((text) => text.endsWith('hello'));
  cut();
  await gone.end();
  const goneAt = await arrived('/cut');
  await application.connections[goneAt]?.end();
  kept.send('ping');
  const keptAt = await arrived('/keep');
  await application.connections[keptAt]?.until((text) => text.endsWith('ping'));
});

test('with revokeGrace a request goes on for that long', async () => {
  await start(SILENT, { policy: 'revokeGrace: 1s' });
  const [brief, long] = [await call(stage, web), await call(stage, web)];
  brief.send(get('/cut', 'X-Request-Id: brief\r\n'));
  long.send(get('/cut', 'X-Request-Id: long\r\n'));
  const briefAt = await arrived('brief');
  await arrived('long');
  cut();
  await proxy.line((line) => line['msg'] === 'policy swapped');
  const late = await call(stage, web);
  late.send(get('/cut')); // no grace for what comes after the swap
  expect(await late.until((text) => text.endsWith('\n'))).toContain('"code":"default-deny"');
  application.connections[briefAt]?.send('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  expect(await brief.until((text) => text.endsWith('ok'))).toMatch(/^HTTP\/1\.1 200 /);
  const graced = await proxy.line((one) => one['requestId'] === 'brief');
  expect(graced).toMatchObject({ verdict: 'deny', enforced: false, http: { status: 200 } });
  expect(await long.until((text) => text.endsWith('\n'))).toContain('"code":"policy-revoked"');
});

test('the end of a rule cuts what it let in', async () => {
  await start(SILENT);
  const caller = await call(stage, web);
  stage.write(
    'policies/brief.yaml',
    policyText({ name: 'brief', paths: ['/brief'], annotations: expiresIn(3_000) }),
  );
  await proxy.line((line) => line['msg'] === 'policy swapped');
  caller.send(get('/brief'));
  await arrived('/brief');
  expect(await caller.until((text) => text.endsWith('\n'))).toContain('"code":"policy-revoked"');
});
