// A policy swap between a verdict and the first byte to the application: the new table decides, and the
// request it denies gets its 403 without disturbing the ones behind it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adminPage, eventually } from './stage/observe.ts';
import { answered, codeOf } from './stage/routed.ts';
import { type RunningProxy, Stage } from './stage/stage.ts';
import { StoppedApplication } from './stage/stopped.ts';
import { call, get } from './stage/wire.ts';

const policy = (paths: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: most, namespace: shop }
spec:
  action: ALLOW
  rules: [{ to: [{ operation: { notPaths: [${paths}] } }] }]
`;

let stage: Stage;
let application: StoppedApplication;
let proxy: RunningProxy;

beforeAll(async () => {
  stage = await Stage.create();
  application = await StoppedApplication.start();
  proxy = await stage.start({
    upstreamPort: application.port,
    upstream: 'connectTimeout: 20s',
    policies: { 'most.yaml': policy('"/never"') },
    // So that the guard leaves the request alone, and only the permit stands between it and the application.
    policy: 'revokeGrace: 60s',
  });
});

afterAll(async () => {
  await stage.close();
  application.close();
});

test('requests that were allowed and wait for a connection are judged again, each for itself', async () => {
  const caller = await call(stage, await stage.svid('web', 'spiffe://example.org/ns/shop/sa/web'));
  const hash = async (): Promise<string> => JSON.parse((await adminPage(stage, '/policy')).text).policyHash;
  const before = await hash();
  const post = 'POST /closed HTTP/1.1\r\nHost: cart.shop\r\nContent-Length: 5\r\n\r\nhello';
  caller.send(get('/closed') + get('/open') + post + get('/open'));
  await eventually(
    async () => (await adminPage(stage, '/connections')).text,
    (text) => text.includes('"serving"'),
  );
  stage.write('policies/most.yaml', policy('"/closed"'));
  await eventually(hash, (now) => now !== before);
  application.proceed();
  const all = await answered(caller, 4, 20_000);
  expect(all.map((one) => [one.status, codeOf(one)])).toEqual([
    [403, 'default-deny'],
    [200, ''],
    [403, 'default-deny'],
    [200, ''],
  ]);
  expect(application.text).not.toContain('/closed');
  expect(application.text.split('GET /open').length).toBe(3);
  const line = await proxy.line((one) => one['verdict'] === 'deny');
  expect(line).toMatchObject({
    enforced: true,
    reason: 'default-deny',
    http: { path: '/closed', status: 403 },
  });
  caller.socket.destroy();
});
