// Reads the counters and the facts of the process into Prometheus samples, at a scrape.
import { readdir } from 'node:fs/promises';
import type { Sample } from '../../core/metrics/table.ts';
import { METRICS, type MetricName } from './metric-table.ts';
import { GRPC_STATUSES, type Metrics } from './metrics.ts';
import type { SpanCounts } from './record.ts';

/** Truths that others own, asked for at a scrape. Null = not known yet: the metric is absent. */
export interface MetricFacts {
  readonly version: string;
  mode(): 'enforce' | 'audit';
  policyHash(): string | null;
  /** Wall milliseconds of the last good load. */
  policyLoadedMs(): number | null;
  emergencyRules(): number;
  /** Wall milliseconds at which the own SVID expires. */
  svidExpiryMs(): number | null;
  /** Wall milliseconds at which SVID, bundles or CRLs last changed; null before the first state. */
  identityAtMs(): number | null;
  /** Errors that the sources of the identity have now; null before the first state. */
  identityProblems(): number | null;
  /** Milliseconds that the start waited for the first SVID, or waits now; null without TLS. */
  identityWaitMs(): number | null;
}

/** What the record phase itself lost so far. */
export interface Losses {
  readonly logDropped: number;
  readonly flowOverflow: number;
  readonly flowFileErrors: number;
  /** Null = tracing is off. */
  readonly spans: SpanCounts | null;
}

const SPAN_RESULTS = ['exported', 'dropped', 'failed'] as const;

/** Samples of every family that has any. */
export type Samples = ReadonlyMap<MetricName, readonly Sample[]>;

/** Takes one reading of everything. */
export async function readSamples(metrics: Metrics, facts: MetricFacts, losses: Losses): Promise<Samples> {
  const samples = new SampleMap(metrics);
  readRequests(metrics, samples);
  readConnections(metrics, samples);
  readFacts(facts, metrics, samples);
  samples.add('sallyport_log_dropped_total', [], losses.logDropped);
  samples.add('sallyport_flow_overflow_total', [], losses.flowOverflow);
  samples.add('sallyport_flow_file_errors_total', [], losses.flowFileErrors);
  for (const result of SPAN_RESULTS)
    samples.add('sallyport_spans_total', [result], losses.spans?.[result] ?? null);
  await readProcess(samples);
  return samples.families;
}

/** Collects samples; labels are given in the order of the table. */
class SampleMap {
  readonly families = new Map<MetricName, Sample[]>();
  readonly #names: readonly string[];

  constructor(metrics: Metrics) {
    this.#names = metrics.listeners.map((listener) => listener.name);
  }

  listener(index: number): string {
    return this.#names[index] ?? 'unknown';
  }

  add(name: MetricName, labels: readonly string[], value: number | null): void {
    if (value === null) return;
    const names: readonly string[] = METRICS[name].labels;
    const pairs = names.map((label, i): [string, string] => [label, labels[i] ?? '']);
    this.put(name, { labels: Object.fromEntries(pairs), value });
  }

  put(name: MetricName, sample: Sample): void {
    const family = this.families.get(name);
    if (family === undefined) this.families.set(name, [sample]);
    else family.push(sample);
  }
}

function readRequests(metrics: Metrics, to: SampleMap): void {
  metrics.requests.each((listener, denied, reason, code, value) => {
    const labels = [to.listener(listener), denied ? 'deny' : 'allow', reason, code];
    to.add('sallyport_requests_total', labels, value);
  });
  metrics.ruleHits.each((rule, verdict, enforced, value) => {
    to.add('sallyport_rule_hits_total', [rule, verdict, enforced], value);
  });
  metrics.denied.each((source, reason, value) => {
    to.add('sallyport_denied_total', [source, reason], value);
  });
  metrics.listeners.forEach((listener, index) => {
    readHistogram('sallyport_request_duration_seconds', listener.name, metrics.duration.read(index), to);
    readHistogram(
      'sallyport_enforcement_duration_seconds',
      listener.name,
      metrics.enforcement.read(index),
      to,
    );
    to.add('sallyport_plaintext_requests_total', [listener.name], metrics.plaintext[index] ?? 0);
    to.add('sallyport_bytes_total', [listener.name, 'in'], metrics.bytesIn[index] ?? 0);
    to.add('sallyport_bytes_total', [listener.name, 'out'], metrics.bytesOut[index] ?? 0);
  });
  metrics.upstreamErrors.each((listener, reason, value) => {
    to.add('sallyport_upstream_errors_total', [to.listener(listener), reason], value);
  });
  metrics.grpcResponses.forEach((value, i) => {
    const labels = [to.listener(Math.floor(i / GRPC_STATUSES)), String(i % GRPC_STATUSES)];
    if (value > 0) to.add('sallyport_grpc_responses_total', labels, value);
  });
  metrics.http2Errors.each((listener, reason, value) => {
    to.add('sallyport_http2_errors_total', [to.listener(listener), reason], value);
  });
  metrics.revocations.each((listener, reason, value) => {
    to.add('sallyport_revocations_total', [to.listener(listener), reason], value);
  });
  metrics.failOpen.each((listener, reason, value) => {
    to.add('sallyport_fail_open_total', [to.listener(listener), reason], value);
  });
}

