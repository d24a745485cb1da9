// Nearest rules: which come first, which field failed, what was wanted and what was there.
import { expect, test } from 'vitest';
import { nearest } from '../../../policy/near.ts';
import type { ConnectionFacts, NearRule, RequestFacts } from '../../../policy/request.ts';
import { CALLER, policy, type RuleText, request, tableOf } from './table-rules.ts';

const FROM_WEB = [{ principals: ['td/ns/shop/sa/web'] }];

interface Row {
  readonly name: string;
  readonly rule: RuleText;
  readonly asked?: RequestFacts;
  readonly caller?: Partial<ConnectionFacts>;
  readonly expect: Omit<NearRule, 'rule'>;
}

const ROWS: readonly Row[] = [
  {
    name: 'a method',
    rule: { from: FROM_WEB, to: [{ methods: ['POST', 'P*'], paths: ['/a'] }] },
    expect: { field: 'to.operation.methods', want: ['POST', 'P*'], got: 'GET' },
  },
  {
    name: 'a path, as written',
    rule: { to: [{ paths: ['/b', '/b/*', '*.json', '/{*}/c'] }] },
    expect: { field: 'to.operation.paths', want: ['/b', '/b/*', '*.json', '/{*}/c'], got: '/a' },
  },
  {
    name: 'a not-path',
    rule: { to: [{ paths: ['/*'], '!paths': ['/a'] }] },
    expect: { field: 'to.operation.notPaths', want: ['/a'], got: '/a' },
  },
  {
    name: 'a host',
    rule: { to: [{ hosts: ['web'] }] },
    expect: { field: 'to.operation.hosts', want: ['web'], got: 'cart' },
  },
  {
    name: 'a port',
    rule: { to: [{ ports: ['80'] }] },
    expect: { field: 'to.operation.ports', want: ['80'], got: '8080' },
  },
  {
    name: 'a principal',
    rule: { from: [{ principals: ['td/ns/shop/sa/api'] }] },
    expect: { field: 'from.source.principals', want: ['td/ns/shop/sa/api'], got: 'td/ns/shop/sa/web' },
  },
  {
    name: 'a plaintext peer',
    rule: { from: [{ principals: ['*'] }] },
    caller: { principal: null },
    expect: { field: 'from.source.principals', want: ['*'], got: null },
  },
  {
    name: 'a namespace of another trust domain',
    rule: { from: [{ namespaces: ['shop'] }] },
    caller: { principal: 'spiffe://far/ns/shop/sa/web' },
    expect: { field: 'from.source.namespaces', want: ['shop'], got: 'shop of trust domain far' },
  },
  {
    name: 'a not-block',
    rule: { from: [{ '!ipBlocks': ['10.0.0.0/8', '::/0'] }] },
    expect: { field: 'from.source.notIpBlocks', want: ['10.0.0.0/8', '::/0'], got: '10.0.0.7' },
  },
  {
    name: 'an absent header',
    rule: { when: { 'request.headers[x-a]': ['1'] } },
    expect: { field: 'when[request.headers[x-a]]', want: ['1'], got: null },
  },
  {
    name: 'the header value that failed',
    rule: { when: { 'request.headers[x-a]': ['1'] } },
    asked: request('GET /a', { headers: { 'x-a': ['1', '2'] } }),
    expect: { field: 'when[request.headers[x-a]]', want: ['1'], got: '2' },
  },
  {
    name: 'from before to before when',
    rule: { from: [{ namespaces: ['x'] }], to: [{ methods: ['POST'] }], when: { 'connection.sni': ['x'] } },
    expect: { field: 'from.source.namespaces', want: ['x'], got: 'shop' },
  },
  {
    name: 'to before when',
    rule: { to: [{ methods: ['POST'] }], when: { 'connection.sni': ['x'] } },
    expect: { field: 'to.operation.methods', want: ['POST'], got: 'GET' },
  },
  {
    name: 'no HTTP',
    rule: { to: [{ methods: ['POST'] }] },
    asked: { http: null, remoteIp: null },
    expect: { field: 'to.operation.methods', want: ['POST'], got: null },
  },
  {
    name: 'at most eight values',
    rule: { to: [{ methods: 'ABCDEFGHIJ'.split('') }] },
    expect: { field: 'to.operation.methods', want: 'ABCDEFGH'.split(''), got: 'GET' },
  },
  {
    name: 'a bounded piece of what was sent',
    rule: { to: [{ paths: ['/b'] }] },
    asked: request(`GET /${'x'.repeat(1000)}`),
    expect: { field: 'to.operation.paths', want: ['/b'], got: `/${'x'.repeat(255)}` },
  },
];

test.each(ROWS)('$name', ({ rule, asked, caller, expect: expected }) => {
  const table = tableOf([policy('web', [rule])]);
  expect(nearest(table, { ...CALLER, ...caller }, asked ?? request('GET /a'), 0)).toEqual([
    { rule: 'ns[shop]-policy[web]-rule[0]', ...expected },
  ]);
});

test('the rules with most conditions satisfied come first, at most three', () => {
  const table = tableOf([
    policy('p', [
      { from: [{ principals: ['td/other'] }] },
      { from: FROM_WEB, to: [{ methods: ['POST'], paths: ['/b'] }] },
      { from: FROM_WEB, to: [{ methods: ['POST'], paths: ['/a'] }] },
      { from: FROM_WEB, to: [{ methods: ['GET'], paths: ['/b'], hosts: ['cart'] }] },
    ]),
  ]);
  const near = nearest(table, CALLER, request('GET /a'), 0);
  expect(near.map(({ rule, field }) => [rule.at(-2), field])).toEqual([
    ['3', 'to.operation.paths'],
    ['2', 'to.operation.methods'],
    ['1', 'to.operation.methods'],
  ]);
});

test('only ALLOW rules in force are near', () => {
  const table = tableOf([
    policy('deny', [{ to: [{ paths: ['/b'] }] }], { action: 'DENY' }),
    policy('log', [{ to: [{ paths: ['/b'] }] }], { action: 'AUDIT' }),
    policy('try', [{ to: [{ paths: ['/b'] }] }], { dryRun: true }),
    policy('old', [{ to: [{ paths: ['/b'] }] }], { expiresAtMs: 5 }),
  ]);
  expect(nearest(table, CALLER, request('GET /a'), 5)).toEqual([]);
  expect(nearest(table, CALLER, request('GET /a'), 4)).toHaveLength(1);
});

test('among more rules than are looked at, those of the caller come first', () => {
  const others = Array.from({ length: 5000 }, (_, i) => ({ from: [{ principals: [`td/x/${i}`] }] }));
  const table = tableOf([policy('p', [...others, { from: FROM_WEB, to: [{ methods: ['POST'] }] }])]);
  expect(nearest(table, CALLER, request('GET /a'), 0)[0]).toMatchObject({
    rule: 'ns[shop]-policy[p]-rule[5000]',
    got: 'GET',
  });
});
