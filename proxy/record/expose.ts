// The Prometheus exposition: prom-client's registry writes the text, fed with samples read at the scrape.
// PERF: only the registry of prom-client is loaded, and only at the first scrape. The whole package costs
// 45-70 ms on the one thread and 17 MB (pushgateway, cluster, OpenTelemetry API); this part 2 ms and 3 MB.
import { createRequire } from 'node:module';
import type { MetricInfo, Sample } from '../../core/metrics/table.ts';

/** One scrape's answer. */
export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** What is used of prom-client's registry. */
interface Registry {
  readonly contentType: string;
  registerMetric(metric: { name: string; get(): Promise<Family> }): void;
  metrics(): Promise<string>;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Sample[];
}

/** Samples by family. */
export type FamilySamples = ReadonlyMap<string, readonly Sample[]>;

/** Renders a table of metrics; scrapes that come together share one rendering. */
export class Exposer {
  readonly #table: Readonly<Record<string, MetricInfo>>;
  readonly #read: () => Promise<FamilySamples>;
  #registry: Registry | null = null;
  #samples: FamilySamples = new Map();
  #running: Promise<Exposition> | null = null;

  constructor(table: Readonly<Record<string, MetricInfo>>, read: () => Promise<FamilySamples>) {
    this.#table = table;
    this.#read = read;
  }

  /** The text format of every family that has a sample. */
  expose(): Promise<Exposition> {
    this.#running ??= this.#render().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #render(): Promise<Exposition> {
    this.#registry ??= this.#register();
    this.#samples = await this.#read();
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #register(): Registry {
    const Constructor: new () => Registry = createRequire(import.meta.url)('prom-client/lib/registry.js');
    const registry = new Constructor();
    for (const [name, { help, type }] of Object.entries(this.#table)) {
      const family = (): Family => ({ name, help, type, values: this.#samples.get(name) ?? [] });
      registry.registerMetric({ name, get: async () => family() });
    }
    return registry;
  }
}
