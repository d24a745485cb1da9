// Documents: what is refused as a whole, what passes by, and what a policy becomes.
import { describe, expect, test } from 'vitest';
import { parsePolicies } from '../../../policy/parse.ts';
import { annotated, NOW_MS, OPTIONS, operationRule, parseText, policyText, rejects } from './policy-text.ts';

describe('documents', () => {
  rejects([
    { name: 'no YAML', text: 'a: [', code: 'ERR_POLICY_YAML' },
    { name: 'no JSON', text: '{"apiVersion": "security.istio.io/v1",, }', code: 'ERR_POLICY_YAML' },
    { name: 'only a closing bracket', text: ']', code: 'ERR_POLICY_YAML' },
    { name: 'only a directive', text: '%YAML 1.2\n', code: 'ERR_POLICY_YAML' },
    { name: 'a scalar', text: 'hello', code: 'ERR_POLICY_TYPE' },
    { name: 'a list', text: '- 1', code: 'ERR_POLICY_TYPE' },
    { name: 'an unknown tag', text: policyText('action: !custom ALLOW'), code: 'ERR_POLICY_YAML' },
    {
      name: 'a duplicate key',
      text: policyText('rules: [{}]\nrules: []'),
      code: 'ERR_POLICY_DUPLICATE_KEY',
      at: '8:3',
    },
    { name: 'a duplicate key in JSON', text: '{"a":1,"a":2}', code: 'ERR_POLICY_DUPLICATE_KEY' },
    { name: 'no apiVersion', text: 'kind: AuthorizationPolicy', code: 'ERR_POLICY_KIND', says: 'apiVersion' },
    { name: 'no kind', text: 'apiVersion: security.istio.io/v1', code: 'ERR_POLICY_KIND', says: 'kind' },
    {
      name: 'v1alpha1',
      text: policyText('{}').replace('/v1', '/v1alpha1'),
      code: 'ERR_POLICY_API_VERSION',
      at: '1:13',
    },
    { name: 'v2', text: policyText('{}').replace('/v1', '/v2'), code: 'ERR_POLICY_API_VERSION' },
    {
      name: 'a typo in the group',
      text: policyText('{}').replace('istio', 'istoi'),
      code: 'ERR_POLICY_API_VERSION',
      says: 'did you mean',
    },
    {
      name: 'a typo in the kind',
      text: policyText('{}').replace('Authorization', 'Authorisation'),
      code: 'ERR_POLICY_KIND',
      says: 'did you mean `AuthorizationPolicy`',
    },
    {
      name: 'RequestAuthentication',
      text: 'apiVersion: security.istio.io/v1\nkind: RequestAuthentication',
      code: 'ERR_POLICY_NOT_BUILT',
    },
    {
      name: 'PeerAuthentication',
      text: 'apiVersion: security.istio.io/v1\nkind: PeerAuthentication',
      code: 'ERR_POLICY_NOT_BUILT',
    },
    {
      name: 'a list in a list',
      text: 'apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: []}]',
      code: 'ERR_POLICY_KIND',
    },
    { name: 'a list without items', text: 'apiVersion: v1\nkind: List', code: 'ERR_POLICY_EMPTY' },
    { name: 'a null item', text: 'apiVersion: v1\nkind: List\nitems: [null]', code: 'ERR_POLICY_EMPTY' },
    {
      name: 'an unknown top field',
      text: `${policyText('{}')}specs: {}\n`,
      code: 'ERR_POLICY_UNKNOWN_FIELD',
      says: 'did you mean `spec`',
    },
    { name: 'a merge key', text: policyText('<<: {rules: [{}]}'), code: 'ERR_POLICY_UNKNOWN_FIELD' },
    {
      name: 'a YAML 1.1 directive turns on into a boolean',
      text: `%YAML 1.1\n---\n${policyText('action: on')}`,
      code: 'ERR_POLICY_TYPE',
    },
    {
      name: 'more than 64 aliases',
      text: policyText(`rules: [{to: [{operation: {paths: [&a /a, ${'*a, '.repeat(65)}/b]}}]}]`),
      code: 'ERR_POLICY_LIMIT',
    },
    { name: 'an alias that names itself', text: policyText('rules: &r [*r]'), code: 'ERR_POLICY_TYPE' },
    { name: 'very deep nesting', text: '['.repeat(20_000), code: 'ERR_POLICY_YAML' },
  ]);

  test('all errors of a file are reported', () => {
    const second = operationRule('{methods: [get], ports: ["0"]}');
    const text = `${policyText('action: DENNY\nrule: []')}---\n${policyText(second, { name: 'q' })}`;
    expect(parseText(text).diagnostics.map(({ code, at }) => [code, `${at?.line}:${at?.column}`])).toEqual([
      ['ERR_POLICY_ACTION', '7:11'],
      ['ERR_POLICY_UNKNOWN_FIELD', '8:3'],
      ['ERR_POLICY_METHOD', '16:40'],
      ['ERR_POLICY_PORT', '16:54'],
    ]);
  });

  test('an empty file, comments and empty documents are nothing', () => {
    for (const text of ['', '\n', '# nothing\n', '---\n---\n', '\ufeff'])
      expect(parseText(text)).toMatchObject({ policies: [], diagnostics: [], refused: [] });
  });

  test('other API groups are a notice', () => {
    const { diagnostics, refused } = parseText(
      'apiVersion: networking.istio.io/v1\nkind: VirtualService\n---\napiVersion: policy.linkerd.io/v1alpha1\nkind: AuthorizationPolicy\n',
    );
    expect(diagnostics.map(({ severity, code }) => [severity, code])).toEqual([
      ['notice', 'LINT_POLICY_SKIPPED'],
      ['notice', 'LINT_POLICY_SKIPPED'],
    ]);
    expect(refused).toEqual([]);
  });

  test('aliases, a byte order mark, CRLF and tabs in JSON are read', () => {
    expect(
      parseText(policyText('rules: [&r {to: [{operation: {methods: [GET]}}]}, *r]')).policies[0]?.rules,
    ).toHaveLength(2);
    expect(parseText(`\ufeff${policyText('{}')}`).policies).toHaveLength(1);
    expect(parseText(policyText('{}').replaceAll('\n', '\r\n')).policies).toHaveLength(1);
    const json =
      '{\n\t"apiVersion": "security.istio.io/v1",\n\t"kind": "AuthorizationPolicy",\n\t"metadata": {"name": "p", "namespace": "shop"},\n\t"spec": {}\n}';
    expect(parseText(json).policies).toHaveLength(1);
  });

  test('a duplicate name over two files names the first place', () => {
    const files = ['a.yaml', 'b.yaml'].map((file) => ({ file, text: policyText('{}') }));
    const { policies, diagnostics, refused } = parsePolicies(files, OPTIONS, NOW_MS);
    expect(policies).toHaveLength(1);
    expect(diagnostics[0]).toMatchObject({ code: 'ERR_POLICY_DUPLICATE', at: { file: 'b.yaml', line: 1 } });
    expect(diagnostics[0]?.message).toContain('a.yaml:1');
    expect(refused).toHaveLength(1);
    const apart = files.map((file, i) => ({ ...file, text: policyText('{}', { namespace: `n${i}` }) }));
    expect(parsePolicies(apart, OPTIONS, NOW_MS).diagnostics).toEqual([]);
  });
});

