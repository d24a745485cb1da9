// Invariants as people state them: zones, tenants, dev against prod, a lateral path that an incident showed.
import { expect, test } from 'vitest';
import { prove } from '../../../../policy/algebra/invariants.ts';
import { parseCases } from '../../../../policy/cases/parse.ts';
import type { PolicyOptions } from '../../../../policy/model.ts';
import { parsePolicies } from '../../../../policy/parse.ts';

const OPTIONS: PolicyOptions = {
  rootNamespace: 'istio-system',
  defaultVerdict: 'deny',
  localTrustDomain: 'example.org',
  trustDomains: [],
  trustDomainAliases: [],
  emergencyMaxMs: 1,
  acceptsPlaintext: false,
  tcpPorts: [],
};

function policy(place: string, spec: string): string {
  const [namespace, name] = place.split('/');
  const annotations = name === 'dry' ? ', annotations: {istio.io/dry-run: "true"}' : '';
  return `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: ${namespace}${annotations}}
spec: {${spec}}
`;
}

const PCI = 'selector: {matchLabels: {data: pci}}';
const from = (source: string, to = ''): string =>
  `rules: [{from: [{source: {${source}}}]${to === '' ? '' : `, to: [{operation: {${to}}}]`}}]`;

function proved(policies: string, stated: string, options: Partial<PolicyOptions> = {}) {
  const all = { ...OPTIONS, ...options };
  const parsed = parsePolicies([{ file: 'p.yaml', text: policies }], all, 0);
  expect(parsed.refused).toEqual([]);
  const text = `invariants: [{name: it, ${stated}}]`;
  const { read, faults } = parseCases({ file: 'c.yaml', text }, { options: all, ruleIds: new Set() });
  expect(faults).toEqual([]);
  const parts = read.invariants.flatMap((one) => one.parts);
  return prove(parts, parsed.policies, all, 0).map((proof) => {
    if (proof.verdict !== 'refuted') return proof.verdict;
    const { principal, http, destination } = proof.example;
    const rule = proof.rule?.replace(/.*policy/, '');
    return `${rule} ${principal} ${http?.method} ${http?.path} ${destination.namespace}`;
  });
}

const DEV_TO_PCI = 'never: {from: {namespaces: [dev]}, to: {labels: {data: pci}}}';
const LATERAL = 'never: {from: {principals: [example.org/ns/web/sa/front]}, to: {namespaces: [db]}}';
const TENANTS = 'never: {from: {notNamespaces: [red]}, to: {namespaces: [red]}}';

