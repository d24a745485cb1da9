// The request in flight on one connection: what the decision reads and what the record phase tells. Reused,
// never kept.
import { canonicalIp } from '../../core/ip.ts';
import type { Reason } from '../../core/reasons.ts';
import type { ConnectionFacts, Decision, HttpFacts, RequestFacts, Verdict } from '../../policy/request.ts';
import type { RemoteIpSource } from '../client.ts';
import { isGrpc } from '../grpc.ts';
import type { HttpListenerContext } from '../listener-context.ts';
import type { Peer } from '../peer.ts';
import type { ConnectionRecord, HttpVersion, NamedDestination, RequestRecord } from '../record/record.ts';
import { ID_BYTES, isRequestId, isTraceparent, type RequestIds } from '../request-ids.ts';
import { spanContext } from '../trace-context.ts';
import type { ForwardedIds } from './forward-head.ts';
import { Forwarding } from './forwarding.ts';
import type { HeadWriter } from './head-writer.ts';
import { CONTENT_TYPE, TRACEPARENT, X_REQUEST_ID } from './known-headers.ts';
import type { RequestParser } from './parse-request.ts';

export class RequestState implements RequestRecord, RequestFacts, ForwardedIds {
  readonly connection: ConnectionRecord;
  /** What policies judge: the request as it is forwarded. */
  readonly http: HttpFacts = this;
  /** What the connection fixes, for near misses. */
  readonly facts: ConnectionFacts;
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
  destination: NamedDestination | null = null;
  remoteIp = '';
  remoteIpFrom: RemoteIpSource = 'peer';
  recorded = true;
  /** True once it was forwarded: in audit mode a `deny` is then not enforced. */
  permitted = false;
  traceparentKept = false;
  tracestateKept = false;
  sampled = false;
  parentSpanId = '';
  /** The status of a gRPC call; null before it is known, and for other requests. */
  grpcStatus: number | null = null;
  private readonly head: RequestParser;
  private readonly forwarding: Forwarding;
  private readonly ids: RequestIds;
  private readonly peer: Peer;
  /** Part of the traces that begin here which is sampled; null = tracing is off. */
  private readonly sampleShare: number | null;
  /** What our own ids are made of. */
  private readonly own = new Uint8Array(ID_BYTES);
  /** The caller's ids where they are kept; else ours, once they were asked for as text. */
  private requestIdText: string | null = null;
  private requestIdKept = false;
  private traceparentText: string | null = null;

  private readonly protocol: '1' | '2';

  constructor(context: HttpListenerContext, peer: Peer, head: RequestParser, protocol: '1' | '2' = '1') {
    this.protocol = protocol;
    this.connection = peer.record;
    this.facts = peer.facts;
    this.peer = peer;
    this.head = head;
    this.ids = context.runtime.ids;
    this.sampleShare = context.runtime.sampleShare;
    this.forwarding = new Forwarding(context, peer, this);
  }

  get requestId(): string {
    this.requestIdText ??= this.ids.requestId(this.own);
    return this.requestIdText;
  }
  get traceparent(): string {
    this.traceparentText ??= this.ids.traceparent(this.own);
    return this.traceparentText;
  }

  /** A gRPC call: then an answer of ours has to be one. */
  get isGrpc(): boolean {
    return (
      this.protocol === '2' && this.head.has(CONTENT_TYPE) && isGrpc(this.head.soleValue(CONTENT_TYPE) ?? '')
    );
  }

  get method(): string {
    return this.head.method;
  }
  get path(): string {
    return this.head.path;
  }
  get host(): string {
    // A URL without a port may lead to another port than its scheme's: policies judge what is connected to.
    if (this.destination !== null) return authorityOf(this.destination);
    return this.forwarding.host(this.head);
  }
  get httpVersion(): HttpVersion {
    if (this.protocol === '2') return '2';
    return this.head.minor === 0 ? '1.0' : '1.1';
  }
  headerValues(name: string): readonly string[] | undefined {
    return this.forwarding.values(this.head, name);
  }

  /** Writes the head for the application. */
  forward(writer: HeadWriter): void {
    this.permitted = true;
    this.forwarding.write(writer, this.head);
  }

  writeIds(writer: HeadWriter): void {
    if (this.requestIdKept) writer.text(`x-request-id: ${this.requestId}\r\n`);
    else writer.block(this.ids.requestIdLine(this.own));
    if (this.traceparentKept) return;
    if (this.traceparentText === null) writer.block(this.ids.traceparentLine(this.own));
    else writer.text(`traceparent: ${this.traceparentText}\r\n`);
  }

  /** Starts the record of the head that was just read. */
  begin(nowMs: number): void {
    this.startMs = nowMs;
    this.decisionUs = 0;
    this.decision = null;
    this.status = 0;
    this.bytesIn = 0;
    this.bytesOut = 0;
    this.destination = null;
    this.recorded = false;
    this.permitted = false;
    this.traceparentKept = false;
    this.tracestateKept = false;
    this.remoteIp = this.peer.client.source.ip;
    this.remoteIpFrom = this.peer.client.from;
    this.requestIdText = null;
    this.requestIdKept = false;
    this.traceparentText = null;
    this.grpcStatus = null;
    this.ids.draw(this.own);
    // A stranger's ids are not kept: they would let it write into other people's traces and logs.
    const traceparent = this.peer.authenticated ? this.keepIds() : null;
    if (this.sampleShare !== null) this.beginSpan(traceparent, this.sampleShare);
    else if (traceparent !== null) {
      this.traceparentKept = true;
      this.traceparentText = traceparent;
    }
  }

  /** Keeps the caller's request id where it is well-formed, and returns its traceparent where that is. */
  private keepIds(): string | null {
    const requestId = this.head.soleValue(X_REQUEST_ID);
    if (requestId !== null && isRequestId(requestId)) {
      this.requestIdKept = true;
      this.requestIdText = requestId;
    }
    const traceparent = this.head.soleValue(TRACEPARENT);
    if (traceparent === null || !isTraceparent(traceparent)) return null;
    this.tracestateKept = true;
    return traceparent;
  }

  /** `caller`: the traceparent of an authenticated caller. */
  private beginSpan(caller: string | null, share: number): void {
    const span = spanContext(this.ids, this.own, { caller, share });
    this.traceparentText = span.traceparent;
    this.parentSpanId = span.parentSpanId;
    this.sampled = span.sampled;
  }

  /**
   * Derives the client's address from X-Forwarded-For behind `hops` trusted proxies, the last of which opened
   * the connection; false when that entry is no IP.
   */
  deriveRemoteIp(hops: number): boolean {
    const entries = this.forwardedFor().split(',');
    const entry = entries[entries.length - hops]?.trim();
    // Fewer hops than trusted: who opened the connection, as Envoy does.
    if (entry === undefined || entry === '') return true;
    const ip = canonicalIp(entry);
    if (ip === null) return false;
    this.remoteIp = ip;
    this.remoteIpFrom = 'x-forwarded-for';
    return true;
  }

  /** As it is forwarded: what Connection names does not go on. */
  private forwardedFor(): string {
    if (this.head.connectionNames.includes('x-forwarded-for')) return '';
    return this.head.headerValues('x-forwarded-for')?.join(',') ?? '';
  }
}

const authorityOf = ({ host, port }: NamedDestination): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
