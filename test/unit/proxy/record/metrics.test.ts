// Metrics: what each request counts, bounds of every label, and an exposition that Prometheus itself accepts.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { metricsReference } from '../../../../docs/generate-metrics.ts';
import type { Decision } from '../../../../policy/request.ts';
import { METRIC_NAMES, METRICS } from '../../../../proxy/record/metric-table.ts';
import { Metrics } from '../../../../proxy/record/metrics.ts';
import { MetricsRender } from '../../../../proxy/record/metrics-render.ts';
import type { ListenerRef } from '../../../../proxy/record/record.ts';
import { readExposition, sampleValue } from './exposition.ts';
import { ALLOW, connection, DENY, INBOUND, request, WEB } from './record-samples.ts';

const HOSTILE = 'a"b\\c\nd{}=,é';
const FACTS = {
  version: HOSTILE,
  mode: (): 'enforce' | 'audit' => 'audit',
  policyHash: (): string | null => `sha256:${HOSTILE}`,
  policyLoadedMs: (): number | null => 1_756_728_000_000,
  emergencyRules: () => 2,
  svidExpiryMs: (): number | null => 1_756_731_600_000,
  identityAtMs: (): number | null => 1_756_728_500_000,
  identityProblems: (): number | null => 0,
  identityWaitMs: (): number | null => 40,
};
const LOSSES = {
  logDropped: 3,
  flowOverflow: 4,
  flowFileErrors: 5,
  spans: { exported: 6, dropped: 7, failed: 8 },
};

function fresh(listeners: readonly ListenerRef[] = [INBOUND]): {
  metrics: Metrics;
  scrape: () => Promise<string>;
} {
  const metrics = new Metrics(listeners);
  const render = new MetricsRender(metrics, FACTS, () => LOSSES);
  return { metrics, scrape: async () => (await render.expose()).body };
}

/** Something of every family. */
function everything(): ReturnType<typeof fresh> {
  const hostile: ListenerRef = { ...INBOUND, index: 1, name: HOSTILE };
  const made = fresh([INBOUND, hostile]);
  const { metrics } = made;
  metrics.request(request());
  metrics.request(request({ decision: DENY, enforced: false }));
  metrics.request(
    request({
      connection: connection({ listener: hostile, principal: HOSTILE, tlsVersion: null }),
      decision: { ...DENY, reason: 'deny-rule', rules: [HOSTILE], audit: ['audited'] },
    }),
  );
  metrics.request(request({ grpcStatus: 7 }));
  metrics.http2Error(INBOUND, 'http2-rapid-reset');
  metrics.handshake(INBOUND, 'ok');
  metrics.handshake(hostile, 'wrong-trust-domain');
  metrics.connectionOpened(INBOUND);
  metrics.connectionOpened(INBOUND);
  metrics.connectionActive(INBOUND, true);
  metrics.upstreamError(INBOUND, 'upstream-refused');
  metrics.revoked(INBOUND, 'revoked-certificate');
  metrics.failedOpen(hostile, 'expired-certificate');
  metrics.policyLoaded(HOSTILE, 'refused');
  return made;
}

