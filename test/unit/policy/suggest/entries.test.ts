// Which paths are learned as templates, and which stay as they were; what is excluded, and what is left out.
import { describe, expect, test } from 'vitest';
import { entriesOf } from '../../../../policy/suggest/entries.ts';
import { Observed } from '../../../../policy/suggest/observed.ts';
import { DENIED } from '../flows/flow-samples.ts';
import { type Call, ids, learn, observe, type Recorded, texts } from './calls.ts';

const names = (n: number, [from, method, path]: Call): Call[] =>
  Array.from({ length: n }, (_, i) => {
    const letters = String.fromCharCode(97 + (i % 26), 97 + Math.floor(i / 26));
    return [from, method, path.replaceAll('NAME', `name${letters}`)];
  });
const UUIDS = ['1d', '2d', '3d', '4d', '5d'].map((d) => `6f1c2e4a-8b7d-4c3e-9f2a-0123456789${d}`);
const CODES = ['OLJCESPC7Z', '66VCHSJNUP', '1YMWWN1N4O', 'L9ECAV7KIM', '2ZYFJ3GM2N'];
const gets = (paths: readonly string[]): Call[] => paths.map((path) => ['web', 'GET', path]);

describe('paths that become templates', () => {
  const rows: { name: string; calls: Call[]; expect: string[] }[] = [
    {
      name: 'numbers, from five on',
      calls: ids(5, ['web', 'GET', '/users/ID/orders']),
      expect: ['web GET /users/{*}/orders'],
    },
    { name: 'UUIDs', calls: gets(UUIDS.map((id) => `/a/${id}`)), expect: ['web GET /a/{*}'] },
    { name: 'codes of capitals', calls: gets(CODES.map((id) => `/p/${id}`)), expect: ['web GET /p/{*}'] },
    {
      name: 'two places, each with enough values',
      calls: [100, 101, 102, 103, 104].flatMap((a) => ids(5, ['web', 'GET', `/u/${a}/o/ID`])),
      expect: ['web GET /u/{*}/o/{*}'],
    },
    {
      name: 'more names than stay apart, all used alike',
      calls: names(60, ['web', 'GET', '/users/NAME/orders']),
      expect: ['web GET /users/{*}/orders'],
    },
    {
      name: 'many names, and what one of them does alone stays apart',
      calls: [...names(60, ['web', 'GET', '/users/NAME/orders']), ...gets(['/users/admin/keys'])],
      expect: ['web GET /users/admin/keys', 'web GET /users/{*}/orders without /users/admin/orders'],
    },
    {
      name: 'a thousand names, and one that comes late',
      calls: [
        ...Array.from(
          { length: 1000 },
          (_, i): Call => [
            'web',
            'GET',
            `/t/t${'abcdefghij'[i % 10]}${'klmnopqrst'[((i / 10) % 10) | 0]}${'uvwxyzabcd'[(i / 100) | 0]}/q`,
          ],
        ),
        ...gets(['/t/late/special']),
      ],
      expect: ['web GET /t/late/special', 'web GET /t/{*}/q'],
    },
  ];
  test.each(rows)('$name', ({ calls, expect: expected }) => expect(texts(learn(calls))).toEqual(expected));
});

describe('paths that stay as they were', () => {
  const rows: { name: string; calls: Call[]; expect: string[] }[] = [
    {
      name: 'fewer values than five',
      calls: ids(2, ['web', 'GET', '/users/ID']),
      expect: ['web GET /users/100', 'web GET /users/101'],
    },
    {
      name: 'few names, however often',
      calls: Array.from({ length: 40 }, () => gets(['/a/red', '/a/blue'])).flat(),
      expect: ['web GET /a/blue', 'web GET /a/red'],
    },
    {
      name: 'names in first place, however many',
      calls: names(55, ['web', 'GET', '/NAME']),
      expect: names(55, ['web', 'GET', '/NAME'])
        .map((one) => one.join(' '))
        .sort(),
    },
    {
      name: 'a method that few of the values had',
      calls: [...ids(9, ['web', 'GET', '/users/ID']), ['web', 'DELETE', '/users/104']],
      expect: ['web DELETE /users/104', 'web GET /users/{*}'],
    },
    {
      name: 'what one value alone has below it',
      calls: [...ids(9, ['web', 'GET', '/users/ID']), ['web', 'GET', '/users/104/keys']],
      expect: ['web GET /users/104/keys', 'web GET /users/{*}'],
    },
    {
      name: 'one place with few values beside one with many',
      calls: [...ids(5, ['web', 'GET', '/t/7/o/ID']), ...ids(5, ['web', 'GET', '/t/8/o/ID'])],
      expect: ['web GET /t/7/o/{*}', 'web GET /t/8/o/{*}'],
    },
    {
      name: 'the same, with more paths than are kept',
      calls: [...ids(90, ['web', 'GET', '/t/7/o/ID']), ...ids(90, ['web', 'GET', '/t/8/o/ID'])],
      expect: ['web GET /t/7/o/{*}', 'web GET /t/8/o/{*}'],
    },
    {
      name: 'many names that are not used alike',
      calls: names(55, ['web', 'GET', '/a/NAME/NAME']),
      expect: names(55, ['web', 'GET', '/a/NAME/NAME'])
        .map((one) => one.join(' '))
        .sort(),
    },
    {
      name: 'the values of one caller, whatever another one has',
      calls: [...ids(50, ['web', 'GET', '/users/ID']), ['billing', 'GET', '/users/104']],
      expect: ['billing GET /users/104', 'web GET /users/{*}'],
    },
  ];
  test.each(rows)('$name', ({ calls, expect: expected }) => expect(texts(learn(calls))).toEqual(expected));
});

