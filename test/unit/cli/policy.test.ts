// The policy verbs as a user types them: what they print, and the exit code.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Verb } from '../../../cli/io.ts';
import { policyCheck } from '../../../cli/policy/check.ts';
import { policyEval } from '../../../cli/policy/eval.ts';
import { policyExplain } from '../../../cli/policy/explain.ts';
import { SallyportError } from '../../../core/errors.ts';

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  rules:
  - from: [{source: {namespaces: [shop]}}]
    to: [{operation: {methods: [GET], paths: ["/items/{*}"]}}]
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
listeners:
  - {name: inbound, address: "127.0.0.1:8443", upstream: "127.0.0.1:8080", paths: {ambiguous: merge-slashes}}
policy: {files: [policy.yaml]}
`;
const WEB = 'spiffe://example.org/ns/shop/sa/web';
const CART = { namespace: 'shop', labels: { app: 'cart' }, port: 8080 };

/** A line of the decision log. */
const LOGGED = {
  requestId: 'r-1',
  verdict: 'deny',
  source: { principal: WEB, ip: '10.0.0.7', remoteIp: '10.0.0.7' },
  destination: { workload: 'cart', namespace: 'shop', ip: '10.0.1.9', port: 8080 },
  sni: null,
  http: {
    method: 'POST',
    path: '/items/7',
    host: 'cart',
    status: 403,
    version: '1.1',
    headers: [['x-a', 'b']],
  },
};

function document(name: string, spec: string): string {
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: shop}
spec: {${spec}}
`;
}

const DENY_PUT = document('d', 'action: DENY, rules: [{to: [{operation: {methods: [PUT]}}]}]');

let folder = '';
const files: Record<string, string> = {
  'policy.yaml': POLICY,
  'bad.yaml': POLICY.replace('[GET]', '[get]'),
  'wide.yaml': document('a', 'rules: [{}]'),
  'http-deny.yaml': `${POLICY}---\n${DENY_PUT}`,
  'sallyport.yaml': CONFIG,
  'empty.jsonl': '',
  'log.jsonl': `not json\n${JSON.stringify(LOGGED)}\n`,
  'request.json': JSON.stringify(
    { principal: WEB, destination: CART, http: { method: 'GET', path: '/items/7', host: 'cart' } },
    null,
    2,
  ),
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-cli-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a verb; an error that it throws is what main prints with exit 2. */
async function run(verb: Verb, ...args: string[]) {
  let out = '';
  let err = '';
  const io = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    color: false,
    isTty: false,
    cwd: folder,
    env: {},
  };
  try {
    return { code: await verb(args, io), out, err, error: null };
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    return { code: 2, out, err, error };
  }
}

async function evaluate(requests: readonly unknown[], ...args: string[]) {
  const text = requests.map((request) => (typeof request === 'string' ? request : JSON.stringify(request)));
  await writeFile(join(folder, 'requests.jsonl'), `${text.join('\n')}\n`);
  const result = await run(
    policyEval,
    '--requests',
    'requests.jsonl',
    ...(args.length > 0 ? args : ['--policy', 'policy.yaml']),
  );
  const answers = result.out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  return { ...result, answers };
}

const get = (path: string, more = {}) => ({
  principal: WEB,
  destination: CART,
  http: { method: 'GET', path, host: 'cart' },
  ...more,
});

