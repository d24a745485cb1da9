// Audit mode forwards what a policy denies and records the would-be verdict; it forgives nothing else. The
// mode follows the configuration file, and nothing else in it does.
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { adminPage, eventually, metric, statusPage } from './stage/observe.ts';
import { policyText } from './stage/policies.ts';
import { type LogLine, type RunningProxy, Stage, type StageOptions, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK, type Script } from './stage/wire.ts';

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

async function start(options: StageOptions, script: Script = answering(OK)): Promise<RunningProxy> {
  application = await Application.start(script);
  return stage.start({ upstreamPort: application.port, ...options });
}

const AUDIT = 'mode: audit';
const DENIES = { 'web.yaml': policyText({ action: 'DENY', paths: ['/denied'] }) };

test.each([
  { name: 'a rule', policies: DENIES, reason: 'deny-rule', rules: ['ns[shop]-policy[web]-rule[0]'] },
  { name: 'the default', policies: { 'web.yaml': policyText() }, reason: 'default-deny', rules: [] },
  { name: 'an empty folder', policies: {}, reason: 'default-deny', rules: [] },
])('$name denies: forwarded, recorded, counted', async ({ policies, reason, rules }) => {
  const proxy = await start({ policy: AUDIT, policies });
  const svid =
    reason === 'deny-rule' ? web : await stage.svid('other', 'spiffe://example.org/ns/shop/sa/other');
  const caller = await call(stage, svid);
  caller.send(get('/denied'));
  expect(await caller.until((text) => text.endsWith('ok'))).toMatch(/^HTTP\/1\.1 200 /);
  const would = { verdict: 'deny', enforced: false, reason, rules };
  expect(await proxy.line((line) => line['verdict'] === 'deny')).toMatchObject({
    ...would,
    http: { status: 200 },
  });
  const flows = JSON.parse((await adminPage(stage, '/flows')).text) as LogLine[];
  expect(flows).toEqual([expect.objectContaining(would)]);
  const labels = `listener="inbound",verdict="deny",reason="${reason}",code="200"`;
  expect(await metric(stage, `sallyport_requests_total{${labels}}`)).toBe(1);
  expect(await metric(stage, `sallyport_fail_open_total{listener="inbound",reason="${reason}"}`)).toBe(1);
  expect(await metric(stage, 'sallyport_enforcement_mode{listener="inbound",mode="audit"}')).toBe(1);
  expect((await statusPage(stage, '/readyz')).text).toContain('softer than enforce: policy.mode=audit');
  expect(await proxy.line((line) => line['msg'] === 'ready')).toMatchObject({ mode: 'policy.mode=audit' });
});

test('a protocol error, a stranger and a bad first load are denied all the same', async () => {
  const proxy = await start({ policy: AUDIT, policies: {} });
  const rude = await call(stage, web);
  rude.send('GET /a//b HTTP/1.1\r\nHost: cart.shop\r\n\r\n');
  expect(await rude.until((text) => text.endsWith('\n'))).toMatch(/^HTTP\/1\.1 400 [\s\S]*"ambiguous-path"/);

  const other = await createAuthority({ trustDomain: 'example.org' });
  const stranger = await stage.svid('stranger', 'spiffe://example.org/ns/shop/sa/web', { authority: other });
  const refused = await call(stage, stranger);
  refused.send(get('/'));
  expect(await refused.end()).toBe('');
  await proxy.line((line) => line['reason'] === 'untrusted-certificate');
  await proxy.kill();

  stage.launch({
    policy: AUDIT,
    upstreamPort: application.port,
    policies: { 'web.yaml': policyText().replace('spec', 'spek') },
  });
  await eventually(
    () => statusPage(stage, '/readyz').catch(() => null),
    (page) => page?.text.includes('policy: invalid-policy') === true,
  );
  const caller = await call(stage, web);
  caller.send(get('/'));
  expect(await caller.until((text) => text.endsWith('\n'))).toContain('"code":"invalid-policy"');
  expect(application.connections).toHaveLength(0);
});

test('the mode follows the file, on a live connection and for requests in flight', async () => {
  const silent: Script = () => undefined;
  const proxy = await start({ policies: {} }, silent);
  const caller = await call(stage, web);
  caller.send(get('/first'));
  expect(await caller.until((text) => text.endsWith('\n'))).toContain('"code":"default-deny"');

  const mode = async (text: string): Promise<void> => {
    const from = proxy.lines.length;
    stage.configure({ upstreamPort: application.port, policies: {}, policy: text });
    const said = await proxy.line((line) => proxy.lines.indexOf(line) >= from && line['mode'] !== undefined);
    expect(said).toMatchObject({ msg: 'configuration read again' });
  };
  await mode(AUDIT);
  caller.send(get('/second'));
  await eventually(
    () => application.connections.length,
    (n) => n === 1,
  );
  await mode('mode: enforce');
  expect(await caller.until((text) => text.includes('policy-revoked'))).toContain('HTTP/1.1 403');
  expect(await proxy.line((line) => line['reason'] === 'policy-revoked')).toMatchObject({ enforced: true });
  expect(await metric(stage, 'sallyport_enforcement_mode{listener="inbound",mode="enforce"}')).toBe(1);
});

test('other changes of the file wait for a restart; a bad file changes nothing', async () => {
  const proxy = await start({ policies: {}, listener: 'limits: { headers: 50 }' });
  const counted = (result: string): Promise<number> =>
    metric(stage, `sallyport_policy_loads_total{source="config",result="${result}"}`);
  stage.configure({ upstreamPort: application.port, policies: {}, listener: 'limits: { headers: 60 }' });
  const changed = await proxy.line((line) => line['level'] === 'warn' && line['keys'] !== undefined);
  expect(changed).toMatchObject({ keys: ['listeners[0].limits.headers'] });
  expect(changed['msg']).toContain('restart');
  expect(await counted('ok')).toBe(1);

  stage.configure({
    upstreamPort: application.port,
    policies: {},
    policy: 'mode: audit\ndefaultVerdit: deny',
  });
  const fault = await proxy.line((line) => line['msg'] === 'configuration fault');
  expect(fault).toMatchObject({
    level: 'error',
    at: { file: stage.path('sallyport.yaml'), line: expect.any(Number), column: expect.any(Number) },
    hint: expect.stringContaining('did you mean `defaultVerdict`'),
  });
  expect(await counted('refused')).toBe(1);
  const caller = await call(stage, web);
  caller.send(get('/'));
  expect(await caller.until((text) => text.endsWith('\n'))).toContain('"code":"default-deny"'); // not audit

  rmSync(stage.path('sallyport.yaml'));
  await eventually(
    () => counted('refused'),
    (n) => n === 2,
  );
  expect(proxy.exitCode).toBeNull();
});
