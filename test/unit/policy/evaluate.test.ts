// The compiled table's verdicts, by rows: what matches, what must not, and what hostile input does.
import { describe, expect, test } from 'vitest';
import { evaluate } from '../../../policy/evaluate.ts';
import { residualFor } from '../../../policy/residual.ts';
import { emptyTable } from '../../../policy/table.ts';
import { ask, CALLER, type Fields, policy, request, shortIds, tableOf } from './table-rules.ts';

const LONG = `/${'x'.repeat(40)}`;
const DEEP = `/${Array.from({ length: 20 }, (_, i) => `s${i}`).join('/')}`;

const ROWS: readonly { name: string; to: Fields; allow: readonly string[]; deny: readonly string[] }[] = [
  {
    name: 'an exact path',
    to: { paths: ['/a/b'] },
    allow: ['GET /a/b'],
    deny: ['GET /a/b/', 'GET /a', 'GET /a/bc', 'GET *'],
  },
  {
    name: 'a prefix',
    to: { paths: ['/a/b*'] },
    allow: ['GET /a/b', 'GET /a/bc/d'],
    deny: ['GET /a/', 'GET /a/c', 'GET /b'],
  },
  {
    name: 'a prefix that ends with a slash',
    to: { paths: ['/a/*'] },
    allow: ['GET /a/', 'GET /a/b'],
    deny: ['GET /a', 'GET /ab'],
  },
  {
    name: 'a prefix longer than is hashed',
    to: { paths: [`${LONG}*`] },
    allow: [`GET ${LONG}`, `GET ${LONG}y`],
    deny: [`GET ${LONG.slice(0, -1)}`, `GET ${LONG.slice(0, 35)}y`],
  },
  {
    name: 'a suffix',
    to: { paths: ['*.json'] },
    allow: ['GET /a/b.json', 'GET .json'],
    deny: ['GET /b.jsonx', 'GET /json'],
  },
  { name: 'presence', to: { paths: ['*'] }, allow: ['GET /', 'GET *'], deny: ['GET '] },
  {
    name: 'one segment',
    to: { paths: ['/a/{*}'] },
    allow: ['GET /a/b'],
    deny: ['GET /a/', 'GET /a/b/', 'GET /a/b/c', 'GET /a'],
  },
  {
    name: 'a segment in the middle',
    to: { paths: ['/a/{*}/c'] },
    allow: ['GET /a/b/c'],
    deny: ['GET /a//c', 'GET /a/b/d', 'GET /a/b/c/d'],
  },
  {
    name: 'the rest',
    to: { paths: ['/a/{**}'] },
    allow: ['GET /a/', 'GET /a/b/c'],
    deny: ['GET /a', 'GET /ab/c'],
  },
  {
    name: 'the rest, then a literal',
    to: { paths: ['/a/{**}/z'] },
    allow: ['GET /a/b/z', 'GET /a/b/c/z', 'GET /a//z'],
    deny: ['GET /a/z', 'GET /a/b/zz'],
  },
  {
    name: 'a template deeper than the trie',
    to: { paths: [`/{*}${DEEP}/{*}`] },
    allow: [`GET /a${DEEP}/b`],
    deny: [`GET /a${DEEP}`, `GET ${DEEP}/b`, `GET /a${DEEP}/b/c`],
  },
  {
    name: 'a literal and a segment at one place',
    to: { paths: ['/a/x/1', '/a/{*}/2', '/{*}/x/3'] },
    allow: ['GET /a/x/1', 'GET /a/x/2', 'GET /a/x/3'],
    deny: ['GET /a/x/4', 'GET /b/x/1'],
  },
  {
    name: 'methods',
    to: { methods: ['GET', 'P*'] },
    allow: ['GET /', 'POST /', 'PUT /'],
    deny: ['get /', 'HEAD /', ' /'],
  },
  {
    name: 'a not-method',
    to: { '!methods': ['DELETE', '*T'] },
    allow: ['HEAD /'],
    deny: ['DELETE /', 'GET /'],
  },
  {
    name: 'a path but not another',
    to: { paths: ['/a/*'], '!paths': ['/a/secret*'] },
    allow: ['GET /a/b'],
    deny: ['GET /a/secret', 'GET /a/secrets/x'],
  },
  {
    name: 'many paths',
    to: { paths: Array.from({ length: 50 }, (_, i) => `/p${i}`), '!paths': ['/p7'] },
    allow: ['GET /p0', 'GET /p49'],
    deny: ['GET /p50', 'GET /p7', 'GET /p'],
  },
];

