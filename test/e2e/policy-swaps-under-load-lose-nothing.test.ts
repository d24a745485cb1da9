// Two policies that contradict each other are swapped back and forth under load: no request fails, and every
// verdict is that of the policy that the log names beside it.
import { renameSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Load } from './stage/load.ts';
import { adminPage, eventually } from './stage/observe.ts';
import { policyText } from './stage/policies.ts';
import { type LogLine, type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, OK } from './stage/wire.ts';

const SWAPS = 20;
const PATHS = ['/a', '/b'] as const;

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({
    upstreamPort: application.port,
    policies: { 'web.yaml': policyText({ paths: ['/a'] }) },
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

const hashNow = async (): Promise<string> =>
  (JSON.parse((await adminPage(stage, '/policy')).text) as { policyHash: string }).policyHash;

/** How many requests a line stands for: repeated denials come as one line with a count. */
const countOf = (line: LogLine): number => (typeof line['count'] === 'number' ? line['count'] : 1);

test(`${SWAPS} swaps at 300 requests a second`, async () => {
  const allowedBy = new Map<string, string>([[await hashNow(), '/a']]);
  const load = new Load(stage, web, { targets: PATHS, perSecond: 300, kept: 10 });
  let last = await hashNow();
  for (let swap = 1; swap <= SWAPS; swap++) {
    const path = PATHS[swap % 2] ?? '/a';
    stage.write('next.yaml', policyText({ paths: [path] }));
    renameSync(stage.path('next.yaml'), stage.path('policies/web.yaml'));
    const hash = last;
    last = await eventually(hashNow, (now) => now !== hash);
    allowedBy.set(last, path);
    const enough = load.answers.length + 30;
    await eventually(
      () => load.answers.length,
      (n) => n >= enough,
    );
  }
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(allowedBy.size).toBe(2);
  const statuses = new Set(load.answers.map(({ status }) => status));
  expect([...statuses].sort()).toEqual([200, 403]);

  // Ends the proxy, so that the counts of collapsed lines are all written.
  proxy.signal('SIGTERM');
  expect(await proxy.exited()).toBe(0);
  const wrong = proxy.decisions().filter((line) => {
    const { path } = line['http'] as { path: string };
    const right = allowedBy.get(String(line['policyHash'])) === path ? 'allow' : 'deny';
    return line['verdict'] !== right;
  });
  expect(wrong).toEqual([]);
  for (const [verdict, status] of [
    ['allow', 200],
    ['deny', 403],
  ] as const) {
    const logged = proxy.decisions().filter((line) => line['verdict'] === verdict);
    const answered = load.answers.filter((answer) => answer.status === status);
    expect(logged.reduce((sum, line) => sum + countOf(line), 0)).toBe(answered.length);
  }
});
