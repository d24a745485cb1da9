// `policy suggest` and `flows anomalies` as a user types them: what they print, write and refuse.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WRITTEN } from '../policy/flows/flow-samples.ts';
import { runCli } from './run-cli.ts';

const id = (account: string): string => `spiffe://example.org/ns/shop/sa/${account}`;
const record = (from: string, method: string, path: string, more: object = {}): object => ({
  ...WRITTEN,
  ...{ source: { principal: id(from) }, http: { method, path }, ...more },
});
const to = (workload: string, namespace = 'shop', port = 8080) => ({
  destination: { workload, namespace, port },
});
const IDS = Array.from({ length: 6 }, (_, i) => record('web', 'GET', `/users/${100 + i}`));
const ADMIN = record('ops', 'GET', '/users/admin');
const HOSTILE = '/a\u001b[2J\n- evil';

let folder: string;
const run = (...args: string[]) => runCli(folder, args);
const suggest = (...args: string[]) => run('policy', 'suggest', '--flows', ...args);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-suggest-'));
  const lines = (...records: readonly object[]): string =>
    records.map((one) => `${JSON.stringify(one)}\n`).join('');
  const files = {
    'flows.jsonl': lines(...IDS, ADMIN, record('web', 'POST', '/orders', to('orders'))),
    'hostile.jsonl': lines(
      record('web', 'GET', '/fine'),
      record('web', 'GET', HOSTILE, { verdict: 'deny', reason: 'default-deny' }),
      record('web', 'GET', '/a"\n  - evil'),
      record('web', 'GET\nDELETE', '/a'),
      record('web', 'GET', '/a', to('Cart: {}')),
      record('web', 'GET', '/a', to('cart', '../../etc')),
      record('web', 'GET', '/a', to('cart', 'istio-system')),
      record('web', 'GET', '/a', to('x'.repeat(80))),
    ),
    'none.jsonl': lines(record('web', 'GET', '/a', { verdict: 'deny', reason: 'default-deny' })),
    'later.jsonl': lines(
      ...[IDS[0] ?? {}, record('web', 'GET', '/users/999'), record('web', 'DELETE', '/users/100')],
      ...[record('web', 'GET', '/debug'), record('lab', 'GET', '/users/100')],
      record('web', 'GET', '/', to('vault')),
    ),
    'current.yaml': policy('users', 'cart', [
      { principals: ['example.org/ns/shop/sa/web', 'example.org/ns/shop/sa/gone'] },
      { methods: ['GET', 'PUT'], paths: ['/users/{*}'], notPaths: ['/users/admin'], ports: ['8080'] },
    ]),
    'deny.yaml': `${policy('no', 'orders', [null, { methods: ['POST'] }], 'DENY')}---\n${policy(
      'host',
      'cart',
      [null, { hosts: ['cart.shop'] }],
    )}`,
    'broken.yaml': 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});

afterAll(() => rm(folder, { recursive: true }));

function policy(
  name: string,
  app: string,
  [source, operation]: readonly [object | null, object],
  action = 'ALLOW',
): string {
  const rule = { ...(source === null ? {} : { from: [{ source }] }), to: [{ operation }] };
  return `${JSON.stringify({
    ...{ apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy' },
    metadata: { name, namespace: 'shop' },
    spec: { selector: { matchLabels: { app } }, action, rules: [rule] },
  })}\n`;
}