// The same operation alone, among others of its caller (an index of the residual), and among many (one of
// the table).
describe.each([0, 10, 200])('beside %i rules', (others) => {
  const beside = Array.from({ length: others }, (_, i) => ({
    to: [{ methods: ['GET'], paths: [`/other/${i}`] }],
  }));

  test.each(ROWS)('$name', ({ to, allow, deny }) => {
    const table = tableOf([policy('web', [...beside, { to: [to] }])]);
    for (const line of allow)
      expect([line, ask(table, request(line)).rules]).toEqual([
        line,
        [`ns[shop]-policy[web]-rule[${others}]`],
      ]);
    for (const line of deny) expect([line, ask(table, request(line)).reason]).toEqual([line, 'default-deny']);
  });
});

// Segments that all indexed paths share are passed over; what is said about them on the way must not be.
test.each([
  {
    paths: ['/a/*', '/a/b/c/d', '/a/b/c/{*}/e', '/a/b/c/d*'],
    allow: ['/a/', '/a/x', '/a/b/c/d'],
    deny: ['/a', '/x/b/c/d'],
  },
  { paths: ['/a/{**}/z', '/a/b/c/*'], allow: ['/a/b/z', '/a/b/c/'], deny: ['/a/b', '/a/b/c', '/x/b/c/'] },
  {
    paths: ['/a/b/c/{*}'],
    allow: ['/a/b/c/d'],
    deny: ['/a/b/c', '/a/b/c/', '/a/x/c/d', '/x/b/c/d', '/a/b', '/a', '/'],
  },
  { paths: ['/a/b/c/*'], allow: ['/a/b/c/', '/a/b/c/d'], deny: ['/a/b/c', '/a/b/x/', '/a/b/', '/'] },
])('paths that share segments: $paths', ({ paths, allow, deny }) => {
  const copies = [1, 2, 3, 4, 5].map(() => ({ to: paths.map((path) => ({ paths: [path] })) }));
  const table = tableOf([policy('web', copies)]);
  for (const path of allow)
    expect([path, ask(table, request(`GET ${path}`)).ruleIndexes]).toEqual([path, [0, 1, 2, 3, 4]]);
  for (const path of deny)
    expect([path, ask(table, request(`GET ${path}`)).reason]).toEqual([path, 'default-deny']);
});

describe('hosts', () => {
  const ROWS: readonly { hosts: string[]; allow: string[]; deny: string[] }[] = [
    { hosts: ['cart'], allow: ['cart', 'cart:8080'], deny: ['cart.shop', '', 'xcart'] },
    { hosts: ['cart:8080'], allow: ['cart:8080'], deny: ['cart', 'cart:80', 'cart:80800'] },
    { hosts: ['*.shop'], allow: ['cart.shop', 'cart.shop:1'], deny: ['shop', 'cart.shop.evil'] },
    { hosts: ['*.shop:80'], allow: ['cart.shop:80'], deny: ['cart.shop', 'cart.shop:8080'] },
    { hosts: ['[::1]'], allow: ['[::1]', '[::1]:80'], deny: ['[::2]', '::1'] },
    { hosts: ['[::1]:80'], allow: ['[::1]:80'], deny: ['[::1]', '[::1]:8080'] },
    { hosts: ['*'], allow: ['a'], deny: [''] },
  ];
  test.each(ROWS)('$hosts', ({ hosts, allow, deny }) => {
    const many = Array.from({ length: 9 }, (_, i) => ({ to: [{ hosts: [`other-${i}`] }] }));
    for (const table of [
      tableOf([policy('web', [{ to: [{ hosts }] }])]),
      tableOf([policy('web', [{ to: [{ hosts }] }, ...many])]),
    ]) {
      for (const host of allow)
        expect([host, ask(table, request('GET /', { host })).verdict]).toEqual([host, 'allow']);
      for (const host of deny)
        expect([host, ask(table, request('GET /', { host })).verdict]).toEqual([host, 'deny']);
    }
  });
});