describe('the exposition', () => {
  test('has every family of the table, with its type, labels and help, and no other', async () => {
    const body = await everything().scrape();
    const families = readExposition(body);
    expect([...families.keys()]).toEqual(METRIC_NAMES);
    for (const name of METRIC_NAMES) {
      const family = families.get(name);
      expect(family?.type, name).toBe(METRICS[name].type);
      expect(family?.samples.length, name).toBeGreaterThan(0);
      for (const sample of family?.samples ?? []) {
        const labels = Object.keys(sample.labels).filter((label) => label !== 'le');
        expect(labels, name).toEqual(METRICS[name].labels);
        expect(sample.value, name).toBeGreaterThanOrEqual(0);
      }
    }
  });

  test('escapes label values', async () => {
    const body = await everything().scrape();
    const labels = { rule: HOSTILE, verdict: 'deny', enforced: 'true' };
    expect(sampleValue(body, 'sallyport_rule_hits_total', labels)).toBe(1);
    expect(sampleValue(body, 'sallyport_denied_total', { source: HOSTILE, reason: 'deny-rule' })).toBe(1);
  });

  const promtool = spawnSync('promtool', ['--version']).error === undefined;
  test.runIf(promtool)('passes `promtool check metrics`', async () => {
    const run = spawnSync('promtool', ['check', 'metrics'], {
      input: await everything().scrape(),
      encoding: 'utf8',
    });
    expect({ status: run.status, output: run.stdout + run.stderr }).toEqual({ status: 0, output: '' });
  });

  test.runIf(promtool)('is what the formulas of the reference can be asked of', () => {
    const formulas = [...metricsReference().matchAll(/\| `([^`]*\(.*\))` \|/g)].map(
      ([, formula = '']) => formula,
    );
    expect(formulas).toHaveLength(6);
    const rules = formulas.map((expr, i) => ({ record: `level:${i}`, expr }));
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-rules-'));
    const file = join(folder, 'rules.yaml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'levels', rules }] }));
    const run = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect({ status: run.status, errors: run.stderr }).toEqual({ status: 0, errors: '' });
    for (const [name] of formulas.join(' ').matchAll(/sallyport_[a-z_]+/g)) {
      expect(METRIC_NAMES).toContain(name.replace(/_bucket$/, ''));
    }
  });

  test('leaves out facts that are not known yet', async () => {
    const unknown = {
      ...FACTS,
      policyHash: () => null,
      policyLoadedMs: () => null,
      svidExpiryMs: () => null,
      identityAtMs: () => null,
      identityProblems: () => null,
      identityWaitMs: () => null,
    };
    const { body } = await new MetricsRender(new Metrics([INBOUND]), unknown, () => LOSSES).expose();
    const families = readExposition(body);
    expect(families.get('sallyport_policy_info')?.samples).toEqual([]);
    expect(families.get('sallyport_svid_expiry_timestamp_seconds')?.samples).toEqual([]);
  });

  test('is rendered once for scrapes that come together', async () => {
    const render = new MetricsRender(new Metrics([INBOUND]), FACTS, () => LOSSES);
    const [a, b] = await Promise.all([render.expose(), render.expose()]);
    expect(a).toBe(b);
    expect(await render.expose()).not.toBe(a);
  });

  test('the reference names every metric', () => {
    for (const name of METRIC_NAMES) expect(metricsReference()).toContain(`| \`${name}\` |`);
  });
});