describe('policy suggest', () => {
  test('prints policies with what they were learned from', async () => {
    const { code, out, err } = await suggest('flows.jsonl');
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('# 2 policies with 3 rules for 16 requests, 2026-09-01T12:00:01Z to 2026');
    const rule = out.slice(out.indexOf('    # 12 requests'), out.indexOf('    # 2 requests'));
    expect(rule).toBe(
      [
        '    # 12 requests, 1 caller, 2026-09-01T12:00:01Z to 2026-09-01T12:00:03Z, confidence medium',
        '    - from:',
        '        - source:',
        '            principals: ["example.org/ns/shop/sa/web"]',
        '      to:',
        '        - operation:',
        '            methods: ["GET"]',
        '            paths:',
        '              - "/users/{*}" # 5 values or more of each caller',
        '            notPaths: ["/users/admin"]',
        '            ports: ["8080"]',
        '',
      ].join('\n'),
    );
  });

  test('prints the same bytes again, whatever the order of the records', async () => {
    const text = await readFile(join(folder, 'flows.jsonl'), 'utf8');
    await writeFile(join(folder, 'turned.jsonl'), text.trim().split('\n').reverse().join('\n'));
    const [first, again, turned] = await Promise.all(
      ['flows.jsonl', 'flows.jsonl', 'turned.jsonl'].map((file) => suggest(file)),
    );
    expect([again?.out, turned?.out]).toEqual([first?.out, first?.out]);
  });

  test('writes a file for each policy, and none over another', async () => {
    const printed = await suggest('flows.jsonl', '--out', 'made');
    expect([printed.code, printed.err]).toEqual([0, '2 policy files written\n']);
    expect((await readdir(join(folder, 'made'))).sort()).toEqual(['shop.cart.yaml', 'shop.orders.yaml']);
    const checked = await run('policy', 'check', 'made', '--strict');
    expect([checked.code, checked.out]).toEqual([
      0,
      '0 errors, 0 warnings; 2 policies with 3 rules in 2 files\n',
    ]);
    const again = await suggest('flows.jsonl', '--out', 'made');
    expect([again.code, again.err]).toEqual([2, expect.stringContaining('ERR_SUGGEST_OUT')]);
  });

  test('selects by labels that are given', async () => {
    const labels = ['--label', 'app.kubernetes.io/name', '--labels', 'shop/cart:app=basket,tier=back'];
    const { out } = await suggest('flows.jsonl', ...labels);
    expect(out).toContain('    matchLabels:\n      "app": "basket"\n      "tier": "back"\n');
    expect(out).toContain('    matchLabels:\n      "app.kubernetes.io/name": "orders"\n');
  });

  test('as JSON', async () => {
    const { code, out } = await suggest('flows.jsonl', '--json');
    expect(code).toBe(0);
    const shown = JSON.parse(out);
    expect(shown).toMatchObject({
      view: 'suggest',
      trustDomain: 'example.org',
      bound: { minValues: 5, maxWidth: 50, minCount: 1 },
      leftOut: [],
    });
    expect(shown.policies[0].rules[0]).toMatchObject({
      principals: ['example.org/ns/shop/sa/web'],
      operations: [{ methods: ['GET'], paths: ['/users/{*}'], notPaths: ['/users/admin'], ports: ['8080'] }],
      confidence: 'medium',
      requests: 12,
      templates: [{ path: '/users/{*}', origin: 'values' }],
    });
  });

  test('lets nothing of a hostile file into a policy, a path of a file or a terminal', async () => {
    const { code, out } = await suggest('hostile.jsonl', '--out', 'hostile');
    expect(code).toBe(0);
    expect(await readdir(join(folder, 'hostile'))).toEqual(['shop.cart.yaml']);
    const text = await readFile(join(folder, 'hostile/shop.cart.yaml'), 'utf8');
    expect(text).toContain('paths: ["/fine"]');
    for (const printed of [out, text]) expect(printed).toMatch(/^[\n\x20-\x7e]*$/);
    expect(out.split('\n').every((line) => line === '' || line.startsWith('#'))).toBe(true);
    expect(out).toContain('workloads that no selector can name');
    expect(out).toContain('workloads of the root namespace');
  });

  test('says so when there is nothing', async () => {
    const { code, out } = await suggest('none.jsonl');
    expect([code, out]).toEqual([1, expect.stringMatching(/^# nothing to suggest\n[\s\S]*: denied\n/)]);
  });

  test.each([
    { args: ['policy', 'suggest'], expect: 'neither `--flows` nor `--admin` is named' },
    { args: ['policy', 'suggest', '--flows', 'gone.jsonl'], expect: 'does not exist' },
    { args: ['policy', 'suggest', 'flows.jsonl', '--min-values', '1'], expect: 'from 2 to 1000' },
    { args: ['policy', 'suggest', 'flows.jsonl', '--min-count', '-1'], expect: '--min-count' },
    { args: ['policy', 'suggest', 'flows.jsonl', '--max-width', '1e9'], expect: 'from 2 to 1000' },
    { args: ['policy', 'suggest', 'flows.jsonl', '--label', 'a b'], expect: 'no label key' },
    { args: ['policy', 'suggest', 'flows.jsonl', '--labels', 'cart:app=x'], expect: '--labels' },
    { args: ['policy', 'suggest', 'flows.jsonl', '--labels', 'shop/cart:app'], expect: '--labels' },
    { args: ['policy', 'suggest', 'flows.jsonl', '--labels', 'shop/cart:app=*'], expect: '--labels' },
    {
      args: ['policy', 'suggest', 'flows.jsonl', '--labels', 'shop/cart:app=orders'],
      expect: '`shop/cart` and `shop/orders` would be selected by the same labels',
    },
    { args: ['policy', 'suggest', 'flows.jsonl', '--against', 'gone.yaml'], expect: 'gone.yaml' },
    { args: ['policy', 'suggest', 'flows.jsonl', '--against', 'broken.yaml'], expect: 'ERR_POLICY_REFUSED' },
    { args: ['policy', 'suggest', 'flows.jsonl', '--trust-domain', 'A'], expect: 'ERR_SPIFFE_ID' },
    { args: ['flows', 'anomalies', 'later.jsonl'], expect: '`--baseline` is missing' },
    { args: ['flows', 'anomalies', '--baseline', 'flows.jsonl'], expect: 'neither `--flows`' },
  ])('refuses $args', async ({ args, expect: message }) => {
    const { code, out, err } = await run(...args);
    expect([code, out, err]).toEqual([2, '', expect.stringContaining(message)]);
  });
});

describe('policy suggest --against', () => {
  test('proposes what the policies in force deny, and says what nothing needed', async () => {
    const { code, out } = await suggest('flows.jsonl', '--against', 'current.yaml');
    expect(code).toBe(0);
    expect(out).toContain('# Against the policies in force: 1 of 3 recorded operations allowed, 2 missing\n');
    expect(out).toContain(
      '#   ns[shop]-policy[users]-rule[0] (current.yaml:1): methods PUT; principals example.org/ns/shop/sa/gone\n',
    );
    expect(out).toContain('# or add its rules to ns[shop]-policy[users] (current.yaml:1)\n');
    expect(out).toContain('# nearest: ns[shop]-policy[users]-rule[0], but from.source.principals wants ');
    expect(out.match(/ {2}name: .*/g)).toEqual(['  name: "cart-suggested"', '  name: "orders-suggested"']);
    expect(out).toContain('paths: ["/users/admin"]');
    expect(out).not.toContain('/users/{*}" #');
  });

  test('proposes nothing once its proposal is in force', async () => {
    const { out } = await suggest('flows.jsonl', '--against', 'current.yaml');
    await writeFile(join(folder, 'added.yaml'), out);
    const both = ['--against', 'current.yaml', '--against', 'added.yaml'];
    const after = await suggest('flows.jsonl', ...both);
    expect([after.code, after.out]).toEqual([0, expect.stringMatching(/^# nothing to suggest\n/)]);
    expect(after.out).toContain('3 of 3 recorded operations allowed, 0 missing');
    expect(after.out).not.toContain('apiVersion');
  });

  test('proposes no rule where a DENY decides, or a rule asks for what is not recorded', async () => {
    const { out } = await suggest('flows.jsonl', '--against', 'deny.yaml', '--json');
    const shown = JSON.parse(out);
    expect(shown.policies).toEqual([]);
    expect(
      shown.leftOut.map(({ reason, requests }: { reason: string; requests: number }) => [reason, requests]),
    ).toEqual([
      ['unrecorded', 14],
      ['deny-rule', 2],
    ]);
    expect(shown.against.unobserved).toMatchObject([{ rule: 'ns[shop]-policy[host]-rule[0]', values: null }]);
  });
});

describe('flows anomalies', () => {
  test('lists what a baseline has not', async () => {
    const { code, out } = await run(
      'flows',
      'anomalies',
      '--baseline',
      'flows.jsonl',
      '--flows',
      'later.jsonl',
    );
    expect(code).toBe(1);
    const rows = out.trim().split('\n').slice(3);
    expect(rows.map((row) => row.split(/ {2,}/))).toEqual([
      ['caller', 'shop/lab', 'shop/cart', '2026-09-01T12:00:01Z', '2', '-', 'GET /users/100'],
      ['path', 'shop/web', 'shop/cart', 'GET', '/debug', '2026-09-01T12:00:01Z', '2', '-', 'GET /debug'],
      [
        'method',
        'shop/web',
        'shop/cart',
        'DELETE',
        '/users/{*}',
        '2026-09-01T12:00:01Z',
        '2',
        '-',
        'DELETE /users/100',
      ],
      ['workload', 'shop/web', 'shop/vault', '2026-09-01T12:00:01Z', '2', '-', 'GET /'],
    ]);
  });

  test('as JSON, with what others do', async () => {
    const { code, out } = await run(
      'flows',
      'anomalies',
      '--baseline',
      'flows.jsonl',
      'later.jsonl',
      '--json',
    );
    expect(code).toBe(1);
    expect(JSON.parse(out).rows[0]).toEqual({
      ...{ kind: 'caller', othersDo: true, caller: 'shop/lab', principal: id('lab'), workload: 'shop/cart' },
      ...{ method: 'GET', path: '/users/{*}', example: '/users/100', denied: 0, requests: 2 },
      ...{ firstSeen: '2026-09-01T12:00:01.000Z', lastSeen: '2026-09-01T12:00:03.000Z' },
    });
  });

  test.each([
    { file: 'flows.jsonl', expect: [0, 'nothing is new'] },
    { file: 'none.jsonl', expect: [1, 'GET /a'] },
  ])('of $file', async ({ file, expect: [code, text] }) => {
    const printed = await run('flows', 'anomalies', '--baseline', 'flows.jsonl', '--flows', file);
    expect([printed.code, printed.out]).toEqual([code, expect.stringContaining(String(text))]);
  });

  test('shows hostile text harmless', async () => {
    const { out } = await run('flows', 'anomalies', '--baseline', 'none.jsonl', '--flows', 'hostile.jsonl');
    expect(out).toMatch(/^[\n\x20-\x7e]*$/);
  });
});
