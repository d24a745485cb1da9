// `policy new` as a user types it: the policy is sound, says what was asked, and nothing broad slips through.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { ISTIO_POLICY } from '../../policy/istio-schema.ts';
import { type AskedRequest, judged } from '../../policy/judged.ts';
import { runCli } from '../run-cli.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-new-'));
});
afterAll(() => rm(folder, { recursive: true }));

const words = (line: string): string[] => ['policy', 'new', ...line.split(' ')];
const NOW_MS = Date.now();

interface Written {
  readonly line: string;
  readonly name: string;
  readonly allowed?: readonly AskedRequest[];
  readonly denied: readonly AskedRequest[];
}

const ITEMS = 'GET /items/7';
const WRITTEN: readonly Written[] = [
  {
    line: 'allow shop/web GET,POST cart:8080/items/{*} --to shop app=cart',
    name: 'allow-web-to-cart-items',
    allowed: [
      { as: 'shop/web', what: ITEMS },
      { as: 'shop/web', what: 'POST /items/8', host: 'cart.shop:8080' },
      { as: 'shop/web', what: ITEMS, host: 'cart.shop.svc.cluster.local' },
    ],
    denied: [
      { as: 'shop/web', what: 'DELETE /items/7' },
      { as: 'shop/web', what: 'GET /items' },
      { as: 'shop/web', what: 'GET /items/7/x' },
      { as: 'shop/web', what: ITEMS, port: 9090 },
      { as: 'shop/web', what: ITEMS, host: 'cart.example' },
      { as: 'shop/web', what: ITEMS, labels: { app: 'billing' } },
      { as: 'shop/other', what: ITEMS },
      { as: 'spiffe://far.example/ns/shop/sa/web', what: ITEMS },
      { as: null, what: ITEMS },
    ],
  },
  {
    line: 'allow shop/web,shop/api,10.9.0.0/16 GET /health --to shop app=cart --name probe',
    name: 'probe',
    allowed: [
      { as: 'shop/api', what: 'GET /health', ip: '10.1.0.1' },
      { as: null, what: 'GET /health' },
    ],
    denied: [
      { as: null, what: 'GET /health', ip: '10.1.0.1' },
      { as: 'shop/web', what: 'HEAD /health' },
    ],
  },
  {
    line: 'allow spiffe://far.example/batch ANY /jobs --to shop app=cart --trust-domain example.org',
    name: 'allow-batch-to-cart-jobs',
    allowed: [{ as: 'spiffe://far.example/batch', what: 'PUT /jobs' }],
    denied: [{ as: 'shop/batch', what: 'PUT /jobs' }],
  },
  {
    line: 'allow * GET,HEAD / --to shop app=cart --broad',
    name: 'allow-authenticated-to-cart',
    allowed: [{ as: 'spiffe://far.example/batch', what: 'GET /' }],
    denied: [
      { as: null, what: 'GET /' },
      { as: 'shop/web', what: 'GET /x' },
    ],
  },
  {
    line: 'allow anyone GET /public/{**} --to shop app=cart --broad',
    name: 'allow-anyone-to-cart-public',
    allowed: [{ as: null, what: 'GET /public/a/b' }],
    denied: [
      { as: null, what: 'GET /public' },
      { as: 'shop/web', what: 'POST /public/a' },
    ],
  },
  {
    line: 'allow-nothing --namespace shop',
    name: 'allow-nothing',
    denied: [{ as: 'shop/web', what: 'GET /' }],
  },
  {
    line: 'allow-nothing --namespace shop app=cart --name closed',
    name: 'closed',
    denied: [{ as: 'shop/web', what: 'GET /' }],
  },
  {
    line: 'allow shop/web GET / --to shop app=cart --dry-run',
    name: 'allow-web-to-cart',
    denied: [{ as: 'shop/web', what: 'GET /' }],
  },
];

describe('what is written', () => {
  test.each(WRITTEN)('$line', async ({ line, name, allowed = [], denied }) => {
    const { code, out, err } = await runCli(folder, words(line));
    expect([code, err]).toEqual([0, '']);
    const resource = ISTIO_POLICY.parse(parseDocument(out, { version: '1.1' }).toJS());
    expect(resource.metadata).toMatchObject({ name, namespace: 'shop' });
    await writeFile(join(folder, 'checked.yaml'), out);
    if (!line.includes('--broad'))
      expect((await runCli(folder, ['policy', 'check', '--strict', 'checked.yaml'])).out).toMatch(
        /^0 errors, 0 w/,
      );
    for (const asked of allowed) expect(judged(out, asked, { nowMs: NOW_MS })).toBe('allow: allow-rule');
    for (const asked of denied) expect(judged(out, asked, { nowMs: NOW_MS })).toBe('deny: default-deny');
  });
});

