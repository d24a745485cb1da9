// What changes of policies mean, one row for each kind of change.
import { describe, expect, test } from 'vitest';
import { differences } from '../../../../policy/algebra/differences.ts';
import type { Policy, PolicyOptions } from '../../../../policy/model.ts';
import { parsePolicies } from '../../../../policy/parse.ts';
import { NOW_MS, OPTIONS, policyText } from '../policy-text.ts';

function read(texts: readonly string[], options: PolicyOptions): readonly Policy[] {
  const files = texts.map((text, i) => ({ file: `${i}.yaml`, text }));
  const { policies, diagnostics } = parsePolicies(files, options, NOW_MS);
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return policies;
}

function said(before: readonly string[], after: readonly string[], options = OPTIONS): string[] {
  const found = differences(read(before, options), read(after, options), options, NOW_MS);
  expect(found.undecided).toEqual([]);
  return found.changes.map(({ kind, deniedBy }) => `${kind} ${deniedBy ?? 'default'}`);
}

const allow = (rule: string, more = {}): string => policyText(`rules: [${rule}]`, { name: 'a', ...more });
const deny = (rule: string): string => policyText(`action: DENY\nrules: [${rule}]`, { name: 'd' });
const paths = (...all: string[]): string => allow(`{to: [{operation: {paths: ${JSON.stringify(all)}}}]}`);
const from = (source: string): string => allow(`{from: [{source: ${source}}]}`);
const when = (condition: string): string => allow(`{when: [${condition}]}`);
const DENIED = 'ns[shop]-policy[d]-rule[0]';

interface Row {
  readonly name: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly expect: readonly string[];
}

const EQUIVALENT: readonly Omit<Row, 'expect'>[] = [
  { name: 'nothing and nothing', before: [], after: [] },
  { name: 'nothing and a policy without rules', before: [], after: [policyText('{}')] },
  { name: 'values in another order', before: [paths('/a', '/b')], after: [paths('/b', '/a')] },
  { name: 'a value that another one covers', before: [paths('/a*')], after: [paths('/a*', '/ab', '/a/{*}')] },
  {
    name: 'the rest of a path as template and as prefix',
    before: [paths('/a/{**}')],
    after: [paths('/a/*')],
  },
  {
    name: 'one segment in two spellings',
    before: [paths('/{*}/b', '/a/{*}')],
    after: [paths('/a/{*}', '/{*}/b', '/a/b')],
  },
  {
    name: 'two halves of all addresses',
    before: [from('{ipBlocks: ["0.0.0.0/0"]}')],
    after: [from('{ipBlocks: ["0.0.0.0/1", "128.0.0.0/1"]}')],
  },
  {
    name: 'a principal and its alias',
    before: [from('{principals: ["example.org/ns/a/sa/b"]}')],
    after: [from('{principals: ["cluster.local/ns/a/sa/b"]}')],
  },
  {
    name: 'a DENY of what nothing allows',
    before: [paths('/a')],
    after: [paths('/a'), deny('{to: [{operation: {paths: ["/b"]}}]}')],
  },
  {
    name: 'a DENY that an ALLOW excludes anyway',
    before: [allow('{to: [{operation: {methods: ["GET"]}}]}')],
    after: [
      allow('{to: [{operation: {methods: ["GET"]}}]}'),
      deny('{to: [{operation: {notMethods: ["GET"]}}]}'),
    ],
  },
  { name: 'AUDIT', before: [], after: [policyText('action: AUDIT\nrules: [{}]')] },
  {
    name: 'a host with any port',
    before: [allow('{to: [{operation: {hosts: ["a"]}}]}')],
    after: [allow('{to: [{operation: {hosts: ["A", "a:80"]}}]}')],
  },
  {
    name: 'a header that must be there in two ways',
    before: [when('{key: "request.headers[x-a]", values: ["*"]}')],
    after: [when('{key: "request.headers[X-A]", values: ["*", "b"]}')],
  },
];

