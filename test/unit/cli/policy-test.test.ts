// `policy test` as a user types it: what it prints, the exit code, coverage, JUnit.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from './run-cli.ts';

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  rules:
  - from:
    - source: {principals: [example.org/ns/shop/sa/web]}
    - source: {namespaces: [edge], notPrincipals: [example.org/ns/edge/sa/old]}
    to:
    - operation:
        methods: [GET, HEAD]
        paths: ["/items/{*}"]
    when:
    - {key: "request.headers[x-tenant]", values: [red, blue], notValues: [black]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: watch, namespace: istio-system}
spec: {action: AUDIT, rules: [{to: [{operation: {paths: ["/items/9"]}}]}]}
`;
const CONFIG = `workload: {namespace: shop, labels: {app: cart}}
identity:
  trustDomain: example.org
  files: {certificate: tls.crt, key: tls.key, bundles: {example.org: ca.pem}}
listeners: [{name: inbound, address: "127.0.0.1:8443", upstream: "127.0.0.1:8080"}]
policy: {files: [policy.yaml]}
`;
const TO = 'defaults: {to: {namespace: shop, labels: {app: cart}}, headers: {x-tenant: red}}\n';
const RULE = 'ns[shop]-policy[cart]-rule[0]';
const WATCH = 'ns[istio-system]-policy[watch]-rule[0]';

let folder = '';
const files: Record<string, string> = {
  'policy.yaml': POLICY,
  'sallyport.yaml': CONFIG,
  'good.yaml': `${TO}cases:
- {name: good, as: shop/web, request: GET cart/items/7, expect: allow, rule: "${RULE}"}
`,
  'bad.yaml': `${TO}cases:
- {name: "no \\e[31m <&>", as: shop/api, request: GET cart/items/7, expect: allow}
- {name: rule, as: shop/web, request: GET cart/items/9, expect: allow, rule: "${WATCH}"}
- {name: reason, as: shop/web, request: GET cart/a%2fb, expect: deny, reason: default-deny}
- {name: quotes, as: shop/api, headers: {x-tenant: [red, "it's"]}, request: GET a/b, expect: allow}
`,
  'faulty.yaml': 'cases: [{name: "a\\e[2J", expct: deny}]',
  'nowhere.yaml': 'cases: [{name: a, request: GET a/b, expect: deny, to: {namespace: far}}]',
  'invariants.yaml': `invariants:
- {name: held, never: {from: {namespaces: [dev]}, to: {labels: {app: cart}}}}
- {name: broken, never: {from: {namespaces: [edge]}, to: {namespaces: [shop]}}}
`,
  'covering.yaml': `${TO}cases:
- name: t
  host: cart
  table:
    columns: [as, method, path, headers.x-b, expect]
    rows: [[shop/web, GET, /items/7, x, allow], [edge/old, GET, /items/9, x, deny]]