describe('a DENY', () => {
  const ALLOW_ALL = `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: all, namespace: shop}
spec: {rules: [{}]}
`;
  test.each([
    { line: 'deny dev/* ANY cart/admin/{**} --to shop', as: 'dev/x', what: 'GET /admin/a', hit: true },
    // Of any trust domain, and whatever host is sent.
    {
      line: 'deny dev/* ANY cart/admin/{**} --to shop',
      as: 'spiffe://far.example/ns/dev/sa/x',
      what: 'GET /admin/a',
      hit: true,
    },
    { line: 'deny dev/* ANY cart/admin/{**} --to shop', as: 'dev/x', what: 'GET /admin', hit: false },
    { line: 'deny dev/* ANY cart/admin/{**} --to shop', as: 'shop/x', what: 'GET /admin/a', hit: false },
    { line: 'deny * ANY /admin --to shop', as: 'shop/x', what: 'GET /admin', hit: true },
    { line: 'deny * ANY /admin --to shop', as: null, what: 'GET /admin', hit: false },
    { line: 'deny anyone ANY /admin --to shop', as: null, what: 'GET /admin', hit: true },
    { line: 'deny shop/web GET /admin --to shop', as: 'shop/web', what: 'HEAD /admin', hit: false },
  ])('$line: $as $what, hit $hit', async ({ line, as, what, hit }) => {
    const { code, out } = await runCli(folder, words(line));
    expect(code).toBe(0);
    const asked = { as, what, host: 'other.example' };
    const expected = hit ? 'deny: deny-rule' : 'allow: allow-rule';
    expect(judged(out + ALLOW_ALL, asked, { nowMs: NOW_MS })).toBe(expected);
  });

  test('says what it leaves open', async () => {
    const { out } = await runCli(folder, words('deny * GET cart/admin/{**} --to shop'));
    expect(out).toContain('# Peers without identity are not among these callers');
    expect(out).toContain('# The host cart is left out');
    expect(out).toContain('# GET is not HEAD');
    expect(out).toContain('not /admin itself');
  });
});

describe('refused without --broad', () => {
  test.each([
    { line: 'allow * GET / --to shop app=cart', says: 'every authenticated peer' },
    { line: 'allow anyone GET / --to shop app=cart', says: 'also peers without identity' },
    { line: 'allow shop/* GET / --to shop app=cart', says: 'every workload of namespace shop' },
    { line: 'allow spiffe://example.org/* GET / --to shop app=cart', says: 'every peer whose ID is' },
    { line: 'allow 0.0.0.0/0 GET / --to shop app=cart', says: 'whoever connects from 0.0.0.0/0' },
    { line: 'allow 128.0.0.0/1 GET / --to shop app=cart', says: 'whoever connects' },
    { line: 'allow 2000::/3 GET / --to shop app=cart', says: 'whoever connects' },
    { line: 'allow shop/web ANY cart --to shop app=cart', says: 'every method on every path' },
    { line: 'allow shop/web POST cart/{**} --to shop app=cart', says: 'POST on every path' },
    { line: 'allow shop/web GET,DELETE /* --to shop app=cart', says: 'GET, DELETE on every path' },
    { line: 'allow shop/web GET / --to shop', says: 'every workload of namespace shop' },
    { line: 'allow shop/web GET / --to istio-system app=cart', says: 'every namespace' },
    { line: 'allow shop/web GET / --to infra app=cart --root-namespace infra', says: 'every namespace' },
    { line: 'deny anyone ANY cart --to shop', says: 'everybody' },
    { line: 'deny shop/web GET / --to istio-system', says: 'every namespace' },
    { line: '--starter metrics --namespace shop --from *', says: 'every authenticated peer' },
  ])('$line', async ({ line, says }) => {
    const { code, out, err } = await runCli(folder, words(line));
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(says);
    expect(err).toContain('add --broad');
    const broad = await runCli(folder, words(`${line} --broad`));
    expect([broad.code, broad.err]).toEqual([0, '']);
  });
});