const CHANGED: readonly Row[] = [
  {
    name: 'a method more',
    before: [allow('{to: [{operation: {methods: [GET]}}]}')],
    after: [allow('{to: [{operation: {methods: [GET, PUT]}}]}')],
    expect: ['widening default'],
  },
  {
    name: 'a template for a prefix',
    before: [paths('/a/{*}')],
    after: [paths('/a/*')],
    expect: ['widening default'],
  },
  {
    name: 'a prefix for a template',
    before: [paths('/a/*')],
    after: [paths('/a/{*}')],
    expect: ['narrowing default'],
  },
  {
    name: 'another path',
    before: [paths('/a')],
    after: [paths('/b')],
    expect: ['widening default', 'narrowing default'],
  },
  {
    name: 'a namespace for a principal',
    before: [from('{principals: ["example.org/ns/a/sa/b"]}')],
    after: [from('{namespaces: ["a"]}')],
    expect: ['widening default'],
  },
  {
    name: 'a DENY',
    before: [paths('/a*')],
    after: [paths('/a*'), deny('{to: [{operation: {paths: ["/ab"]}}]}')],
    expect: [`narrowing ${DENIED}`],
  },
  {
    name: 'a DENY less',
    before: [paths('/a*'), deny('{to: [{operation: {paths: ["/ab"]}}]}')],
    after: [paths('/a*')],
    expect: [`widening ${DENIED}`],
  },
  {
    name: 'a wider block',
    before: [from('{ipBlocks: ["10.0.0.0/9"]}')],
    after: [from('{ipBlocks: ["10.0.0.0/8"]}')],
    expect: ['widening default'],
  },
  {
    name: 'a port',
    before: [allow('{to: [{operation: {ports: ["80"]}}]}')],
    after: [allow('{}')],
    expect: ['widening default'],
  },
  {
    name: 'a selector',
    before: [allow('{}')],
    after: [policyText('selector: {matchLabels: {app: a}}\nrules: [{}]', { name: 'a' })],
    expect: ['narrowing default'],
  },
  {
    name: 'a dry run that is enforced',
    before: [allow('{}', { meta: '  annotations: {istio.io/dry-run: "true"}\n' })],
    after: [allow('{}')],
    expect: ['widening default'],
  },
  {
    name: 'an SNI',
    before: [when('{key: connection.sni, values: ["a"]}')],
    after: [when('{key: connection.sni, values: ["a*"]}')],
    expect: ['widening default'],
  },
  {
    name: 'a header value',
    before: [when('{key: "request.headers[x-a]", values: ["b"]}')],
    after: [when('{key: "request.headers[x-a]", values: ["b", "c"]}')],
    expect: ['widening default'],
  },
  {
    name: 'an excluded header value',
    before: [when('{key: "request.headers[x-a]", notValues: ["b"]}')],
    after: [allow('{}')],
    expect: ['widening default'],
  },
  {
    name: 'a trust domain for all',
    before: [from('{namespaces: ["a"], trustDomains: ["example.org"]}')],
    after: [from('{trustDomains: ["*"]}')],
    expect: ['widening default'],
  },
];

describe('equivalent', () => {
  test.each(EQUIVALENT)('$name', ({ before, after }) => {
    expect(said(before, after)).toEqual([]);
    expect(said(after, before)).toEqual([]);
  });
});

describe('changed', () => {
  test.each(CHANGED)('$name', ({ before, after, expect: expected }) =>
    expect(said(before, after)).toEqual(expected),
  );
});

test('values with blanks, and names that are no names, are told apart too', () => {
  const header = (value: string): string => when(`{key: "request.headers[x-a]", values: [${value}]}`);
  expect(said([header('"a b*"')], [header('"a b*", "c d*"')])).toEqual(['widening default']);
  expect(said([header('"a b*"')], [header('"a b*", "a b c"')])).toEqual([]);
  const sni = (value: string): string => when(`{key: connection.sni, values: [${value}]}`);
  expect(said([sni('a')], [sni('a, "x/y*"')])).toEqual(['widening default']);
  expect(said([sni('a')], [sni('a, "X*"')])).toEqual([]);
});

describe('with allow-when-unselected', () => {
  const options: PolicyOptions = { ...OPTIONS, defaultVerdict: 'allow-when-unselected' };
  test('a first ALLOW closes what it does not allow', () =>
    expect(said([], [paths('/a')], options)).toEqual(['narrowing default']));
  test('a last one that goes opens it', () =>
    expect(said([paths('/a')], [], options)).toEqual(['widening default']));
  test('a DENY denies where nothing is selected', () =>
    expect(said([], [deny('{to: [{operation: {paths: ["/b"]}}]}')], options)).toEqual([
      `narrowing ${DENIED}`,
    ]));
});

test('more combinations than can be compared are refused', () => {
  const sources = Array.from(
    { length: 150 },
    (_, i) => `{source: {principals: ["example.org/ns/a/sa/a${i}"]}}`,
  );
  const operations = Array.from({ length: 150 }, (_, i) => `{operation: {paths: ["/a${i}"]}}`);
  const large = allow(`{from: [${sources.join(', ')}], to: [${operations.join(', ')}]}`);
  expect(() => said([], [large])).toThrow('22500 combinations of sources and operations; ns[shop]');
});

test('at most three examples of different kinds are shown', () => {
  const [change] = differences(
    read([paths('/a')], OPTIONS),
    read([allow('{}')], OPTIONS),
    OPTIONS,
    NOW_MS,
  ).changes;
  expect(change?.examples.length).toBeGreaterThan(1);
  expect(change?.examples.length).toBeLessThanOrEqual(3);
  expect(new Set(change?.examples.map((one) => JSON.stringify(one))).size).toBe(change?.examples.length);
});
