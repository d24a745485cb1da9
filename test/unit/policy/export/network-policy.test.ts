// The projection to NetworkPolicies, field by field: whom a policy lets through, where it is wider, and what
// is left out.
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { InventoryWorkload } from '../../../../policy/export/inventory.ts';
import { networkPolicies } from '../../../../policy/export/network-policy.ts';
import { networkPolicyYaml } from '../../../../policy/export/network-policy-yaml.ts';
import { project } from '../../../../policy/export/projection.ts';
import type { PolicyOptions } from '../../../../policy/model.ts';
import { NOW_MS, OPTIONS, parseText, policyText } from '../policy-text.ts';

const INVENTORY: readonly InventoryWorkload[] = [
  {
    namespace: 'shop',
    serviceAccount: 'web',
    labels: { app: 'web', 'pod-template-hash': 'a1' },
    ips: ['10.0.0.7'],
  },
  { namespace: 'shop', serviceAccount: 'web', labels: { app: 'web', 'pod-template-hash': 'b2' }, ips: [] },
  { namespace: 'shop', serviceAccount: 'cart', labels: { app: 'cart' }, ips: ['10.0.1.9'] },
  { namespace: 'shop', serviceAccount: 'bare', labels: {}, ips: [] },
  { namespace: 'ops', serviceAccount: 'vm', labels: {}, ips: ['192.0.2.9', '2001:db8::9'] },
  { namespace: 'mixed', serviceAccount: 'a', labels: { app: 'a' }, ips: [] },
  { namespace: 'mixed', serviceAccount: null, labels: { app: 'b' }, ips: [] },
];

const inNamespace = (name: string) => ({
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
});
const pods = (name: string, app: string) => ({
  ...inNamespace(name),
  podSelector: { matchLabels: { app } },
});
const block = (cidr: string) => ({ ipBlock: { cidr } });

function exportedOf(text: string, options: Partial<PolicyOptions> = {}, namespaces: readonly string[] = []) {
  const { policies, diagnostics } = parseText(text, options);
  expect(diagnostics).toEqual([]);
  const all = { ...OPTIONS, ...options };
  const projection = project(policies, all, NOW_MS);
  const scope = { inventory: INVENTORY, proxyPorts: [8443], openPorts: [], namespaces };
  return { left: projection.left, exported: networkPolicies(projection, all, scope) };
}

const source = (fields: string): string => policyText(`rules: [{from: [{source: {${fields}}}]}]`);

