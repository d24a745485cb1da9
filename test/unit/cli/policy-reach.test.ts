// `policy reach` as a user types it: views, formats, and what is refused.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from './run-cli.ts';

const policy = (rule: string, app = 'cart'): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${app}, namespace: shop}
spec:
  selector: {matchLabels: {app: ${app}}}
  rules:
  - ${rule}
`;
const WEB =
  '{from: [{source: {principals: [example.org/ns/shop/sa/web]}}], to: [{operation: {methods: [GET]}}]}';
const CART = '{from: [{source: {principals: [example.org/ns/shop/sa/cart]}}]}';
const HOSTILE = 'say"];\\e[31m|x';

let folder = '';
const files: Record<string, string> = {
  'policy.yaml': `${policy(WEB)}---\n${policy(CART, 'db')}`,
  'old.yaml': policy(WEB.replace('GET', 'HEAD')),
  'none.yaml': policy(WEB).replace(/rules:.*/s, 'rules: []'),
  'bad.yaml': policy('{form: []}'),
  'hostile.yaml': policy(WEB).replace('{app: cart}', `{app: "${HOSTILE.replaceAll('"', '\\"')}"}`),
  'inventory.yaml':
    '[{namespace: shop, serviceAccount: web}, {namespace: shop, serviceAccount: cart, labels: {app: cart}}]',
  'faulty.yaml': '[{namespace: shop, labls: {}}]',
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-reach-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: string[]) => runCli(folder, ['policy', 'reach', ...args]);

test('every workload has a line, and the whole way is counted', async () => {
  const { code, out, err } = await run('--policy', 'policy.yaml');
  expect([code, err]).toEqual([
    0,
    'notice: 3 callers and workloads, as the policies name them; --inventory FILE says which there are\n',
  ]);
  expect(out.split('\n').map((line) => line.trimEnd())).toEqual([
    'WORKLOAD     CALLERS  IN ALL  REACHES  IN ALL  IN REACH WHEN TAKEN OVER',
    'shop/web           -       -        1       2  shop/cart, shop/app=db',
    'shop/cart          1       1        1       1  shop/app=db',
    'shop/app=db        1       2        -       -',
    '',
  ]);
});

test('one workload is told step by step', async () => {
  const { out } = await run('--policy', 'policy.yaml', '--workload', 'shop/app=db');
  expect(out).toBe(`shop/app=db  app=db

reached by 1 directly, 2 in all
HOPS  CALLER     OVER       WITH
   1  shop/cart             anything
   2  shop/web   shop/cart  GET

`);
});

test('against a baseline', async () => {
  const { out } = await run('--policy', 'policy.yaml', '--baseline', 'old.yaml');
  expect(out.split('against the baseline\n')[1]).toBe(`  + shop/cart -> shop/app=db  anything
  ~ shop/web -> shop/cart  + GET; - HEAD
  shop/cart taken over: 0 -> 1 in reach  +shop/app=db
  shop/web taken over: 1 -> 2 in reach  +shop/app=db
`);
  const same = await run('--policy', 'policy.yaml', '--baseline', 'policy.yaml');
  expect(same.out).toContain('against the baseline nothing changes');
});

test('JSON has it all', async () => {
  const { out, err } = await run('--policy', 'policy.yaml', '--inventory', 'inventory.yaml', '--json');
  expect(err).toBe('');
  const { workloads, edges, changes } = JSON.parse(out);
  expect(workloads[0]).toMatchObject({
    name: 'shop/web',
    kind: 'account',
    reaches: [{ name: 'shop/cart', hops: 1, via: null }],
  });
  expect(edges).toEqual([
    {
      from: 'shop/web',
      to: 'shop/cart',
      by: [{ rule: 'ns[shop]-policy[cart]-rule[0]', what: 'GET', when: [], less: [], sure: true }],
    },
  ]);
  expect(changes).toBeNull();
});

test('graphs show the focus, what is new and what is gone', async () => {
  const args = ['--policy', 'policy.yaml', '--baseline', 'old.yaml', '--workload', 'shop/cart'];
  expect((await run(...args, '--format', 'mermaid')).out).toBe(`flowchart LR
  n0["shop/cart"]
  n1["shop/app#61;db"]
  n2["shop/web"]
  n0 -->|"anything"| n1
  n2 -->|"GET"| n0
  style n0 fill:#fff3cd
  linkStyle 0 stroke:#b8860b
`);
  const gone = ['--policy', 'none.yaml', '--baseline', 'old.yaml', '--format', 'dot'];
  expect((await run(...gone)).out).toContain('n0 -> n1 [label="HEAD", style=dotted, color="#888888"]');
});

test('text of policies ends no label and moves no cursor', async () => {
  const dot = await run('--policy', 'hostile.yaml', '--format', 'dot');
  expect(dot.out).toContain('[label="shop/app=say\\"];\\\\u001b[31m|x"]');
  const mermaid = await run('--policy', 'hostile.yaml', '--format', 'mermaid');
  expect(mermaid.out).toContain('["shop/app#61;say#34;#93;#59;#92;u001b#91;31m#124;x"]');
  const text = await run('--policy', 'hostile.yaml');
  expect(text.out).not.toContain('\u001b');
});

test('nobody reaches anybody', async () => {
  const { out } = await run('--policy', 'none.yaml', '--inventory', 'inventory.yaml', '--format', 'dot');
  expect(out).toBe('digraph reach {\n  rankdir=LR;\n  node [shape=box];\n}\n');
});

test.each<[string, string[], string]>([
  ['no policies', [], 'no path is named'],
  ['policies with errors', ['--policy', 'bad.yaml'], 'did you mean `from`?'],
  ['a baseline with errors', ['--policy', 'policy.yaml', '--baseline', 'bad.yaml'], '1 error'],
  ['another format', ['--policy', 'policy.yaml', '--format', 'svg'], '`--format svg` is unknown'],
  ['two formats', ['--policy', 'policy.yaml', '--format', 'dot', '--json'], 'disagree'],
  [
    'a workload that is not known',
    ['--policy', 'policy.yaml', '--workload', 'shop/crat'],
    'did you mean `shop/cart`?',
  ],
  ['an inventory with errors', ['--policy', 'policy.yaml', '--inventory', 'faulty.yaml'], 'faulty.yaml:1:20'],
  ['an inventory that is not there', ['--policy', 'policy.yaml', '--inventory', 'x.yaml'], 'does not exist'],
])('%s ends with 2', async (_, args, text) => {
  const { code, err } = await run(...args);
  expect(code).toBe(2);
  expect(err).toContain(text);
});