describe('a request counts', () => {
  const listener = 'inbound';
  const value = async (
    change: Parameters<typeof request>[0],
    name: string,
    labels: Record<string, string>,
  ) => {
    const { metrics, scrape } = fresh();
    metrics.request(request(change));
    return sampleValue(await scrape(), name, labels);
  };
  const audited = { decision: DENY, enforced: false, status: 200 };
  const dry: Decision = {
    ...ALLOW,
    dryRun: { verdict: 'deny', reason: 'deny-rule', rules: ['d', ALLOW.rules[0] ?? ''] },
  };
  const rule = ALLOW.rules[0] ?? '';
  const rows: {
    name: string;
    change: Parameters<typeof request>[0];
    metric: string;
    labels: Record<string, string>;
    expect: number | undefined;
  }[] = [
    {
      name: 'verdict, reason and code',
      change: {},
      metric: 'sallyport_requests_total',
      labels: { listener, verdict: 'allow', reason: 'allow-rule', code: '200' },
      expect: 1,
    },
    {
      name: 'a denial',
      change: { decision: DENY },
      metric: 'sallyport_requests_total',
      labels: { listener, verdict: 'deny', reason: 'default-deny', code: '403' },
      expect: 1,
    },
    {
      name: 'no status',
      change: { status: 0 },
      metric: 'sallyport_requests_total',
      labels: { listener, verdict: 'allow', reason: 'allow-rule', code: '0' },
      expect: 1,
    },
    {
      name: 'a status that is none',
      change: { status: 999 },
      metric: 'sallyport_requests_total',
      labels: { listener, verdict: 'allow', reason: 'allow-rule', code: 'other' },
      expect: 1,
    },
    {
      name: 'its rule',
      change: {},
      metric: 'sallyport_rule_hits_total',
      labels: { rule, verdict: 'allow', enforced: 'true' },
      expect: 1,
    },
    {
      name: 'a rule of audit mode',
      change: { ...audited, decision: { ...DENY, rules: ['d'] } },
      metric: 'sallyport_rule_hits_total',
      labels: { rule: 'd', verdict: 'deny', enforced: 'false' },
      expect: 1,
    },
    {
      name: 'a dry-run rule',
      change: { decision: dry },
      metric: 'sallyport_rule_hits_total',
      labels: { rule: 'd', verdict: 'deny', enforced: 'false' },
      expect: 1,
    },
    {
      name: 'a rule of both only as enforced',
      change: { decision: dry },
      metric: 'sallyport_rule_hits_total',
      labels: { rule, verdict: 'deny', enforced: 'false' },
      expect: undefined,
    },
    {
      name: 'an AUDIT rule',
      change: { decision: { ...ALLOW, audit: ['a'] } },
      metric: 'sallyport_rule_hits_total',
      labels: { rule: 'a', verdict: 'audit', enforced: 'false' },
      expect: 1,
    },
    {
      name: 'the denied caller',
      change: { decision: DENY },
      metric: 'sallyport_denied_total',
      labels: { source: WEB, reason: 'default-deny' },
      expect: 1,
    },
    {
      name: 'a plaintext caller without a name',
      change: { decision: DENY, connection: connection({ principal: null }) },
      metric: 'sallyport_denied_total',
      labels: { source: 'other', reason: 'default-deny' },
      expect: 1,
    },
    {
      name: 'no denial when audit forwarded it',
      change: audited,
      metric: 'sallyport_denied_total',
      labels: { source: WEB, reason: 'default-deny' },
      expect: undefined,
    },
    {
      name: 'as failing open when audit forwarded it',
      change: audited,
      metric: 'sallyport_fail_open_total',
      labels: { listener, reason: 'default-deny' },
      expect: 1,
    },
    {
      name: 'plaintext',
      change: { connection: connection({ tlsVersion: null }) },
      metric: 'sallyport_plaintext_requests_total',
      labels: { listener },
      expect: 1,
    },
    {
      name: 'no plaintext over TLS',
      change: {},
      metric: 'sallyport_plaintext_requests_total',
      labels: { listener },
      expect: 0,
    },
    {
      name: 'bytes in',
      change: {},
      metric: 'sallyport_bytes_total',
      labels: { listener, direction: 'in' },
      expect: 100,
    },
    {
      name: 'bytes out',
      change: {},
      metric: 'sallyport_bytes_total',
      labels: { listener, direction: 'out' },
      expect: 1000,
    },
    {
      name: 'its duration, above a bound',
      change: {},
      metric: 'sallyport_request_duration_seconds_bucket',
      labels: { listener, le: '0.001' },
      expect: 0,
    },
    {
      name: 'its duration, below a bound',
      change: {},
      metric: 'sallyport_request_duration_seconds_bucket',
      labels: { listener, le: '0.0025' },
      expect: 1,
    },
    {
      name: 'its duration, on a bound',
      change: { startMs: 0, endMs: 1 },
      metric: 'sallyport_request_duration_seconds_bucket',
      labels: { listener, le: '0.001' },
      expect: 1,
    },
    {
      name: 'a duration beyond all bounds',
      change: { startMs: 0, endMs: 99_000 },
      metric: 'sallyport_request_duration_seconds_bucket',
      labels: { listener, le: '+Inf' },
      expect: 1,
    },
    {
      name: 'the proxy’s own share',
      change: {},
      metric: 'sallyport_enforcement_duration_seconds_sum',
      labels: { listener },
      expect: 0.000045,
    },
  ];
  test.each(rows)('$name', async ({ change, metric, labels, expect: expected }) => {
    expect(await value(change, metric, labels)).toBe(expected);
  });
});