describe('wrong usage', () => {
  test.each([
    { line: 'allow shop/web GET', says: 'takes CALLERS METHODS TARGET' },
    { line: 'permit shop/web GET / --to shop', says: 'name what is to be written' },
    { line: 'allow shop/web GET / app=cart', says: 'namespace of the workloads is missing' },
    { line: 'allow shop/web GET / --to shop cart', says: 'is not KEY=VALUE' },
    { line: 'allow web GET / --to shop app=cart', says: '`web` is no caller' },
    { line: 'allow shop/we*b GET / --to shop app=cart', says: 'no name' },
    { line: 'allow shop/web/x GET / --to shop app=cart', says: 'is no caller' },
    { line: 'allow spiffe://Example/x GET / --to shop app=cart', says: 'is no SPIFFE ID' },
    { line: 'allow anyone,shop/web GET / --to shop app=cart', says: 'beside others' },
    { line: 'allow shop/web get / --to shop app=cart', says: 'did you mean `GET`' },
    { line: 'allow shop/web GET, / --to shop app=cart', says: 'empty method' },
    { line: 'allow shop/web GET cart:/x --to shop app=cart', says: 'empty port' },
    { line: 'allow shop/web GET cart:99999/x --to shop app=cart', says: 'is not a port' },
    { line: 'allow shop/web GET cart/a//b --to shop app=cart', says: 'never reaches a policy' },
    { line: 'allow shop/web GET cart/a?b --to shop app=cart', says: 'query' },
    { line: 'allow shop/web GET cart/a/*b --to shop app=cart', says: '{*}' },
    { line: 'allow shop/web GET / --to Shop app=cart', says: 'no Kubernetes namespace' },
    { line: 'allow shop/web GET / --to shop app=c*', says: 'not exact' },
    { line: 'allow shop/web GET / --to shop app=cart --name A_b', says: 'no Kubernetes name' },
    { line: 'allow shop/web GET / --to shop app=cart --ttl soon', says: 'is not a duration' },
    { line: 'allow shop/web GET / --to shop app=cart --ttl 0s', says: 'is zero' },
    { line: '--starter probes --namespace shop', says: 'must know who calls' },
    { line: '--starter prometheus --namespace shop', says: 'known: default-deny, probes' },
    { line: '--starter metrics', says: 'namespace of the workloads is missing' },
  ])('$line', async ({ line, says }) => {
    const { code, out, err } = await runCli(folder, words(line));
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(says);
  });
});

test('--out makes a new file and replaces none', async () => {
  const line = words('allow shop/web GET / --to shop app=cart --out web.yaml');
  expect(await runCli(folder, line)).toEqual({ code: 0, out: 'web.yaml: shop/allow-web-to-cart\n', err: '' });
  expect(await readFile(join(folder, 'web.yaml'), 'utf8')).toContain('kind: AuthorizationPolicy');
  expect((await runCli(folder, line)).err).toContain('is there already');
});

test('--json tells the same', async () => {
  const { out } = await runCli(folder, words('allow shop/* GET / --to shop app=cart --broad --json'));
  expect(JSON.parse(out)).toMatchObject({
    ...{ namespace: 'shop', name: 'allow-shop-all-to-cart', file: null },
    broad: ['every workload of namespace shop'],
    text: expect.stringContaining('# BROAD, as asked: every workload of namespace shop.'),
  });
});

test('--ttl ends it', async () => {
  const { out } = await runCli(folder, words('allow shop/web GET / --to shop app=cart --ttl 1h'));
  const asked = { as: 'shop/web', what: 'GET /' };
  expect(judged(out, asked, { nowMs: NOW_MS })).toBe('allow: allow-rule');
  expect(judged(out, asked, { nowMs: NOW_MS + 3_700_000 })).toBe('deny: default-deny');
});

test('text of the command line ends no comment and no value', async () => {
  const args = ['policy', 'new', 'allow', 'shop/web', 'GET', '/a"b\n- {}', '--to', 'shop', 'app=cart'];
  const { code, out } = await runCli(folder, args);
  expect([code, out]).toEqual([2, '']);
  const quoted = await runCli(folder, [
    ...args.slice(0, 5),
    '/a',
    '--to',
    'shop',
    'app="\u001b[1m\nrules: [{}]',
  ]);
  expect(quoted.code).toBe(0);
  expect(quoted.out).not.toContain('\u001b');
  expect(judged(quoted.out, { as: 'dev/x', what: 'GET /a' }, { nowMs: NOW_MS })).toBe('deny: default-deny');
});
