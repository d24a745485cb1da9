// Who reaches whom: what edges there are, how far they lead, and what a change does to them.
import { describe, expect, test } from 'vitest';
import { SallyportError } from '../../../core/errors.ts';
import type { Policy, PolicyOptions } from '../../../policy/model.ts';
import { parsePolicies } from '../../../policy/parse.ts';
import { operationOf, reachChanges } from '../../../policy/reach/changes.ts';
import { Closure } from '../../../policy/reach/closure.ts';
import { reachGraph } from '../../../policy/reach/edges.ts';
import { parseInventory } from '../../../policy/reach/inventory.ts';
import type { ReachGraph } from '../../../policy/reach/model.ts';
import { inventoryNodes, namedNodes } from '../../../policy/reach/nodes.ts';

const OPTIONS: PolicyOptions = {
  rootNamespace: 'istio-system',
  defaultVerdict: 'deny',
  localTrustDomain: 'example.org',
  trustDomains: [],
  trustDomainAliases: ['old.org'],
  emergencyMaxMs: 1,
  acceptsPlaintext: false,
  tcpPorts: [],
};
const INVENTORY = `
- {namespace: shop, serviceAccount: web, labels: {app: web}}
- {namespace: shop, serviceAccount: cart, labels: {app: cart}, port: 8080}
- {namespace: pay, serviceAccount: ledger, labels: {app: ledger, data: pci}}
`;

const policy = (place: string, spec: string, annotations = ''): string => {
  const [namespace, name] = place.split('/');
  return `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: ${namespace}, annotations: {${annotations}}}
spec: {${spec}}
`;
};
const select = (app: string, rules: string): string =>
  `selector: {matchLabels: {app: ${app}}}, rules: [${rules}]`;
const from = (source: string, rest = ''): string => `{from: [{source: {${source}}}]${rest}}`;
const id = (account: string): string => `principals: [example.org/ns/${account.replace('/', '/sa/')}]`;

function parsed(text: string, options: PolicyOptions): readonly Policy[] {
  const { policies, refused } = parsePolicies([{ file: 'p.yaml', text }], options, 0);
  expect(refused).toEqual([]);
  return policies;
}

function graph(
  text: string,
  inventory: string | null = INVENTORY,
  more: Partial<PolicyOptions> = {},
): ReachGraph {
  const options = { ...OPTIONS, ...more };
  const policies = parsed(text, options);
  const nodes =
    inventory === null
      ? namedNodes(policies, options)
      : inventoryNodes(parseInventory({ file: 'i.yaml', text: inventory }), options);
  return reachGraph(nodes, { policies, options, nowMs: 10 });
}

const shown = ({ edges }: ReachGraph): string[] =>
  edges.map(({ from: a, to, by }) => `${a.name} -> ${to.name}: ${by.map(operationOf).join('; ')}`);

const CART = policy(
  'shop/cart',
  select('cart', from(id('shop/web'), ', to: [{operation: {methods: [GET]}}]')),
);

test.each<[string, string, string[]]>([
  ['nothing', '', []],
  ['one caller', CART, ['shop/web -> shop/cart: GET']],
  ['a name of the own trust domain', CART.replace('example.org', 'old.org'), ['shop/web -> shop/cart: GET']],
  [
    'another trust domain',
    CART.replace('example.org', 'far.org'),
    ['(any other identity) -> shop/cart: GET'],
  ],
  ['a label that the workload lacks', CART.replace('app: cart', 'data: pci'), []],
  ['another port', CART.replace('methods: [GET]', 'ports: ["9090"]'), []],
  ['its port', CART.replace('methods: [GET]', 'ports: ["8080"]'), ['shop/web -> shop/cart: port 8080']],
  [
    'everybody, even without identity',
    policy('shop/cart', select('cart', '{}')),
    [
      'shop/web -> shop/cart: anything',
      'pay/ledger -> shop/cart: anything',
      '(any other identity) -> shop/cart: anything',
      '(no identity) -> shop/cart: anything',
    ],
  ],
  [
    'a DENY of all',
    CART + policy('istio-system/no', `action: DENY, rules: [${from('namespaces: [shop]')}]`),
    [],
  ],
  [
    'a DENY of a part',
    CART + policy('shop/no', 'action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]'),
    ['shop/web -> shop/cart: GET (less ns[shop]-policy[no]-rule[0])'],
  ],
  [
    'two DENY that leave nothing together',
    CART.replace('methods: [GET]', 'methods: [GET, PUT]') +
      policy(
        'shop/no',
        'action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}, {to: [{operation: {methods: [PUT]}}]}]',
      ),
    [],
  ],
  [
    'a DENY in dry run',
    CART + policy('shop/no', 'action: DENY, rules: [{}]', 'istio.io/dry-run: "true"'),
    ['shop/web -> shop/cart: GET'],
  ],
  ['an ALLOW in dry run', CART.replace('annotations: {', 'annotations: {istio.io/dry-run: "true"'), []],
  [
    'a condition',
    CART.replace(
      'methods: [GET]}}]',
      'methods: [GET]}}], when: [{key: "request.headers[x-a]", values: [b]}]',
    ),
    ['shop/web -> shop/cart: GET (if when[request.headers[x-a]])'],
  ],
])('%s', (_, text, wanted) => {
  expect(shown(graph(text))).toEqual(wanted);
});

