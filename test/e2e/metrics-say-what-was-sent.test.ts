// /metrics: every metric of the contract, accepted by promtool, with values equal to what was sent and no
// label that a stranger chose.
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority } from '../../certs/authority/authority.ts';
import { METRIC_NAMES } from '../../proxy/record/metric-table.ts';
import { metric, statusPage } from './stage/observe.ts';
import { policyText } from './stage/policies.ts';
import { type RunningProxy, Stage, type SvidFiles } from './stage/stage.ts';
import { Application, answering, call, get, OK, type Wire } from './stage/wire.ts';

// The contract's list; the table may have more.
const PROMISED =
  `requests_total rule_hits_total denied_total request_duration_seconds enforcement_duration_seconds
  enforcement_mode connections handshakes_total plaintext_requests_total bytes_total policy_info
  policy_loads_total
  policy_last_success_timestamp_seconds emergency_rules svid_expiry_timestamp_seconds identity_wait_seconds
  upstream_errors_total fail_open_total log_dropped_total build_info`
    .split(/\s+/)
    .map((name) => `sallyport_${name}`);

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
    policies: { 'web.yaml': policyText({ paths: ['/a*'] }) },
  });
  caller = await call(stage, web);
});

afterAll(async () => {
  await stage.close();
  application.close();
});

async function ask(count: number, path: string): Promise<void> {
  for (let n = 0; n < count; n++) {
    const from = caller.text.length;
    caller.send(get(path));
    await caller.until((text) => /(\r\n\r\nok|\}\n)$/.test(text.slice(from)));
  }
}

const requests = (verdict: string, reason: string, code: number): Promise<number> =>
  metric(
    stage,
    `sallyport_requests_total{listener="inbound",verdict="${verdict}",reason="${reason}",code="${code}"}`,
  );

test('counts are those of the requests sent', async () => {
  await ask(7, '/a');
  await ask(5, '/a-path-of-a-stranger');
  await ask(3, '/no');
  expect(await requests('allow', 'allow-rule', 200)).toBe(12);
  expect(await requests('deny', 'default-deny', 403)).toBe(3);
  const rule = 'rule="ns[shop]-policy[web]-rule[0]",verdict="allow",enforced="true"';
  expect(await metric(stage, `sallyport_rule_hits_total{${rule}}`)).toBe(12);
  const denied = 'source="spiffe://example.org/ns/shop/sa/web",reason="default-deny"';
  expect(await metric(stage, `sallyport_denied_total{${denied}}`)).toBe(3);
  expect(await metric(stage, 'sallyport_request_duration_seconds_count{listener="inbound"}')).toBe(15);
  expect(await metric(stage, 'sallyport_enforcement_duration_seconds_count{listener="inbound"}')).toBe(15);
  expect(await metric(stage, 'sallyport_handshakes_total{listener="inbound",result="ok"}')).toBe(1);
  expect(await metric(stage, 'sallyport_connections{listener="inbound",state="idle"}')).toBe(1);
  expect(await metric(stage, 'sallyport_connections{listener="inbound",state="active"}')).toBe(0);
  expect(await metric(stage, 'sallyport_bytes_total{listener="inbound",direction="out"}')).toBe(
    caller.text.length,
  );
  const sent = 7 * get('/a').length + 5 * get('/a-path-of-a-stranger').length + 3 * get('/no').length;
  expect(await metric(stage, 'sallyport_bytes_total{listener="inbound",direction="in"}')).toBe(sent);
});

test('an upstream that is gone, a refused stranger, an emergency rule', async () => {
  application.close();
  await ask(1, '/a');
  expect(await requests('allow', 'upstream-refused', 503)).toBe(1);
  const errors = 'sallyport_upstream_errors_total{listener="inbound",reason="upstream-refused"}';
  expect(await metric(stage, errors)).toBe(1);
  const authority = await createAuthority({ trustDomain: 'evil.example' });
  const stranger = await stage.svid('stranger', 'spiffe://evil.example/ns/x/sa/y', { authority });
  await (await call(stage, stranger)).end();
  await proxy.line((line) => line['reason'] === 'wrong-trust-domain');
  const refused = 'sallyport_handshakes_total{listener="inbound",result="wrong-trust-domain"}';
  expect(await metric(stage, refused)).toBe(1);
});

test('every metric that is promised is in the table, and what it describes is exposed', async () => {
  expect(PROMISED.filter((name) => !METRIC_NAMES.some((known) => known === name))).toEqual([]);
  const { text } = await statusPage(stage, '/metrics');
  const exposed = PROMISED.filter((name) => text.includes(`# TYPE ${name} `));
  expect(PROMISED.filter((name) => !exposed.includes(name))).toEqual([]);
  const now = Date.now() / 1_000;
  expect(await metric(stage, 'sallyport_svid_expiry_timestamp_seconds')).toBeGreaterThan(now);
  expect(await metric(stage, 'sallyport_policy_last_success_timestamp_seconds')).toBeLessThan(now);
  expect(await metric(stage, 'sallyport_identity_wait_seconds')).toBeGreaterThan(0);
});

test('no label holds a path or what an unverified peer calls itself', async () => {
  const { text } = await statusPage(stage, '/metrics');
  expect(text).not.toMatch(/path-of-a-stranger|evil\.example|\/no"/);
});

test('promtool finds nothing', async () => {
  const { text } = await statusPage(stage, '/metrics');
  const { status, stdout, stderr, error } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  if (error !== undefined)
    throw new Error('`promtool` is missing: apt-get install prometheus', { cause: error });
  // It also lints names; those of process_* and nodejs_* are the ecosystem's own.
  expect({
    status,
    ours: `${stdout}${stderr}`.split('\n').filter((line) => line.startsWith('sallyport')),
  }).toEqual({
    status: 0,
    ours: [],
  });
});
