// Answers of our own: every reason has one status, strangers learn no rule, and a hidden workload stays
// hidden.
import { describe, expect, test } from 'vitest';
import { REASON_NAMES, REASONS, type Reason } from '../../../core/reasons.ts';
import { problemResponse, statusOf } from '../../../proxy/respond.ts';

const ID = '0af76519-16cd-43dd-8448-eb211c80319c';

/** Head and parsed body of the answer for `reason`. */
function answer(
  reason: Reason,
  {
    status,
    requestId = ID,
    rules = [],
    close = false,
    headOnly = false,
  }: Partial<Parameters<typeof problemResponse>[0]> = {},
) {
  const text = problemResponse({
    reason,
    ...(status === undefined ? {} : { status }),
    ...{ requestId, rules, close, headOnly },
  });
  const end = text.indexOf('\r\n\r\n') + 4;
  return { head: text.slice(0, end), body: text.slice(end) };
}

describe.each(REASON_NAMES.filter((reason) => REASONS[reason].status >= 400))('%s', (reason) => {
  test('is one complete response that says its code and id', () => {
    const { head, body } = answer(reason);
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${REASONS[reason].status} [A-Z]`));
    expect(head).toContain(`content-length: ${Buffer.byteLength(body)}\r\n`);
    expect(head).toContain(`x-request-id: ${ID}\r\n`);
    const code = REASONS[reason].status === 404 ? 'not-found' : reason;
    expect(JSON.parse(body)).toMatchObject({ status: REASONS[reason].status, code, requestId: ID });
  });
});

const STATUSES: { reason: Reason; expect: number }[] = [
  { reason: 'default-deny', expect: 403 },
  { reason: 'evaluation-error', expect: 403 },
  { reason: 'internal-error', expect: 500 },
  { reason: 'upstream-timeout', expect: 504 },
  { reason: 'idle-timeout', expect: 0 },
];
test.each(STATUSES)('$reason: $expect', ({ reason, expect: status }) => {
  expect(statusOf(reason)).toBe(status);
  expect(statusOf(reason, 404)).toBe(status); // only a rule chooses its status
});

test('a rule that hides a workload says neither that it denied nor which it is', () => {
  expect(statusOf('deny-rule', 404)).toBe(404);
  const { head, body } = answer('deny-rule', { status: 404, rules: ['ns[a]-policy[b]-rule[0]'] });
  expect(head).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
  expect(body).not.toMatch(/deny|rule/);
});

test('rules stand in the body only when given, quoted', () => {
  expect(JSON.parse(answer('deny-rule').body)).not.toHaveProperty('rules');
  const rules = ['ns[a]-policy["b\\"]-rule[0]'];
  expect(JSON.parse(answer('deny-rule', { rules }).body)).toMatchObject({ rules });
});

test('HEAD gets the same head and no body', () => {
  const whole = answer('default-deny');
  expect(answer('default-deny', { headOnly: true })).toEqual({ head: whole.head, body: '' });
});

test('close, Allow and the missing id have their lines', () => {
  expect(answer('default-deny').head).not.toContain('connection:');
  expect(answer('default-deny', { close: true }).head).toContain('\r\nconnection: close\r\n');
  expect(answer('method-not-allowed').head).toMatch(/\r\nallow: GET, /);
  expect(answer('default-deny', { requestId: '' }).head).not.toContain('x-request-id');
});
