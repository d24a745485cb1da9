// `policy emergency` on a folder: what it writes, what it refuses to write, and what it says before.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { durationText } from '../../../../cli/policy/emergency-list.ts';
import { ISTIO_POLICY } from '../../policy/istio-schema.ts';
import { judged } from '../../policy/judged.ts';
import { type Printed, runCli } from '../run-cli.ts';

const ALLOW_WEB = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: web, namespace: shop }
spec: { rules: [{ from: [{ source: { principals: ["example.org/ns/shop/sa/web"] } }] }] }
`;
const ALLOW_EVERYBODY = ALLOW_WEB.replace(/rules: .*\]/, 'rules: [{}]').replace(
  'name: web',
  'name: everybody',
);
const DENY_DEV = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-dev, namespace: istio-system }
spec: { action: DENY, rules: [{ from: [{ source: { namespaces: [dev] } }] }] }
`;
const TERMS = ['--ttl', '30m', '--reason', 'incident 7', '--author', 'ana'];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-emergency-'));
  await mkdir(join(folder, 'policies'));
  await put('web.yaml', ALLOW_WEB);
});
afterEach(() => rm(folder, { recursive: true }));

const put = (name: string, text: string): Promise<void> => writeFile(join(folder, 'policies', name), text);
const run = (...args: string[]): Promise<Printed> => runCli(folder, ['policy', 'emergency', ...args]);
const toFolder = (...args: string[]): Promise<Printed> => run(...args, ...TERMS, '--out', 'policies');
const written = async (): Promise<string[]> =>
  (await readdir(join(folder, 'policies'))).filter((name) => name.includes('emergency'));
const readAll = async (): Promise<string> =>
  (
    await Promise.all(
      (
        await readdir(join(folder, 'policies'))
      ).map((name) => readFile(join(folder, 'policies', name), 'utf8')),
    )
  ).join('---\n');

