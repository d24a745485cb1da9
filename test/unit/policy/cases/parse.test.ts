// Files with cases: what they become, and what is refused, where.
import { expect, test } from 'vitest';
import { parseCases } from '../../../../policy/cases/parse.ts';
import { requestOfCase } from '../../../../policy/cases/request.ts';
import type { PolicyOptions } from '../../../../policy/model.ts';

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
const RULE = 'ns[shop]-policy[cart]-rule[0]';

const parse = (text: string) =>
  parseCases({ file: 'cases.yaml', text }, { options: OPTIONS, ruleIds: new Set([RULE]) });

function requests(text: string) {
  const { read, faults } = parse(text);
  expect(faults).toEqual([]);
  return read.cases.map((one) => [one.name, one.expected.expect, requestOfCase(one, 'example.org')]);
}

/** What `as: shop/web`, `request: GET cart:8080/items/7` are, with changes. */
const request = (changes: object = {}) => ({
  principal: 'spiffe://example.org/ns/shop/sa/web',
  sourceIp: null,
  remoteIp: null,
  destination: { ip: null, port: 8080, namespace: null, labels: null },
  sni: null,
  http: { method: 'GET', path: '/items/7', host: 'cart:8080', headers: [] },
  ...changes,
});
const PLAIN = 'as: shop/web, request: GET cart:8080/items/7, expect: allow';

test.each<[string, string, unknown]>([
  ['the short form', `{name: a, ${PLAIN}}`, request()],
  ['nobody', `{name: a, ${PLAIN.replace('shop/web', 'plaintext')}}`, request({ principal: null })],
  [
    'another trust domain',
    `{name: a, ${PLAIN.replace('shop/web', 'spiffe://far/x')}}`,
    request({ principal: 'spiffe://far/x' }),
  ],
  [
    'a workload',
    `{name: a, ${PLAIN}, to: {namespace: shop, labels: {app: cart}, ip: 10.0.0.1, port: 81}}`,
    request({ destination: { ip: '10.0.0.1', port: 81, namespace: 'shop', labels: { app: 'cart' } } }),
  ],
  [
    'headers',
    `{name: a, ${PLAIN}, headers: {x-a: b, x-b: [c, d]}}`,
    request({
      http: {
        ...request().http,
        headers: [
          ['x-a', 'b'],
          ['x-b', 'c'],
          ['x-b', 'd'],
        ],
      },
    }),
  ],
  [
    'addresses',
    `{name: a, ${PLAIN}, sourceIp: 10.0.0.1, sni: cart}`,
    request({ sourceIp: '10.0.0.1', sni: 'cart' }),
  ],
  [
    'TCP',
    '{name: a, as: shop/web, tcp: 5432, expect: allow}',
    request({ http: null, destination: { ...request().destination, port: 5432 } }),
  ],
  [
    'JSON',
    '{name: a, json: {principal: null, destination: {port: 1}}, expect: allow}',
    { principal: null, destination: { port: 1 } },
  ],
])('%s', (_, written, wanted) => {
  expect(requests(`cases: [${written}]`)).toEqual([['a', 'allow', wanted]]);
});

test('defaults are written over, and HTTP takes the place of TCP', () => {
  const text =
    'defaults: {tcp: 5432, expect: deny, as: shop/web}\ncases:\n- {name: a, request: GET cart/x}\n- {name: b}';
  const found = requests(text);
  expect(found.map(([name, verdict]) => `${name} ${verdict}`)).toEqual(['a deny', 'b deny']);
  expect(found[0]?.[2]).toMatchObject({ http: { path: '/x' } });
  expect(found[1]?.[2]).toMatchObject({ http: null, destination: { port: 5432 } });
});

test('a table is one case a row, named by what differs', () => {
  const found = requests(`cases:
- name: t
  host: cart
  table:
    columns: [as, method, path, to.namespace, to.labels.app, headers.x-a, expect]
    rows: [[shop/web, GET, /a, shop, cart, b, allow], [plaintext, PUT, /a, shop, cart, c, deny]]
`);
  expect(found.map(([name, verdict]) => `${name} = ${verdict}`)).toEqual([
    't: shop/web GET /a shop cart b = allow',
    't: plaintext PUT /a shop cart c = deny',
  ]);
  expect(found[0]?.[2]).toMatchObject({
    destination: { port: 80, namespace: 'shop', labels: { app: 'cart' } },
    http: { headers: [['x-a', 'b']] },
  });
});