describe('what is read', () => {
  test('a rule with everything', () => {
    const { policies } = parseText(
      policyText(
        `
action: DENY
rules:
- from:
  - source: {principals: ["spiffe://a/ns/b/sa/c"], notPrincipals: ["x*"], serviceAccounts: []}
`.replace(', serviceAccounts: []', '') +
          `  to:
  - operation: {hosts: ["A.Example.:443"], notPorts: ["8080"]}
  when:
  - {key: "request.headers[X-A]", notValues: ["*"]}
  - {key: source.serviceAccount, values: [web]}`,
      ),
    );
    expect(policies[0]?.rules[0]).toEqual({
      id: 'ns[shop]-policy[p]-rule[0]',
      from: [
        [
          {
            field: 'principals',
            name: 'from.source.principals',
            values: [{ kind: 'exact', value: 'a/ns/b/sa/c' }],
            notValues: [{ kind: 'prefix', value: 'x' }],
          },
        ],
      ],
      to: [
        [
          {
            field: 'hosts',
            name: 'to.operation.hosts',
            values: [{ kind: 'exact', value: 'a.example:443' }],
            notValues: [],
          },
          {
            field: 'ports',
            name: 'to.operation.notPorts',
            values: [],
            notValues: [{ kind: 'exact', value: '8080' }],
          },
        ],
      ],
      when: [
        {
          field: 'request.headers',
          key: 'x-a',
          name: 'when[request.headers[x-a]].notValues',
          values: [],
          notValues: [{ kind: 'presence' }],
        },
        {
          field: 'source.serviceAccount',
          name: 'when[source.serviceAccount]',
          values: [{ kind: 'exact', value: 'shop/web' }],
          notValues: [],
        },
      ],
      at: { file: 'p.yaml', line: 9, column: 5 },
    });
  });

  test('words that YAML 1.1 reads otherwise are strings, with a finding', () => {
    const { policies, diagnostics } = parseText(policyText(operationRule('{methods: [on, 1_000, "yes"]}')));
    expect(policies).toHaveLength(1);
    expect(diagnostics.map(({ severity, code }) => [severity, code])).toEqual([
      ['warning', 'LINT_POLICY_YAML11'],
      ['warning', 'LINT_POLICY_YAML11'],
    ]);
  });

  test('an unquoted date is a string', () => {
    const { diagnostics } = parseText(annotated('sallyport.dev/expires-at: 2026-12-01T00:00:00Z'));
    expect(diagnostics).toEqual([]);
  });
});
