// Findings of `policy check` beyond what a load tells: expiry, wide rules, inventories and names in flows.
import { describe, expect, test } from 'vitest';
import type { SallyportError } from '../../../../core/errors.ts';
import { FlowReader } from '../../../../policy/flows/read.ts';
import { checkPolicies } from '../../../../policy/lint/check.ts';
import { Inventory } from '../../../../policy/lint/inventory.ts';
import { parseInventory } from '../../../../policy/lint/inventory-parse.ts';
import { SeenNames } from '../../../../policy/lint/seen-names.ts';
import { annotated, NOW_MS, OPTIONS, parseText, policyText, sourceRule } from '../policy-text.ts';

interface Known {
  readonly inventory?: Inventory;
  readonly seen?: SeenNames;
}

function check(text: string, { inventory, seen }: Known = {}) {
  const { policies, diagnostics } = parseText(text);
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  const context = { options: OPTIONS, nowMs: NOW_MS, inventory: inventory ?? null, seen: seen ?? null };
  return checkPolicies(policies, context);
}

const codes = (text: string, known?: Known): string[] =>
  check(text, known).map(({ severity, code }) => `${severity} ${code.replace('LINT_POLICY_', '')}`);

const WEB = '{principals: [example.org/ns/shop/sa/web]}';
const allow = (source: string | null, operation: string | null): string => {
  const from = source === null ? [] : [`from: [{source: ${source}}]`];
  const to = operation === null ? [] : [`to: [{operation: ${operation}}]`];
  return policyText(`rules: [{${[...from, ...to].join(', ')}}]`);
};

describe('rules that allow much', () => {
  const rows: { name: string; text: string; expect: string[] }[] = [
    { name: 'caller, method and path', text: allow(WEB, '{methods: [POST], paths: [/a]}'), expect: [] },
    { name: 'reading on any path', text: allow(WEB, '{methods: [GET]}'), expect: [] },
    { name: 'any method on a path', text: allow(WEB, '{paths: ["/a/*"]}'), expect: [] },
    { name: 'a TCP port', text: allow(WEB, '{ports: ["5432"]}'), expect: [] },
    { name: 'a TCP port for a namespace', text: allow('{namespaces: [a]}', '{ports: ["5432"]}'), expect: [] },
    { name: 'no operation', text: allow(WEB, null), expect: ['notice ANY_OPERATION'] },
    {
      name: 'writing on any path',
      text: allow(WEB, '{methods: [GET, PUT]}'),
      expect: ['warning WRITE_ANY_PATH'],
    },
    {
      name: 'writing below the root',
      text: allow(WEB, '{methods: [PUT], paths: ["/*"]}'),
      expect: ['warning WRITE_ANY_PATH'],
    },
    {
      name: 'writing on a rest template',
      text: allow(WEB, '{methods: ["*"], paths: ["/{**}"]}'),
      expect: ['warning WRITE_ANY_PATH'],
    },
    {
      name: 'no caller, a path to read',
      text: allow(null, '{methods: [GET], paths: [/healthz]}'),
      expect: ['notice PUBLIC'],
    },
    { name: 'no caller, a path', text: allow(null, '{paths: [/healthz]}'), expect: ['warning ANY_CALLER'] },
    { name: 'no caller, reading', text: allow(null, '{methods: [GET]}'), expect: ['warning ANY_CALLER'] },
    { name: 'nobody in particular', text: policyText('rules: [{}]'), expect: ['warning OVER_BROAD'] },
    {
      name: 'any principal on any path',
      text: allow('{principals: ["*"]}', '{methods: [POST]}'),
      expect: ['notice ANY_PRINCIPAL'],
    },
    {
      name: 'any namespace',
      text: allow('{namespaces: ["*"]}', null),
      expect: ['notice ANY_PRINCIPAL'],
    },
    { name: 'any principal, reading', text: allow('{principals: ["*"]}', '{methods: [GET]}'), expect: [] },
    { name: 'a namespace', text: allow('{namespaces: [dev]}', null), expect: ['warning WHOLE_NAMESPACE'] },
    {
      name: 'a trust domain that writes',
      text: allow('{trustDomains: [a.example]}', '{methods: [DELETE]}'),
      expect: ['warning WHOLE_NAMESPACE'],
    },
    { name: 'a namespace, reading', text: allow('{namespaces: [dev]}', '{methods: [GET]}'), expect: [] },
    {
      name: 'every IPv4 address',
      text: allow('{ipBlocks: ["0.0.0.0/0"]}', '{methods: [GET]}'),
      expect: ['warning ANY_ADDRESS'],
    },
    {
      name: 'every IPv6 address, in `when`',
      text: policyText('rules: [{when: [{key: remote.ip, values: ["::/0"]}]}]'),
      expect: ['warning ANY_ADDRESS'],
    },
    {
      name: 'no address in a DENY',
      text: policyText(`action: DENY\n${sourceRule('{notIpBlocks: ["0.0.0.0/0"]}')}`),
      expect: ['warning ANY_ADDRESS'],
    },
    {
      name: 'every address in a DENY',
      text: policyText(`action: DENY\n${sourceRule('{ipBlocks: ["0.0.0.0/0"]}')}`),
      expect: [],
    },
  ];
  test.each(rows)('$name', ({ text, expect: expected }) => expect(codes(text)).toEqual(expected));
});

