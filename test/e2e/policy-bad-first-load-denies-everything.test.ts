// When the first load is bad the proxy runs, says so, is not ready, and denies every request; mending the
// file ends it.
import { mkdirSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually, metric, statusPage } from './stage/observe.ts';
import { policyText } from './stage/policies.ts';
import { Stage, type StageOptions } from './stage/stage.ts';
import { Application, answering, call, get, OK } from './stage/wire.ts';

let stage: Stage;
let application: Application;

beforeEach(async () => {
  stage = await Stage.create();
  application = await Application.start(answering(OK));
});

afterEach(async () => {
  await stage.close();
  application.close();
});

const AUDIT: StageOptions = { policy: 'mode: audit' };

test.each<{ name: string; policies: Record<string, string>; code: string; options?: StageOptions }>([
  {
    name: 'a typo',
    policies: { 'web.yaml': policyText().replace('rules', 'ruels') },
    code: 'ERR_POLICY_UNKNOWN_FIELD',
  },
  { name: 'a folder that does not exist', policies: {}, code: 'ERR_POLICY_FILE' },
  {
    name: 'a typo, in audit mode too',
    policies: { 'web.yaml': policyText().replace('rules', 'ruels') },
    code: 'ERR_POLICY_UNKNOWN_FIELD',
    options: AUDIT,
  },
])('$name', async ({ policies, code, options = {} }) => {
  const missing = Object.keys(policies).length === 0;
  const proxy = stage.launch({ ...options, upstreamPort: application.port, policies });
  if (missing) rmSync(stage.path('policies'), { recursive: true });
  const found = await proxy.line((line) => line['code'] === code);
  expect(found).toMatchObject({ level: 'error', hint: expect.any(String) });
  const said = await proxy.line((line) => line['msg'] === 'not ready');
  expect(said).toMatchObject({ level: 'error', reasons: ['policy: invalid-policy'] });
  expect(await statusPage(stage, '/readyz')).toMatchObject({
    status: 503,
    text: expect.stringContaining('reason: policy: invalid-policy'),
  });
  expect((await statusPage(stage, '/healthz')).status).toBe(200);

  const caller = await call(stage, await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web'));
  caller.send(get('/'));
  const answer = await caller.until((text) => text.endsWith('\n'));
  expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  expect(answer).toContain('"code":"invalid-policy"');
  expect(application.connections).toHaveLength(0);
  await proxy.line((line) => line['reason'] === 'invalid-policy' && line['verdict'] === 'deny');
  expect(
    await metric(stage, 'sallyport_policy_loads_total{source="namespace",result="refused"}'),
  ).toBeGreaterThan(0);

  mkdirSync(stage.path('policies'), { recursive: true });
  stage.write('policies/web.yaml', policyText());
  await proxy.line((line) => line['msg'] === 'ready');
  caller.send(get('/'));
  await caller.until((text) => text.endsWith('ok')); // the same connection
  await eventually(
    () => statusPage(stage, '/readyz'),
    ({ status }) => status === 200,
  );
});
