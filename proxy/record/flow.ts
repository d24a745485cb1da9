// One aggregated flow: what is equal between the requests it counts, the counts, and its text as one JSON
// object.

import type { Reason } from '../../core/reasons.ts';
import type { Decision, Verdict } from '../../policy/request.ts';
import { number, ownText, quote, quoteList, quoteOrNull } from './json-text.ts';
import type { ListenerRef, NamedDestination, RequestRecord } from './record.ts';
import {
  IP_CHARS_MAX,
  METHOD_CHARS_MAX,
  PATH_CHARS_MAX,
  PRINCIPAL_CHARS_MAX,
  RULE_CHARS_MAX,
  RULES_MAX,
} from './record-limits.ts';

/** Who called: a verified principal, or the address of a plaintext peer. */
export interface Caller {
  readonly principal: string | null;
  /** Only of a plaintext peer; '' for those that no longer have an entry of their own. */
  readonly ip: string | null;
  readonly byPath: Map<string, Flow[]>;
  flows: number;
  /** Counts what no longer gets a flow of its own. */
  overflow: Flow | null;
}

/** One flow. Times are monotonic milliseconds. */
export interface Flow {
  readonly caller: Caller | null;
  readonly listener: ListenerRef;
  /** True when it stands for requests of many methods and paths. */
  readonly overflow: boolean;
  readonly method: string;
  readonly path: string;
  readonly destination: NamedDestination | null;
  readonly verdict: Verdict;
  readonly enforced: boolean;
  readonly reason: Reason;
  readonly rules: readonly string[];
  readonly dryRun: Decision['dryRun'];
  /** The decision last seen equal to this flow's, so that the next comparison is one pointer. */
  decision: Decision | null;
  count: number;
  bytes: number;
  firstMs: number;
  lastMs: number;
  /** Where the current window began: values of `count` and `bytes`, and the first request after. */
  flushedCount: number;
  flushedBytes: number;
  windowFirstMs: number;
}

/** The policy's reason where the verdict is the policy's: failures of the application do not split flows. */
export function flowReason(record: RequestRecord): Reason {
  const { decision } = record;
  return decision !== null && decision.verdict === record.verdict ? decision.reason : record.reason;
}

/** True when `flow` counts requests like this one; path and caller are known to be equal. */
export function sameFlow(flow: Flow, record: RequestRecord): boolean {
  const same =
    flow.method === record.method &&
    flow.enforced === record.enforced &&
    flow.verdict === record.verdict &&
    flow.listener === record.connection.listener &&
    flow.reason === flowReason(record);
  return same && sameDecision(flow, record.decision);
}

/** A flow that has counted nothing yet. Copies every text that was cut from a request head. */
export function newFlow(record: RequestRecord, caller: Caller | null, path: string | null): Flow {
  const { decision } = record;
  const own = (rules: readonly string[]): string[] => rules.slice(0, RULES_MAX).map(ownText);
  const dryRun = path === null ? null : (decision?.dryRun ?? null);
  return {
    caller,
    listener: record.connection.listener,
    overflow: path === null,
    method: path === null ? '' : ownText(record.method),
    path: path ?? '',
    destination: path === null || record.destination === null ? null : ownDestination(record.destination),
    verdict: record.verdict,
    enforced: record.enforced,
    reason: flowReason(record),
    rules: path === null || decision === null ? [] : own(decision.rules),
    dryRun: dryRun === null ? null : { ...dryRun, rules: own(dryRun.rules) },
    decision: path === null ? null : decision,
    count: 0,
    bytes: 0,
    firstMs: record.endMs,
    lastMs: record.endMs,
    flushedCount: 0,
    flushedBytes: 0,
    windowFirstMs: record.endMs,
  };
}

/** What changes between the two texts of a flow: since it exists, or of one window. */
export interface FlowCounts {
  readonly count: number;
  readonly bytes: number;
  readonly firstMs: number;
  /** Seconds over which it was counted. */
  readonly windowSeconds: number;
}

/** One JSON object without a newline. `wall` turns a monotonic time into RFC 3339 text. */
export function flowText(
  flow: Flow,
  counts: FlowCounts,
  context: { nowMs: number; wall: (monotonicMs: number) => string },
): string {
  const { caller, listener, dryRun } = flow;
  const { wall } = context;
  const { name, namespace } = listener.destination;
  const named =
    flow.destination === null
      ? `"workload":${quote(name, 256)},"namespace":${quote(namespace, 256)}`
      : `"host":${quote(flow.destination.host, 256)}`;
  const source = caller === null ? '"other"' : callerText(caller);
  const http = flow.overflow
    ? '"other"'
    : `{"method":${quote(flow.method, METHOD_CHARS_MAX)},"path":${quote(flow.path, PATH_CHARS_MAX)}}`;
  const would =
    dryRun === null
      ? ''
      : `,"dryRun":{"verdict":"${dryRun.verdict}","reason":"${dryRun.reason}"` +
        `,"rules":${rulesText(dryRun.rules)}}`;
  return (
    `{"time":"${wall(context.nowMs)}","listener":${quote(listener.name, 128)}` +
    `,"direction":"${listener.direction}"` +
    `,"verdict":"${flow.verdict}","enforced":${flow.enforced},"reason":"${flow.reason}"` +
    `,"rules":${rulesText(flow.rules)}${would},"source":${source}` +
    `,"destination":{${named},"port":${number(flow.destination?.port ?? listener.destinationPort)}}` +
    `,"http":${http}` +
    `,"count":${number(counts.count)},"bytes":${number(counts.bytes)}` +
    `,"firstSeen":"${wall(counts.firstMs)}","lastSeen":"${wall(flow.lastMs)}"` +
    `,"window":${number(counts.windowSeconds)}}`
  );
}

const ownDestination = ({ host, port }: NamedDestination): NamedDestination => ({
  host: ownText(host),
  port,
});

function callerText({ principal, ip }: Caller): string {
  const address = ip === null ? '' : `,"ip":${quote(ip, IP_CHARS_MAX)}`;
  return `{"principal":${quoteOrNull(principal, PRINCIPAL_CHARS_MAX)}${address}}`;
}

function rulesText(rules: readonly string[]): string {
  return quoteList(rules, RULES_MAX, RULE_CHARS_MAX);
}

function sameDecision(flow: Flow, decision: Decision | null): boolean {
  if (decision !== null && flow.decision === decision) return true;
  if (!sameTexts(flow.rules, decision?.rules ?? [])) return false;
  const a = flow.dryRun;
  const b = decision?.dryRun ?? null;
  if (a === null || b === null) {
    if (a !== b) return false;
  } else if (a.verdict !== b.verdict || a.reason !== b.reason || !sameTexts(a.rules, b.rules)) return false;
  flow.decision = decision;
  return true;
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
