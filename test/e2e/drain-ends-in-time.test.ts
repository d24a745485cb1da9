// The end of a shutdown: what runs may finish, but only until the deadline, and a second signal does not wait
// at all.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { draining, eventually, openConnections } from './stage/observe.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, call, get, OK, type Script } from './stage/wire.ts';

let stage: Stage;
let application: Application;
let web: SvidFiles;

beforeEach(async () => {
  stage = await Stage.create();
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
});

afterEach(async () => {
  await stage.close();
  application.close();
});

async function start(shutdown: string, script: Script): Promise<RunningProxy> {
  application = await Application.start(script);
  return stage.start({
    upstreamPort: application.port,
    blocks: `log: { decisions: all }\nshutdown: ${shutdown}`,
  });
}

const inFlight = (count: number): Promise<unknown> =>
  eventually(
    () => application.connections.filter(({ text }) => text.endsWith('\r\n\r\n')).length,
    (n) => n >= count,
  );

test('a long request finishes, idle connections are closed, new ones are refused', async () => {
  const proxy = await start('{ delay: 0s, drain: 20s }', () => undefined);
  const [long, idle] = [await call(stage, web), await call(stage, web)];
  long.send(get('/long'));
  await inFlight(1);
  proxy.signal('SIGTERM');
  expect(await idle.end()).toBe('');
  await expect(call(stage, web)).rejects.toThrow(/ECONNREFUSED|ECONNRESET/);
  expect(proxy.exitCode).toBeNull();
  application.connections[0]?.send(OK);
  const answer = await long.end();
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n[\s\S]*ok$/i);
  expect(await proxy.exited()).toBe(0);
  expect(proxy.decisions()).toHaveLength(1);
});

test('the deadline ends what does not finish: 503 before the answer, a reset within it', async () => {
  const proxy = await start('{ delay: 0s, drain: 1s }', (wire, index) => {
    if (index === 1)
      wire.socket.once('data', () => wire.send('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'));
  });
  const [stuck, half] = [await call(stage, web), await call(stage, web)];
  stuck.send(get('/stuck'));
  await inFlight(1);
  half.send(get('/half'));
  await half.until((text) => text.endsWith('half'));
  proxy.signal('SIGTERM');
  expect(await stuck.end(5_000)).toMatch(/^HTTP\/1\.1 503 [\s\S]*"code":"draining"/);
  expect((await half.end()).endsWith('half')).toBe(true);
  expect(await proxy.exited()).toBe(0);
  const line = (path: string, status: number): unknown =>
    expect.objectContaining({ reason: 'draining', http: expect.objectContaining({ path, status }) });
  expect(proxy.decisions()).toEqual([line('/stuck', 503), line('/half', 200)]);
});

test('a second signal ends it at once', async () => {
  const proxy = await start('{ delay: 10m, drain: 10m }', () => undefined);
  const stuck = await call(stage, web);
  stuck.send(get('/stuck'));
  await inFlight(1);
  proxy.signal('SIGTERM');
  await draining(stage);
  expect(await openConnections(stage)).toBe(1);
  const startMs = performance.now();
  proxy.signal('SIGTERM');
  expect(await proxy.exited()).toBe(0);
  expect(performance.now() - startMs).toBeLessThan(3_000);
});
