// Rules against each other: each row has the findings it must have, and the clean ones none.
import { describe, expect, test } from 'vitest';
import { COMPARE_LIMITS, overlaps } from '../../../../policy/lint/overlaps.ts';
import { NOW_MS, OPTIONS, parseText, policyText } from '../policy-text.ts';

interface Doc {
  readonly spec: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly expires?: string;
  readonly dryRun?: boolean;
}

const annotations = (all: Readonly<Record<string, string | undefined>>): string =>
  `  annotations: ${JSON.stringify(all)}\n`;

function found(docs: readonly Doc[], options = {}, limits = COMPARE_LIMITS): string[] {
  const text = docs
    .map(({ spec, name, namespace, expires, dryRun }, i) =>
      policyText(spec, {
        name: name ?? `p${i}`,
        namespace: namespace ?? 'shop',
        meta: annotations({
          'sallyport.dev/expires-at': expires,
          'istio.io/dry-run': dryRun === true ? 'true' : undefined,
        }),
      }),
    )
    .join('---\n');
  const { policies, diagnostics } = parseText(text, options);
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  return overlaps(policies, { ...OPTIONS, ...options }, NOW_MS, limits).map(
    ({ code, message }) => `${code.replace('LINT_POLICY_', '')} ${message.replace(/\(p\.yaml:\d+\)/g, '')}`,
  );
}

const WEB = 'from: [{source: {principals: [example.org/ns/shop/sa/web]}}]';
const rule = (to: string, from = WEB): string =>
  `{${from}${from === '' ? '' : ', '}to: [{operation: {${to}}}]}`;
const one = (...rules: string[]): string => `rules: [${rules.join(', ')}]`;
const deny = (...rules: string[]): string => `action: DENY\n${one(...rules)}`;
const when = (text: string, from = WEB): string => `{${from}, when: [${text}]}`;

const p = (i: number, k = 0, namespace = 'shop'): string => `ns[${namespace}]-policy[p${i}]-rule[${k}]`;
const shadowed = (a: string, b: string): string => `SHADOWED ${a} decides nothing: ${b}  covers it`;
const duplicate = (a: string, b: string): string => `DUPLICATE ${a} says what ${b}  says`;
const unreachable = (a: string, b: string): string[] => [
  `UNREACHABLE ${a} allows nothing: DENY ${b}  covers it`,
  `DENY_COVERS_ALLOW DENY ${b} denies everything that ${a}  would allow`,
];

describe('covered by one rule of the same action', () => {
  const narrow = rule('methods: [GET], paths: [/a/b]');
  const rows: { name: string; inner: string; outer: string }[] = [
    { name: 'more methods', inner: narrow, outer: rule('methods: [GET, POST], paths: [/a/b]') },
    { name: 'any method', inner: narrow, outer: rule('paths: [/a/b]') },
    { name: 'a presence method', inner: narrow, outer: rule('methods: ["*"], paths: [/a/b]') },
    { name: 'a prefix', inner: narrow, outer: rule('methods: [GET], paths: ["/a/*"]') },
    { name: 'a prefix within a segment', inner: narrow, outer: rule('methods: [GET], paths: ["/a/b*"]') },
    { name: 'a suffix', inner: narrow, outer: rule('methods: [GET], paths: ["*/b"]') },
    { name: 'every path', inner: narrow, outer: rule('methods: [GET], paths: ["*"]') },
    { name: 'a template', inner: narrow, outer: rule('methods: [GET], paths: ["/a/{*}"]') },
    { name: 'a rest template', inner: narrow, outer: rule('methods: [GET], paths: ["/{**}"]') },
    {
      name: 'templates',
      inner: rule('paths: ["/a/{*}/c"]'),
      outer: rule('paths: ["/a/{*}/{*}"]'),
    },
    { name: 'a template in a prefix', inner: rule('paths: ["/a/{*}/c"]'), outer: rule('paths: ["/a/*"]') },
    { name: 'no `to`', inner: narrow, outer: `{${WEB}}` },
    { name: 'no `from`', inner: narrow, outer: rule('paths: [/a/b]', '') },
    { name: 'nothing at all', inner: narrow, outer: '{}' },
    {
      name: 'any principal',
      inner: narrow,
      outer: rule('paths: [/a/b]', 'from: [{source: {principals: ["*"]}}]'),
    },
    {
      name: 'another name of the local trust domain',
      inner: narrow,
      outer: rule('paths: [/a/b]', 'from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]'),
    },
    {
      name: 'five segments of all accounts',
      inner: narrow,
      outer: rule('paths: [/a/b]', 'from: [{source: {principals: ["example.org/ns/shop/sa/*"]}}]'),
    },
    {
      name: 'one of two sources',
      inner: narrow,
      outer: rule(
        'paths: [/a/b]',
        'from: [{source: {namespaces: [x]}}, {source: {principals: [example.org/ns/shop/sa/web]}}]',
      ),
    },
    {
      name: 'two operations together, by the algebra',
      inner: rule('methods: [GET, POST], paths: [/a]'),
      outer: `{${WEB}, to: [{operation: {methods: [GET], paths: [/a]}}, {operation: {methods: [POST], paths: [/a]}}, {operation: {paths: [/b]}}]}`,
    },
    {
      name: 'what is not excepted',
      inner: narrow,
      outer: rule('methods: [GET], notPaths: ["/admin/*"]'),
    },
    {
      name: 'less excepted',
      inner: rule('notPaths: ["/a/*", /b]'),
      outer: rule('notPaths: ["/a/b/*"]'),
    },
    {
      name: 'a wider block',
      inner: rule('paths: [/a]', 'from: [{source: {ipBlocks: [10.1.0.0/16]}}]'),
      outer: rule('paths: [/a]', 'from: [{source: {ipBlocks: [10.0.0.0/8]}}]'),
    },
    {
      name: 'the field in `when`',
      inner: rule('paths: [/a]', 'from: [{source: {ipBlocks: [10.1.0.0/16]}}]'),
      outer: '{to: [{operation: {paths: [/a]}}], when: [{key: source.ip, values: [10.0.0.0/8]}]}',
    },
    {
      name: 'more values of a header',
      inner: when('{key: "request.headers[x-a]", values: [b]}'),
      outer: when('{key: "request.headers[x-a]", values: [b, c]}'),
    },
    { name: 'a host with any port', inner: rule('hosts: ["a:80"]'), outer: rule('hosts: [a]') },
    { name: 'a host suffix', inner: rule('hosts: [a.example]'), outer: rule('hosts: ["*.example"]') },
    { name: 'more ports', inner: rule('ports: ["80"]'), outer: rule('ports: ["80", "81"]') },
  ];
  test.each(rows)('$name', ({ inner, outer }) => {
    expect(found([{ spec: one(inner) }, { spec: one(outer) }])).toEqual([shadowed(p(0), p(1))]);
    expect(found([{ spec: one(outer, inner) }])).toEqual([shadowed(p(0, 1), p(0, 0))]);
  });
});