describe('policy check', () => {
  test('counts what is good and exits 0', async () => {
    const { code, out } = await run(policyCheck, 'policy.yaml');
    expect([code, out]).toEqual([0, '0 errors, 0 warnings; 2 policies with 2 rules in 1 files\n']);
  });

  test('shows an error with its line and exits 1', async () => {
    const { code, out } = await run(policyCheck, 'bad.yaml');
    expect(code).toBe(1);
    expect(out).toContain('bad.yaml:8:33: error: method `get` would never match');
    expect(out).toContain('hint: did you mean `GET`?');
  });

  test('--strict fails on warnings', async () => {
    expect((await run(policyCheck, 'wide.yaml')).code).toBe(0);
    const { code, out } = await run(policyCheck, 'wide.yaml', '--strict');
    expect(code).toBe(1);
    expect(out).toContain('wide.yaml:4:16: warning: ns[shop]-policy[a]-rule[0] allows everything');
    expect(out).toContain('    spec: {rules: [{}]}');
  });

  test('--json is one object', async () => {
    const { out } = await run(policyCheck, 'bad.yaml', '--json');
    expect(JSON.parse(out)).toMatchObject({
      errors: 1,
      warnings: 0,
      findings: [{ code: 'ERR_POLICY_METHOD', at: { file: 'bad.yaml', line: 8 } }],
    });
  });

  test.each([
    { name: 'no path', args: [], code: 'ERR_USAGE' },
    { name: 'an unknown option', args: ['--stric', 'policy.yaml'], code: 'ERR_USAGE' },
    { name: 'a missing path', args: ['none.yaml'], code: 'ERR_POLICY_FILE' },
    { name: 'a bad trust domain', args: ['policy.yaml', '--trust-domain', 'Not/One'], code: 'ERR_SPIFFE_ID' },
  ])('exit 2: $name', async ({ args, code }) => {
    expect((await run(policyCheck, ...args)).error?.code).toBe(code);
  });
});

