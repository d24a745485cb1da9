// What the issuer's servers count, and the reading of everything into samples at a scrape.
import type { Sample } from '../../../core/metrics/table.ts';
import { ISSUANCE_BUCKETS_MS } from '../counters.ts';
import type { Issuer } from '../issuer.ts';
import { ISSUER_METRICS, type IssuerMetric } from './table.ts';

/** Truths that others own, asked for at a scrape. */
export interface IssuerFacts {
  readonly version: string;
  readonly polls: number;
  readonly svidExpiryMs: number | null;
  readonly workloads: { readonly served: number; readonly without: number };
  /** Errors of the sources of foreign bundles. */
  readonly federationProblems: number;
  readonly logDropped: number;
}

/** Counts by a few bounded labels. */
export class IssuerTally {
  readonly #counts = new Map<IssuerMetric, Map<string, Sample>>();

  /** One more. */
  add(name: IssuerMetric, ...labels: readonly string[]): void {
    const family = this.#counts.get(name) ?? new Map<string, Sample>();
    this.#counts.set(name, family);
    const key = labels.join('\0');
    family.set(key, sampleOf(name, labels, (family.get(key)?.value ?? 0) + 1));
  }

  /** Everything that is known now. */
  read(issuer: Issuer, facts: IssuerFacts): Map<IssuerMetric, Sample[]> {
    const samples = new Map<IssuerMetric, Sample[]>();
    const put = (name: IssuerMetric, labels: readonly string[], value: number): void => {
      samples.set(name, [...(samples.get(name) ?? []), sampleOf(name, labels, value)]);
    };
    for (const [name, family] of this.#counts) samples.set(name, [...family.values()]);
    const { counters } = issuer;
    for (const [kind, count] of counters.issued) put('sallyport_issuances_total', [kind, 'ok'], count);
    for (const [cause, count] of counters.revoked) put('sallyport_revocations_total', [cause], count);
    samples.set('sallyport_issuance_duration_seconds', readDurations(issuer));
    put('sallyport_issuer_ca_expiry_timestamp_seconds', [], counters.caNotAfterMs / 1000);
    put('sallyport_issuer_audit_entries_total', [], counters.auditLength);
    put('sallyport_issuer_audit_suppressed_total', [], counters.refusalsNotAudited);
    put('sallyport_issuer_trust_sequence', [], issuer.trust().sequence);
    if (facts.svidExpiryMs !== null)
      put('sallyport_issuer_svid_expiry_timestamp_seconds', [], facts.svidExpiryMs / 1000);
    put('sallyport_issuer_polls', [], facts.polls);
    put('sallyport_issuer_workloads', ['served'], facts.workloads.served);
    put('sallyport_issuer_workloads', ['without'], facts.workloads.without);
    put('sallyport_issuer_federation_problems', [], facts.federationProblems);
    put('sallyport_log_dropped_total', [], facts.logDropped);
    put('sallyport_build_info', [facts.version, process.versions.node], 1);
    const { user, system } = process.cpuUsage();
    put('process_cpu_seconds_total', [], (user + system) / 1e6);
    put('process_resident_memory_bytes', [], process.memoryUsage.rss());
    put('process_start_time_seconds', [], performance.timeOrigin / 1000);
    return samples;
  }
}

function sampleOf(name: IssuerMetric, labels: readonly string[], value: number): Sample {
  const names: readonly string[] = ISSUER_METRICS[name].labels;
  return { labels: Object.fromEntries(names.map((label, i) => [label, labels[i] ?? ''])), value };
}

function readDurations({ counters }: Issuer): Sample[] {
  const name = 'sallyport_issuance_duration_seconds';
  const samples: Sample[] = [];
  let count = 0;
  for (const [i, inBucket] of counters.issuanceBuckets.entries()) {
    count += inBucket;
    const boundMs = ISSUANCE_BUCKETS_MS[i];
    const le = boundMs === undefined ? '+Inf' : String(boundMs / 1000);
    samples.push({ metricName: `${name}_bucket`, labels: { le }, value: count });
  }
  samples.push({ metricName: `${name}_sum`, labels: {}, value: counters.issuanceSumMs / 1000 });
  samples.push({ metricName: `${name}_count`, labels: {}, value: count });
  return samples;
}