describe('callers', () => {
  test.each([
    { name: 'an account', fields: 'principals: [example.org/ns/shop/sa/web]', from: [pods('shop', 'web')] },
    {
      name: 'the same by its stand-in',
      fields: 'principals: [cluster.local/ns/shop/sa/web]',
      from: [pods('shop', 'web')],
    },
    { name: 'a service account', fields: 'serviceAccounts: [cart]', from: [pods('shop', 'cart')] },
    {
      name: 'two',
      fields: 'serviceAccounts: [cart, web]',
      from: [pods('shop', 'cart'), pods('shop', 'web')],
    },
    {
      name: 'one without labels',
      fields: 'serviceAccounts: [bare]',
      from: [inNamespace('shop')],
      note: 'are not known',
    },
    {
      name: 'one that is not listed',
      fields: 'serviceAccounts: [dev/x]',
      from: [inNamespace('dev')],
      note: 'dev/x are not known',
    },
    {
      name: 'one of a machine',
      fields: 'serviceAccounts: [ops/vm]',
      from: [block('192.0.2.9/32'), block('2001:db8::9/128')],
    },
    {
      name: 'one where another is not named',
      fields: 'serviceAccounts: [mixed/a]',
      from: [pods('mixed', 'a'), pods('mixed', 'b')],
    },
    { name: 'a namespace', fields: 'namespaces: [dev]', from: [inNamespace('dev')] },
    {
      name: 'a namespace with a machine',
      fields: 'namespaces: [ops]',
      from: [inNamespace('ops'), block('192.0.2.9/32'), block('2001:db8::9/128')],
    },
    {
      name: 'namespaces by a pattern',
      fields: 'namespaces: ["dev-*"]',
      from: [{ namespaceSelector: {} }, block('192.0.2.9/32'), block('2001:db8::9/128')],
    },
    {
      name: 'IDs below a namespace',
      fields: 'principals: ["example.org/ns/dev/*"]',
      from: [inNamespace('dev')],
    },
    {
      name: 'IDs of a partial namespace',
      fields: 'principals: ["example.org/ns/de*"]',
      from: null,
      note: 'anywhere',
    },
    {
      name: 'a foreign ID',
      fields: 'principals: [far.example/ns/shop/sa/web]',
      from: null,
      note: 'anywhere',
    },
    {
      name: 'an ID outside of /ns/',
      fields: 'principals: [example.org/gateway]',
      from: null,
      note: 'anywhere',
    },
    { name: 'anybody with an ID', fields: 'principals: ["*"]', from: null, note: 'anywhere' },
    { name: 'IDs by their end', fields: 'principals: ["*/sa/web"]', from: null, note: 'anywhere' },
    { name: 'a trust domain', fields: 'trustDomains: [example.org]', from: null, note: 'anywhere' },
    {
      name: 'addresses',
      fields: 'ipBlocks: [10.1.2.3/8, "2001:db8::/32"]',
      from: [block('10.0.0.0/8'), block('2001:db8::/32')],
    },
    {
      name: 'an identity at an address',
      fields: 'serviceAccounts: [web], ipBlocks: [10.0.0.0/8]',
      from: [pods('shop', 'web')],
      note: 'beside an identity',
    },
    {
      name: 'anybody at an address',
      fields: 'principals: ["*"], ipBlocks: [10.0.0.0/8]',
      from: [block('10.0.0.0/8')],
      note: 'anywhere',
    },
    {
      name: 'all but some',
      fields: 'principals: ["example.org/ns/shop/*"], notPrincipals: [example.org/ns/shop/sa/web]',
      from: [inNamespace('shop')],
      note: 'not taken out',
    },
    {
      name: 'clients behind a proxy',
      fields: 'remoteIpBlocks: [10.0.0.0/8]',
      from: null,
      note: 'not seen at layer 4',
    },
  ])('$name', ({ fields, from, note }) => {
    const { exported } = exportedOf(source(fields));
    const [{ resource, notes } = { resource: undefined, notes: [] }] = exported;
    const ports = [{ protocol: 'TCP', port: 8443 }];
    expect(resource?.spec.ingress).toEqual([from === null ? { ports } : { from, ports }]);
    if (note === undefined) expect(notes).toEqual([]);
    else expect(notes.join('\n')).toContain(note);
  });

  test.each([
    { name: 'a namespace', fields: 'namespaces: [dev]' },
    { name: 'a service account', fields: 'serviceAccounts: [web]' },
  ])('$name of other trust domains too may be anywhere', ({ fields }) => {
    const { exported } = exportedOf(source(fields), { trustDomains: ['far.example'] });
    expect(exported[0]?.resource.spec.ingress[0]).not.toHaveProperty('from');
  });

  test('conditions in when narrow too', () => {
    const text = policyText(
      'rules: [{when: [{key: source.namespace, values: [dev]}, {key: source.ip, values: [10.0.0.1]}]}]',
    );
    expect(exportedOf(text).exported[0]?.resource.spec.ingress[0]?.from).toEqual([inNamespace('dev')]);
  });

  test('methods, paths and ports change nothing', () => {
    const text = policyText('rules: [{to: [{operation: {methods: [GET], paths: [/x], ports: ["9090"]}}]}]');
    expect(exportedOf(text).exported[0]?.resource.spec.ingress).toEqual([
      { ports: [{ protocol: 'TCP', port: 8443 }] },
    ]);
  });
});

describe('policies', () => {
  test('that allow nothing close their pods', () => {
    const { exported } = exportedOf(policyText('selector: {matchLabels: {app: cart}}'));
    expect(exported[0]?.resource.spec).toEqual({
      podSelector: { matchLabels: { app: 'cart' } },
      policyTypes: ['Ingress'],
      ingress: [],
    });
  });

  test('of the root namespace are in every namespace that has a fence', () => {
    const root = policyText('rules: [{from: [{source: {namespaces: [ops]}}]}]', {
      name: 'ops',
      namespace: 'istio-system',
    });
    const { exported } = exportedOf(`${source('namespaces: [dev]')}---\n${root}`, {}, ['empty']);
    const names = exported.map(({ resource }) => `${resource.metadata.namespace}/${resource.metadata.name}`);
    expect(names).toEqual([
      'shop/sallyport-p',
      ...['shop', 'mixed', 'empty', 'istio-system'].map((one) => `${one}/sallyport.root.ops`),
    ]);
  });

  test.each([
    {
      name: 'a dry run',
      meta: '  annotations: {"istio.io/dry-run": "true"}\n',
      count: 0,
      left: 'is a dry run',
    },
    {
      name: 'one that has expired',
      meta: '  annotations: {sallyport.dev/expires-at: "2026-01-01T00:00:00Z"}\n',
      count: 1,
    },
  ])('$name lets nobody in', ({ meta, count, left }) => {
    const result = exportedOf(policyText('rules: [{}]', { meta }));
    expect(result.exported).toHaveLength(count);
    expect(result.exported.flatMap(({ resource }) => resource.spec.ingress)).toEqual([]);
    if (left !== undefined) expect(result.left.join()).toContain(left);
  });
});