test.each<[string, string, string, string[]]>([
  ['nothing allows nothing', '', DEV_TO_PCI, ['holds']],
  ['another zone', policy('pay/a', `${PCI}, ${from('namespaces: [shop]')}`), DEV_TO_PCI, ['holds']],
  [
    'a wildcard that reaches dev',
    policy('pay/a', `${PCI}, ${from('namespaces: ["d*"]', 'methods: [PUT]')}`),
    DEV_TO_PCI,
    ['[a]-rule[0] spiffe://example.org/ns/dev/sa/x PUT / pay'],
  ],
  [
    'a rule of the root namespace',
    policy('istio-system/a', from('principals: ["*"]', 'paths: [/healthz]')),
    DEV_TO_PCI,
    ['[a]-rule[0] spiffe://x/ns/dev/sa/x GET /healthz default'],
  ],
  [
    'the same, and a DENY of dev',
    policy('istio-system/a', from('principals: ["*"]')) +
      policy('istio-system/b', `action: DENY, ${from('namespaces: [dev]')}`),
    DEV_TO_PCI,
    ['holds'],
  ],
  [
    'a DENY of one method less',
    policy('istio-system/a', from('principals: ["*"]', 'methods: [GET, PUT]')) +
      policy('istio-system/b', `action: DENY, ${from('namespaces: [dev]', 'methods: [GET]')}`),
    DEV_TO_PCI,
    ['[a]-rule[0] spiffe://x/ns/dev/sa/x PUT / default'],
  ],
  [
    'a DENY in dry run stops nobody',
    policy('istio-system/a', from('principals: ["*"]')) +
      policy('istio-system/dry', `action: DENY, ${from('namespaces: [dev]')}`),
    DEV_TO_PCI,
    ['[a]-rule[0] spiffe://x/ns/dev/sa/x GET / default'],
  ],
  [
    'tenants apart',
    policy('red/a', from('namespaces: [red]')) + policy('blue/a', from('namespaces: [blue]')),
    TENANTS,
    ['holds'],
  ],
  [
    'a tenant lets a neighbour in',
    policy('red/a', from('namespaces: [red, blue]')),
    TENANTS,
    ['[a]-rule[0] spiffe://example.org/ns/blue/sa/x GET / red'],
  ],
  [
    'a lateral path of an incident, closed',
    policy('db/a', from('principals: [example.org/ns/web/sa/api]')),
    LATERAL,
    ['holds'],
  ],
  [
    'and open again by a namespace',
    policy('db/a', from('namespaces: [web]', 'ports: ["5432"]')),
    LATERAL,
    ['[a]-rule[0] spiffe://example.org/ns/web/sa/front GET / db'],
  ],
  [
    'nobody reaches the root namespace, but its policies say all',
    policy('istio-system/a', 'rules: [{}]'),
    'never: {to: {namespaces: [istio-system]}}',
    ['[a]-rule[0] spiffe://example.org/ns/other/sa/other GET / istio-system'],
  ],
  [
    'a namespace of another policy is not the root one',
    policy('shop/a', 'rules: [{}]'),
    'never: {to: {namespaces: [istio-system]}}',
    ['holds'],
  ],
  [
    'probes always pass',
    policy('shop/a', from('namespaces: [kubelet]', 'methods: [GET], paths: [/healthz]')),
    'always: {from: {namespaces: [kubelet]}, to: {namespaces: [shop], methods: [GET], paths: [/healthz]}}',
    ['holds'],
  ],
  [
    'unless some workload is denied',
    policy('shop/a', from('namespaces: [kubelet]', 'paths: [/healthz]')) +
      policy('shop/b', `selector: {matchLabels: {app: x}}, action: DENY, ${from('notNamespaces: [web]')}`),
    'always: {from: {namespaces: [kubelet]}, to: {namespaces: [shop], paths: [/healthz]}}',
    ['[b]-rule[0] spiffe://example.org/ns/kubelet/sa/x GET /healthz shop'],
  ],
  [
    'always, by the default not',
    policy('shop/a', from('namespaces: [kubelet]', 'methods: [GET]')),
    'always: {from: {namespaces: [kubelet]}, to: {namespaces: [shop]}}',
    ['undefined spiffe://example.org/ns/kubelet/sa/x POST / shop'],
  ],
  [
    'each destination by itself',
    policy('red/a', from('namespaces: [blue]')),
    'never: {from: {namespaces: [blue]}, to: [{namespaces: [green]}, {namespaces: [red]}]}',
    ['holds', '[a]-rule[0] spiffe://example.org/ns/blue/sa/x GET / red'],
  ],
])('%s', (_, policies, stated, wanted) => {
  expect(proved(policies, stated)).toEqual(wanted);
});

test('where the default allows, a workload without any ALLOW policy is open', () => {
  const options = { defaultVerdict: 'allow-when-unselected' } as const;
  const closed = policy('pay/a', `${PCI}, ${from('namespaces: [shop]')}`);
  expect(proved(closed, DEV_TO_PCI, options)).toEqual(['undefined spiffe://x/ns/dev/sa/x GET / default']);
  const stated = DEV_TO_PCI.replace('labels', 'namespaces: [pay], labels');
  expect(proved(closed, stated, options)).toEqual(['holds']);
});
