// The parts of a rule: every empty, unknown or impossible one is refused.
import { describe } from 'vitest';
import { operationRule, policyText, rejects, sourceRule, whenRule } from './policy-text.ts';

describe('rules', () => {
  rejects([
    { name: 'a null rule', text: policyText('rules: [null]'), code: 'ERR_POLICY_EMPTY' },
    { name: 'a rule that is a string', text: policyText('rules: [a]'), code: 'ERR_POLICY_TYPE' },
    {
      name: 'an unknown rule field',
      text: policyText('rules: [{form: []}]'),
      code: 'ERR_POLICY_UNKNOWN_FIELD',
    },
    { name: 'from: []', text: policyText('rules: [{from: []}]'), code: 'ERR_POLICY_EMPTY' },
    { name: 'to: []', text: policyText('rules: [{to: []}]'), code: 'ERR_POLICY_EMPTY' },
    { name: 'when: []', text: policyText('rules: [{when: []}]'), code: 'ERR_POLICY_EMPTY' },
    { name: 'from: null', text: policyText('rules: [{from: }]'), code: 'ERR_POLICY_EMPTY' },
    { name: 'from: [null]', text: policyText('rules: [{from: [null]}]'), code: 'ERR_POLICY_EMPTY' },
    { name: 'from: [{}]', text: policyText('rules: [{from: [{}]}]'), code: 'ERR_POLICY_EMPTY' },
    { name: 'an empty source', text: policyText(sourceRule('{}')), code: 'ERR_POLICY_EMPTY' },
    { name: 'a null source', text: policyText(sourceRule('null')), code: 'ERR_POLICY_EMPTY' },
    { name: 'an empty operation', text: policyText(operationRule('{}')), code: 'ERR_POLICY_EMPTY' },
    {
      name: 'an empty list of values',
      text: policyText(operationRule('{methods: []}')),
      code: 'ERR_POLICY_EMPTY',
    },
    { name: 'an empty string', text: policyText(operationRule('{methods: [""]}')), code: 'ERR_POLICY_EMPTY' },
    {
      name: 'a null value',
      text: policyText(operationRule('{methods: [GET, ]}').replace(', ]', ', ~]')),
      code: 'ERR_POLICY_EMPTY',
    },
    {
      name: 'a value instead of a list',
      text: policyText(operationRule('{methods: GET}')),
      code: 'ERR_POLICY_TYPE',
    },
    {
      name: 'an operation in from',
      text: policyText('rules: [{from: [{operation: {methods: [GET]}}]}]'),
      code: 'ERR_POLICY_UNKNOWN_FIELD',
    },
    {
      name: 'the singular principal',
      text: policyText(sourceRule('{principal: [a]}')),
      code: 'ERR_POLICY_UNKNOWN_FIELD',
      says: 'did you mean `principals`',
    },
    {
      name: 'path for paths',
      text: policyText(operationRule('{path: [/a]}')),
      code: 'ERR_POLICY_UNKNOWN_FIELD',
    },
    {
      name: 'paths in a source',
      text: policyText(sourceRule('{paths: [/a]}')),
      code: 'ERR_POLICY_UNKNOWN_FIELD',
    },
    {
      name: 'requestPrincipals',
      text: policyText(sourceRule('{requestPrincipals: ["*"]}')),
      code: 'ERR_POLICY_NOT_BUILT',
    },
    {
      name: 'notRequestPrincipals',
      text: policyText(sourceRule('{notRequestPrincipals: ["*"]}')),
      code: 'ERR_POLICY_NOT_BUILT',
    },
    {
      name: 'a condition without key',
      text: policyText(whenRule('{values: [a]}')),
      code: 'ERR_POLICY_WHEN_KEY',
    },
    {
      name: 'a condition without values',
      text: policyText(whenRule('{key: source.ip}')),
      code: 'ERR_POLICY_EMPTY',
    },
    {
      name: 'a condition with values: []',
      text: policyText(whenRule('{key: source.ip, values: [], notValues: [10.0.0.1]}')),
      code: 'ERR_POLICY_EMPTY',
    },
    {
      name: 'an unknown key',
      text: policyText(whenRule('{key: source.adress, values: [a]}')),
      code: 'ERR_POLICY_WHEN_KEY',
    },
    {
      name: 'a typo in a key',
      text: policyText(whenRule('{key: source.namespaces, values: [a]}')),
      code: 'ERR_POLICY_WHEN_KEY',
      says: 'did you mean `source.namespace`',
    },
    {
      name: 'an Envoy filter key',
      text: policyText(whenRule('{key: "experimental.envoy.filters.a[b]", values: [a]}')),
      code: 'ERR_POLICY_WHEN_KEY',
    },
    {
      name: 'destination.labels',
      text: policyText(whenRule('{key: "destination.labels[a]", values: [a]}')),
      code: 'ERR_POLICY_WHEN_KEY',
      says: 'matchLabels',
    },
    {
      name: 'request.headers without a name',
      text: policyText(whenRule('{key: "request.headers[]", values: [a]}')),
      code: 'ERR_POLICY_WHEN_KEY',
    },
    {
      name: 'request.headers without brackets',
      text: policyText(whenRule('{key: request.headers, values: [a]}')),
      code: 'ERR_POLICY_WHEN_KEY',
    },
    {
      name: 'request.headers with two names',
      text: policyText(whenRule('{key: "request.headers[a][b]", values: [a]}')),
      code: 'ERR_POLICY_WHEN_KEY',
    },
    {
      name: 'a pseudo-header',
      text: policyText(whenRule('{key: "request.headers[:path]", values: [a]}')),
      code: 'ERR_POLICY_WHEN_KEY',
      says: 'paths',
    },
    ...[
      'request.auth.principal',
      'request.auth.audiences',
      'request.auth.presenter',
      'request.auth.claims[a][b]',
    ].map((key) => ({
      name: key,
      text: policyText(whenRule(`{key: "${key}", values: [a]}`)),
      code: 'ERR_POLICY_NOT_BUILT',
    })),
  ]);
});
