// One policy: metadata, scope, action, annotations, and what its listeners make impossible.
import { describe, expect, test } from 'vitest';
import {
  annotated,
  operationRule,
  parseText,
  policyText,
  rejects,
  sourceRule,
  whenRule,
} from './policy-text.ts';

describe('metadata, scope and action', () => {
  rejects([
    {
      name: 'no namespace',
      text: policyText('{}').replace('  namespace: shop\n', ''),
      code: 'ERR_POLICY_NAMESPACE',
    },
    {
      name: 'a typo in namespace',
      text: policyText('{}').replace('namespace', 'namespce'),
      code: 'ERR_POLICY_UNKNOWN_FIELD',
      says: 'did you mean `namespace`',
    },
    { name: 'no name', text: policyText('{}').replace('  name: p\n', ''), code: 'ERR_POLICY_NAME' },
    {
      name: 'a name that would break rule ids',
      text: policyText('{}', { name: '"a]-rule[0"' }),
      code: 'ERR_POLICY_NAME',
    },
    {
      name: 'a namespace with a slash',
      text: policyText('{}', { namespace: 'a/b' }),
      code: 'ERR_POLICY_NAMESPACE',
    },
    { name: 'a numeric name', text: policyText('{}', { name: '1' }), code: 'ERR_POLICY_TYPE' },
    { name: 'no spec', text: policyText('{}').replace('spec:\n  {}\n', ''), code: 'ERR_POLICY_EMPTY' },
    { name: 'a null spec', text: policyText('').trimEnd(), code: 'ERR_POLICY_EMPTY' },
    {
      name: 'an unknown spec field',
      text: policyText('selectors: {}'),
      code: 'ERR_POLICY_UNKNOWN_FIELD',
      says: 'did you mean `selector`',
    },
    {
      name: 'the old targetRef',
      text: policyText('targetRef: {kind: Service, name: a}'),
      code: 'ERR_POLICY_UNKNOWN_FIELD',
      says: '`targetRefs`',
    },
    {
      name: 'matchExpressions',
      text: policyText('selector: {matchExpressions: []}'),
      code: 'ERR_POLICY_UNKNOWN_FIELD',
    },
    { name: 'a null selector', text: policyText('selector:\nrules: [{}]'), code: 'ERR_POLICY_EMPTY' },
    {
      name: 'an unquoted number as label',
      text: policyText('selector: {matchLabels: {version: 1.0}}'),
      code: 'ERR_POLICY_TYPE',
      says: 'quote it: "1.0"',
    },
    {
      name: 'a boolean as label',
      text: policyText('selector: {matchLabels: {canary: true}}'),
      code: 'ERR_POLICY_TYPE',
    },
    {
      name: 'a wildcard label',
      text: policyText('selector: {matchLabels: {app: "*"}}'),
      code: 'ERR_POLICY_SELECTOR',
    },
    {
      name: 'selector and targetRefs',
      text: policyText('selector: {matchLabels: {a: b}}\ntargetRefs: [{kind: Service, name: a}]'),
      code: 'ERR_POLICY_SCOPE',
    },
    { name: 'empty targetRefs', text: policyText('targetRefs: []'), code: 'ERR_POLICY_EMPTY' },
    {
      name: '17 targetRefs',
      text: policyText(`targetRefs: [${'{kind: Service, name: a}, '.repeat(17)}]`),
      code: 'ERR_POLICY_LIMIT',
    },
    {
      name: 'a targetRef of another kind',
      text: policyText('targetRefs: [{kind: Deployment, group: apps, name: a}]'),
      code: 'ERR_POLICY_TARGET_REF',
    },
    {
      name: 'a Gateway of another group',
      text: policyText('targetRefs: [{kind: Gateway, group: networking.istio.io, name: a}]'),
      code: 'ERR_POLICY_TARGET_REF',
    },
    {
      name: 'a targetRef of another namespace',
      text: policyText('targetRefs: [{kind: Service, name: a, namespace: other}]'),
      code: 'ERR_POLICY_TARGET_REF',
    },
    {
      name: 'a targetRef without name',
      text: policyText('targetRefs: [{kind: Service}]'),
      code: 'ERR_POLICY_TARGET_REF',
    },
    {
      name: 'a lower-case action',
      text: policyText('action: deny'),
      code: 'ERR_POLICY_ACTION',
      says: 'did you mean `DENY`',
      at: '7:11',
    },
    {
      name: 'action CUSTOM',
      text: policyText('action: CUSTOM\nprovider: {name: a}\nrules: [{}]'),
      code: 'ERR_POLICY_NOT_BUILT',
    },
    {
      name: 'a provider without CUSTOM',
      text: policyText('provider: {name: a}\nrules: [{}]'),
      code: 'ERR_POLICY_ACTION',
    },
    {
      name: 'DENY without rules',
      text: policyText('action: DENY'),
      code: 'ERR_POLICY_EMPTY',
      says: 'rules: [{}]',
    },
    { name: 'DENY with rules: []', text: policyText('action: DENY\nrules: []'), code: 'ERR_POLICY_EMPTY' },
    { name: 'rules: null', text: policyText('rules:\naction: ALLOW'), code: 'ERR_POLICY_EMPTY' },
    { name: '513 rules', text: policyText(`rules: [${'{}, '.repeat(513)}]`), code: 'ERR_POLICY_LIMIT' },
    {
      name: '513 sources',
      text: policyText(`rules: [{from: [${'{source: {namespaces: [a]}}, '.repeat(513)}]}]`),
      code: 'ERR_POLICY_LIMIT',
    },
  ]);

  test('512 rules and 512 sources are accepted', () => {
    expect(parseText(policyText(`rules: [${'{}, '.repeat(512)}]`)).diagnostics).toEqual([]);
    expect(
      parseText(policyText(`rules: [{from: [${'{source: {namespaces: [a]}}, '.repeat(512)}]}]`)).diagnostics,
    ).toEqual([]);
  });
});