test('a matrix is every combination; exceptions expect the opposite', () => {
  const found = requests(`cases:
- name: m
  matrix: {as: [shop/web, shop/api], method: [GET, PUT], path: [/a]}
  expect: allow
  except: [{as: shop/api, method: PUT}, {path: /a, method: [PUT]}]
`);
  expect(found.map(([name, verdict]) => `${name} = ${verdict}`)).toEqual([
    'm: shop/web GET /a = allow',
    'm: shop/web PUT /a = deny',
    'm: shop/api GET /a = allow',
    'm: shop/api PUT /a = deny',
  ]);
});

test('an invariant is read by the parsers of policies, one part for each destination', () => {
  const { read, faults } = parse(`invariants:
- name: pci
  never:
    from: [{namespaces: [dev]}, {notPrincipals: ["cluster.local/ns/shop/sa/*"]}]
    to: [{labels: {data: pci}}, {namespaces: [pay], methods: [POST], paths: ["/charge/{*}"]}]
`);
  expect(faults).toEqual([]);
  const [pci] = read.invariants;
  expect(pci?.parts.map(({ kind, workloads, to }) => [kind, workloads, to?.[0]?.length])).toEqual([
    ['never', { labels: { data: 'pci' } }, undefined],
    ['never', { namespaces: ['pay'] }, 2],
  ]);
  expect(pci?.parts[0]?.from?.[1]?.[0]?.notValues).toHaveLength(2);
});

const bad = (name: string, ...rest: string[]): [string, string, ...string[]] => [
  name,
  rest[0] ?? '',
  ...rest.slice(1),
];

