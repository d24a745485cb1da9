// SIGTERM and SIGINT: not ready at once, still accepting for shutdown.delay with `Connection: close`, then
// finishing, then exit 0. No request is lost on the way.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Load } from './stage/load.ts';
import { draining, eventually } from './stage/observe.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK } from './stage/wire.ts';

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

async function start(shutdown: string): Promise<RunningProxy> {
  application = await Application.start(answering(OK));
  return stage.start({
    upstreamPort: application.port,
    blocks: `log: { decisions: all }\nshutdown: ${shutdown}`,
  });
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s at 200 requests a second loses none', async (signal) => {
  const proxy = await start('{ delay: 4s, drain: 10s }');
  const load = new Load(stage, web, { targets: ['/a'], perSecond: 200, kept: 8, fresh: 4 });
  await eventually(
    () => load.answers.length,
    (n) => n > 100,
  );
  proxy.signal(signal);
  await draining(stage);
  const before = load.answers.length;
  // As a load balancer does: it takes the proxy out some time after the probe failed, within the delay.
  await eventually(
    () => load.answers.length,
    (n) => n > before + 20,
  );
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(new Set(load.answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(load.answers.at(-1)?.connection).toBe('close');
  expect(await proxy.exited()).toBe(0);
  expect(proxy.decisions()).toHaveLength(load.answers.length);
});

test('without a delay, a request on its way in is still answered', async () => {
  const proxy = await start('{ delay: 0s, drain: 10s }');
  const callers = await Promise.all(Array.from({ length: 4 }, () => call(stage, web)));
  proxy.signal('SIGTERM');
  await proxy.line((line) => line['msg'] === 'shutting down');
  for (const caller of callers) caller.send(get('/late'));
  for (const caller of callers) {
    const answer = await caller.end();
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n/i);
  }
  expect(await proxy.exited()).toBe(0);
});