describe('a DENY', () => {
  const ALLOW = source('serviceAccounts: [web, dev/x]');
  const TWO = `rules: [{from: [{source: {serviceAccounts: [web]}}, {source: {serviceAccounts: [dev/x]}}]}]`;
  const both = [pods('shop', 'web'), inNamespace('dev')];
  const deny = (spec: string, meta = ''): string =>
    policyText(`action: DENY\n${spec}`, { name: 'nobody', meta });
  test.each([
    {
      name: 'of a namespace',
      spec: 'rules: [{from: [{source: {namespaces: [dev]}}]}]',
      from: [pods('shop', 'web')],
    },
    {
      name: 'of an account in other words',
      spec: 'rules: [{from: [{source: {principals: ["*/ns/dev/sa/x"]}}]}]',
      from: [pods('shop', 'web')],
    },
    {
      name: 'of all but one',
      spec: 'rules: [{from: [{source: {notPrincipals: [example.org/ns/shop/sa/web]}}]}]',
      from: [pods('shop', 'web')],
    },
    { name: 'of everybody', spec: 'rules: [{}]', from: null },
    {
      name: 'of some requests',
      spec: 'rules: [{from: [{source: {namespaces: [dev]}}], to: [{operation: {methods: [GET]}}]}]',
      from: both,
    },
    {
      name: 'at some addresses',
      spec: 'rules: [{from: [{source: {namespaces: [dev], ipBlocks: [10.0.0.0/8]}}]}]',
      from: both,
    },
    {
      name: 'for other workloads',
      spec: 'selector: {matchLabels: {app: web}}\nrules: [{from: [{source: {namespaces: [dev]}}]}]',
      from: both,
    },
    { name: 'of some others', spec: 'rules: [{from: [{source: {namespaces: [ops]}}]}]', from: both },
    {
      name: 'with an end',
      spec: 'rules: [{from: [{source: {namespaces: [dev]}}]}]',
      from: both,
      meta: '  annotations: {sallyport.dev/expires-at: "2026-11-01T00:00:00Z"}\n',
    },
    {
      name: 'as a dry run',
      spec: 'rules: [{from: [{source: {namespaces: [dev]}}]}]',
      from: both,
      meta: '  annotations: {"istio.io/dry-run": "true"}\n',
    },
  ])('$name', ({ spec, from, meta = '' }) => {
    const { exported, left } = exportedOf(`${policyText(TWO)}---\n${deny(spec, meta)}`);
    const ingress = exported.find(({ of }) => of === 'shop/p')?.resource.spec.ingress;
    expect(ingress?.flatMap((rule) => rule.from ?? [])).toEqual(from ?? []);
    expect(left.join('\n')).toContain('nobody');
  });

  test('says so when it is not projected', () => {
    const { left } = exportedOf(`${ALLOW}---\n${deny('rules: [{to: [{operation: {paths: [/x]}}]}]')}`);
    expect(left).toEqual([
      'DENY policy shop/nobody is not projected: it denies some requests of a caller, not all',
    ]);
  });
});

test('the YAML is the resources', () => {
  const { exported } = exportedOf(
    `${source('serviceAccounts: [web], ipBlocks: [10.0.0.0/8]')}---\n${policyText('{}', { name: 'on-purpose' })}`,
  );
  const text = networkPolicyYaml(exported, ['first line', 'second\nline']);
  expect(text).toMatch(/^# first line\n# second\?line\n---\n/);
  for (const version of ['1.1', '1.2'] as const) {
    const read = parseAllDocuments(text, { version }).map((document) => document.toJS() as unknown);
    expect(read.filter((one) => one !== null)).toEqual(exported.map(({ resource }) => resource));
  }
  expect(text).toContain('# wider: ns[shop]-policy[p]-rule[0]: addresses beside an identity are left out');
});
