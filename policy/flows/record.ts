// The one type of a flow record as it is read: what proxy/record/flow.ts writes, checked. Windows come from
// `flows.file`, totals since the start of a proxy from `/flows`.
import type { NearRule, Verdict } from '../request.ts';

/** Who called: a SPIFFE ID, or the address of a plaintext peer ('' for those told apart no more). */
export interface FlowCaller {
  readonly principal: string | null;
  readonly ip: string | null;
}

/** Who was called. `namespace` is '' where an outbound listener knows only a host. */
export interface FlowDestination {
  readonly workload: string;
  readonly namespace: string;
  readonly port: number;
}

/** Requests that were equal in everything that is told here. */
export interface FlowRecord {
  readonly listener: string;
  readonly direction: 'inbound' | 'outbound';
  readonly verdict: Verdict;
  /** False when the verdict was `deny` and audit mode forwarded. */
  readonly enforced: boolean;
  readonly reason: string;
  readonly rules: readonly string[];
  readonly dryRun: FlowDryRun | null;
  /** Null: callers that the proxy no longer told apart. */
  readonly source: FlowCaller | null;
  readonly destination: FlowDestination;
  /** Null: methods and paths that the proxy no longer told apart. */
  readonly http: { readonly method: string; readonly path: string } | null;
  readonly count: number;
  readonly bytes: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** Seconds over which it was counted. */
  readonly windowSeconds: number;
}

/** The one would-be verdict of dry-run policies. */
export interface FlowDryRun {
  readonly verdict: Verdict;
  readonly reason: string;
  readonly rules: readonly string[];
}

/** A denied request of the decision log, as far as it explains a flow. */
export interface LoggedDenial {
  readonly requestId: string;
  readonly direction: 'inbound' | 'outbound';
  readonly reason: string;
  readonly source: FlowCaller;
  readonly destination: FlowDestination;
  readonly method: string;
  /** As requested, without query: no template. */
  readonly path: string;
  readonly near: readonly NearRule[];
}

/** A request of the decision log. */
export interface LoggedRequest {
  /** Counts one, or as many equal denials as the line stands for; the path is as requested. */
  readonly record: FlowRecord;
  /** What the application answered; null when the line does not say. */
  readonly status: number | null;
  readonly grpcStatus: number | null;
}

/** What came of a request: forwarded, forwarded although a policy says deny (audit, dry run), or refused. */
export type Outcome = 'allowed' | 'would-deny' | 'denied';

/** The outcome of every request of a record. */
export function outcomeOf({ verdict, enforced, dryRun }: FlowRecord): Outcome {
  if (verdict === 'deny') return enforced ? 'denied' : 'would-deny';
  return dryRun?.verdict === 'deny' ? 'would-deny' : 'allowed';
}

/** Tells callers apart: no two have the same text. */
export function callerKey(caller: FlowCaller | null): string {
  if (caller === null) return '';
  return caller.principal ?? `ip ${caller.ip ?? ''}`;
}
