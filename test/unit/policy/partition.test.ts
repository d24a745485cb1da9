// The unit of refusal: whose set a fault counts against, and what only warns.
import { describe, expect, test } from 'vitest';
import { partitionBySource } from '../../../policy/partition.ts';
import { operationRule, parseText, policyText } from './policy-text.ts';

const WORKLOAD = { namespace: 'shop', serviceAccount: 'cart', labels: { app: 'cart' } };
const ROOT = { rootNamespace: 'istio-system' };
const BAD = operationRule('{methods: [get]}');
const good = (namespace: string, name = 'good'): string => policyText('rules: [{}]', { namespace, name });
const unreadable = (namespace: string): string => policyText('rules: [', { namespace, name: 'unreadable' });

function partition(...texts: string[]) {
  const { sets, warnings } = partitionBySource(parseText(texts.join('---\n')), WORKLOAD, ROOT);
  return {
    policies: sets.map((set) => set.policies.map(({ name }) => name)),
    errors: sets.map((set) => set.errors.map(({ code }) => code)),
    warnings: warnings.map(({ severity, code }) => `${severity} ${code}`),
  };
}

describe('sources', () => {
  const method = 'ERR_POLICY_METHOD';
  const rows: { name: string; texts: string[]; expect: ReturnType<typeof partition> }[] = [
    {
      name: 'good ones, root first',
      texts: [good('shop'), good('istio-system', 'root'), good('other')],
      expect: { policies: [['root'], ['good']], errors: [[], []], warnings: [] },
    },
    {
      name: 'a fault in the namespace leaves the root set',
      texts: [good('istio-system', 'root'), policyText(BAD)],
      expect: { policies: [['root'], []], errors: [[], [method]], warnings: [] },
    },
    {
      name: 'a fault in the root set leaves the namespace',
      texts: [good('shop'), policyText(BAD, { namespace: 'istio-system' })],
      expect: { policies: [[], ['good']], errors: [[method], []], warnings: [] },
    },
    {
      name: 'another namespace only warns',
      texts: [good('shop'), policyText(BAD, { namespace: 'other' })],
      expect: { policies: [[], ['good']], errors: [[], []], warnings: [`warning ${method}`] },
    },
    {
      name: 'a selector that does not match only warns',
      texts: [policyText(`selector: {matchLabels: {app: web}}\n${BAD}`)],
      expect: { policies: [[], []], errors: [[], []], warnings: [`warning ${method}`] },
    },
    {
      name: 'a selector that matches counts',
      texts: [policyText(`selector: {matchLabels: {app: cart}}\n${BAD}`)],
      expect: { policies: [[], []], errors: [[], [method]], warnings: [] },
    },
    {
      name: 'a faulty selector proves nothing',
      texts: [policyText('selector: {matchLabels: {app: web, x: 1}}\nrules: [{}]')],
      expect: { policies: [[], []], errors: [[], ['ERR_POLICY_TYPE']], warnings: [] },
    },
    {
      name: 'a misspelt selector proves nothing',
      texts: [policyText('selectors: {matchLabels: {app: web}}\nrules: [{}]')],
      expect: { policies: [[], []], errors: [[], ['ERR_POLICY_UNKNOWN_FIELD']], warnings: [] },
    },
    {
      name: 'a faulty policy with targetRefs only warns',
      texts: [policyText(`targetRefs: [{kind: Service, name: a}]\n${BAD}`)],
      expect: { policies: [[], []], errors: [[], []], warnings: [`warning ${method}`] },
    },
    {
      name: 'a document that is no YAML counts against both',
      texts: ['a: ['],
      expect: { policies: [[], []], errors: [['ERR_POLICY_YAML'], ['ERR_POLICY_YAML']], warnings: [] },
    },
    {
      name: 'a document that is no YAML, of another namespace, only warns',
      texts: [good('shop'), good('istio-system', 'root'), unreadable('billing')],
      expect: { policies: [['root'], ['good']], errors: [[], []], warnings: ['warning ERR_POLICY_YAML'] },
    },
    {
      name: 'a document that is no YAML, of the own namespace, leaves the root set',
      texts: [good('istio-system', 'root'), unreadable('shop')],
      expect: { policies: [['root'], []], errors: [[], ['ERR_POLICY_YAML']], warnings: [] },
    },
    {
      name: 'a document that is no YAML, of the root namespace, leaves the own set',
      texts: [good('shop'), unreadable('istio-system')],
      expect: { policies: [[], ['good']], errors: [['ERR_POLICY_YAML'], []], warnings: [] },
    },
    {
      name: 'an open quote that eats the root policy counts against both',
      texts: [policyText('action: "DENY', { namespace: 'billing' }), good('istio-system', 'root')],
      expect: { policies: [[], []], errors: [['ERR_POLICY_YAML'], ['ERR_POLICY_YAML']], warnings: [] },
    },
    {
      name: 'a policy without namespace counts against both',
      texts: [policyText('{}').replace('  namespace: shop\n', '')],
      expect: {
        policies: [[], []],
        errors: [['ERR_POLICY_NAMESPACE'], ['ERR_POLICY_NAMESPACE']],
        warnings: [],
      },
    },
    {
      name: 'an unbuilt kind counts against its namespace',
      texts: [
        'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: shop}\n',
      ],
      expect: {
        policies: [[], []],
        errors: [[], ['ERR_POLICY_NOT_BUILT']],
        warnings: [],
      },
    },
    {
      name: 'a duplicate counts although its selector does not match',
      texts: [good('shop'), policyText('selector: {matchLabels: {app: web}}', { name: 'good' })],
      expect: { policies: [[], ['good']], errors: [[], ['ERR_POLICY_DUPLICATE']], warnings: [] },
    },
    {
      name: 'a duplicate of a refused one is seen',
      texts: [policyText(`selector: {matchLabels: {app: web}}\n${BAD}`), policyText('rules: [{}]')],
      expect: { policies: [[], []], errors: [[], ['ERR_POLICY_DUPLICATE']], warnings: [`warning ${method}`] },
    },
  ];
  test.each(rows)('$name', ({ texts, expect: expected }) => {
    expect(partition(...texts)).toEqual(expected);
  });

  test('a workload of the root namespace has one set', () => {
    const { sets } = partitionBySource(
      parseText(good('istio-system')),
      { ...WORKLOAD, namespace: 'istio-system' },
      ROOT,
    );
    expect(sets.map((set) => [set.namespace, set.policies.length])).toEqual([['istio-system', 1]]);
  });
});
