// The starter policies in deploy/policies: what each allows and denies on the proxy's own engine, and that
// Istio's definition accepts them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { lintPolicies } from '../../../../policy/lint/lint.ts';
import { STARTERS } from '../../../../policy/new/starters.ts';
import { parsePolicies } from '../../../../policy/parse.ts';
import { ISTIO_POLICY } from '../istio-schema.ts';
import { type AskedRequest, judged } from '../judged.ts';
import { OPTIONS } from '../policy-text.ts';

const root = join(import.meta.dirname, '../../../..');
/** Within the life of the sandbox. */
const NOW_MS = Date.parse('2026-01-01T04:00:00Z');
const text = (name: string): string => readFileSync(join(root, `deploy/policies/${name}.yaml`), 'utf8');

const KUBE_DNS = { namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' }, port: 53 } as const;
const SANDBOX = { labels: { app: 'cart', env: 'sandbox' } } as const;

type Case = AskedRequest & { readonly allowed?: true; readonly nowMs?: number };

const CASES: Readonly<Record<string, readonly Case[]>> = {
  'default-deny': [
    { as: 'shop/web', what: 'GET /' },
    { as: 'shop/cart', what: 'GET /' },
    { as: null, what: 'GET /healthz' },
    { as: 'shop/web', what: null },
  ],
  probes: [
    { as: null, what: 'GET /healthz', ip: '192.0.2.7', allowed: true },
    { as: null, what: 'GET /readyz', ip: '192.0.2.7', allowed: true },
    { as: null, what: 'GET /livez?verbose', ip: '192.0.2.7', allowed: true },
    { as: null, what: 'GET /healthz/x', ip: '192.0.2.7' },
    { as: null, what: 'POST /healthz', ip: '192.0.2.7' },
    { as: null, what: 'GET /', ip: '192.0.2.7' },
    { as: null, what: 'GET /healthz', ip: '192.0.3.7' },
    { as: 'shop/web', what: 'GET /healthz' },
  ],
  metrics: [
    { as: 'monitoring/prometheus', what: 'GET /metrics', allowed: true },
    { as: 'monitoring/prometheus', what: 'GET /metrics/x' },
    { as: 'monitoring/prometheus', what: 'POST /metrics' },
    { as: 'monitoring/prometheus', what: 'GET /items/7' },
    { as: 'monitoring/grafana', what: 'GET /metrics' },
    { as: 'spiffe://far.example/ns/monitoring/sa/prometheus', what: 'GET /metrics' },
    { as: null, what: 'GET /metrics' },
  ],
  dns: [
    { as: 'default/web', what: null, ...KUBE_DNS, allowed: true },
    { as: 'default/batch', what: null, ...KUBE_DNS, allowed: true },
    { as: 'default/web', what: null, ...KUBE_DNS, port: 9153 },
    { as: 'default/web', what: null, ...KUBE_DNS, labels: { 'k8s-app': 'metrics-server' } },
    { as: 'shop/web', what: null, ...KUBE_DNS },
    { as: 'spiffe://far.example/ns/default/sa/web', what: null, ...KUBE_DNS },
    { as: null, what: null, ...KUBE_DNS },
  ],
  gateway: [
    { as: 'edge/gateway', what: 'GET /api/items', allowed: true },
    { as: 'edge/gateway', what: 'POST /api/carts/7/items', allowed: true },
    { as: 'edge/gateway', what: 'GET /api' },
    { as: 'edge/gateway', what: 'GET /admin' },
    { as: 'edge/gateway', what: 'DELETE /api/items' },
    { as: 'edge/gateway', what: 'GET /api/../admin' },
    { as: 'shop/web', what: 'GET /api/items' },
    { as: null, what: 'GET /api/items' },
  ],
  sandbox: [
    { as: 'dev/alice', what: 'DELETE /anything', ...SANDBOX, allowed: true },
    { as: 'dev/bob', what: null, ...SANDBOX, allowed: true },
    { as: 'dev/alice', what: 'GET /', ...SANDBOX, nowMs: Date.parse('2026-01-01T08:00:00Z') },
    { as: 'dev/alice', what: 'GET /', labels: { app: 'cart', env: 'production' } },
    { as: 'dev/alice', what: 'GET /', labels: { app: 'cart' } },
    { as: 'dev2/alice', what: 'GET /', ...SANDBOX },
    { as: null, what: 'GET /', ...SANDBOX },
  ],
};

test('every starter has cases', () => {
  expect(Object.keys(CASES)).toEqual(STARTERS.map(({ name }) => name));
});

describe.each(STARTERS)('$name', ({ name }) => {
  test.each(CASES[name] ?? [])('$as $what: allowed $allowed', ({ allowed, nowMs, ...asked }) => {
    const verdict = judged(text(name), asked, { nowMs: nowMs ?? NOW_MS });
    expect(verdict).toMatch(
      allowed === true ? /^allow: allow-rule$/ : /^deny: (default-deny|ambiguous-path)$/,
    );
  });

  test('is denied more often than allowed', () => {
    const rows = CASES[name] ?? [];
    expect(rows.filter(({ allowed }) => allowed === true).length).toBeLessThan(rows.length / 2);
  });

  test('has no finding', () => {
    const { policies, diagnostics } = parsePolicies([{ file: name, text: text(name) }], OPTIONS, NOW_MS);
    expect([...diagnostics, ...lintPolicies(policies, OPTIONS, NOW_MS)]).toEqual([]);
  });

  test("is an AuthorizationPolicy by Istio's definition, in YAML 1.1 as in 1.2", () => {
    const read = (['1.1', '1.2'] as const).map((version) =>
      parseAllDocuments(text(name), { version }).map((document) => document.toJS() as unknown),
    );
    expect(read[0]).toEqual(read[1]);
    for (const one of read[0] ?? []) expect(ISTIO_POLICY.safeParse(one).error).toBeUndefined();
  });
});