describe('policy eval', () => {
  test('one answer a line with the documented keys', async () => {
    const { code, answers, err } = await evaluate([get('/items/7?x=1'), '', get('/items/9'), get('/other')]);
    expect(code).toBe(0);
    expect(Object.keys(answers[0])).toEqual(['verdict', 'reason', 'rules', 'near', 'dryRun', 'policyHash']);
    expect(answers[0]).toMatchObject({
      verdict: 'allow',
      reason: 'allow-rule',
      rules: ['ns[shop]-policy[web]-rule[0]'],
      near: [],
      dryRun: null,
    });
    expect(answers[0].policyHash).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(answers[1].audit).toEqual(['ns[istio-system]-policy[watch]-rule[0]']);
    expect(answers[2]).toMatchObject({
      verdict: 'deny',
      reason: 'default-deny',
      rules: [],
      near: [
        {
          rule: 'ns[shop]-policy[web]-rule[0]',
          field: 'to.operation.paths',
          want: ['/items/{*}'],
          got: '/other',
        },
      ],
    });
    expect(err).toContain('example.org');
  });

  test('normalizes path and host as the proxy does', async () => {
    const { answers } = await evaluate([
      get('/x/../items/%41'),
      get('//items/7'),
      get('/items/a%2Fb'),
      get('/caf\u00e9'),
    ]);
    expect(answers.map(({ verdict, reason }) => `${verdict} ${reason}`)).toEqual([
      'allow allow-rule',
      'deny ambiguous-path',
      'deny ambiguous-path',
      'deny bad-path',
    ]);
    expect(answers[1]).toMatchObject({ rules: [], near: [], dryRun: null });
  });

  test('the destination selects the policies', async () => {
    const { answers } = await evaluate([
      get('/items/7', { destination: { ...CART, labels: { app: 'web' } } }),
      get('/items/7', { destination: { ...CART, namespace: 'other' } }),
    ]);
    expect(answers.map(({ reason, near }) => [reason, near])).toEqual([
      ['default-deny', []],
      ['default-deny', []],
    ]);
  });

  test('a configuration gives workload, trust domain and path mode', async () => {
    const { answers, err } = await evaluate(
      [
        get('//items//7', { destination: { port: 8080 } }),
        get('/items/7', { principal: 'spiffe://other.org/ns/shop/sa/web' }),
      ],
      '--config',
      'sallyport.yaml',
    );
    expect(answers.map(({ reason }) => reason)).toEqual(['allow-rule', 'default-deny']);
    expect(err).toBe('');
  });

  test('HTTP fields on TCP are the invalid policy that a TCP listener would refuse', async () => {
    const tcp = { principal: WEB, destination: CART };
    const { answers, err } = await evaluate([tcp, get('/items/7')], '--policy', 'http-deny.yaml');
    expect(answers.map(({ verdict, reason }) => `${verdict} ${reason}`)).toEqual([
      'deny invalid-policy',
      'allow allow-rule',
    ]);
    expect(err).toContain('ERR_POLICY_TCP_FIELD');
  });

  test('--trust-domain decides whose namespaces count', async () => {
    const { answers } = await evaluate(
      [get('/items/7')],
      '--policy',
      'policy.yaml',
      '--trust-domain',
      'other.org',
    );
    expect(answers[0]).toMatchObject({ verdict: 'deny', reason: 'default-deny' });
  });

  const rows: { name: string; requests: unknown[]; says: string; line?: number; args?: string[] }[] = [
    { name: 'not JSON', requests: [get('/'), '{"principal":'], says: 'not JSON', line: 2 },
    { name: 'not an object', requests: ['[]'], says: 'expected object', line: 1 },
    {
      name: 'an unknown field',
      requests: [{ ...get('/'), principle: null }],
      says: 'did you mean `principal`',
      line: 1,
    },
    {
      name: 'an unknown nested field',
      requests: [{ ...get('/'), http: { method: 'GET', path: '/', url: '/' } }],
      says: '`http.url`',
    },
    {
      name: 'a wrong type',
      requests: [{ ...get('/'), destination: { port: '8080' } }],
      says: '`destination.port`',
    },
    {
      name: 'a port out of range',
      requests: [{ ...get('/'), destination: { port: 0 } }],
      says: '`destination.port`',
    },
    { name: 'a missing method', requests: [{ http: { path: '/' } }], says: '`http.method`' },
    {
      name: 'headers that are no pairs',
      requests: [{ http: { method: 'GET', path: '/', headers: { a: 'b' } } }],
      says: '`http.headers`',
    },
    {
      name: 'a header name with a space',
      requests: [{ http: { method: 'GET', path: '/', headers: [['a b', 'c']] } }],
      says: 'no header name',
    },
    {
      name: 'a principal without scheme',
      requests: [get('/', { principal: 'example.org/ns/a/sa/b' })],
      says: 'not a SPIFFE ID',
    },
    { name: 'a bad address', requests: [get('/', { sourceIp: '10.0.0.256' })], says: '`sourceIp`' },
    {
      name: 'two faulty lines are both named',
      requests: [get('/', { x: 1 }), get('/', { sourceIp: 'y' })],
      says: '`x`',
    },
    {
      name: 'another namespace than the configuration',
      requests: [get('/', { destination: { namespace: 'other' } })],
      says: 'destination.namespace',
      args: ['--config', 'sallyport.yaml'],
    },
    {
      name: 'another label than the configuration',
      requests: [get('/', { destination: { labels: { app: 'web' } } })],
      says: 'destination.labels',
      args: ['--config', 'sallyport.yaml'],
    },
  ];
  test.each(rows)('exit 2, nothing evaluated: $name', async ({ requests, says, line, args }) => {
    const { code, out, error } = await evaluate(requests, ...(args ?? []));
    expect([code, out, error?.code]).toEqual([2, '', 'ERR_REQUEST_INVALID']);
    expect(JSON.stringify(error?.diagnostics)).toContain(says);
    if (line !== undefined) expect(error?.diagnostics[0]?.at).toMatchObject({ file: 'requests.jsonl', line });
    if (requests.length === 2 && line === undefined) expect(error?.diagnostics).toHaveLength(2);
  });

  test('exit 2: invalid policies, with every error', async () => {
    const { code, out, error } = await evaluate([get('/')], '--policy', 'bad.yaml');
    expect([code, out, error?.code]).toEqual([2, '', 'ERR_POLICY_INVALID']);
    expect(error?.diagnostics[0]?.code).toBe('ERR_POLICY_METHOD');
  });

  test.each([
    { name: 'no policy', args: ['--requests', 'requests.jsonl'], code: 'ERR_USAGE' },
    { name: 'no requests', args: ['--policy', 'policy.yaml'], code: 'ERR_USAGE' },
    {
      name: 'a missing request file',
      args: ['--policy', 'policy.yaml', '--requests', 'none'],
      code: 'ERR_REQUEST_FILE',
    },
    {
      name: 'a missing configuration',
      args: ['--config', 'none', '--requests', 'empty.jsonl'],
      code: 'ERR_CONFIG_READ',
    },
  ])('exit 2: $name', async ({ args, code }) => {
    expect((await run(policyEval, ...args)).error?.code).toBe(code);
  });
});