describe('expiry', () => {
  const until = (time: string, more = ''): string =>
    annotated(`sallyport.dev/expires-at: "${time}"${more}`, allowSpec);
  const allowSpec = `rules: [{from: [{source: ${WEB}}], to: [{operation: {paths: [/a]}}]}]`;
  const emergency = '\nsallyport.dev/emergency: "true"\nsallyport.dev/reason: r\nsallyport.dev/author: a';
  test.each([
    { name: 'an expired ALLOW', text: until('2026-09-30T00:00:00Z'), expect: ['warning EXPIRED'] },
    {
      name: 'an expired emergency',
      text: until('2026-09-30T00:00:00Z', emergency),
      expect: ['warning EXPIRED'],
    },
    { name: 'one of the last week', text: until('2026-10-08T00:00:00Z'), expect: ['notice EXPIRES_SOON'] },
    { name: 'one that lasts', text: until('2026-10-08T00:00:01Z'), expect: [] },
    { name: 'an emergency', text: until('2026-10-01T12:00:00Z', emergency), expect: [] },
  ])('$name', ({ text, expect: expected }) => expect(codes(text)).toEqual(expected));
});

describe('an inventory', () => {
  const inventory = new Inventory([
    { namespace: 'shop', labels: { app: 'cart', tier: 'back' } },
    { namespace: 'shop', labels: { app: 'web', tier: 'front' } },
  ]);
  const select = (labels: string, namespace = 'shop'): string =>
    policyText(`selector: {matchLabels: {${labels}}}`, { namespace });
  const hint = (text: string): (string | undefined)[] =>
    check(text, { inventory }).map((found) => found.hint);

  test.each([
    { name: 'a workload', text: select('app: cart') },
    { name: 'all of a namespace', text: policyText('{}') },
    { name: 'from the root namespace', text: select('tier: front', 'istio-system') },
    {
      name: 'a Service',
      text: policyText('targetRefs: [{kind: Service, name: a}]\naction: DENY\nrules: [{}]'),
    },
  ])('selected: $name', ({ text }) =>
    expect(codes(text, { inventory })).not.toContain('warning SELECTS_NOTHING'),
  );

  test.each([
    { name: 'a value', text: select('app: crat'), says: 'did you mean `app: cart`?' },
    { name: 'a label', text: select('ap: cart'), says: 'did you mean `app`?' },
    {
      name: 'a namespace',
      text: policyText('{}', { namespace: 'shpo' }),
      says: 'did you mean namespace `shop`?',
    },
    {
      name: 'a label of two workloads',
      text: select('app: cart, tier: front'),
      says: 'none has all of them',
    },
    {
      name: 'an unknown namespace',
      text: policyText('{}', { namespace: 'elsewhere' }),
      says: 'no workload in',
    },
    { name: 'from the root namespace', text: select('app: db', 'istio-system'), says: '`app: db`' },
    { name: 'a name of every object', text: select('constructor: a'), says: 'has the label `constructor`' },
  ])('not selected: $name', ({ text, says }) => expect(hint(text).join()).toContain(says));
});

describe('reading an inventory', () => {
  const read = (text: string) => parseInventory({ file: 'i', text });
  const POD = { kind: 'Pod', metadata: { name: 'a', namespace: 'shop', labels: { app: 'cart' } } };
  const DEPLOYMENT = `kind: Deployment
metadata: {name: a, namespace: shop, labels: {app: other}}
spec: {template: {metadata: {labels: {app: cart}}}}
`;
  const cart = { namespace: 'shop', labels: { app: 'cart' } };
  test.each([
    { name: 'a list', text: '- {namespace: shop, labels: {app: cart}}', expect: [cart] },
    { name: 'a list as JSON', text: '[{"namespace":"shop","labels":{"app":"cart"}}]', expect: [cart] },
    { name: 'YAML in flow style', text: '[{namespace: shop, labels: {app: cart}}]', expect: [cart] },
    { name: 'without labels', text: '- {namespace: shop}', expect: [{ namespace: 'shop', labels: {} }] },
    { name: 'a pod', text: JSON.stringify(POD), expect: [cart] },
    {
      name: 'what kubectl prints',
      text: JSON.stringify({ kind: 'List', items: [POD, POD] }),
      expect: [cart, cart],
    },
    { name: 'a PodList', text: JSON.stringify({ kind: 'PodList', items: [POD] }), expect: [cart] },
    {
      name: 'manifests',
      text: `${DEPLOYMENT}---\n${DEPLOYMENT.replace('Deployment', 'StatefulSet')}`,
      expect: [cart, cart],
    },
    {
      name: 'a cron job',
      text: 'kind: CronJob\nmetadata: {namespace: shop}\nspec: {jobTemplate: {spec: {template: {metadata: {labels: {app: cart}}}}}}',
      expect: [cart],
    },
    { name: 'other kinds', text: 'kind: Service\nmetadata: {name: a}', expect: [] },
    { name: 'nothing', text: '---\n', expect: [] },
  ])('$name', ({ text, expect: expected }) => expect(read(text)).toEqual(expected));

  test.each([
    { name: 'a text', text: 'hello', says: 'the document has no `namespace`' },
    {
      name: 'an item without namespace',
      text: '- {namespace: a}\n- {labels: {a: b}}',
      says: 'item 1 has no `namespace`',
    },
    { name: 'a pod without namespace', text: 'kind: Pod\nmetadata: {name: a}', says: '`metadata.namespace`' },
    { name: 'labels as a list', text: '- {namespace: a, labels: [b]}', says: 'no mapping of strings' },
    { name: 'a label as a number', text: '- {namespace: a, labels: {b: 1}}', says: 'no mapping of strings' },
    { name: 'a null item', text: '- null', says: 'item 0 has no `namespace`' },
    { name: 'broken YAML', text: '- {namespace: a', says: 'not valid YAML' },
    { name: 'broken JSON', text: '{"namespace": ]', says: 'not valid YAML' },
    {
      name: 'a document that grows',
      text: `a: &a [b, b]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c]\ne: [*d, *d, *d]`,
      says: 'too many aliases',
    },
  ])('refused: $name', ({ text, says }) => {
    let error: SallyportError | null = null;
    try {
      read(text);
    } catch (thrown) {
      error = thrown as SallyportError;
    }
    expect(error?.code).toBe('ERR_INVENTORY');
    expect(error?.diagnostics.map(({ message }) => message).join()).toContain(says);
    expect(error?.diagnostics[0]?.at?.file).toBe('i');
  });
});

