// The request in flight on one connection: what the decision reads and what the record phase tells. Reused,
// never kept.
import { parseIp } from '../../core/ip.ts';
import type { Reason } from '../../core/reasons.ts';
import type { ConnectionFacts, Decision, HttpFacts, RequestFacts, Verdict } from '../../policy/request.ts';
import type { Peer } from '../peer.ts';
import type { ConnectionRecord, RequestRecord } from '../record/record.ts';
import { isRequestId, isTraceparent, type RequestIds } from '../request-ids.ts';
import type { Forwarding } from './forwarding.ts';
import { TRACEPARENT, X_REQUEST_ID } from './known-headers.ts';
import type { RequestParser } from './parse-request.ts';

export class RequestState implements RequestRecord, RequestFacts {
  readonly connection: ConnectionRecord;
  /** What policies judge: the request as it is forwarded. */
  readonly http: HttpFacts = this;
  /** What the connection fixes, for near misses. */
  readonly facts: ConnectionFacts;
  requestId = '';
  traceparent = '';
  startMs = 0;
  endMs = 0;
  decisionUs = 0;
  enforcementUs = 0;
  decision: Decision | null = null;
  verdict: Verdict = 'deny';
  enforced = true;
  reason: Reason = 'internal-error';
  policyHash = '';
  status = 0;
  bytesIn = 0;
  bytesOut = 0;
  remoteIp: string | null = null;
  recorded = true;
  /** True once the exchange has its body. */
  handedOver = false;
  /** True once it was forwarded: in audit mode a `deny` is then not enforced. */
  permitted = false;
  /** True when the caller's own traceparent and tracestate go on. */
  traceparentKept = false;
  private readonly head: RequestParser;
  private readonly forwarding: Forwarding;

  constructor(peer: Peer, head: RequestParser, forwarding: Forwarding) {
    this.connection = peer.record;
    this.facts = peer.facts;
    this.head = head;
    this.forwarding = forwarding;
  }

  get method(): string {
    return this.head.method;
  }
  get path(): string {
    return this.head.path;
  }
  get host(): string {
    return this.forwarding.host(this.head);
  }
  get httpMinor(): number {
    return this.head.minor;
  }
  headerValues(name: string): readonly string[] | undefined {
    return this.forwarding.values(this.head, this, name);
  }

  /** Starts the record of the head that was just read. */
  begin(nowMs: number, ids: RequestIds, peer: Peer): void {
    this.startMs = nowMs;
    this.decisionUs = 0;
    this.decision = null;
    this.status = 0;
    this.bytesIn = 0;
    this.bytesOut = 0;
    this.recorded = false;
    this.handedOver = false;
    this.permitted = false;
    this.traceparentKept = false;
    this.remoteIp = peer.record.remoteIp;
    ids.next();
    this.requestId = ids.requestId;
    this.traceparent = ids.traceparent;
    // A stranger's ids are not kept: they would let it write into other people's traces and logs.
    if (peer.identity === null) return;
    const requestId = this.head.soleValue(X_REQUEST_ID);
    if (requestId !== null && isRequestId(requestId)) this.requestId = requestId;
    const traceparent = this.head.soleValue(TRACEPARENT);
    this.traceparentKept = traceparent !== null && isTraceparent(traceparent);
    if (this.traceparentKept) this.traceparent = traceparent ?? '';
  }

  /**
   * Derives the client's address from X-Forwarded-For behind `hops` trusted proxies; false when that entry is
   * no IP.
   */
  deriveRemoteIp(hops: number, sourceIp: string): boolean {
    const entries = this.forwardedFor().split(',');
    const entry = entries[entries.length - hops]?.trim();
    this.remoteIp = sourceIp;
    // Fewer hops than trusted: the direct peer, as Envoy does.
    if (entry === undefined || entry === '') return true;
    if (parseIp(entry) === null) return false;
    this.remoteIp = entry;
    return true;
  }

  /** As it is forwarded: what Connection names does not go on. */
  private forwardedFor(): string {
    if (this.head.connectionNames.includes('x-forwarded-for')) return '';
    return this.head.headerValues('x-forwarded-for')?.join(',') ?? '';
  }
}
