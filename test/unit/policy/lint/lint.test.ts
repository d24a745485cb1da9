// Findings about valid policies: each row has the codes it must have, and the clean ones have none.
import { describe, expect, test } from 'vitest';
import { lintPolicies } from '../../../../policy/lint/lint.ts';
import {
  annotated,
  NOW_MS,
  OPTIONS,
  operationRule,
  parseText,
  policyText,
  sourceRule,
  whenRule,
} from '../policy-text.ts';

function lint(text: string, options = {}): [string, string][] {
  const { policies, diagnostics } = parseText(text, options);
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  return lintPolicies(policies, { ...OPTIONS, ...options }, NOW_MS).map((d) => [d.severity, d.code]);
}

const deny = (rule: string): string => `action: DENY\n${rule}`;
const expired = 'sallyport.dev/expires-at: "2026-09-30T00:00:00Z"';
const emergency = [
  expired,
  'sallyport.dev/emergency: "true"',
  'sallyport.dev/reason: r',
  'sallyport.dev/author: a',
].join('\n');
const suffixRules = (n: number): string => {
  const rules = Array.from({ length: n }, (_, i) => `{to: [{operation: {paths: ["*${i}"]}}]}`);
  return `rules: [${rules.join(', ')}]`;
};

describe('lint', () => {
  const rows: { name: string; text: string; expect: [string, string][]; options?: object }[] = [
    {
      name: 'an ordinary ALLOW',
      text: policyText(sourceRule('{principals: ["example.org/ns/a/sa/b"]}')),
      expect: [],
    },
    { name: 'allow-nothing', text: policyText('{}'), expect: [] },
    {
      name: 'only not-fields',
      text: policyText(sourceRule('{notNamespaces: [a]}')),
      expect: [['warning', 'LINT_POLICY_ALLOW_BY_ABSENCE']],
    },
    {
      name: 'a DENY of only not-fields',
      text: policyText(deny(sourceRule('{notNamespaces: [a]}'))),
      expect: [],
    },
    {
      name: 'an expired DENY',
      text: annotated(expired, deny('rules: [{}]')),
      expect: [['warning', 'LINT_POLICY_EXPIRED_DENY']],
    },
    { name: 'an expired emergency DENY', text: annotated(emergency, deny('rules: [{}]')), expect: [] },
    { name: 'an expired ALLOW', text: annotated(expired, sourceRule('{namespaces: [a]}')), expect: [] },
    {
      name: 'ALLOW everything',
      text: policyText('rules: [{}]'),
      expect: [['warning', 'LINT_POLICY_OVER_BROAD']],
    },
    { name: 'DENY everything', text: policyText(deny('rules: [{}]')), expect: [] },
    {
      name: 'principals *',
      text: policyText(sourceRule('{principals: ["*"]}')),
      expect: [['notice', 'LINT_POLICY_ANY_PRINCIPAL']],
    },
    {
      name: 'principals * with operations',
      text: policyText(
        'rules: [{from: [{source: {principals: ["*"]}}], to: [{operation: {methods: [GET]}}]}]',
      ),
      expect: [],
    },
    {
      name: 'targetRefs',
      text: policyText('targetRefs: [{kind: Service, name: a}]\naction: DENY\nrules: [{}]'),
      expect: [['warning', 'LINT_POLICY_TARGET_REFS']],
    },
    { name: '64 suffix rules', text: policyText(suffixRules(64)), expect: [] },
    {
      name: '65 suffix rules',
      text: policyText(suffixRules(65)),
      expect: [['warning', 'LINT_POLICY_UNINDEXED']],
    },
    ...['rule[0]', 'Example.org/x', 'example.org//x', 'example.org/', '*//x'].map(
      (principal): (typeof rows)[number] => ({
        name: `principal ${principal}`,
        text: policyText(deny(sourceRule(`{principals: ["${principal}"]}`))),
        expect: [['warning', 'LINT_POLICY_NEVER_MATCHES']],
      }),
    ),
    ...['example.org/*', 'exam*', '*/sa/a', '*a', 'example.org', 'db.example.org/x'].map(
      (principal): (typeof rows)[number] => ({
        name: `principal ${principal}`,
        text: policyText(deny(sourceRule(`{principals: ["${principal}"]}`))),
        expect: [],
      }),
    ),
    {
      name: 'a trust domain with scheme',
      text: policyText(deny(sourceRule('{trustDomains: ["spiffe://a"]}'))),
      expect: [['warning', 'LINT_POLICY_NEVER_MATCHES']],
    },
    {
      name: 'a method with a space',
      text: policyText(deny(operationRule('{methods: ["GET POST"]}'))),
      expect: [['warning', 'LINT_POLICY_NEVER_MATCHES']],
    },
    {
      name: 'a host with a path',
      text: policyText(deny(operationRule('{hosts: [a/b]}'))),
      expect: [['warning', 'LINT_POLICY_NEVER_MATCHES']],
    },
    {
      name: 'a short prefix of cluster.local',
      text: policyText(deny(sourceRule('{principals: ["cluster.local/ns/a/*"]}'))),
      expect: [['warning', 'LINT_POLICY_ALIAS_PREFIX']],
    },
    {
      name: 'the same where cluster.local is the local one',
      text: policyText(deny(sourceRule('{principals: ["cluster.local/ns/a/*"]}'))),
      expect: [],
      options: { localTrustDomain: 'cluster.local' },
    },
    {
      name: 'a five-segment prefix',
      text: policyText(deny(sourceRule('{principals: ["cluster.local/ns/a/sa/*"]}'))),
      expect: [],
    },
    {
      name: 'a condition',
      text: policyText(whenRule('{key: source.principal, values: ["cluster.local/ns/a/sa/b"]}')),
      expect: [],
    },
  ];
  test.each(rows)('$name', ({ text, expect: expected, options }) => {
    expect(lint(text, options)).toEqual(expected);
  });
});
