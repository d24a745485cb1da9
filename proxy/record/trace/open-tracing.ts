// Tracing as a whole: sampled requests become spans, spans go to the collector. Imported only when the
// configuration asks for it, before any traffic: loading undici stops the one thread for a tenth of a second.
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../../core/clock.ts';
import type { TracingConfig } from '../../../core/config/config.ts';
import { errorCode, SallyportError } from '../../../core/errors.ts';
import type { Logger } from '../logger.ts';
import type { RequestRecord, SpanSink, WorkloadName } from '../record.ts';
import { Redaction } from '../redaction.ts';
import { OtlpClient, type Transport } from './otlp-client.ts';
import { SpanExporter } from './span-exporter.ts';
import { envelopeHead, SpanTexts, serviceResource } from './span-text.ts';

/** What spans are made of besides the requests. */
export interface TracingOptions {
  readonly workload: WorkloadName;
  readonly labels: Readonly<Record<string, string>>;
  /** `log.redact`. */
  readonly redact: readonly string[];
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

/** Opens the way to the collector; nothing is sent before the first span. @throws ERR_TRACING_CA */
export async function openTracing(config: TracingConfig, options: TracingOptions): Promise<SpanSink> {
  const { clock, version } = options;
  const { endpoint, headers, timeout: timeoutMs } = config;
  const ca = config.ca === null ? null : await readCa(config.ca);
  const transport = new OtlpClient({ endpoint, headers, ca, timeoutMs, version, clock });
  return createSpanSink({ ...options, transport, intervalMs: config.interval });
}

/** The sink on any transport. */
export function createSpanSink(
  options: TracingOptions & { readonly transport: Transport; readonly intervalMs: number },
): SpanSink {
  const { workload, labels, version, clock } = options;
  const exporter = new SpanExporter({
    ...options,
    head: envelopeHead(serviceResource(workload, labels), version),
  });
  const texts = new SpanTexts(new Redaction(options.redact));
  const wall = new WallTime(clock);
  return {
    counts: exporter.counts,
    request(record: RequestRecord, template: string): void {
      const offsetMs = wall.offsetMs();
      const times = { startMs: record.startMs + offsetMs, endMs: record.endMs + offsetMs };
      exporter.add(texts.span(record, template, times));
    },
    close: (deadlineMs) => exporter.close(deadlineMs),
  };
}

/** What a clock that was set back shows at least. */
const SET_BACK_MS = 2;

/** Wall less monotonic time, finer than the milliseconds that the wall clock counts in. */
class WallTime {
  readonly #clock: Clock;
  #offsetMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  offsetMs(): number {
    // The wall clock is cut to whole milliseconds: of many readings the largest is nearest to the truth.
    const seen = this.#clock.now() - this.#clock.monotonicMs();
    if (seen > this.#offsetMs || seen < this.#offsetMs - SET_BACK_MS) this.#offsetMs = seen;
    return this.#offsetMs;
  }
}

async function readCa(file: string): Promise<string> {
  try {
    const pem = await readFile(file, 'latin1');
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  } catch (error) {
    const code = errorCode(error);
    throw caError(`\`${file}\` cannot be read: ${code}`, error);
  }
  throw caError(`\`${file}\` holds no certificate in PEM`);
}

function caError(what: string, cause?: unknown): SallyportError {
  return new SallyportError('ERR_TRACING_CA', `tracing.ca: ${what}`, {
    hint: 'name the CA certificates of the collector, or remove the key',
    cause,
  });
}