describe('not covered', () => {
  const narrow = rule('methods: [GET], paths: [/a/b]');
  const rows: { name: string; docs: Doc[]; options?: object }[] = [
    ...[
      ['another method', 'methods: [POST], paths: [/a/b]'],
      ['a longer path', 'methods: [GET], paths: [/a/b/c]'],
      ['a template of one segment more', 'paths: ["/a/{*}/{*}"]'],
      ['a prefix of another folder', 'paths: ["/b/*"]'],
      ['an excepted path', 'notPaths: ["/a/*"]'],
      ['a port', 'ports: ["80"]'],
      ['a host', 'hosts: [a]'],
    ].map(([name = '', to = '']) => ({ name, docs: [{ spec: one(narrow) }, { spec: one(rule(to)) }] })),
    {
      name: 'another caller',
      docs: [
        { spec: one(narrow) },
        { spec: one(rule('paths: [/a/b]', 'from: [{source: {principals: [example.org/ns/shop/sa/api]}}]')) },
      ],
    },
    { name: 'another action', docs: [{ spec: one(narrow) }, { spec: `action: AUDIT\n${one(narrow)}` }] },
    { name: 'another namespace', docs: [{ spec: one(narrow) }, { spec: one('{}'), namespace: 'web' }] },
    {
      name: 'a policy of fewer workloads',
      docs: [{ spec: one(narrow) }, { spec: `selector: {matchLabels: {app: a}}\n${one('{}')}` }],
    },
    {
      name: 'a root policy by one of a namespace',
      docs: [{ spec: one(narrow), namespace: 'istio-system' }, { spec: one('{}') }],
    },
    {
      name: 'one that ends',
      docs: [{ spec: one(narrow) }, { spec: one('{}'), expires: '2027-01-01T00:00:00Z' }],
    },
    {
      name: 'one that ended',
      docs: [{ spec: one(narrow) }, { spec: one('{}'), expires: '2026-01-01T00:00:00Z' }],
    },
    {
      name: 'one that attaches to a Service',
      docs: [{ spec: one(narrow) }, { spec: `targetRefs: [{kind: Service, name: a}]\n${one('{}')}` }],
    },
    {
      name: 'all TCP by every path',
      docs: [{ spec: one(rule('ports: ["80"]')) }, { spec: one(rule('paths: ["*"]')) }],
    },
    {
      name: 'a name of the local trust domain that is excepted under another one',
      docs: [
        { spec: one(`{${WEB}}`) },
        { spec: one('{from: [{source: {notPrincipals: [cluster.local/ns/shop/sa/web]}}]}') },
      ],
    },
  ];
  test.each(rows)('$name', ({ docs }) => expect(found(docs)).toEqual([]));
});