describe('names that a template must not stand for', () => {
  const rows: { name: string; calls: Call[]; expect: string[] }[] = [
    {
      name: 'one that only another caller was seen with',
      calls: [...ids(9, ['web', 'GET', '/users/ID']), ['ops', 'GET', '/users/admin']],
      expect: ['ops GET /users/admin', 'web GET /users/{*} without /users/admin'],
    },
    {
      name: 'one that this caller was seen with stays allowed',
      calls: [...ids(9, ['web', 'GET', '/users/ID']), ['web', 'GET', '/users/me']],
      expect: ['web GET /users/me', 'web GET /users/{*}'],
    },
    {
      name: 'one that this caller was seen with by another method',
      calls: [...ids(9, ['web', 'DELETE', '/users/ID']), ['web', 'GET', '/users/me']],
      expect: ['web GET /users/me', 'web DELETE /users/{*} without /users/me'],
    },
    {
      name: 'above what is below it',
      calls: [...ids(9, ['web', 'GET', '/users/ID/orders']), ['ops', 'POST', '/users/admin/reset']],
      expect: ['ops POST /users/admin/reset', 'web GET /users/{*}/orders without /users/admin/orders'],
    },
    {
      name: 'but not one that it was seen with among many names',
      calls: [...names(60, ['web', 'GET', '/users/NAME']), ['ops', 'PUT', '/users/nameaa']],
      expect: ['ops PUT /users/nameaa', 'web GET /users/{*}'],
    },
  ];
  test.each(rows)('$name', ({ calls, expect: expected }) => expect(texts(learn(calls))).toEqual(expected));
});

test('a template does not stand for a name that a policy refused', () => {
  const observed = new Observed({ valuesMin: 5, widthMax: 50 });
  observe(observed, ids(9, ['web', 'GET', '/users/ID']));
  observe(observed, [['web', 'GET', '/users/admin']], { change: DENIED });
  observe(observed, [['web', 'GET', '/users/104']], { change: DENIED });
  const entries = entriesOf(observed, { minCount: 1, trustDomain: 'example.org' });
  expect(texts(entries)).toEqual(['web GET /users/{*} without /users/admin']);
});

