// A pipe that nobody reads, or whose reader left, costs log lines and nothing else; so does a flow file that
// is rotated.
import { spawn } from 'node:child_process';
import { readFileSync, renameSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Load } from './stage/load.ts';
import { eventually, metric, statusPage } from './stage/observe.ts';
import { policyText } from './stage/policies.ts';
import { RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, OK } from './stage/wire.ts';

const LONG = `/${'x'.repeat(900)}`;

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

const ready = (): Promise<unknown> =>
  eventually(
    () => statusPage(stage, '/readyz').catch(() => ({ status: 0 })),
    ({ status }) => status === 200,
    20_000,
  );

test('a pipe that nobody reads: requests go on, lost lines are counted, SIGTERM still ends it', async () => {
  const proxy = stage.launch({ upstreamPort: application.port });
  proxy.child.stdout?.removeAllListeners('data').pause();
  await ready();
  // 1 KiB a line: past the 64 KiB of the pipe and the 1 MiB of the proxy's buffer.
  const load = new Load(stage, web, { targets: [LONG], perSecond: 5_000, kept: 8 });
  await eventually(
    () => metric(stage, 'sallyport_log_dropped_total'),
    (dropped) => dropped > 100,
    20_000,
  );
  const before = load.answers.length;
  await eventually(
    () => load.answers.length,
    (n) => n > before + 100,
  );
  await load.stop();
  expect(load.failures).toEqual([]);
  proxy.signal('SIGTERM');
  expect(await proxy.exited()).toBe(0);
});

test('a reader that left: requests go on, lost lines are counted', async () => {
  const proxy = stage.launch({ upstreamPort: application.port });
  await ready();
  proxy.child.stdout?.destroy();
  const load = new Load(stage, web, { targets: ['/a'], perSecond: 200, kept: 4 });
  await eventually(
    () => metric(stage, 'sallyport_log_dropped_total'),
    (dropped) => dropped > 50,
  );
  await load.stop();
  expect(load.failures).toEqual([]);
  proxy.signal('SIGTERM');
  expect(await proxy.exited()).toBe(0);
});

test('standard output that is closed from the start is no reason not to serve', async () => {
  const config = stage.configure({ upstreamPort: application.port });
  const entry = new URL('../../cli/main.ts', import.meta.url).pathname;
  const command = `exec "${process.execPath}" "${entry}" proxy --config "${config}" >&-`;
  const proxy = new RunningProxy(spawn('sh', ['-c', command], { stdio: 'pipe' }));
  try {
    await ready();
    const load = new Load(stage, web, { targets: ['/a'], perSecond: 100, kept: 2 });
    await eventually(
      () => load.answers.length,
      (n) => n > 20,
    );
    await load.stop();
    expect(load.failures).toEqual([]);
    proxy.signal('SIGTERM');
    expect(await proxy.exited()).toBe(0);
  } finally {
    await proxy.kill();
  }
});

test('flows.file: appended every interval, also after it was rotated away, and at the end', async () => {
  const proxy = await stage.start({
    upstreamPort: application.port,
    policies: { 'web.yaml': policyText({ paths: ['/a', '/items/*'] }) },
    blocks: 'flows: { file: flows.jsonl, interval: 1s }\nshutdown: { delay: 0s, drain: 5s }',
  });
  const records = (name: string): Record<string, unknown>[] => {
    const text = readFileSync(stage.path(name), 'utf8');
    return text === ''
      ? []
      : text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line));
  };
  const load = new Load(stage, web, { targets: ['/a', '/items/17', '/no'], perSecond: 100, kept: 3 });
  await eventually(
    () => records('flows.jsonl').length,
    (n) => n >= 3,
  );
  renameSync(stage.path('flows.jsonl'), stage.path('flows.jsonl.1'));
  await eventually(
    () => {
      try {
        return records('flows.jsonl').length;
      } catch {
        return 0; // not made again yet
      }
    },
    (n) => n >= 3,
  );
  await load.stop();
  proxy.signal('SIGTERM');
  expect(await proxy.exited()).toBe(0);
  const all = [...records('flows.jsonl.1'), ...records('flows.jsonl')];
  expect(all.reduce((sum, record) => sum + Number(record['count']), 0)).toBe(load.answers.length);
  const paths = all.map((record) => (record['http'] as Record<string, unknown>)['path']);
  expect(new Set(paths)).toEqual(new Set(['/a', '/items/{*}', '/no']));
  expect(all[0]).toMatchObject({
    source: { principal: 'spiffe://example.org/ns/shop/sa/web' },
    destination: { workload: 'cart', namespace: 'shop', port: application.port },
    firstSeen: expect.any(String),
    lastSeen: expect.any(String),
    window: expect.any(Number),
    bytes: expect.any(Number),
  });
});