test.each([
  bad(
    'an unknown key',
    'cases: [{name: a, requst: GET x/y, expect: deny}]',
    '1:19',
    'did you mean `request`?',
  ),
  bad('an unknown top key', 'case: []', '1:1', 'did you mean `cases`?'),
  bad('nothing', '# empty', '1:1', 'is empty'),
  bad('two documents', 'cases: []\n---\ncases: []', '1:1', 'more than one document'),
  bad('no YAML', 'cases: [', '1:', 'not valid YAML'),
  bad('a key twice', 'cases: []\ncases: []', '2:1', 'stands twice'),
  bad('no name', `cases: [{${PLAIN}}]`, '1:9', 'has no `name`'),
  bad('no request', 'cases: [{name: a, expect: deny}]', '1:9', 'has no request'),
  bad('a method alone', 'cases: [{name: a, method: GET, expect: deny}]', '1:9', 'has no request'),
  bad('no expectation', 'cases: [{name: a, request: GET x/y}]', '1:9', 'expects nothing'),
  bad('another verdict', 'cases: [{name: a, request: GET x/y, expect: allowed}]', '1:45', 'is no verdict'),
  bad('no caller', 'cases: [{name: a, as: web, request: GET x/y, expect: deny}]', '1:23', 'is no caller'),
  bad(
    'no SPIFFE ID',
    'cases: [{name: a, as: spiffe://, request: GET x/y, expect: deny}]',
    '1:9',
    'not a SPIFFE ID',
  ),
  bad(
    'no request line',
    'cases: [{name: a, request: GET x/y HTTP/1.1, expect: deny}]',
    '1:28',
    'is no request',
  ),
  bad('a bad port', 'cases: [{name: a, request: GET x:0/y, expect: deny}]', '1:28', 'is no request'),
  bad(
    'TCP with a method',
    'cases: [{name: a, tcp: 1, method: GET, expect: deny}]',
    '1:19',
    'exclude each other',
  ),
  bad('TCP without a port', 'cases: [{name: a, tcp: true, expect: deny}]', '1:24', 'must be a port'),
  bad('JSON with more', `cases: [{name: a, json: {}, ${PLAIN}}]`, '1:19', 'exclude each other'),
  bad(
    'JSON that is no request',
    'cases: [{name: a, json: {htp: 1}, expect: deny}]',
    '1:25',
    'did you mean `http`?',
  ),
  bad('no address', `cases: [{name: a, ${PLAIN}, sourceIp: 10.0.0.300}]`, '1:9', 'is no IP address'),
  bad('no header name', `cases: [{name: a, ${PLAIN}, headers: {"x a": b}}]`, '1:9', 'is no header name'),
  bad('a number for a text', `cases: [{name: a, ${PLAIN}, sni: 7}]`, '1:', 'must be a string'),
  bad(
    'another rule',
    `cases: [{name: a, ${PLAIN}, rule: "ns[shop]-policy[crat]-rule[0]"}]`,
    '1:9',
    `did you mean \`${RULE}\`?`,
  ),
  bad(
    'another reason',
    `cases: [{name: a, ${PLAIN}, reason: default_deny}]`,
    '1:9',
    'did you mean `default-deny`?',
  ),
  bad('no columns', 'cases: [{name: a, table: {rows: [[a]]}}]', '1:19', 'lacks columns or rows'),
  bad(
    'another column',
    'cases: [{name: a, table: {columns: [ass], rows: [[a]]}}]',
    '1:37',
    'did you mean `as`?',
  ),
  bad(
    'a column twice',
    'cases: [{name: a, table: {columns: [path, path], rows: [[a, b]]}}]',
    '1:43',
    'stands twice',
  ),
  bad(
    'a short row',
    'cases: [{name: a, table: {columns: [path, as], rows: [[a]]}}]',
    '1:55',
    'the row has 1 cells',
  ),
  bad('a null cell', 'cases: [{name: a, table: {columns: [path], rows: [[~]]}}]', '1:', 'is null'),
  bad('an empty matrix', 'cases: [{name: a, matrix: {}}]', '1:27', 'is empty'),
  bad('expect as a dimension', 'cases: [{name: a, matrix: {expect: [allow]}}]', '1:28', 'is no dimension'),
  bad(
    'an exception that is none',
    'cases: [{name: a, matrix: {path: [/a]}, except: [{path: /b}], expect: deny}]',
    '1:57',
    'unknown path',
  ),
  bad(
    'an exception of nothing',
    'cases: [{name: a, matrix: {path: [/a]}, except: [{}], expect: deny}]',
    '1:50',
    'names nothing',
  ),
  bad('exceptions alone', `cases: [{name: a, ${PLAIN}, except: []}]`, '1:', 'belongs to a `matrix`'),
  bad('table and matrix', 'cases: [{name: a, table: {}, matrix: {}}]', '1:9', 'exclude each other'),
  bad('neither never nor always', 'invariants: [{name: a}]', '1:14', 'needs either'),
  bad(
    'both',
    'invariants: [{name: a, never: {to: {methods: [GET]}}, always: {to: {methods: [GET]}}}]',
    '1:14',
    'needs either',
  ),
  bad('an invariant of nothing', 'invariants: [{name: a, never: {}}]', '1:24', 'neither `from` nor `to`'),
  bad('an empty source', 'invariants: [{name: a, never: {from: {}}}]', '1:38', 'is empty'),
  bad(
    'another field',
    'invariants: [{name: a, never: {from: {namespace: [a]}}}]',
    '1:39',
    'did you mean `namespaces`?',
  ),
  bad(
    'an account without a namespace',
    'invariants: [{name: a, never: {from: {serviceAccounts: [web]}}}]',
    '1:38',
    'has no namespace',
  ),
  bad(
    'a method in lower case',
    'invariants: [{name: a, never: {to: {methods: [get]}}}]',
    '1:47',
    'did you mean `GET`?',
  ),
  bad(
    'a wildcard namespace of workloads',
    'invariants: [{name: a, never: {to: {namespaces: ["a*"]}}}]',
    '1:50',
    'is not exact',
  ),
  bad(
    'a token',
    'invariants: [{name: a, never: {from: {requestPrincipals: ["*"]}}}]',
    '1:39',
    'not built yet',
  ),
])('%s is refused', (_, text, place, message) => {
  const { faults } = parse(text);
  const told = faults.map(
    ({ at, message: what, hint }) => `${at?.line ?? 1}:${at?.column ?? 1} ${what} ${hint}`,
  );
  expect(told.join('\n')).toContain(message);
  expect(told.join('\n')).toContain(place);
});

test('the matrix, the aliases and the length are bounded', () => {
  const many = Array.from({ length: 400 }, (_, i) => `/${i}`).join();
  expect(
    parse(`cases: [{name: a, expect: deny, matrix: {path: [${many}], host: [${many}]}}]`).faults,
  ).toHaveLength(1);
  const bomb = `cases: [{name: a, expect: deny, json: {principal: &a [1, 1], x: [${'*a, '.repeat(70)}]}}]`;
  expect(parse(bomb).faults.map(({ code }) => code)).toContain('ERR_POLICY_LIMIT');
  expect(parse(`# ${'x'.repeat(5 * 1024 * 1024)}`).faults[0]?.message).toContain('longer than');
  expect(
    parse(`cases: [{name: a, expect: deny, json: ${'['.repeat(300)}${']'.repeat(300)}}]`).faults,
  ).not.toEqual([]);
});