describe('isolate', () => {
  test.each([
    { as: 'shop/oncall', verdict: 'allow: allow-rule' },
    { as: 'shop/web', verdict: 'deny: deny-rule' },
    { as: 'shop/cart', verdict: 'deny: deny-rule' },
    { as: 'spiffe://far.example/ns/shop/sa/oncall', verdict: 'deny: deny-rule' },
    { as: 'spiffe://example.org/oncall', verdict: 'deny: deny-rule' },
    { as: null, verdict: 'deny: deny-rule' },
  ])('but for oncall: $as, $verdict', async ({ as, verdict }) => {
    await put('web.yaml', ALLOW_EVERYBODY);
    expect((await toFolder('isolate', 'shop/cart', '--except', 'shop/oncall')).code).toBe(0);
    const text = await readAll();
    for (const what of ['GET /', 'POST /x', null])
      expect(judged(text, { as, what }, { nowMs: Date.now() })).toBe(verdict);
    const other = { as, what: 'GET /', labels: { app: 'billing' } };
    expect(judged(text, other, { nowMs: Date.now() })).toBe('allow: allow-rule');
  });

  test('leaves nobody without --except', async () => {
    await put('web.yaml', ALLOW_EVERYBODY);
    await toFolder('isolate', 'shop', 'app=cart', 'tier=web');
    const labels = { app: 'cart', tier: 'web' };
    for (const as of ['shop/web', 'shop/oncall', null])
      expect(judged(await readAll(), { as, what: 'GET /', labels }, { nowMs: Date.now() })).toBe(
        'deny: deny-rule',
      );
  });

  test('writes one file with all that an emergency needs', async () => {
    const { out } = await toFolder(
      'isolate',
      'shop/cart',
      '--except',
      'shop/oncall,spiffe://far.example/audit',
    );
    const [name = '', ...more] = await written();
    expect(more).toEqual([]);
    expect(name).toMatch(/^emergency-\d{8}t\d{6}z-isolate-[0-9a-f]{8}\.yaml$/);
    expect(out).toContain(`policies/${name}: isolates workloads of namespace shop labelled app=cart until `);
    expect(out).toContain('(policies/web.yaml:4) allowed');
    const text = await readFile(join(folder, 'policies', name), 'utf8');
    const { metadata, spec } = ISTIO_POLICY.parse(parseDocument(text, { version: '1.1' }).toJS());
    expect(metadata.name).toBe(name.replace('.yaml', ''));
    expect(metadata.annotations).toMatchObject({
      'sallyport.dev/emergency': 'true',
      'sallyport.dev/reason': 'incident 7',
      'sallyport.dev/author': 'ana',
    });
    const leftMs = Date.parse(metadata.annotations?.['sallyport.dev/expires-at'] ?? '') - Date.now();
    expect(leftMs).toBeGreaterThan(29 * 60_000);
    expect(leftMs).toBeLessThanOrEqual(30 * 60_000);
    const notPrincipals = ['cluster.local/ns/shop/sa/oncall', 'far.example/audit'];
    expect(spec).toEqual({
      selector: { matchLabels: { app: 'cart' } },
      action: 'DENY',
      rules: [{ from: [{ source: { notPrincipals } }] }],
    });
    expect((await runCli(folder, ['policy', 'check', '--strict', 'policies'])).code).toBe(0);
  });

  test('says when it takes nothing from anybody, and is written all the same', async () => {
    await put('web.yaml', ALLOW_WEB.replace('spec: {', 'spec: { selector: { matchLabels: { app: cart } },'));
    const { code, out } = await toFolder('isolate', 'shop/cat');
    expect(code).toBe(0);
    expect(out).toContain('it changes no verdict');
    expect(out).toContain('are {"app":"cat"} their labels?');
    expect(await written()).toHaveLength(1);
  });

  test('reads the reason as text, whatever it is', async () => {
    const reason = '"x"\nrules: [{}] # \u001b[31m \u{1f600}';
    await run(
      'isolate',
      'shop/cart',
      '--ttl',
      '1m',
      '--reason',
      reason,
      '--author',
      'yes',
      '--out',
      'policies',
    );
    const { out } = await run('list', '--out', 'policies');
    expect(out).not.toContain('\u001b');
    const listed = JSON.parse((await run('list', '--out', 'policies', '--json')).out) as { reason: string }[];
    expect(listed[0]).toMatchObject({ reason, author: 'yes' });
  });
});