describe('traffic that is left out', () => {
  const one: Call[] = [['web', 'GET', '/a']];
  const plaintext = { source: { principal: null, ip: '10.0.0.9' } };
  const dryRun = (verdict: 'allow' | 'deny', reason: string) => ({ dryRun: { verdict, reason, rules: [] } });
  const record = { template: true };
  const scan: Call[] = Array.from({ length: 30 }, (_, i) => [
    'web',
    'GET',
    `/x${'abcdefghij'[i % 10]}${'abc'[(i / 10) | 0]}`,
  ]);
  const rows: { name: string; calls?: Call[]; how?: Recorded; reason: string }[] = [
    { name: 'denied', how: { change: DENIED }, reason: 'denied' },
    { name: 'denied by no policy', how: { change: { ...DENIED, reason: 'bad-path' } }, reason: 'denied' },
    {
      name: 'forwarded by audit mode against a DENY',
      how: { change: { ...DENIED, enforced: false, reason: 'deny-rule' } },
      reason: 'deny-rule',
    },
    {
      name: 'forwarded without a policy that could be read',
      how: { change: { ...DENIED, enforced: false, reason: 'no-policy' } },
      reason: 'denied',
    },
    {
      name: 'what a DENY denies in a dry run',
      how: { change: dryRun('deny', 'deny-rule') },
      reason: 'deny-rule',
    },
    { name: 'plaintext', how: { change: plaintext }, reason: 'plaintext' },
    { name: 'callers not told apart', how: { change: { source: null }, ...record }, reason: 'other-callers' },
    { name: 'paths not told apart', how: { change: { http: null }, ...record }, reason: 'other-paths' },
    { name: 'the rest of paths', calls: [['web', 'GET', '/a/{**}']], how: record, reason: 'other-paths' },
    { name: 'answered 404', how: { status: 404 }, reason: 'error' },
    { name: 'answered 401', how: { status: 401 }, reason: 'error' },
    { name: 'the calling side', how: { change: { direction: 'outbound' } }, reason: 'outbound' },
    { name: 'health checks', how: { change: { reason: 'allow-probe' } }, reason: 'probe' },
    { name: 'no canonical path', calls: [['web', 'GET', '/a/../b']], reason: 'no-policy-path' },
    { name: 'no path', calls: [['web', 'OPTIONS', '*']], reason: 'no-policy-path' },
    { name: 'braces of a caller', calls: [['web', 'GET', '/a/{*}']], reason: 'no-policy-path' },
    { name: 'a path that would be a prefix', calls: [['web', 'GET', '/a/b*']], reason: 'no-policy-path' },
    { name: 'a method that would be any', calls: [['web', '*', '/a']], reason: 'no-policy-method' },
    { name: 'a method that would be a prefix', calls: [['web', 'G*', '/a']], reason: 'no-policy-method' },
    { name: 'a method in small letters', calls: [['web', 'get', '/a']], reason: 'no-policy-method' },
    {
      name: 'a stranger who would stand for the own account',
      how: { change: { source: { principal: 'spiffe://cluster.local/ns/shop/sa/web', ip: null } } },
      reason: 'no-policy-caller',
    },
    {
      name: 'a scan that audit mode let through',
      calls: scan,
      how: { change: { ...DENIED, enforced: false } },
      reason: 'scan',
    },
    { name: 'more segments than are learned', calls: [['web', 'GET', '/a'.repeat(30)]], reason: 'too-much' },
  ];
  test.each(rows)('$name', ({ calls = one, how = {}, reason }) => {
    const observed = new Observed({ valuesMin: 5, widthMax: 50 });
    observe(observed, calls, how);
    expect(texts(entriesOf(observed, { minCount: 1, trustDomain: 'example.org' }))).toEqual([]);
    const [row, ...more] = observed.leftOut.rows();
    expect([row?.reason, row?.evidence.requests, more]).toEqual([reason, calls.length, []]);
  });

  test('seen less often than asked for', () => {
    const observed = new Observed({ valuesMin: 5, widthMax: 50 });
    observe(observed, [
      ['web', 'GET', '/a'],
      ['web', 'GET', '/b'],
      ['web', 'GET', '/b'],
    ]);
    expect(texts(entriesOf(observed, { minCount: 2, trustDomain: 'example.org' }))).toEqual(['web GET /b']);
    expect(observed.leftOut.rows().map(({ reason }) => reason)).toEqual(['rare']);
  });
});

describe('traffic that counts', () => {
  const rows: { name: string; how: Recorded; calls?: Call[]; expect: string[] }[] = [
    { name: 'allowed by a rule', how: {}, expect: ['web GET /a'] },
    {
      name: 'forwarded by audit mode',
      how: { change: { ...DENIED, enforced: false } },
      expect: ['web GET /a'],
    },
    {
      name: 'denied, but allowed by a policy that is tried out',
      how: { change: { ...DENIED, dryRun: { verdict: 'allow', reason: 'allow-rule', rules: [] } } },
      expect: ['web GET /a'],
    },
    {
      name: 'a template of a proxy, whatever its values were',
      calls: [['web', 'GET', '/items/{*}']],
      how: { template: true },
      expect: ['web GET /items/{*}'],
    },
    {
      name: 'answered 500: the application fails, the caller is right',
      how: { status: 500 },
      expect: ['web GET /a'],
    },
  ];
  test.each(rows)('$name', ({ calls = [['web', 'GET', '/a']], how, expect: expected }) => {
    const observed = new Observed({ valuesMin: 5, widthMax: 50 });
    observe(observed, calls, how);
    expect(texts(entriesOf(observed, { minCount: 1, trustDomain: 'example.org' }))).toEqual(expected);
    expect(observed.leftOut.rows()).toEqual([]);
  });
});
