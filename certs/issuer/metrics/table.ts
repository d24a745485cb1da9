// Every metric of the issuer, one row each: the render and docs/metrics.md read this table. Labels are
// bounded: never an identity or an address.
import { counter, gauge, histogram, type MetricInfo } from '../../../core/metrics/table.ts';
import { ISSUANCE_BUCKETS_MS } from '../counters.ts';

const ISSUANCE_BUCKETS = ISSUANCE_BUCKETS_MS.map((ms) => ms / 1000);

/** The closed list. */
export const ISSUER_METRICS = {
  sallyport_issuer_requests_total: counter(
    ['code'],
    'Requests to the HTTPS API by status (0 = the caller left before the answer)',
  ),
  sallyport_issuer_handshakes_total: counter(
    ['result'],
    'TLS handshakes by result: ok, or why the connection ended',
  ),
  sallyport_issuer_polls: gauge([], 'Requests that wait for a change of trust'),
  sallyport_issuances_total: counter(
    ['attestation', 'result'],
    'Requests for an SVID by attestation (join-token, kubernetes, renewal, local, none) and result: ' +
      'ok, or the code of the refusal',
  ),
  sallyport_issuance_duration_seconds: histogram(
    [],
    ISSUANCE_BUCKETS,
    'From an attested request to its SVID, the commit included',
  ),
  sallyport_revocations_total: counter(
    ['cause'],
    'SVIDs revoked: operator (`certs revoke`), rotated (replaced after `certs rotate`), ca-withdrawn',
  ),
  sallyport_issuer_ca_expiry_timestamp_seconds: gauge(
    [],
    'When the CA certificate that signs expires, Unix time',
  ),
  sallyport_issuer_svid_expiry_timestamp_seconds: gauge([], 'When the issuer’s own SVID expires, Unix time'),
  sallyport_issuer_trust_sequence: gauge(
    [],
    'Sequence number of the published trust; grows with every change',
  ),
  sallyport_issuer_workloads: gauge(
    ['state'],
    'Configured Workload API sockets: served, or without (their SVID could not be issued)',
  ),
  sallyport_issuer_federation_problems: gauge(
    [],
    'Errors that the sources of foreign bundles have now; the last good bundle is told meanwhile',
  ),
  sallyport_issuer_audit_entries_total: counter([], 'Entries of the audit log since it began'),
  sallyport_issuer_audit_suppressed_total: counter(
    [],
    'Refusals that were counted and not audited: the log had enough of them',
  ),
  sallyport_issuer_problems_total: counter([], 'Lines of level error in the issuer’s log'),
  sallyport_log_dropped_total: counter([], 'Log lines dropped because nobody read them fast enough'),
  sallyport_build_info: gauge(['version', 'node'], '1, with the versions of sallyport and Node'),
  process_cpu_seconds_total: counter([], 'CPU time of the process, user and system'),
  process_resident_memory_bytes: gauge([], 'Resident memory of the process'),
  process_start_time_seconds: gauge([], 'Start of the process, Unix time'),
} as const satisfies Readonly<Record<string, MetricInfo>>;

/** A name of the closed list. */
export type IssuerMetric = keyof typeof ISSUER_METRICS;
