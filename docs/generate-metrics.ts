// docs/metrics.md from the metric table: docs/generate.ts writes what this returns.
import { ISSUER_METRICS } from '../certs/issuer/metrics/table.ts';
import type { MetricInfo } from '../core/metrics/table.ts';
import { METRIC_NAMES, METRICS } from '../proxy/record/metric-table.ts';

const INTRODUCTION = `# Metrics

<!-- Generated from proxy/record/metric-table.ts and certs/issuer/metrics/table.ts by
     \`npm run docs\`. Edit the tables, not this file. -->

Prometheus text format at \`/metrics\` of the status address.
Labels are bounded: never a path, a header or the name of a stranger. Reasons are those of the decision log.
Counters live as long as the process; a policy swap does not reset them.
`;

/** What each service level is computed from. A formula of several lines is one sum, joined by spaces. */
const SERVICE_LEVELS: readonly { level: string; formula: readonly string[] }[] = [
  {
    level: 'compliance: explicitly allowed of all forwarded',
    formula: [
      'sum(rate(sallyport_requests_total{reason=~"allow-rule|allow-probe"}[5m])) /',
      '(sum(rate(sallyport_requests_total{verdict="allow",reason=~"allow-.*"}[5m]))',
      '+ sum(rate(sallyport_fail_open_total{reason=~"default-deny|deny-rule"}[5m])))',
    ],
  },
  {
    level: 'added latency, 99th percentile, seconds',
    formula: [
      'histogram_quantile(0.99,',
      'sum by (le) (rate(sallyport_enforcement_duration_seconds_bucket[5m])))',
    ],
  },
  {
    level: 'deployment success of policies',
    formula: [
      'sum(increase(sallyport_policy_loads_total{result="ok"}[1d])) /',
      'sum(increase(sallyport_policy_loads_total[1d]))',
    ],
  },
  {
    level: 'issuance: time left of the first SVID to expire, seconds',
    formula: ['min(sallyport_svid_expiry_timestamp_seconds - time())'],
  },
  {
    level: 'drift: different policies in force among replicas; 1 = none',
    formula: ['count(count by (hash) (sallyport_policy_info))'],
  },
  {
    level: 'enforcement uptime; `up` tells when the proxy itself was down',
    formula: ['avg_over_time(sallyport_enforcement_mode{mode="enforce"}[1d])'],
  },
];

/** The whole document. */
export function metricsReference(): string {
  const rows = METRIC_NAMES.map((name) => row(name, METRICS[name]));
  const issuer = Object.entries(ISSUER_METRICS).map(([name, info]) => row(name, info));
  const levels = SERVICE_LEVELS.map(({ level, formula }) => `| ${level} | \`${formula.join(' ')}\` |`);
  return `${INTRODUCTION}
| metric | type | labels | meaning |
|---|---|---|---|
${rows.join('\n')}

## The issuer

At \`/metrics\` of the status address of \`sallyport certs serve\`; see [issuer.md](issuer.md).

| metric | type | labels | meaning |
|---|---|---|---|
${issuer.join('\n')}

## Service levels

| level | formula |
|---|---|
${levels.join('\n')}
`;
}

function row(name: string, info: MetricInfo): string {
  const labels = info.labels.map((label) => `\`${label}\``).join(' ');
  const buckets = info.buckets === undefined ? '' : `; buckets ${info.buckets.join(', ')}`;
  return `| \`${name}\` | ${info.type} | ${labels} | ${info.help}${buckets} |`;
}