test('where the default allows, a workload that no ALLOW selects is open', () => {
  const edges = shown(graph(CART, INVENTORY, { defaultVerdict: 'allow-when-unselected' }));
  expect(edges).toContain('shop/web -> pay/ledger: anything');
  expect(edges).toContain('(no identity) -> shop/web: anything');
  expect(edges.filter((edge) => edge.includes('-> shop/cart'))).toEqual(['shop/web -> shop/cart: GET']);
});

describe('without an inventory', () => {
  test('callers and destinations are those that the policies name', () => {
    const text =
      CART +
      policy('pay/ledger', select('ledger', from('namespaces: [shop], notNamespaces: [lab]'))) +
      policy('pay/all', `rules: [${from('serviceAccounts: ["ops/probe"]')}]`);
    const { nodes } = graph(text, null);
    expect(
      nodes.map(({ name, caller, workload }) => `${name} ${caller?.kind ?? '-'} ${workload !== null}`),
    ).toEqual([
      'lab/* namespace false',
      'ops/probe account false',
      'pay/* - true',
      'pay/app=ledger - true',
      'shop/* namespace false',
      'shop/app=cart - true',
      'shop/web account false',
      '(any other identity) others false',
      '(no identity) nobody false',
    ]);
    expect(shown(graph(text, null))).toContain('shop/* -> pay/app=ledger: anything');
  });

  test('an application that is named like an account is that account', () => {
    const text = CART + policy('shop/web', select('web', from(id('shop/cart'))));
    expect(shown(graph(text, null))).toEqual([
      'shop/web -> shop/cart: GET',
      'shop/cart -> shop/web: anything',
    ]);
  });
});

describe('over others', () => {
  const CHAIN =
    policy('shop/cart', select('cart', from(id('shop/web')))) +
    policy('pay/ledger', select('ledger', from(id('shop/cart')))) +
    policy('shop/web', select('web', from(id('shop/cart'))));

  const steps = (text: string, name: string, way: 'reaches' | 'reachedBy'): string[] => {
    const made = graph(text);
    const closure = new Closure(made);
    const node = made.nodes.find((one) => one.name === name);
    if (node === undefined) throw new Error(`no ${name}`);
    return closure[way](node).map((one) => `${one.hops} ${one.node.name} ${one.via?.name ?? ''}`.trim());
  };

  test.each<[string, 'reaches' | 'reachedBy', string[]]>([
    ['shop/web', 'reaches', ['1 shop/cart', '2 pay/ledger shop/cart']],
    ['shop/cart', 'reaches', ['1 shop/web', '1 pay/ledger']],
    ['pay/ledger', 'reaches', []],
    ['pay/ledger', 'reachedBy', ['1 shop/cart', '2 shop/web shop/cart']],
    ['shop/web', 'reachedBy', ['1 shop/cart']],
  ])('%s %s, and circles end', (name, way, wanted) => {
    expect(steps(CHAIN, name, way)).toEqual(wanted);
  });
});

test('a change adds, removes and alters pairs', () => {
  const before = graph(CART + policy('pay/l', select('ledger', from(id('shop/cart')))));
  const after = graph(
    CART.replace('[GET]', '[GET, PUT]') + policy('pay/l', select('ledger', from(id('shop/web')))),
  );
  expect(
    reachChanges(before, after).map(({ kind, from: a, to, more, less }) => [kind, a, to, more, less]),
  ).toEqual([
    ['added', 'shop/web', 'pay/ledger', ['anything'], []],
    ['changed', 'shop/web', 'shop/cart', ['GET,PUT'], ['GET']],
    ['removed', 'shop/cart', 'pay/ledger', [], ['anything']],
  ]);
  expect(reachChanges(before, before)).toEqual([]);
});

test('workloads of one account have their labels beside it', () => {
  const labelled = ['1', '2', '2'].map((v) => `{namespace: a, serviceAccount: b, labels: {v: "${v}"}}`);
  const twice = `[${labelled.join()}, {namespace: c}]`;
  expect(
    graph('', twice)
      .nodes.map(({ name }) => name)
      .slice(0, 4),
  ).toEqual(['a/b v=1', 'a/b v=2', 'a/b v=2 #2', 'c/*']);
});

test.each<[string, string, string]>([
  ['no list', '{namespace: a}', 'must be a list'],
  ['nothing', '', 'is empty'],
  ['an empty list', '[]', 'is an empty list'],
  ['no namespace', '[{serviceAccount: a}]', 'has no `namespace`'],
  ['another key', '[{namespace: a, serviceAcount: b}]', 'unknown field `serviceAcount`'],
  ['an account that is no name', '[{namespace: a, serviceAccount: b/c}]', '`b/c` is no name'],
  ['a namespace that is no name', '[{namespace: "a*"}]', '`a*` is no name'],
  ['a label that is no text', '[{namespace: a, labels: {v: 1}}]', 'must be a string'],
  ['no port', '[{namespace: a, port: 0}]', 'must be a port'],
  ['a port list', '[{namespace: a, port: [1]}]', 'must be a port'],
  ['two documents', '[{namespace: a}]\n---\n[{namespace: a}]', 'not one document'],
  ['no YAML', '[', 'not valid YAML'],
])('an inventory with %s is refused', (_, text, message) => {
  let told = '';
  try {
    parseInventory({ file: 'i.yaml', text });
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    told = error.diagnostics.map((one) => one.message).join('\n');
  }
  expect(told).toContain(message);
});