describe('the same twice', () => {
  const same = rule('methods: [GET, POST], paths: [/a]');
  const rows: { name: string; docs: Doc[]; expect: string[] }[] = [
    { name: 'in one policy', docs: [{ spec: one(same, same) }], expect: [duplicate(p(0, 1), p(0, 0))] },
    {
      name: 'in another order',
      docs: [{ spec: one(same) }, { spec: one(rule('paths: [/a], methods: [POST, GET]')) }],
      expect: [duplicate(p(1), p(0))],
    },
    {
      name: 'in the root namespace',
      docs: [{ spec: one(same), namespace: 'istio-system' }, { spec: one(same) }],
      expect: [duplicate(p(1), p(0, 0, 'istio-system'))],
    },
    {
      name: 'for more workloads later on',
      docs: [{ spec: `selector: {matchLabels: {a: b}}\n${one(same)}` }, { spec: one(same) }],
      expect: [duplicate(p(0), p(1))],
    },
    {
      name: 'in another form: the later one is told, once',
      docs: [{ spec: one(rule('paths: ["/a/*"]')) }, { spec: one(rule('paths: ["/a/{**}"]')) }],
      expect: [shadowed(p(1), p(0))],
    },
    {
      name: 'of two DENY policies',
      docs: [{ spec: deny(same) }, { spec: deny(same) }],
      expect: [duplicate(p(1), p(0))],
    },
    {
      name: 'in two namespaces',
      docs: [{ spec: one(same) }, { spec: one(same), namespace: 'web' }],
      expect: [],
    },
  ];
  test.each(rows)('$name', ({ docs, expect: expected }) => expect(found(docs)).toEqual(expected));
});

describe('denied whole', () => {
  const allow = rule('methods: [GET], paths: [/a/b]');
  test('by a wider DENY of the namespace', () => {
    expect(found([{ spec: one(allow) }, { spec: deny(rule('paths: ["/a/*"]', '')) }])).toEqual(
      unreachable(p(0), p(1)),
    );
  });
  test('by one of the root namespace, more than one', () => {
    const docs = [
      { spec: deny('{}'), namespace: 'istio-system' },
      { spec: one(allow) },
      { spec: one(rule('paths: [/c]')), namespace: 'web' },
    ];
    expect(found(docs).at(-1)).toBe(
      `DENY_COVERS_ALLOW DENY ${p(0, 0, 'istio-system')} denies everything that ${p(1)}  and 1 more would allow`,
    );
  });
  test('namespaces of any trust domain are denied, those of the own one allowed', () => {
    const caller = 'from: [{source: {namespaces: [web]}}]';
    expect(found([{ spec: one(rule('paths: [/a]', caller)) }, { spec: deny(`{${caller}}`) }])).toEqual(
      unreachable(p(0), p(1)),
    );
  });
  test('the same, allowed and denied', () => {
    expect(found([{ spec: one(allow) }, { spec: deny(allow) }])).toEqual([
      `CONTRADICTORY ${p(0)} allows exactly what DENY ${p(1)}  denies`,
      `DENY_COVERS_ALLOW DENY ${p(1)} denies everything that ${p(0)}  would allow`,
    ]);
  });
  const soft: { name: string; docs: Doc[] }[] = [
    {
      name: 'an exception',
      docs: [{ spec: one(rule('paths: ["/a/*"]')) }, { spec: deny(rule('paths: [/a/b]')) }],
    },
    { name: 'a DENY of a dry run', docs: [{ spec: one(allow) }, { spec: deny('{}'), dryRun: true }] },
    {
      name: 'an emergency that ends',
      docs: [{ spec: one(allow) }, { spec: deny('{}'), expires: '2026-10-01T01:00:00Z' }],
    },
  ];
  test.each(soft)('not by $name', ({ docs }) => expect(found(docs)).toEqual([]));
});

describe('what is not compared is told', () => {
  const rules = Array.from({ length: 8 }, (_, i) => `{from: [{source: {trustDomains: ["a${i}"]}}]}`);
  test('beyond the pairs of a rule', () => {
    const [only] = found([{ spec: one(...rules) }], {}, { ...COMPARE_LIMITS, pairsPerRule: 3 });
    expect(only).toMatch(
      /^NOT_COMPARED 8 rules were not compared with all that resemble them, beginning with /,
    );
  });
  test('beyond what may be proved', () => {
    const docs = [
      { spec: one(rule('methods: [GET, POST], paths: [/a]')) },
      {
        spec: one(
          `{${WEB}, to: [{operation: {methods: [GET], paths: [/a]}}, {operation: {methods: [POST]}}]}`,
        ),
      },
    ];
    expect(found(docs, {}, { ...COMPARE_LIMITS, provedValues: 1 })).toEqual([
      `NOT_COMPARED 1 rule was not compared with all that resemble them, beginning with ${p(0)}`,
    ]);
  });
});