describe('policy explain', () => {
  const base = ['--policy', 'policy.yaml', '--trust-domain', 'example.org', '--label', 'app=cart'];

  test('an allowed request names the rule and where it stands', async () => {
    const { code, out } = await run(policyExplain, ...base, '--as', 'shop/web', 'GET', 'cart:8080/items/7');
    expect(code).toBe(0);
    expect(out).toContain('verdict  allow  allow-rule');
    expect(out).toContain(`caller   ${WEB}`);
    expect(out).toContain('rules    ns[shop]-policy[web]-rule[0]  policy.yaml:7');
  });

  test('a denied request names the nearest rule and the field', async () => {
    const { code, out } = await run(policyExplain, ...base, '--as', WEB, 'POST', 'cart:8080/items/7');
    expect(code).toBe(0);
    expect(out).toContain('verdict  deny  default-deny');
    expect(out).toContain('to.operation.methods  want GET  got POST');
  });

  test('without --as the caller is plaintext', async () => {
    const { out } = await run(policyExplain, ...base, 'GET', 'cart/items/7');
    expect(out).toContain('plaintext peer');
    expect(out).toContain('got nothing');
  });

  test('--request reads one JSON request over several lines', async () => {
    const { out } = await run(
      policyExplain,
      '--policy',
      'policy.yaml',
      '--request',
      'request.json',
      '--json',
    );
    expect(JSON.parse(out)).toMatchObject({ verdict: 'allow', reason: 'allow-rule' });
  });

  test('--request-id finds the line of the decision log', async () => {
    const { out } = await run(
      policyExplain,
      '--config',
      'sallyport.yaml',
      '--request-id',
      'r-1',
      '--log',
      'log.jsonl',
      '--json',
    );
    expect(JSON.parse(out)).toMatchObject({
      verdict: 'deny',
      near: [{ field: 'to.operation.methods', got: 'POST' }],
    });
  });

  test.each([
    { name: 'no request', args: base, code: 'ERR_USAGE' },
    { name: 'two requests', args: [...base, '--request', 'request.json', 'GET', 'cart/'], code: 'ERR_USAGE' },
    { name: 'an id without a log', args: [...base, '--request-id', 'r-1'], code: 'ERR_USAGE' },
    {
      name: 'an unknown id',
      args: [...base, '--request-id', 'r-2', '--log', 'log.jsonl'],
      code: 'ERR_REQUEST_NOT_FOUND',
    },
    {
      name: 'a missing log',
      args: [...base, '--request-id', 'r-2', '--log', 'none'],
      code: 'ERR_REQUEST_FILE',
    },
    { name: 'a caller of three parts', args: [...base, '--as', 'a/b/c', 'GET', 'cart/'], code: 'ERR_USAGE' },
    { name: 'a bad port', args: [...base, 'GET', 'cart:x/'], code: 'ERR_USAGE' },
    {
      name: 'a bad label',
      args: ['--policy', 'policy.yaml', '--label', 'app', 'GET', 'cart/'],
      code: 'ERR_USAGE',
    },
    { name: 'a method without target', args: [...base, 'GET'], code: 'ERR_USAGE' },
    {
      name: 'an SVID that is none',
      args: [...base, '--as', 'a b/c', 'GET', 'cart/'],
      code: 'ERR_REQUEST_INVALID',
    },
  ])('exit 2: $name', async ({ args, code }) => {
    expect((await run(policyExplain, ...args)).error?.code).toBe(code);
  });
});