describe('allow', () => {
  test('lets in what it names', async () => {
    const { code, out } = await toFolder(
      'allow',
      'ops/debug',
      '--to',
      'shop',
      'app=cart',
      '--method',
      'GET',
      '--path',
      '/debug',
    );
    expect(code).toBe(0);
    expect(out).toMatch(/^\+ .*-rule\[0\] allows what the default denied\n/);
    const text = await readAll();
    const judge = (as: string, what: string): string => judged(text, { as, what }, { nowMs: Date.now() });
    expect(judge('ops/debug', 'GET /debug')).toBe('allow: allow-rule');
    expect(judge('ops/debug', 'POST /debug')).toBe('deny: default-deny');
    expect(judge('ops/other', 'GET /debug')).toBe('deny: default-deny');
  });

  test.each([
    { name: 'a DENY of the namespace', policy: DENY_DEV.replace('istio-system', 'shop') },
    { name: 'a DENY of the root namespace', policy: DENY_DEV },
  ])('does nothing under $name: exit 1, nothing written', async ({ policy }) => {
    await put('deny.yaml', policy);
    const { code, out, err } = await toFolder('allow', 'dev/debug', '--to', 'shop/cart');
    expect([code, err]).toEqual([
      1,
      'nothing was written: a DENY wins over it, and it would let nobody in\n',
    ]);
    expect(out).toMatch(/policy\[no-dev\]-rule\[0\] \(policies\/deny.yaml:4\) still denies/);
    expect(await written()).toEqual([]);
  });

  test('does nothing for those who are in: exit 1', async () => {
    const { code, err } = await toFolder('allow', 'shop/web', '--to', 'shop/cart');
    expect([code, err]).toEqual([1, 'nothing was written: it lets in nobody who is not let in already\n']);
    expect(await written()).toEqual([]);
  });

  test('does nothing under a DENY of the own trust domain, after another emergency too', async () => {
    const deny = DENY_DEV.replace('namespaces: [dev]', 'principals: ["example.org/ns/dev/sa/debug"]');
    await put('deny.yaml', deny);
    await toFolder('isolate', 'shop/other', '--except', 'shop/oncall');
    const before = await written();
    expect((await toFolder('allow', 'dev/debug', '--to', 'shop/cart')).code).toBe(1);
    expect(await written()).toEqual(before);
  });

  test('says which own trust domain it takes, where several could be', async () => {
    await put('far.yaml', ALLOW_WEB.replace('name: web', 'name: far').replace('example.org', 'far.example'));
    const { err } = await toFolder('allow', 'ops/debug', '--to', 'shop/cart');
    expect(err).toContain('the policies name 2 trust domains');
    const told = await toFolder('allow', 'ops/other', '--to', 'shop/cart', '--trust-domain', 'example.org');
    expect(told.err).toBe('');
  });

  test('says which part a DENY keeps', async () => {
    await put('deny.yaml', DENY_DEV);
    const { code, out } = await toFolder('allow', 'dev/debug,ops/debug', '--to', 'shop/cart');
    expect(code).toBe(0);
    expect(out).toMatch(/^\+ /m);
    expect(out).toMatch(/^! ns\[istio-system\]-policy\[no-dev\]-rule\[0\]/m);
    expect(out).toContain('a DENY wins over parts of it');
  });

  test('is not written where it would only shut others out', async () => {
    const config = `identity:
  trustDomain: example.org
  files: { certificate: a, key: b, bundles: { example.org: c } }
workload: { namespace: other, labels: {} }
listeners: [{ name: in, address: "127.0.0.1:8443", upstream: "127.0.0.1:8080" }]
policy: { files: [policies], defaultVerdict: allow-when-unselected }
`;
    await writeFile(join(folder, 'sallyport.yaml'), config);
    const { code, out } = await toFolder(
      'allow',
      'ops/debug',
      '--to',
      'other/cart',
      '--config',
      'sallyport.yaml',
    );
    expect(code).toBe(1);
    expect(out).toMatch(/^- .* denies what no ALLOW policy allowed/);
    expect(await written()).toEqual([]);
  });
});

