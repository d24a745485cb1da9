// docs/metrics.md from the metric table: docs/generate.ts writes what this returns.
import { METRIC_NAMES, METRICS, type MetricInfo } from '../proxy/record/metric-table.ts';

const INTRODUCTION = `# Metrics

<!-- Generated from proxy/record/metric-table.ts by \`npm run docs\`. Edit the table, not this file. -->

Prometheus text format at \`/metrics\` of the status address. Labels are bounded: never a path, a header or the name of
a stranger. Counters live as long as the process; a policy swap does not reset them. Reasons are those of the decision log.
`;

const SERVICE_LEVELS = `
## Service levels

| level | formula |
|---|---|
| compliance: explicitly allowed of all forwarded | \`sum(rate(sallyport_requests_total{reason="allow-rule"}[5m])) / (sum(rate(sallyport_requests_total{verdict="allow",reason=~"allow-.*"}[5m])) + sum(rate(sallyport_fail_open_total[5m])))\` |
| added latency, 99th percentile | \`histogram_quantile(0.99, sum by (le) (rate(sallyport_enforcement_duration_seconds_bucket[5m])))\` |
| deployment success of policies | \`sum(increase(sallyport_policy_loads_total{result="ok"}[1d])) / sum(increase(sallyport_policy_loads_total[1d]))\` |
| issuance: time left of the SVID, seconds | \`min(sallyport_svid_expiry_timestamp_seconds - time())\` |
| drift: different policies in force among replicas (1 = none) | \`count(count by (hash) (sallyport_policy_info))\` |
| enforcement uptime | \`avg_over_time(sallyport_enforcement_mode{mode="enforce"}[1d])\`, with \`up\` for the time the proxy itself was down |
`;

/** The whole document. */
export function metricsReference(): string {
  const rows = METRIC_NAMES.map((name) => row(name, METRICS[name]));
  return `${INTRODUCTION}
| metric | type | labels | meaning |
|---|---|---|---|
${rows.join('\n')}
${SERVICE_LEVELS}`;
}

function row(name: string, info: MetricInfo): string {
  const labels = info.labels.map((label) => `\`${label}\``).join(' ');
  const buckets = info.buckets === undefined ? '' : `; buckets ${info.buckets.join(', ')}`;
  return `| \`${name}\` | ${info.type} | ${labels} | ${info.help}${buckets} |`;
}