describe('annotations', () => {
  const emergency =
    'sallyport.dev/emergency: "true"\nsallyport.dev/expires-at: "2026-10-01T23:00:00Z"\nsallyport.dev/reason: r\nsallyport.dev/author: a';
  rejects([
    {
      name: 'an unknown one of ours',
      text: annotated('sallyport.dev/expires: x'),
      code: 'ERR_POLICY_ANNOTATION',
      says: 'did you mean `sallyport.dev/expires-at`',
    },
    {
      name: 'a typo in dry-run',
      text: annotated('istio.io/dryrun: "true"'),
      code: 'ERR_POLICY_ANNOTATION',
      says: 'did you mean `istio.io/dry-run`',
    },
    {
      name: 'an unquoted boolean',
      text: annotated('istio.io/dry-run: true'),
      code: 'ERR_POLICY_TYPE',
      says: 'quote it',
    },
    { name: 'dry-run yes', text: annotated('istio.io/dry-run: "yes"'), code: 'ERR_POLICY_ANNOTATION' },
    {
      name: 'dry-run on AUDIT',
      text: annotated('istio.io/dry-run: "true"', 'action: AUDIT\nrules: [{}]'),
      code: 'ERR_POLICY_DRY_RUN',
    },
    ...[
      'tomorrow',
      '2026-10-01',
      '2026-10-01 12:00:00Z',
      '2026-10-01T12:00:00',
      '2026-02-30T00:00:00Z',
      '2026-13-01T00:00:00Z',
      '2026-10-01T24:00:00Z',
      '2026-10-01T23:59:60Z',
      '2026-10-01T12:00:00+2:00',
    ].map((time) => ({
      name: `expires-at ${time}`,
      text: annotated(`sallyport.dev/expires-at: "${time}"`),
      code: 'ERR_POLICY_ANNOTATION',
    })),
    ...['expires-at', 'reason', 'author'].map((name) => ({
      name: `an emergency without ${name}`,
      text: annotated(
        emergency
          .split('\n')
          .filter((line) => !line.includes(name))
          .join('\n'),
      ),
      code: 'ERR_POLICY_EMERGENCY',
      says: name,
    })),
    {
      name: 'an emergency of 25 hours',
      text: annotated(emergency.replace('10-01T23', '10-02T01')),
      code: 'ERR_POLICY_EMERGENCY',
      says: '1440 minutes',
    },
    {
      name: 'an emergency beyond a shorter limit',
      text: annotated(emergency),
      code: 'ERR_POLICY_EMERGENCY',
      options: { emergencyMaxMs: 3_600_000 },
    },
    {
      name: 'an empty reason',
      text: annotated(emergency.replace('reason: r', 'reason: ""')),
      code: 'ERR_POLICY_EMPTY',
    },
    {
      name: 'a reason of 257 characters',
      text: annotated(emergency.replace('reason: r', `reason: ${'r'.repeat(257)}`)),
      code: 'ERR_POLICY_LIMIT',
    },
    {
      name: 'deny-status 401',
      text: annotated('sallyport.dev/deny-status: "401"', 'action: DENY\nrules: [{}]'),
      code: 'ERR_POLICY_ANNOTATION',
    },
    {
      name: 'deny-status on ALLOW',
      text: annotated('sallyport.dev/deny-status: "404"'),
      code: 'ERR_POLICY_ANNOTATION',
      says: 'DENY',
    },
  ]);

  test('what they say is kept', () => {
    const { policies } = parseText(
      annotated(
        `${emergency}\nsallyport.dev/owner: team-a\nsallyport.dev/deny-status: "404"\nother/x: 1`,
        'action: DENY\nrules: [{}]',
      ),
    );
    expect(policies[0]).toMatchObject({
      expiresAtMs: Date.UTC(2026, 9, 1, 23),
      emergency: { reason: 'r', author: 'a' },
      denyStatus: 404,
      owner: 'team-a',
      dryRun: false,
    });
  });
});