describe('refused', () => {
  test.each([
    { args: ['isolate', 'shop/cart', '--out', 'policies'], code: 2, says: '`--ttl` is missing' },
    {
      args: ['isolate', 'shop/cart', '--ttl', '5m', '--author', 'a', '--out', 'policies'],
      code: 2,
      says: '`--reason` is missing',
    },
    {
      args: ['isolate', 'shop/cart', '--ttl', '5m', '--reason', 'r', '--out', 'policies'],
      code: 2,
      says: '`--author` is missing',
    },
    {
      args: ['isolate', 'shop/cart', '--ttl', '5m', '--reason', ' ', '--author', 'a', '--out', 'policies'],
      code: 2,
      says: 'reason is empty',
    },
    {
      args: ['isolate', 'shop/cart', '--ttl', '25h', '--reason', 'r', '--author', 'a', '--out', 'policies'],
      code: 2,
      says: 'longer than 1d',
    },
    {
      args: ['isolate', 'shop/cart', '--ttl', '10ms', '--reason', 'r', '--author', 'a', '--out', 'policies'],
      code: 2,
      says: 'at least 1s',
    },
    {
      args: [
        'isolate',
        'shop/cart',
        '--reason',
        'r'.repeat(257),
        '--author',
        'a',
        '--ttl',
        '5m',
        '--out',
        'policies',
      ],
      code: 2,
      says: 'longer than 256',
    },
    { args: ['isolate', 'shop/cart', ...TERMS], code: 2, says: 'say where it goes' },
    {
      args: ['isolate', 'shop/cart', ...TERMS, '--out', 'policies', '--kubectl'],
      code: 2,
      says: 'say where it goes',
    },
    {
      args: ['isolate', 'shop/cart', ...TERMS, '--out', 'nowhere'],
      code: 2,
      says: '`--out nowhere` is no folder',
    },
    { args: ['isolate', ...TERMS, '--out', 'policies'], code: 2, says: '`` is no target' },
    { args: ['isolate', 'shop/', ...TERMS, '--out', 'policies'], code: 2, says: 'is no target' },
    { args: ['isolate', 'shop/cart', 'app=x', ...TERMS, '--out', 'policies'], code: 2, says: 'not both' },
    {
      args: ['isolate', 'shop/cart', '--except', 'shop/*', ...TERMS, '--out', 'policies'],
      code: 2,
      says: '`shop/*` is no exact caller',
    },
    {
      args: ['isolate', 'shop/cart', '--except', 'oncall', ...TERMS, '--out', 'policies'],
      code: 2,
      says: 'no exact caller',
    },
    {
      args: ['isolate', 'shop', ...TERMS, '--out', 'policies'],
      code: 1,
      says: 'every workload of namespace shop',
    },
    {
      args: ['isolate', 'istio-system/cart', ...TERMS, '--out', 'policies'],
      code: 1,
      says: 'every namespace',
    },
    { args: ['allow', 'ops/debug', ...TERMS, '--out', 'policies'], code: 2, says: 'CALLERS and --to' },
    {
      args: ['allow', 'anyone', '--to', 'shop/cart', ...TERMS, '--out', 'policies'],
      code: 2,
      says: 'lets nobody in without a name',
    },
    {
      args: ['allow', 'ops/*', '--to', 'shop/cart', ...TERMS, '--out', 'policies'],
      code: 1,
      says: 'every workload of namespace ops',
    },
    {
      args: ['allow', 'ops/a', '--to', 'shop/cart', '--method', 'get', ...TERMS, '--out', 'policies'],
      code: 2,
      says: 'did you mean `GET`',
    },
    { args: ['isolat', 'shop/cart'], code: 2, says: 'the actions are' },
    { args: ['list'], code: 2, says: 'no policy is named' },
    { args: ['revoke', '--out', 'policies'], code: 2, says: 'name one emergency' },
    { args: ['revoke', 'web', '--out', 'policies'], code: 2, says: 'no emergency is the policy `web`' },
    { args: ['revoke', 'nope', '--out', 'policies'], code: 2, says: 'there are: none' },
    { args: ['revoke', 'nope', '--kubectl'], code: 2, says: 'kubectl needs the namespace' },
  ])('$args', async ({ args, code, says }) => {
    const printed = await run(...args);
    expect([printed.code, printed.out]).toEqual([code, '']);
    expect(printed.err).toContain(says);
    expect(await written()).toEqual([]);
  });

  test('in a folder that a proxy would refuse', async () => {
    await put('bad.yaml', ALLOW_WEB.replace('name: web', 'name: bad').replace('principals', 'principal'));
    const { code, err } = await toFolder('isolate', 'shop/cart');
    expect(code).toBe(2);
    expect(err).toContain('policies/bad.yaml:4');
    expect(err).toContain('would not see the emergency');
    expect(await written()).toEqual([]);
  });

  test('not for a faulty policy of others', async () => {
    const bad = ALLOW_WEB.replace('name: web', 'name: bad').replace('principals', 'principal');
    await put('bad.yaml', bad.replace('namespace: shop', 'namespace: other'));
    const labelled = bad
      .replace('name: bad', 'name: bad2')
      .replace('spec: {', 'spec: { selector: { matchLabels: { app: web } },');
    await put('bad2.yaml', labelled);
    expect((await toFolder('isolate', 'shop/cart')).code).toBe(0);
  });
});

