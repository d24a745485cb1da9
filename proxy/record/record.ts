// The record phase's vocabulary: what the data path tells about a request or a connection, in one synchronous
// call. A connection owns one RequestRecord and reuses it for every request: a sink copies what it keeps.
import type { Reason } from '../../core/reasons.ts';
import type { Decision, Verdict } from '../../policy/request.ts';
import type { RemoteIpSource } from '../client.ts';

/** A workload as flows and log lines name it. */
export interface WorkloadName {
  readonly name: string;
  readonly namespace: string;
}

/** Where a request to an egress proxy wants to go. */
export interface NamedDestination {
  readonly host: string;
  readonly port: number;
}

/** A listener as sinks see it; `index` is its slot in counter arrays. */
export interface ListenerRef {
  readonly index: number;
  readonly name: string;
  readonly direction: 'inbound' | 'outbound';
  /** Who is called: inbound this workload, outbound the peer. */
  readonly destination: WorkloadName;
  /** The destination port that policies see. */
  readonly destinationPort: number;
  readonly mtls: 'strict' | 'permissive' | 'server-tls' | 'off';
}

/** What one downstream connection fixes, made once per connection. */
export interface ConnectionRecord {
  readonly id: string;
  readonly listener: ListenerRef;
  readonly principal: string | null;
  /** True when the peer is of the proxy's own trust domain. */
  readonly local: boolean;
  readonly sourceIp: string;
  /** The client; null when every request may name another. */
  readonly remoteIp: string | null;
  readonly remoteIpFrom: RemoteIpSource;
  readonly destinationIp: string;
  readonly sni: string | null;
  readonly tlsVersion: string | null;
}

/** As the log and OpenTelemetry name it. */
export type HttpVersion = '1.0' | '1.1' | '2';

/** One request, mutable and reused. Times are monotonic milliseconds (fractional). */
export interface RequestRecord {
  connection: ConnectionRecord;
  requestId: string;
  /** As it went on, or would have. */
  traceparent: string;
  /** True when tracing is on and this request has a span. */
  sampled: boolean;
  /** The span of an authenticated caller, 16 hexadecimal digits; '' when there is none. */
  parentSpanId: string;
  startMs: number;
  endMs: number;
  /** Microseconds spent deciding. */
  decisionUs: number;
  /** Microseconds the proxy itself added: total minus waiting for peers. */
  enforcementUs: number;
  /** The policy's answer; audit mode forwards although it is `deny`. Null when no decision was reached. */
  decision: Decision | null;
  verdict: Verdict;
  /** False when the verdict was `deny` but audit mode forwarded, or a dry run. */
  enforced: boolean;
  reason: Reason;
  policyHash: string;
  /** Final status sent to the caller, 0 when none. */
  status: number;
  /** The status of a gRPC call, 0 to 16; null when there is none. */
  grpcStatus: number | null;
  httpVersion: HttpVersion;
  method: string;
  /** Canonical, without query; '' when the head was not parsed. */
  path: string;
  host: string;
  /** What the request itself names; null where its listener fixes the destination. */
  destination: NamedDestination | null;
  /** The client as policies see it, and what its address was derived from. */
  remoteIp: string;
  remoteIpFrom: RemoteIpSource;
  bytesIn: number;
  bytesOut: number;
  headerValues(name: string): readonly string[] | undefined;
}

/** Where the sampled requests go. */
export interface SpanSink {
  readonly counts: SpanCounts;
  /** One sampled request; `template` is its path without what varies, '' when there is none. */
  request(record: RequestRecord, template: string): void;
  /** Exports what is left, within `deadlineMs`; what is still there then is dropped. */
  close(deadlineMs: number): Promise<void>;
}

/** What became of the spans so far. */
export interface SpanCounts {
  readonly exported: number;
  /** There was no room, or no time at the end. */
  readonly dropped: number;
  /** The collector refused them, or could not be reached for too long. */
  readonly failed: number;
}

/** How a handshake ended. */
export type HandshakeResult = 'ok' | Reason;

/** Whose handshake it was. */
export interface HandshakeDetail {
  readonly sourceIp: string;
  readonly remoteIp: string;
  readonly remoteIpFrom: RemoteIpSource;
  /** What the certificate claims. */
  readonly principal: string | null;
  readonly message: string;
}

/** What the data path calls. Live or no-op; never throws or blocks, keeps no reference to its arguments. */
export interface Recorder {
  request(record: RequestRecord): void;
  handshake(listener: ListenerRef, result: HandshakeResult, detail: HandshakeDetail): void;
  connectionOpened(listener: ListenerRef): void;
  connectionClosed(listener: ListenerRef): void;
  /** Active means a request is in flight on it. */
  connectionActive(listener: ListenerRef, active: boolean): void;
  upstreamError(listener: ListenerRef, reason: Reason): void;
  /** An HTTP/2 connection ended, or a stream was refused, because of what the caller did to the protocol. */
  http2Error(listener: ListenerRef, reason: Reason): void;
  /** A live connection is ended because the identity of its caller expired or was withdrawn. */
  revoked(listener: ListenerRef, reason: Reason): void;
  /** What `request` cannot see, such as grace after expiry; audit mode is counted by `request` itself. */
  failOpen(listener: ListenerRef, reason: Reason): void;
}