`,
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-cases-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: string[]) => runCli(folder, ['policy', 'test', ...args]);

test.each<[string, string[], number, string]>([
  ['cases that pass', ['policy.yaml', '--cases', 'good.yaml'], 0, 'passed  good.yaml  1 case, 0 failed'],
  ['a configuration', ['--config', 'sallyport.yaml', '--cases', 'good.yaml'], 0, 'passed'],
  ['several files', ['policy.yaml', '--cases', 'good.yaml', 'invariants.yaml'], 1, '1 proved, 1 not'],
  ['cases that fail', ['policy.yaml', '--cases', 'bad.yaml'], 1, '4 cases, 3 failed'],
])('%s', async (_, args, code, text) => {
  const printed = await run(...args);
  expect([printed.code, printed.err]).toEqual([code, '']);
  expect(printed.out).toContain(text);
});

test.each<[string, string[], string]>([
  ['no policies', ['--cases', 'good.yaml'], 'no path is named'],
  ['no cases', ['policy.yaml'], '`--cases` is missing'],
  ['a file that is missing', ['policy.yaml', '--cases', 'none.yaml'], '`none.yaml` does not exist'],
  ['no percentage', ['policy.yaml', '--cases', 'good.yaml', '--coverage', '101'], 'is no percentage'],
  ['an unknown option', ['policy.yaml', '--cases', 'good.yaml', '--jnit', 'x'], 'did you mean `--junit`?'],
  [
    'faulty cases',
    ['policy.yaml', '--cases', 'faulty.yaml'],
    'faulty.yaml:1:26: error: unknown field `expct`',
  ],
  ['policies as cases', ['policy.yaml', '--cases', 'policy.yaml'], 'more than one document'],
  ['cases as policies', ['good.yaml', '--cases', 'good.yaml'], 'ERR_POLICY'],
  ['another workload', ['--config', 'sallyport.yaml', '--cases', 'nowhere.yaml'], 'nowhere.yaml:1:9: error'],
  ['a report nowhere', ['policy.yaml', '--cases', 'good.yaml', '--junit', 'no/r.xml'], 'ERR_JUNIT_FILE'],
])('%s ends with 2', async (_, args, text) => {
  const { code, err } = await run(...args);
  expect(code).toBe(2);
  expect(err).toContain(text);
  expect(err).not.toContain('\u001b');
});

describe('a failure', () => {
  test('says what was expected, the nearest rule, and how to ask again', async () => {
    const { out } = await run('policy.yaml', '--cases', 'bad.yaml');
    expect(out).toContain('failed  no \\u001b[31m <&>  bad.yaml:3');
    expect(out).toContain('expected allow, got deny');
    expect(out).toContain(`nearest   ${RULE}  policy.yaml:7`);
    expect(out).toContain('  from.source.namespaces  want edge  got shop');
    expect(out).toContain('expected the reason default-deny, got ambiguous-path');
    expect(out).toContain(`printf '%s' '{"principal":"spiffe://example.org/ns/shop/sa/api"`);
    expect(out).toContain(`["x-tenant","it'\\''s"]`);
    expect(out).not.toContain('\u001b');
  });

  test('of an invariant shows a request whose explanation is the same', async () => {
    const { out } = await run('policy.yaml', '--cases', 'invariants.yaml', '--json');
    const { files: shown } = JSON.parse(out);
    const [held, broken] = shown[0].invariants;
    expect([held.passed, broken.passed, broken.proof.rule]).toEqual([true, false, RULE]);
    await writeFile(join(folder, 'request.json'), JSON.stringify(broken.proof.example));
    const { out: explained } = await runCli(folder, [
      ...['policy', 'explain', '--policy', 'policy.yaml', '--trust-domain', 'example.org'],
      ...['--request', 'request.json'],
    ]);
    expect(explained).toContain('verdict  allow');
    expect(explained).toContain(RULE);
  });
});

describe('coverage', () => {
  test('tells rules and elements apart, each with its place', async () => {
    const { code, out } = await run('policy.yaml', '--cases', 'covering.yaml', '--coverage');
    expect(code).toBe(0);
    expect(out.split('\n').slice(2)).toEqual([
      'coverage: rules 2 of 2 (100 %), elements 10 of 15 (66 %)',
      `  uncovered  ${RULE} from[1]  policy.yaml:9:15`,
      `  uncovered  ${RULE} from[1].source.namespaces: edge  policy.yaml:9:29`,
      `  uncovered  ${RULE} to[0].operation.methods: HEAD  policy.yaml:12:24`,
      `  uncovered  ${RULE} when[0] request.headers[x-tenant] values: blue  policy.yaml:15:56`,
      `  uncovered  ${RULE} when[0] request.headers[x-tenant] notValues: black  policy.yaml:15:75`,
      '',
    ]);
  });

  test('below the minimum is exit 1', async () => {
    expect((await run('policy.yaml', '--cases', 'covering.yaml', '--coverage', '60')).code).toBe(0);
    const { code, err } = await run('policy.yaml', '--cases', 'covering.yaml', '--coverage=70%');
    expect([code, err]).toEqual([1, 'less than 70 % is covered\n']);
  });

  test('names the cases', async () => {
    const { out } = await run('policy.yaml', '--cases', 'covering.yaml', '--coverage', '--json');
    const [rule] = JSON.parse(out).coverage.byRule;
    expect([rule.count, rule.cases]).toEqual([1, ['t: shop/web GET /items/7 x']]);
    const excluded = rule.elements.find(({ kind }: { kind: string }) => kind === 'exclusion');
    expect(excluded.cases).toEqual(['t: edge/old GET /items/9 x']);
  });
});

test('the JUnit report holds nothing but its own markup', async () => {
  await run('policy.yaml', '--cases', 'bad.yaml', 'good.yaml', '--junit', 'report.xml');
  const xml = await readFile(join(folder, 'report.xml'), 'utf8');
  expect(xml).toContain('<testsuites name="sallyport policy test" tests="5" failures="3" errors="0">');
  expect(xml).toContain('name="no \\u001b[31m &lt;&amp;&gt;" file="bad.yaml" line="3">');
  expect(xml).toContain('<failure message="expected allow, got deny" type="failure">');
  expect([...xml].every((c) => c === '\n' || (c >= ' ' && c <= '~'))).toBe(true);
  const tags = [...xml.replaceAll(/<(\?xml|testcase)[^>]*[/?]>/g, '').matchAll(/<(\/?)([a-z]+)/g)];
  const open: string[] = [];
  for (const [, end, name = ''] of tags) {
    if (end === '') open.push(name);
    else expect(open.pop()).toBe(name);
  }
  expect(open).toEqual([]);
});
