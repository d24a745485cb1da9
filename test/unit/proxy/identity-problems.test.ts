// Which faults count as a refusal of the own identity, and what each is told as.
import { expect, test } from 'vitest';
import type { IdentityState } from '../../../certs/source.ts';
import type { Diagnostic } from '../../../core/errors.ts';
import { followRefusals, identityWarnings, problemHead } from '../../../proxy/identity-problems.ts';
import { ToldSource } from '../certs/told-source.ts';

const OWN: Diagnostic = { severity: 'error', code: 'ERR_OWN', message: 'own' };
const OTHER: Diagnostic = { severity: 'error', code: 'ERR_OTHER', message: 'other' };
const FOREIGN: Diagnostic = { ...OTHER, trustDomain: 'b.example' };
const WARNING: Diagnostic = { severity: 'warning', code: 'LINT_OWN', message: 'old' };

const rows: readonly { name: string; told: readonly (readonly Diagnostic[])[]; expect: number }[] = [
  { name: 'a fault of the own identity', told: [[OWN]], expect: 1 },
  { name: 'a fault of a foreign bundle', told: [[FOREIGN]], expect: 0 },
  { name: 'both at once', told: [[OWN, FOREIGN]], expect: 1 },
  {
    name: 'a foreign one beside an own one that was counted',
    told: [[OWN], [OWN, FOREIGN], [OWN]],
    expect: 1,
  },
  { name: 'a second fault of the own identity', told: [[OWN], [OTHER]], expect: 2 },
  { name: 'a warning', told: [[WARNING]], expect: 0 },
  { name: 'the same fault again after another', told: [[OWN], [FOREIGN], [OWN]], expect: 2 },
];
test.each(rows)('refusals of the own identity: $name', ({ told, expect: count }) => {
  const source = new ToldSource<IdentityState>();
  let refusals = 0;
  followRefusals(source, () => refusals++);
  for (const problems of told) source.complain(...problems);
  expect(refusals).toBe(count);
});

test.each([
  { problem: OWN, expect: 'identity update refused, the last good one stays' },
  { problem: FOREIGN, expect: 'a bundle of another trust domain cannot be updated, its last good one stays' },
  { problem: WARNING, expect: 'identity findings' },
  { problem: { ...WARNING, trustDomain: 'b.example' }, expect: 'identity findings' },
])('$problem.code of $problem.trustDomain is told as: $expect', ({ problem, expect: head }) => {
  expect(problemHead(problem)).toBe(head);
});

test('readiness names the trust domain, and errors alone', () => {
  const source = new ToldSource<IdentityState>().complain(OWN, FOREIGN, WARNING);
  expect(identityWarnings(source)).toEqual([
    'identity: own [ERR_OWN]',
    'identity: `b.example`: other [ERR_OTHER]',
  ]);
  expect(identityWarnings(null)).toEqual([]);
});