test('gauges and facts', async () => {
  const body = await everything().scrape();
  const listener = 'inbound';
  expect(sampleValue(body, 'sallyport_connections', { listener, state: 'active' })).toBe(1);
  expect(sampleValue(body, 'sallyport_connections', { listener, state: 'idle' })).toBe(1);
  expect(sampleValue(body, 'sallyport_handshakes_total', { listener, result: 'ok' })).toBe(1);
  expect(sampleValue(body, 'sallyport_enforcement_mode', { listener, mode: 'audit' })).toBe(1);
  expect(sampleValue(body, 'sallyport_enforcement_mode', { listener, mode: 'enforce' })).toBe(0);
  expect(sampleValue(body, 'sallyport_policy_last_success_timestamp_seconds')).toBe(1_756_728_000);
  expect(sampleValue(body, 'sallyport_identity_last_update_timestamp_seconds')).toBe(1_756_728_500);
  expect(sampleValue(body, 'sallyport_svid_expiry_timestamp_seconds')).toBe(1_756_731_600);
  expect(sampleValue(body, 'sallyport_emergency_rules')).toBe(2);
  expect(sampleValue(body, 'sallyport_log_dropped_total')).toBe(3);
  expect(sampleValue(body, 'sallyport_flow_overflow_total')).toBe(4);
  expect(sampleValue(body, 'sallyport_flow_file_errors_total')).toBe(5);
});

describe('bounds', () => {
  const total = (body: string, name: string): number =>
    (readExposition(body).get(name)?.samples ?? []).reduce((sum, { value }) => sum + value, 0);

  test('1,000 rules by name, the rest as other', async () => {
    const { metrics, scrape } = fresh();
    for (let i = 0; i < 1500; i++) metrics.request(request({ decision: { ...ALLOW, rules: [`r${i}`] } }));
    const body = await scrape();
    expect(readExposition(body).get('sallyport_rule_hits_total')?.samples).toHaveLength(1001);
    const other = { rule: 'other', verdict: 'allow', enforced: 'true' };
    expect(sampleValue(body, 'sallyport_rule_hits_total', other)).toBe(500);
  });

  test('every status of an application that answers anything', async () => {
    const { metrics, scrape } = fresh();
    for (const reason of ['allow-rule', 'allow-unselected', 'upstream-reset', 'client-closed'] as const) {
      for (let status = 0; status < 5000; status++) {
        metrics.request(request({ reason, status }));
        metrics.request(request({ reason, status, decision: DENY, enforced: false }));
      }
    }
    const body = await scrape();
    expect(readExposition(body).get('sallyport_requests_total')?.samples.length).toBeLessThan(4400);
    expect(total(body, 'sallyport_requests_total')).toBe(40_000);
  });

  test('100 denied callers by name, those denied most; the sum is exact and only grows', async () => {
    const { metrics, scrape } = fresh();
    const deny = (name: string): void =>
      metrics.request(request({ decision: DENY, connection: connection({ principal: name }) }));
    for (let i = 0; i < 300; i++) deny(`spiffe://a/${i}`);
    expect(total(await scrape(), 'sallyport_denied_total')).toBe(300);
    let other =
      sampleValue(await scrape(), 'sallyport_denied_total', { source: 'other', reason: 'default-deny' }) ?? 0;
    for (let i = 0; i < 50; i++) {
      deny('spiffe://a/loud');
      const now =
        sampleValue(await scrape(), 'sallyport_denied_total', { source: 'other', reason: 'default-deny' }) ??
        0;
      expect(now).toBeGreaterThanOrEqual(other);
      other = now;
    }
    const body = await scrape();
    expect(total(body, 'sallyport_denied_total')).toBe(350);
    expect(readExposition(body).get('sallyport_denied_total')?.samples).toHaveLength(101);
    expect(
      sampleValue(body, 'sallyport_denied_total', { source: 'spiffe://a/loud', reason: 'default-deny' }),
    ).toBe(49);
  });

  test('a flood of callers keeps its memory', () => {
    const { metrics } = fresh();
    for (let i = 0; i < 20_000; i++) metrics.denied.add(`spiffe://a/${i}`, 'default-deny');
    let names = 0;
    metrics.denied.each(() => names++);
    expect(names).toBe(101);
  });

  test('100 policy sources', async () => {
    const { metrics, scrape } = fresh();
    for (let i = 0; i < 200; i++) metrics.policyLoaded(`s${i}`, 'ok');
    const body = await scrape();
    expect(sampleValue(body, 'sallyport_policy_loads_total', { source: 'other', result: 'ok' })).toBe(100);
  });
});