describe('listeners', () => {
  const tcp = { tcpPorts: [5432] };
  const permissive = { acceptsPlaintext: true };
  const deny = (rule: string): string => policyText(`action: DENY\n${rule}`);
  rejects([
    {
      name: 'DENY methods on TCP',
      text: deny(operationRule('{methods: [GET]}')),
      code: 'ERR_POLICY_TCP_FIELD',
      says: 'ns[shop]-policy[p]-rule[0]',
      options: tcp,
    },
    {
      name: 'ALLOW paths on TCP',
      text: policyText(operationRule('{paths: [/a]}')),
      code: 'ERR_POLICY_TCP_FIELD',
      options: tcp,
    },
    {
      name: 'notHosts on TCP',
      text: policyText(operationRule('{notHosts: [a]}')),
      code: 'ERR_POLICY_TCP_FIELD',
      options: tcp,
    },
    {
      name: 'a header on TCP',
      text: deny(whenRule('{key: "request.headers[a]", values: [b]}')),
      code: 'ERR_POLICY_TCP_FIELD',
      options: tcp,
    },
    {
      name: 'ports that a TCP listener serves',
      text: deny(operationRule('{methods: [GET], ports: ["8080", "5432"]}')),
      code: 'ERR_POLICY_TCP_FIELD',
      options: tcp,
    },
    {
      name: 'one operation without ports',
      text: deny(
        'rules: [{to: [{operation: {methods: [GET], ports: ["8080"]}}, {operation: {paths: [/a]}}]}]',
      ),
      code: 'ERR_POLICY_TCP_FIELD',
      options: tcp,
    },
    {
      name: 'only notPrincipals with plaintext',
      text: policyText(sourceRule('{notPrincipals: [a]}')),
      code: 'ERR_POLICY_PLAINTEXT',
      options: permissive,
    },
    {
      name: 'only notNamespaces with plaintext',
      text: policyText(sourceRule('{notNamespaces: [a], notIpBlocks: [10.0.0.1]}')),
      code: 'ERR_POLICY_PLAINTEXT',
      options: permissive,
    },
    {
      name: 'one of two sources with plaintext',
      text: policyText('rules: [{from: [{source: {principals: [a]}}, {source: {notPrincipals: [b]}}]}]'),
      code: 'ERR_POLICY_PLAINTEXT',
      options: permissive,
    },
    {
      name: 'a notValues condition with plaintext',
      text: policyText(whenRule('{key: source.principal, notValues: [a]}')),
      code: 'ERR_POLICY_PLAINTEXT',
      options: permissive,
    },
  ]);

  test.each([
    { name: 'no HTTP field', text: deny(operationRule('{ports: ["5432"]}')), options: tcp },
    {
      name: 'ports of HTTP only',
      text: deny(operationRule('{methods: [GET], ports: ["8080"]}')),
      options: tcp,
    },
    {
      name: 'a header, every operation with ports of HTTP',
      text: deny(
        'rules: [{to: [{operation: {ports: ["8080"]}}], when: [{key: "request.headers[a]", values: [b]}]}]',
      ),
      options: tcp,
    },
    {
      name: 'destination.port of HTTP',
      text: deny(
        'rules: [{to: [{operation: {methods: [GET]}}], when: [{key: destination.port, values: ["8080"]}]}]',
      ),
      options: tcp,
    },
    {
      name: 'a DENY of not-fields with plaintext',
      text: deny(sourceRule('{notPrincipals: [a]}')),
      options: permissive,
    },
    {
      name: 'not-fields beside principals',
      text: policyText(sourceRule('{principals: ["*"], notPrincipals: [a]}')),
      options: permissive,
    },
    {
      name: 'not-fields beside a positive condition',
      text: policyText(
        'rules: [{from: [{source: {notPrincipals: [a]}}], when: [{key: source.trustDomain, values: [b]}]}]',
      ),
      options: permissive,
    },
    {
      name: 'not-fields without plaintext',
      text: policyText(sourceRule('{notPrincipals: [a]}')),
      options: {},
    },
  ])('accepted: $name', ({ text, options }) => {
    expect(parseText(text, options).diagnostics).toEqual([]);
  });
});