describe('headers', () => {
  const asked = (values: string[] | undefined) =>
    request('GET /', values === undefined ? {} : { headers: { 'x-a': values } });
  const ROWS: readonly { when: Fields; values: string[] | undefined; allow: boolean; deny: boolean }[] = [
    { when: { 'request.headers[x-a]': ['a'] }, values: ['a'], allow: true, deny: true },
    { when: { 'request.headers[x-a]': ['a'] }, values: undefined, allow: false, deny: false },
    { when: { 'request.headers[x-a]': ['*'] }, values: undefined, allow: false, deny: false },
    { when: { 'request.headers[x-a]': ['*'] }, values: [''], allow: false, deny: false },
    { when: { 'request.headers[x-a]': ['a'] }, values: ['a', 'b'], allow: false, deny: true },
    { when: { 'request.headers[x-a]': ['a'] }, values: ['b, a'], allow: false, deny: true },
    { when: { 'request.headers[x-a]': ['a'] }, values: ['b,\t a ,c'], allow: false, deny: true },
    { when: { 'request.headers[x-a]': ['a'] }, values: ['ab'], allow: false, deny: false },
    { when: { '!request.headers[x-a]': ['a'] }, values: undefined, allow: true, deny: true },
    { when: { '!request.headers[x-a]': ['a'] }, values: ['a'], allow: false, deny: false },
    { when: { '!request.headers[x-a]': ['a'] }, values: ['a', 'b'], allow: false, deny: true },
    { when: { '!request.headers[x-a]': ['a'] }, values: ['a,'], allow: true, deny: true },
  ];
  test.each(ROWS)('$when with $values: ALLOW $allow, DENY $deny', ({ when, values, allow, deny }) => {
    expect(ask(tableOf([policy('web', [{ when }])]), asked(values)).verdict === 'allow').toBe(allow);
    expect(
      ask(tableOf([policy('no', [{ when }], { action: 'DENY' })]), asked(values)).reason === 'deny-rule',
    ).toBe(deny);
    expect(
      ask(tableOf([policy('log', [{ when }], { action: 'AUDIT' })]), asked(values)).audit.length === 1,
    ).toBe(deny);
  });
});

