// The README's policy, judged by the real engine: the denial that it prints is the denial that a user gets.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compile } from '../../../policy/compile.ts';
import { evaluate } from '../../../policy/evaluate.ts';
import { nearest } from '../../../policy/near.ts';
import { parsePolicies } from '../../../policy/parse.ts';
import { readRequestJson } from '../../../policy/request-json.ts';
import { residualFor } from '../../../policy/residual.ts';
import { loadTable } from '../../../policy/table.ts';

const readme = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8');
const blocks = (language: string): string[] =>
  readme
    .split(`\`\`\`${language}\n`)
    .slice(1)
    .map((text) => text.split('```')[0] ?? '');
const POLICY = blocks('yaml').find((text) => text.includes('kind: AuthorizationPolicy')) ?? '';

const OPTIONS = {
  rootNamespace: 'istio-system',
  defaultVerdict: 'deny' as const,
  localTrustDomain: 'example.org',
  trustDomains: [],
  trustDomainAliases: [],
  emergencyMaxMs: 0,
  acceptsPlaintext: false,
  tcpPorts: [],
};
const WORKLOAD = { namespace: 'shop', serviceAccount: 'cart', labels: { app: 'cart' } };
const { policies, diagnostics } = parsePolicies([{ file: 'cart.yaml', text: POLICY }], OPTIONS, 0);
const table = loadTable(compile(policies, WORKLOAD, OPTIONS));

function answer(method: string): object {
  const http = { method, path: '/items/7', host: 'cart:8080' };
  const read = readRequestJson({ principal: 'spiffe://example.org/ns/shop/sa/web', http }, 'reject');
  if ('faults' in read) throw new Error(JSON.stringify(read.faults));
  const { connection, request } = read.judged;
  const { verdict, reason, rules } = evaluate(residualFor(table, connection, 0), request);
  const near = verdict === 'deny' ? nearest(table, connection, request, 0) : [];
  return { verdict, reason, rules, near };
}

test('the policy of the README has no finding', () => expect(diagnostics).toEqual([]));

test('the denial of the README is the one that the engine gives', () => {
  expect(answer('DELETE')).toEqual(JSON.parse(blocks('json')[0] ?? ''));
});

test('and what it says is allowed is allowed', () => {
  expect(answer('GET')).toMatchObject({ verdict: 'allow', rules: ['ns[shop]-policy[cart]-rule[0]'] });
});