describe('names in flows', () => {
  const flow = (principal: string | null, workload: string): string =>
    JSON.stringify({
      ...FLOW,
      source: { principal, ip: '10.0.0.7' },
      destination: { workload, namespace: 'shop', port: 80 },
    });
  const FLOW = {
    ...{ listener: 'inbound', direction: 'inbound', verdict: 'allow', enforced: true, reason: 'allow-rule' },
    ...{ rules: [], http: { method: 'GET', path: '/' }, count: 1, bytes: 1 },
    ...{ firstSeen: '2026-09-01T00:00:00Z', lastSeen: '2026-09-01T00:00:01Z', window: 10 },
  };
  const seen = new SeenNames();
  const reader = new FlowReader(seen);
  const callers = ['web', 'checkout', 'worker-1', 'recommendation'];
  const lines = callers.map((name) => flow(`spiffe://example.org/ns/shop/sa/${name}`, 'cart'));
  for (const [number, line] of [...lines, flow(null, 'cart')].entries())
    reader.line(line, { name: 'flows.jsonl', number, kind: 'windows' });

  test('the records were read', () => {
    expect(reader.faults).toEqual([]);
    expect([...seen.accounts]).toContain('shop/recommendation');
  });

  const told = (source: string): string[] =>
    check(policyText(`rules: [{from: [{source: ${source}}], to: [{operation: {paths: [/a]}}]}]`), { seen })
      .filter(({ code }) => code === 'LINT_POLICY_UNSEEN_NAME')
      .map(({ hint }) => hint ?? '');

  test.each([
    { source: '{principals: [example.org/ns/shop/sa/chekcout]}', says: 'example.org/ns/shop/sa/checkout' },
    { source: '{principals: [example.org/ns/shpo/sa/web]}', says: 'example.org/ns/shop/sa/web' },
    { source: '{principals: [exmple.org/ns/shop/sa/web]}', says: 'example.org/ns/shop/sa/web' },
    { source: '{principals: [example.org/ns/shop/as/web]}', says: 'example.org/ns/shop/sa/web' },
    { source: '{notPrincipals: [example.org/ns/shop/sa/chekout]}', says: 'example.org/ns/shop/sa/checkout' },
    { source: '{namespaces: [shoop]}', says: 'shop' },
    { source: '{serviceAccounts: [recomendation]}', says: 'shop/recommendation' },
    { source: '{serviceAccounts: [shop/car]}', says: 'shop/cart' },
    { source: '{trustDomains: [example.rog]}', says: 'example.org' },
  ])('$source', ({ source, says }) => expect(told(source)).toEqual([`did you mean \`${says}\`?`]));

  test.each([
    '{principals: [example.org/ns/shop/sa/web]}',
    '{principals: [cluster.local/ns/shop/sa/web]}',
    '{principals: [example.org/ns/shop/sa/payment]}',
    '{principals: [example.org/ns/shop/sa/worker-2]}',
    '{principals: ["example.org/ns/shp/*"]}',
    '{principals: [example.org/other]}',
    '{namespaces: [billing]}',
    '{serviceAccounts: [cart]}',
  ])('nothing is said of %s', (source) => expect(told(source)).toEqual([]));

  test('the namespace of a policy is a name too', () => {
    const text = policyText('{}', { namespace: 'shp' });
    expect(check(text, { seen }).map(({ hint }) => hint)).toEqual(['did you mean `shop`?']);
  });
});
