// How a metric is described and read: every table of metrics has rows of this form, and so have the
// references made from them.

/** One metric family. `buckets` are upper bounds in the metric's unit, ascending. */
export interface MetricInfo {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  readonly buckets?: readonly number[];
}

/** One sample; `metricName` differs from the family's for the parts of a histogram. */
export interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A value that only grows. */
export const counter = (labels: readonly string[], help: string): MetricInfo => ({
  type: 'counter',
  labels,
  help,
});

/** A value of this moment. */
export const gauge = (labels: readonly string[], help: string): MetricInfo => ({
  type: 'gauge',
  labels,
  help,
});

/** A distribution. */
export const histogram = (
  labels: readonly string[],
  buckets: readonly number[],
  help: string,
): MetricInfo => ({ type: 'histogram', labels, help, buckets });
