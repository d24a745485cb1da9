// A policy file is edited, renamed or swapped by Kubernetes, or a rule expires: the connection stays, its
// next request is judged by the new rules.
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { adminPage, eventually, metric } from './stage/observe.ts';
import { expiresIn, policyText } from './stage/policies.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK, type Wire } from './stage/wire.ts';

let stage: Stage;
let application: Application;
let proxy: RunningProxy;
let web: SvidFiles;
let caller: Wire;

beforeAll(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
  web = await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web');
  proxy = await stage.start({
    upstreamPort: application.port,
    policies: { 'web.yaml': policyText({ paths: ['/start'] }) },
  });
  caller = await call(stage, web);
});

afterAll(async () => {
  await stage.close();
  application.close();
});

/** Puts the folder back to one policy that allows /start alone. */
beforeEach(async () => {
  rmSync(stage.path('policies'), { recursive: true });
  mkdirSync(stage.path('policies'));
  await swapTo({ 'web.yaml': policyText({ paths: ['/start'] }) }, ['ns[shop]-policy[web]-rule[0]']);
  await until('/start', 200);
});

/** Status of one more request on the one connection of this file. */
async function ask(path: string): Promise<number> {
  const from = caller.text.length;
  caller.send(get(path));
  const answer = await caller.until((text) => /\r\n\r\n(ok|[\s\S]*\n)$/.test(text.slice(from)));
  return Number(answer.slice(from + 9, from + 12));
}

const until = (path: string, status: number): Promise<number> =>
  eventually(
    () => ask(path),
    (got) => got === status,
  );

async function rulesInForce(): Promise<string[]> {
  return (JSON.parse((await adminPage(stage, '/policy')).text) as { rules: string[] }).rules;
}

async function swapTo(files: Readonly<Record<string, string>>, rules: readonly string[]): Promise<void> {
  for (const [name, text] of Object.entries(files)) stage.write(`policies/${name}`, text);
  await eventually(rulesInForce, (now) => JSON.stringify(now) === JSON.stringify(rules));
}

test('writing in place', async () => {
  stage.write('policies/web.yaml', policyText({ paths: ['/other'] }));
  await until('/other', 200);
  expect(await ask('/start')).toBe(403);
});

test('renaming a new file over the old one', async () => {
  stage.write('web.yaml.new', policyText({ paths: ['/renamed'] }));
  renameSync(stage.path('web.yaml.new'), stage.path('policies/web.yaml'));
  await until('/renamed', 200);
  expect(await ask('/start')).toBe(403);
});

test('renaming a new folder into place', async () => {
  mkdirSync(stage.path('next'));
  writeFileSync(stage.path('next/web.yaml'), policyText({ paths: ['/folder'] }));
  renameSync(stage.path('policies'), stage.path('before'));
  renameSync(stage.path('next'), stage.path('policies'));
  await until('/folder', 200);
  expect(await ask('/start')).toBe(403);
  rmSync(stage.path('before'), { recursive: true });
});

test('the ..data link that Kubernetes swaps in a mounted ConfigMap', async () => {
  const version = (name: string, path: string): void => {
    mkdirSync(stage.path(`policies/..${name}`));
    stage.write(`policies/..${name}/web.yaml`, policyText({ paths: [path] }));
    symlinkSync(`..${name}`, stage.path('policies/..data_tmp'));
    renameSync(stage.path('policies/..data_tmp'), stage.path('policies/..data'));
  };
  unlinkSync(stage.path('policies/web.yaml'));
  version('2026_01', '/first');
  symlinkSync('..data/web.yaml', stage.path('policies/web.yaml'));
  await until('/first', 200);
  version('2026_02', '/second');
  rmSync(stage.path('policies/..2026_01'), { recursive: true });
  await until('/second', 200);
  expect(await ask('/first')).toBe(403);
});

test('an emptied folder denies by default, and the proxy stays ready', async () => {
  unlinkSync(stage.path('policies/web.yaml'));
  await until('/start', 403);
  const line = await proxy.line((one) => one['policyHash'] !== undefined && one['reason'] === 'default-deny');
  expect(line).toMatchObject({ verdict: 'deny', enforced: true, rules: [] });
  expect((await fetch(`http://127.0.0.1:${stage.statusPort}/readyz`)).status).toBe(200);
});

test('an expired ALLOW stops matching at its moment, and opens nothing', async () => {
  const annotations = expiresIn(3_000);
  const endMs = Date.parse(annotations['sallyport.dev/expires-at'] ?? '');
  stage.write('policies/web.yaml', policyText({ paths: ['/start', '/brief'], annotations }));
  await until('/brief', 200);
  await eventually(
    () => Date.now(),
    (now) => now > endMs + 50,
  );
  expect(await ask('/brief')).toBe(403);
  expect(await ask('/start')).toBe(403);
  const { text } = await adminPage(stage, '/policy');
  expect(JSON.parse(text)).toMatchObject({ sources: { namespace: { policies: 1 } } });
});

test('an emergency DENY isolates, is counted, and ends by itself', async () => {
  const annotations = {
    ...expiresIn(4_000),
    'sallyport.dev/emergency': 'true',
    'sallyport.dev/reason': 'incident 7',
    'sallyport.dev/author': 'sre',
  };
  stage.write(
    'policies/isolate.yaml',
    policyText({ name: 'isolate', action: 'DENY', principals: ['*'], annotations }),
  );
  await until('/start', 403);
  expect(await metric(stage, 'sallyport_emergency_rules')).toBe(1);
  await until('/start', 200);
  expect(await metric(stage, 'sallyport_emergency_rules')).toBe(0);
});

test('deny-status 404 hides the workload: neither status nor body speaks of a policy', async () => {
  stage.write(
    'policies/hide.yaml',
    policyText({
      name: 'hide',
      action: 'DENY',
      paths: ['/hidden'],
      annotations: { 'sallyport.dev/deny-status': '404' },
    }),
  );
  await until('/hidden', 404);
  const from = caller.text.length;
  expect(await ask('/hidden')).toBe(404);
  const answer = caller.text.slice(from);
  expect(answer).toContain('"code":"not-found"');
  expect(answer).not.toMatch(/deny|policy|rule/);
  await proxy.line((line) => line['reason'] === 'deny-rule');
});

test('a dry-run DENY changes no answer, and its verdict stands beside the enforced one', async () => {
  stage.write(
    'policies/dry.yaml',
    policyText({
      name: 'dry',
      action: 'DENY',
      paths: ['/start'],
      annotations: { 'istio.io/dry-run': 'true' },
    }),
  );
  await eventually(rulesInForce, (rules) => rules.some((rule) => rule.includes('dry')));
  expect(await ask('/start')).toBe(200);
  const line = await proxy.line((one) => one['dryRun'] !== undefined);
  expect(line).toMatchObject({
    verdict: 'allow',
    enforced: true,
    dryRun: { verdict: 'deny', reason: 'deny-rule', rules: ['ns[shop]-policy[dry]-rule[0]'] },
  });
  const hits =
    'sallyport_rule_hits_total{rule="ns[shop]-policy[dry]-rule[0]",verdict="deny",enforced="false"}';
  expect(await metric(stage, hits)).toBeGreaterThan(0);
});

test('all of it on one connection', () => {
  expect(caller.closed).toBe(false);
});
