// Every metric the proxy exposes, one row each: the registry, the render and docs/metrics.md all read this
// table. Labels are bounded: never a path, a header or the name of a stranger.

import { counter, gauge, histogram, type MetricInfo } from '../../core/metrics/table.ts';

/** Seconds; an application's answer takes milliseconds to seconds. */
const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Seconds; the proxy's own share takes tens of microseconds. */
const ENFORCEMENT_BUCKETS = [0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1];

/** The closed list. */
export const METRICS = {
  sallyport_requests_total: counter(
    ['listener', 'verdict', 'reason', 'code'],
    'Requests by verdict, reason and status sent to the caller (0 = none could be sent)',
  ),
  sallyport_rule_hits_total: counter(
    ['rule', 'verdict', 'enforced'],
    'Requests that a rule matched; enforced=false in audit mode and for dry-run and AUDIT rules. ' +
      'The first 1000 rules, the rest as other',
  ),
  sallyport_denied_total: counter(
    ['source', 'reason'],
    'Requests denied, by verified caller: the top 100, the rest and plaintext callers as other',
  ),
  sallyport_request_duration_seconds: histogram(
    ['listener'],
    DURATION_BUCKETS,
    'From the first byte of the request to the last of the response',
  ),
  sallyport_enforcement_duration_seconds: histogram(
    ['listener'],
    ENFORCEMENT_BUCKETS,
    'What the proxy itself adds to a request: total less waiting for peers',
  ),
  sallyport_enforcement_mode: gauge(
    ['listener', 'mode'],
    '1 for the mode that is in force: enforce or audit',
  ),
  sallyport_connections: gauge(
    ['listener', 'state'],
    'Open downstream connections; active = a request is in flight, else idle',
  ),
  sallyport_handshakes_total: counter(
    ['listener', 'result'],
    'TLS handshakes by result: ok, or the reason of the refusal, also of a PROXY header',
  ),
  sallyport_plaintext_requests_total: counter(['listener'], 'Requests that came without TLS'),
  sallyport_bytes_total: counter(
    ['listener', 'direction'],
    'Bytes of requests (in) and responses (out), as exchanged with the caller',
  ),
  sallyport_policy_info: gauge(['hash'], '1 for the hash of the policy in force'),
  sallyport_policy_loads_total: counter(
    ['source', 'result'],
    'Policy loads by source and result: ok or refused',
  ),
  sallyport_policy_last_success_timestamp_seconds: gauge([], 'When a policy load last succeeded, Unix time'),
  sallyport_emergency_rules: gauge([], 'Emergency rules in force'),
  sallyport_svid_expiry_timestamp_seconds: gauge([], 'When the SVID of this workload expires, Unix time'),
  sallyport_identity_wait_seconds: gauge([], 'How long the start waited for the first SVID, or waits now'),
  sallyport_identity_updates_total: counter(
    ['result'],
    'Updates of the identity: ok (any trust domain), or refused (the own one only: the last good set stays)',
  ),
  sallyport_identity_last_update_timestamp_seconds: gauge(
    [],
    'When certificate, key, bundles or CRLs in use last changed, whatever their source, Unix time',
  ),
  sallyport_identity_problems: gauge(
    [],
    'Errors that the sources of identity and bundles have now; the last good state serves meanwhile',
  ),
  sallyport_revocations_total: counter(
    ['listener', 'reason'],
    'Live connections ended because the identity of the caller was withdrawn: revoked, expired, or its bundle gone',
  ),
  sallyport_upstream_errors_total: counter(
    ['listener', 'reason'],
    'Failures of the application behind the proxy, by reason',
  ),
  sallyport_grpc_responses_total: counter(
    ['listener', 'grpc_status'],
    'gRPC calls by their status, 0 to 16, the application’s or ours',
  ),
  sallyport_http2_errors_total: counter(
    ['listener', 'reason'],
    'HTTP/2 connections ended and streams refused because of what the caller did to the protocol, by reason',
  ),
  sallyport_fail_open_total: counter(
    ['listener', 'reason'],
    'Let through although enforcement refuses it: requests in audit mode, connections in grace after expiry',
  ),
  sallyport_log_dropped_total: counter([], 'Log lines dropped because nobody read them fast enough'),
  sallyport_flow_overflow_total: counter([], 'Requests counted in an overflow flow: too many distinct flows'),
  sallyport_flow_file_errors_total: counter([], 'Failed writes to flows.file'),
  sallyport_spans_total: counter(
    ['result'],
    'Spans of sampled requests: exported, dropped (no room, or no time at the end), failed ' +
      '(refused by the collector, or not taken in time). Absent without tracing',
  ),
  sallyport_event_loop_active_seconds_total: counter(
    [],
    'Time the event loop was busy; its rate is the utilization of the one thread that serves',
  ),
  sallyport_build_info: gauge(['version', 'node'], '1, with the versions of sallyport and Node'),
  process_cpu_seconds_total: counter([], 'CPU time of the process, user and system'),
  process_resident_memory_bytes: gauge([], 'Resident memory of the process'),
  process_start_time_seconds: gauge([], 'Start of the process, Unix time'),
  process_open_fds: gauge([], 'Open file descriptors'),
  nodejs_heap_size_used_bytes: gauge([], 'JavaScript heap in use'),
  nodejs_external_memory_bytes: gauge([], 'Memory of buffers and other objects outside the JavaScript heap'),
} as const satisfies Record<string, MetricInfo>;

/** A name of the closed list. */
export type MetricName = keyof typeof METRICS;

/** All names in table order. */
export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[];
