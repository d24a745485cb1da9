// The counters of the data path: every family of metric-table.ts that grows with traffic, as slots bound at
// start. They outlive policy swaps; nothing here knows Prometheus (metrics-render.ts does, at a scrape).
import type { Reason } from '../../core/reasons.ts';
import { Histogram, indexReasons, ReasonCounters, type ReasonIndex, RequestCounters } from './counters.ts';
import { METRICS } from './metric-table.ts';
import type { HandshakeResult, ListenerRef, RequestRecord } from './record.ts';
import { RuleHits } from './rule-hits.ts';
import { TopCallers } from './top-callers.ts';

/** How a policy load ended. */
export type LoadResult = 'ok' | 'refused';

const POLICY_SOURCES_MAX = 100;
/** Codes of gRPC: 0 to 16. */
export const GRPC_STATUSES = 17;

/** Live counters. `listeners` are in index order. */
export class Metrics {
  readonly listeners: readonly ListenerRef[];
  readonly requests: RequestCounters;
  readonly ruleHits = new RuleHits();
  readonly denied: TopCallers;
  readonly duration: Histogram;
  readonly enforcement: Histogram;
  readonly handshakesOk: Float64Array;
  readonly handshakesRefused: ReasonCounters;
  readonly upstreamErrors: ReasonCounters;
  readonly http2Errors: ReasonCounters;
  /** By listener, then gRPC status. */
  readonly grpcResponses: Float64Array;
  readonly revocations: ReasonCounters;
  readonly failOpen: ReasonCounters;
  readonly identityUpdates = { ok: 0, refused: 0 };
  readonly plaintext: Float64Array;
  readonly bytesIn: Float64Array;
  readonly bytesOut: Float64Array;
  readonly open: Float64Array;
  readonly active: Float64Array;
  /** Loads by source, then result. */
  readonly policyLoads = new Map<string, Record<LoadResult, number>>();

  constructor(listeners: readonly ListenerRef[]) {
    const n = listeners.length;
    const index: ReasonIndex = indexReasons();
    this.listeners = listeners;
    this.requests = new RequestCounters(index, n);
    this.denied = new TopCallers(index);
    this.duration = new Histogram(METRICS.sallyport_request_duration_seconds.buckets ?? [], n);
    this.enforcement = new Histogram(METRICS.sallyport_enforcement_duration_seconds.buckets ?? [], n);
    this.handshakesOk = new Float64Array(n);
    this.handshakesRefused = new ReasonCounters(index, n);
    this.upstreamErrors = new ReasonCounters(index, n);
    this.http2Errors = new ReasonCounters(index, n);
    this.grpcResponses = new Float64Array(n * GRPC_STATUSES);
    this.revocations = new ReasonCounters(index, n);
    this.failOpen = new ReasonCounters(index, n);
    this.plaintext = new Float64Array(n);
    this.bytesIn = new Float64Array(n);
    this.bytesOut = new Float64Array(n);
    this.open = new Float64Array(n);
    this.active = new Float64Array(n);
  }

  /** PERF: no allocation for known series; bench/micro/record.ts. */
  request(record: RequestRecord): void {
    const { connection, decision, enforced, reason } = record;
    const listener = connection.listener.index;
    const denied = record.verdict === 'deny';
    this.requests.add(listener, denied, reason, record.status);
    if (decision !== null) this.ruleHits.add(decision, enforced || decision.verdict === 'allow');
    if (denied) {
      if (enforced) this.denied.add(connection.principal, reason);
      else this.failOpen.add(listener, decision?.reason ?? reason);
    }
    this.duration.observe(listener, (record.endMs - record.startMs) / 1000);
    this.enforcement.observe(listener, record.enforcementUs / 1e6);
    if (connection.tlsVersion === null && connection.listener.direction === 'inbound')
      add(this.plaintext, listener, 1);
    if (record.grpcStatus !== null) add(this.grpcResponses, listener * GRPC_STATUSES + record.grpcStatus, 1);
    add(this.bytesIn, listener, record.bytesIn);
    add(this.bytesOut, listener, record.bytesOut);
  }

  handshake(listener: ListenerRef, result: HandshakeResult): void {
    if (result === 'ok') add(this.handshakesOk, listener.index, 1);
    else this.handshakesRefused.add(listener.index, result);
  }

  connectionOpened(listener: ListenerRef): void {
    add(this.open, listener.index, 1);
  }

  connectionClosed(listener: ListenerRef): void {
    add(this.open, listener.index, -1);
  }

  connectionActive(listener: ListenerRef, active: boolean): void {
    add(this.active, listener.index, active ? 1 : -1);
  }

  upstreamError(listener: ListenerRef, reason: Reason): void {
    this.upstreamErrors.add(listener.index, reason);
  }

  http2Error(listener: ListenerRef, reason: Reason): void {
    this.http2Errors.add(listener.index, reason);
  }

  revoked(listener: ListenerRef, reason: Reason): void {
    this.revocations.add(listener.index, reason);
  }

  failedOpen(listener: ListenerRef, reason: Reason): void {
    this.failOpen.add(listener.index, reason);
  }

  /** Counts one update of the identity: certificate, key, bundles and CRLs. */
  identityUpdated(result: LoadResult): void {
    this.identityUpdates[result]++;
  }

  /** Counts one load of a policy source. */
  policyLoaded(source: string, result: LoadResult): void {
    const known = this.policyLoads.has(source) || this.policyLoads.size < POLICY_SOURCES_MAX;
    const name = known ? source : 'other';
    const counts = this.policyLoads.get(name) ?? { ok: 0, refused: 0 };
    counts[result]++;
    this.policyLoads.set(name, counts);
  }
}

function add(values: Float64Array, index: number, amount: number): void {
  values[index] = (values[index] ?? 0) + amount;
}