describe('list and revoke', () => {
  test('show time left, and what has expired last', async () => {
    await toFolder('isolate', 'shop/cart');
    const [active = ''] = await written();
    const old = (await readFile(join(folder, 'policies', active), 'utf8'))
      .replace(/name: .*/, 'name: emergency-old')
      .replace(/expires-at: .*/, 'expires-at: "2026-01-01T00:00:00Z"');
    await put('an-emergency-of-old.yaml', old);
    const { out } = await run('list', '--policy', 'policies');
    const [head, first, second, last] = out.split('\n');
    expect(head).toMatch(/^NAME +ACTION +TARGET +LEFT +ENDS +AUTHOR +REASON$/);
    expect(first).toMatch(/-isolate-[0-9a-f]{8} +isolate +shop app=cart +29m 5\ds +.*Z +ana +incident 7$/);
    expect(second).toMatch(/^emergency-old +isolate +shop app=cart +expired \d+d \d+h ago /);
    expect(last).toBe('1 emergency rule in force, 1 expired');
  });

  test('revoke removes one file and says what that changes', async () => {
    await toFolder('isolate', 'shop/cart');
    const [file = ''] = await written();
    const { code, out } = await run('revoke', `shop/${file.replace('.yaml', '')}`, '--out', 'policies');
    expect(code).toBe(0);
    expect(out).toMatch(/^\+ ns\[shop\]-policy\[web\]-rule\[0\] \(policies\/web.yaml:4\) allows what /);
    expect(out).toMatch(/removed\n$/);
    expect(await readdir(join(folder, 'policies'))).toEqual(['web.yaml']);
  });

  test('revoke leaves a file that holds more', async () => {
    await toFolder('isolate', 'shop/cart');
    const [file = ''] = await written();
    const text = await readFile(join(folder, 'policies', file), 'utf8');
    await put(file, `${text}---\nkind: ConfigMap\napiVersion: v1\n`);
    const { code, err } = await run('revoke', file.replace('.yaml', ''), '--out', 'policies');
    expect(code).toBe(2);
    expect(err).toContain('holds more than this policy');
    expect(await written()).toEqual([file]);
  });

  test.each([
    { ms: 0, text: '0s' },
    { ms: 999, text: '0s' },
    { ms: 61_000, text: '1m 1s' },
    { ms: 3_600_000, text: '1h 0m' },
    { ms: 90_061_000, text: '1d 1h' },
  ])('$ms ms are $text', ({ ms, text }) => expect(durationText(ms)).toBe(text));
});

describe('--kubectl', () => {
  test('prints the manifest alone on standard output', async () => {
    const { code, out, err } = await run(
      'isolate',
      'shop/cart',
      ...TERMS,
      '--kubectl',
      '--policy',
      'policies',
    );
    expect(code).toBe(0);
    expect(ISTIO_POLICY.parse(parseDocument(out).toJS()).metadata.labels).toEqual({
      'sallyport.dev/emergency': 'true',
    });
    expect(err).toContain('denies what ns[shop]-policy[web]-rule[0]');
    expect(await written()).toEqual([]);
  });

  test('needs no policies', async () => {
    const { code, err } = await run('isolate', 'shop/cart', ...TERMS, '--kubectl');
    expect(code).toBe(0);
    expect(err).toContain('none is of namespace shop');
  });

  test('revoke prints the line to type', async () => {
    const { out } = await run('revoke', 'shop/emergency-1', '--kubectl');
    expect(out).toBe('kubectl delete authorizationpolicy -n shop emergency-1\n');
    expect((await run('revoke', 'shop/a;b', '--kubectl')).out).toContain("'a;b'");
  });
});
