// The proxy's own metrics as the exposition has them.
import { Exposer } from './expose.ts';
import { type Losses, type MetricFacts, readSamples } from './metric-samples.ts';
import { METRICS } from './metric-table.ts';
import type { Metrics } from './metrics.ts';

export type { Exposition } from './expose.ts';

/** Renders all metrics; scrapes that come together share one rendering. */
export class MetricsRender extends Exposer {
  constructor(metrics: Metrics, facts: MetricFacts, losses: () => Losses) {
    super(METRICS, () => readSamples(metrics, facts, losses()));
  }
}
