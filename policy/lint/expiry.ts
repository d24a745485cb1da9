// Policies that ended, and those that end soon.
import type { Diagnostic } from '../../core/errors.ts';
import type { Policy } from '../model.ts';
import { finding } from './finding.ts';

const SOON_DAYS = 7;
const DAY_MS = 86_400_000;

/** Expired policies that open something by it: those are worth a word wherever they are loaded. */
export function expiredDeny(policy: Policy, nowMs: number): Diagnostic[] {
  if (!hasExpired(policy, nowMs) || policy.action !== 'DENY' || policy.emergency !== null) return [];
  const message = `DENY policy ${policy.namespace}/${policy.name} has expired: what it denied is open again`;
  return [finding('LINT_POLICY_EXPIRED_DENY', policy.at, message)];
}

/** The other expired ones, and those that are about to. */
export function expiry(policy: Policy, nowMs: number): Diagnostic[] {
  const { namespace, name, action, emergency, expiresAtMs, at } = policy;
  if (expiresAtMs === null) return [];
  const what = `${emergency === null ? '' : 'emergency '}${action} policy ${namespace}/${name}`;
  if (hasExpired(policy, nowMs)) {
    if (action === 'DENY' && emergency === null) return [];
    return [finding('LINT_POLICY_EXPIRED', at, `${what} expired on ${timeText(expiresAtMs)}`)];
  }
  if (emergency !== null || expiresAtMs - nowMs > SOON_DAYS * DAY_MS) return [];
  const days = Math.ceil((expiresAtMs - nowMs) / DAY_MS);
  const when = days === 1 ? 'a day' : `${days} days`;
  return [
    finding('LINT_POLICY_EXPIRES_SOON', at, `${what} expires within ${when}, on ${timeText(expiresAtMs)}`),
  ];
}

export const hasExpired = ({ expiresAtMs }: Policy, nowMs: number): boolean =>
  expiresAtMs !== null && expiresAtMs <= nowMs;

const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