describe('the verdict', () => {
  test('DENY beats ALLOW, and its status is that of the first match', () => {
    const table = tableOf([
      policy('all', [{}]),
      policy('hide', [{ to: [{ paths: ['/x*'] }] }], { action: 'DENY', denyStatus: 404 }),
      policy('deny', [{ to: [{ paths: ['/x', '/y'] }] }], { action: 'DENY' }),
    ]);
    expect(ask(table, request('GET /x'))).toMatchObject({
      reason: 'deny-rule',
      denyStatus: 404,
      ruleIndexes: [1, 2],
    });
    expect(ask(table, request('GET /y'))).toMatchObject({
      reason: 'deny-rule',
      denyStatus: 403,
      ruleIndexes: [2],
    });
    expect(ask(table, request('GET /z'))).toMatchObject({
      reason: 'allow-rule',
      denyStatus: 403,
      ruleIndexes: [0],
    });
  });

  test('names the first 16 rules in table order, however they are found', () => {
    const rules = Array.from({ length: 40 }, (_, i) =>
      i % 3 === 0
        ? {}
        : {
            from: [{ principals: ['td/ns/shop/sa/web', `td/ns/x/sa/${i}`] }],
            to: [{ paths: ['/{*}', '/a'] }],
          },
    );
    expect(ask(tableOf([policy('web', rules)]), request('GET /a')).ruleIndexes).toEqual(
      Array.from({ length: 16 }, (_, i) => i),
    );
  });

  test('AUDIT marks and decides nothing', () => {
    const decision = ask(tableOf([policy('log', [{}], { action: 'AUDIT' })]), request('GET /'));
    expect({ ...decision, audit: shortIds(decision.audit) }).toMatchObject({
      reason: 'default-deny',
      rules: [],
      audit: ['log-rule[0]'],
    });
  });

  test('a dry run gives one would-be verdict beside the enforced one', () => {
    const table = tableOf([
      policy('web', [{}]),
      policy('try', [{ to: [{ paths: ['/x'] }] }], { action: 'DENY', dryRun: true }),
    ]);
    expect(ask(table, request('GET /x'))).toMatchObject({
      verdict: 'allow',
      dryRun: { verdict: 'deny', reason: 'deny-rule', rules: ['ns[shop]-policy[try]-rule[0]'] },
    });
    expect(ask(table, request('GET /y'))).toMatchObject({
      verdict: 'allow',
      dryRun: { verdict: 'allow', rules: ['ns[shop]-policy[web]-rule[0]'] },
    });
    expect(ask(tableOf([policy('web', [{}])]), request('GET /')).dryRun).toBeNull();
  });

  test('allow-when-unselected: a dry-run ALLOW does not select, an expired or empty one does', () => {
    const unselected = { defaultVerdict: 'allow-when-unselected' } as const;
    expect(ask(tableOf([], unselected), request('GET /')).reason).toBe('allow-unselected');
    expect(ask(tableOf([policy('try', [], { dryRun: true })], unselected), request('GET /'))).toMatchObject({
      reason: 'allow-unselected',
      dryRun: { reason: 'allow-unselected' },
    });
    expect(ask(tableOf([policy('none', [])], unselected), request('GET /')).reason).toBe('default-deny');
    expect(
      ask(tableOf([policy('old', [{}], { expiresAtMs: 5 })], unselected), request('GET /'), {}, 5).reason,
    ).toBe('default-deny');
    expect(
      ask(tableOf([policy('old', [{}], { expiresAtMs: 5 })], unselected), request('GET /'), {}, 4).reason,
    ).toBe('allow-rule');
  });

  test('without HTTP, no ALLOW on HTTP fields matches and every DENY does', () => {
    const tcp = { http: null, remoteIp: null };
    expect(ask(tableOf([policy('web', [{ to: [{ '!methods': ['GET'] }] }])]), tcp).reason).toBe(
      'default-deny',
    );
    expect(
      ask(
        tableOf([policy('web', [{}]), policy('no', [{ to: [{ methods: ['GET'] }] }], { action: 'DENY' })]),
        tcp,
      ).reason,
    ).toBe('deny-rule');
    expect(ask(tableOf([policy('web', [{ to: [{ ports: ['8080'] }] }])]), tcp).reason).toBe('allow-rule');
  });

  test.each(['no-policy', 'invalid-policy'] as const)('a table named %s denies everything', (reason) => {
    expect(ask(emptyTable(reason), request('GET /'))).toMatchObject({
      verdict: 'deny',
      reason,
      rules: [],
      dryRun: null,
      denyStatus: 403,
    });
    expect(ask(emptyTable(reason), { http: null, remoteIp: null }).reason).toBe(reason);
  });

  test('equal outcomes are one frozen object', () => {
    const table = tableOf([policy('web', [{ to: [{ paths: ['/a*'] }] }])]);
    const first = ask(table, request('GET /a1'));
    expect(ask(table, request('GET /a2'))).toBe(first);
    expect(ask(table, request('GET /b'))).toBe(ask(table, request('GET /c')));
    expect(Object.isFrozen(first) && Object.isFrozen(first.rules) && Object.isFrozen(first.ruleIndexes)).toBe(
      true,
    );
  });
});

test('hostile requests are denied and throw nothing', () => {
  const rules = Array.from({ length: 100 }, (_, i) => ({
    to: [{ methods: ['GET'], hosts: ['cart'], paths: [`/a/{*}/${i}`, `/b${i}*`] }],
  }));
  const table = tableOf([policy('web', rules)]);
  const texts = [
    '',
    '/',
    '//',
    '/'.repeat(5000),
    `/a/${'x'.repeat(70_000)}/1x`,
    '\u0000',
    '\ud800',
    'ā'.repeat(300),
    '{*}',
    ':',
    ']:',
    '[',
    '\r\n',
    '*',
  ];
  const residual = residualFor(table, CALLER, 0);
  for (const path of texts) {
    for (const host of texts) {
      for (const method of ['GET', '', path]) {
        const http = { method, path, host, headerValues: () => undefined };
        expect(evaluate(residual, { http, remoteIp: host }).verdict).toBe('deny');
      }
    }
  }
});
