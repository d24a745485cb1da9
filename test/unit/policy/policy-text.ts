// Short ways to write a policy in a test, and to say that it is refused.
import { expect, test } from 'vitest';

import type { PolicyOptions } from '../../../policy/model.ts';
import { parsePolicies } from '../../../policy/parse.ts';

/** 2026-10-01T00:00:00Z */
export const NOW_MS = Date.UTC(2026, 9, 1);

export const OPTIONS: PolicyOptions = {
  rootNamespace: 'istio-system',
  defaultVerdict: 'deny',
  localTrustDomain: 'example.org',
  trustDomains: [],
  trustDomainAliases: [],
  emergencyMaxMs: 24 * 3_600_000,
  acceptsPlaintext: false,
  tcpPorts: [],
};

/** A document around a `spec` in flow or block style; `meta` are more lines of metadata. */
export function policyText(spec: string, { name = 'p', namespace = 'shop', meta = '' } = {}): string {
  const indented = spec
    .trim()
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: ${name}
  namespace: ${namespace}
${meta}spec:
${indented}
`;
}

/** One rule around a source, an operation or a condition. */
export const sourceRule = (source: string): string => `rules: [{from: [{source: ${source}}]}]`;
export const operationRule = (operation: string): string => `rules: [{to: [{operation: ${operation}}]}]`;
export const whenRule = (when: string): string => `rules: [{when: [${when}]}]`;

/** Parses one text as `p.yaml`. */
export function parseText(text: string, options: Partial<PolicyOptions> = {}) {
  return parsePolicies([{ file: 'p.yaml', text }], { ...OPTIONS, ...options }, NOW_MS);
}

/** A text that is refused. */
export interface Reject {
  readonly name: string;
  readonly text: string;
  readonly code: string;
  /** Part of the message or hint. */
  readonly says?: string;
  /** `line:column` of the first finding with that code. */
  readonly at?: string;
  readonly options?: Partial<PolicyOptions>;
}

/** One test for each row: the code is found at its place, and nothing is accepted. */
export function rejects(rows: readonly Reject[]): void {
  test.each(rows)('refused: $name', ({ text, code, says, at, options }) => {
    const { policies, diagnostics, refused } = parseText(text, options);
    const found = diagnostics.find((diagnostic) => diagnostic.code === code);
    expect(found, JSON.stringify(diagnostics)).toBeDefined();
    expect(found?.severity).toBe('error');
    expect(found?.at?.file).toBe('p.yaml');
    expect(found?.text).toBeDefined();
    if (says !== undefined) expect(`${found?.message} ${found?.hint ?? ''}`).toContain(says);
    if (at !== undefined) expect(`${found?.at?.line}:${found?.at?.column}`).toBe(at);
    expect(policies).toEqual([]);
    expect(refused.length).toBeGreaterThan(0);
  });
}

/** A policy with annotation lines. */
export const annotated = (lines: string, spec = 'rules: [{}]'): string =>
  policyText(spec, {
    meta: `  annotations:\n${lines
      .split('\n')
      .map((l) => `    ${l}\n`)
      .join('')}`,
  });
