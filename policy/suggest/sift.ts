// Which traffic is suggested, and why the rest is left out.
import { isCanonicalPath } from '../../core/path.ts';
import type { FlowRecord } from '../flows/record.ts';
import { parsePathValue } from '../parse-path.ts';
import { isToken, VALUE_PARSERS } from '../parse-value.ts';

/** Why traffic is left out, with the words for it. */
export const LEFT_OUT = {
  denied: 'denied',
  'deny-rule': 'a DENY policy denies it, enforced or tried out',
  unrecorded: 'a rule in force may allow it: it asks for hosts, headers or addresses, which records lack',
  plaintext: 'without an identity (plaintext)',
  error: 'answered with nothing but refusals of the application (such as 401, 403, 404)',
  scan: 'looks like a scan: many paths of one caller, each tried once or twice within a minute',
  rare: 'seen less often than --min-count',
  probe: 'health checks, which need no rule',
  outbound: "seen by the caller's proxy: the workload's own proxy knows its port",
  'other-callers': 'callers that a proxy no longer told apart',
  'other-paths': 'paths that a proxy no longer told apart',
  'no-policy-path': 'paths that are not canonical, or that no policy can name',
  'no-policy-method': 'methods that no policy can name',
  'no-policy-port': 'no port',
  'no-policy-caller': 'callers that no policy can name alone',
  'no-policy-workload': 'workloads that no selector can name',
  'root-namespace': 'workloads of the root namespace, whose policies select every namespace',
  'too-much': 'beyond the limits of what is kept',
} as const;

/** A reason to leave traffic out. */
export type LeftOutReason = keyof typeof LEFT_OUT;

/** What no policy has to allow, whatever is asked: null = go on. */
export function siftRecord(record: FlowRecord): LeftOutReason | null {
  const { source, http, direction, reason, destination } = record;
  // A policy that someone wrote to try it out allows it.
  const wanted = record.dryRun?.verdict === 'allow';
  if (record.verdict === 'deny' && record.enforced && !wanted) return 'denied';
  if (record.verdict === 'deny' && reason !== 'default-deny' && !wanted)
    return reason === 'deny-rule' ? 'deny-rule' : 'denied';
  if (record.dryRun?.reason === 'deny-rule') return 'deny-rule';
  if (reason === 'allow-probe') return 'probe';
  if (source === null) return 'other-callers';
  if (source.principal === null) return 'plaintext';
  if (direction === 'outbound' || destination.namespace === '') return 'outbound';
  if (http === null) return 'other-paths';
  if (destination.port === 0) return 'no-policy-port';
  return null;
}

/** True for a verdict that no rule gave. */
export const isByDefault = ({ verdict }: FlowRecord): boolean => verdict === 'deny';

const ANY = '{*}';

/**
 * A path as requested, or as a proxy recorded it, when a policy can name it: `template` says that braces are
 * operators.
 */
export function pathFault(path: string, template: boolean): LeftOutReason | null {
  if (template && path.includes('{')) {
    if (path.includes('{**}')) return 'other-paths';
    return 'kind' in parsePathValue(path) ? null : 'no-policy-path';
  }
  return path.startsWith('/') && isCanonicalPath(path, 0, path.length) ? null : 'no-policy-path';
}

/** True when a policy that says `path` means this path, or this template, and nothing else. */
export function isPolicyPath(path: string): boolean {
  const matcher = parsePathValue(path);
  if (!('kind' in matcher)) return false;
  return matcher.kind === (path.includes(ANY) ? 'template' : 'exact');
}

/** True when a policy that says `method` means this one alone. */
export function isPolicyMethod(method: string): boolean {
  const matcher = VALUE_PARSERS.methods(method, '');
  return isToken(method) && 'kind' in matcher && matcher.kind === 'exact';
}

const REFUSALS = new Set([400, 401, 403, 404, 405, 410, 501]);
/** PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED. NOT_FOUND is what many methods answer in earnest. */
const GRPC_REFUSALS = new Set([7, 12, 16]);

/** True when the application had nothing for this caller; null when its answer is not known. */
export function isRefused(status: number | null, grpcStatus: number | null): boolean | null {
  if (grpcStatus !== null && GRPC_REFUSALS.has(grpcStatus)) return true;
  return status === null || status === 0 ? null : REFUSALS.has(status);
}