function readHistogram(
  name: MetricName,
  listener: string,
  reading: { counts: readonly number[]; sum: number },
  to: SampleMap,
): void {
  const { buckets = [] } = METRICS[name];
  reading.counts.forEach((value, bucket) => {
    const le = buckets[bucket] === undefined ? '+Inf' : String(buckets[bucket]);
    to.put(name, { metricName: `${name}_bucket`, labels: { listener, le }, value });
  });
  to.put(name, { metricName: `${name}_sum`, labels: { listener }, value: reading.sum });
  to.put(name, { metricName: `${name}_count`, labels: { listener }, value: reading.counts.at(-1) ?? 0 });
}

function readConnections(metrics: Metrics, to: SampleMap): void {
  metrics.listeners.forEach(({ name }, index) => {
    const open = metrics.open[index] ?? 0;
    const active = metrics.active[index] ?? 0;
    to.add('sallyport_connections', [name, 'active'], active);
    to.add('sallyport_connections', [name, 'idle'], open - active);
    to.add('sallyport_handshakes_total', [name, 'ok'], metrics.handshakesOk[index] ?? 0);
  });
  metrics.handshakesRefused.each((listener, reason, value) => {
    to.add('sallyport_handshakes_total', [to.listener(listener), reason], value);
  });
}

function readFacts(facts: MetricFacts, metrics: Metrics, to: SampleMap): void {
  const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);
  const mode = facts.mode();
  for (const { name } of metrics.listeners) {
    to.add('sallyport_enforcement_mode', [name, 'enforce'], mode === 'enforce' ? 1 : 0);
    to.add('sallyport_enforcement_mode', [name, 'audit'], mode === 'audit' ? 1 : 0);
  }
  const hash = facts.policyHash();
  if (hash !== null) to.add('sallyport_policy_info', [hash], 1);
  for (const [source, counts] of metrics.policyLoads) {
    to.add('sallyport_policy_loads_total', [source, 'ok'], counts.ok);
    to.add('sallyport_policy_loads_total', [source, 'refused'], counts.refused);
  }
  to.add('sallyport_policy_last_success_timestamp_seconds', [], seconds(facts.policyLoadedMs()));
  to.add('sallyport_emergency_rules', [], facts.emergencyRules());
  to.add('sallyport_svid_expiry_timestamp_seconds', [], seconds(facts.svidExpiryMs()));
  to.add('sallyport_identity_wait_seconds', [], seconds(facts.identityWaitMs()));
  to.add('sallyport_identity_last_update_timestamp_seconds', [], seconds(facts.identityAtMs()));
  to.add('sallyport_identity_problems', [], facts.identityProblems());
  to.add('sallyport_identity_updates_total', ['ok'], metrics.identityUpdates.ok);
  to.add('sallyport_identity_updates_total', ['refused'], metrics.identityUpdates.refused);
  to.add('sallyport_build_info', [facts.version, process.versions.node], 1);
}

async function readProcess(to: SampleMap): Promise<void> {
  const { user, system } = process.cpuUsage();
  const memory = process.memoryUsage();
  to.add('sallyport_event_loop_active_seconds_total', [], performance.eventLoopUtilization().active / 1000);
  to.add('process_cpu_seconds_total', [], (user + system) / 1e6);
  to.add('process_resident_memory_bytes', [], memory.rss);
  to.add('process_start_time_seconds', [], performance.timeOrigin / 1000);
  to.add('nodejs_heap_size_used_bytes', [], memory.heapUsed);
  to.add('nodejs_external_memory_bytes', [], memory.external);
  // Absent where there is no /proc, and when no descriptor is left to list them with.
  const descriptors = await readdir('/proc/self/fd').catch(() => null);
  to.add('process_open_fds', [], descriptors === null ? null : descriptors.length);
}
