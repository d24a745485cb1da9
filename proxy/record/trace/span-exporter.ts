// Carries spans to the collector: gathered for a while, one export in flight, tried again as the OTLP
// specification says. A collector that is slow or gone costs spans, never a request.
import type { Clock, Timer } from '../../../core/clock.ts';
import type { Logger } from '../logger.ts';
import type { SpanCounts } from '../record.ts';
import type { Outcome, Transport } from './otlp-client.ts';
import { SPAN_LIMITS, type SpanLimits, SpanQueue } from './span-queue.ts';
import { ENVELOPE_TAIL } from './span-text.ts';

// OTLP specification, "OTLP/HTTP Throttling" and "Retry": exponential, with jitter, and an end: what is older
// than half a minute stands in the way of what is new.
const ATTEMPTS_MAX = 5;
const BACKOFF_MS = 1_000;
const BACKOFF_MS_MAX = 16_000;
/** Longest wait that a collector can ask for by Retry-After. */
const RETRY_AFTER_MS_MAX = 300_000;

/** What an exporter is made of. */
export interface ExporterOptions {
  readonly transport: Transport;
  /** What stands before the spans of every export. */
  readonly head: string;
  /** Longest wait of a span for others. */
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly limits?: SpanLimits;
}

/** Takes span texts and exports them. */
export class SpanExporter {
  readonly counts: { -readonly [K in keyof SpanCounts]: SpanCounts[K] } = {
    exported: 0,
    dropped: 0,
    failed: 0,
  };
  readonly #options: ExporterOptions;
  readonly #queue: SpanQueue;
  /** Runs while spans wait and none are in flight. */
  #timer: Timer | null = null;
  #running: Promise<void> | null = null;
  /** Ends the wait before the next attempt. */
  #wake: (() => void) | null = null;
  #closing = false;
  #failing = false;

  constructor(options: ExporterOptions) {
    this.#options = options;
    this.#queue = new SpanQueue(options.limits ?? SPAN_LIMITS);
  }

  /** Queues one span, or drops it when there is no room. */
  add(span: string): void {
    if (this.#closing || !this.#queue.add(span)) {
      this.counts.dropped++;
      return;
    }
    if (this.#running !== null) return;
    if (this.#queue.fillsBatch) this.#start();
    else this.#timer ??= this.#options.clock.after(this.#options.intervalMs, () => this.#start());
  }

  /** Exports what is left without trying again; after `deadlineMs` the rest is dropped. */
  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    this.#timer?.cancel();
    const deadline = this.#options.clock.after(deadlineMs, () => this.#options.transport.abort());
    this.#wake?.();
    await this.#running;
    if (this.#queue.length > 0) await this.#run();
    deadline.cancel();
    this.#options.transport.abort();
  }

  #start(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      // Spans that came meanwhile and fill no batch wait like the first ones.
      if (this.#queue.length > 0 && !this.#closing)
        this.#timer ??= this.#options.clock.after(this.#options.intervalMs, () => this.#start());
    });
  }

  /** One batch, and as many more as are full; all of them at the end. */
  async #run(): Promise<void> {
    do {
      const batch = this.#queue.take();
      await this.#export(batch);
      this.#queue.letGo();
    } while (this.#queue.fillsBatch || (this.#closing && this.#queue.length > 0));
  }

  async #export(batch: readonly string[]): Promise<void> {
    const { transport, head } = this.#options;
    const body = Buffer.from(`${head}${batch.join(',')}${ENVELOPE_TAIL}`, 'utf8');
    for (let attempt = 1; ; attempt++) {
      if (transport.aborted) {
        this.counts.dropped += batch.length;
        return;
      }
      const outcome = await transport.send(body);
      if (outcome.result === 'taken') return this.#taken(batch.length, outcome);
      const last = this.#closing || attempt === ATTEMPTS_MAX || outcome.result === 'refused';
      this.#tell(outcome);
      if (last) {
        this.counts.failed += batch.length;
        return;
      }
      await this.#pause(this.#waitMs(attempt, outcome.retryAfterMs));
    }
  }

  #taken(spans: number, { rejected, message }: Extract<Outcome, { result: 'taken' }>): void {
    const { logger } = this.#options;
    const refused = Math.min(spans, rejected);
    this.counts.failed += refused;
    this.counts.exported += spans - refused;
    if (this.#failing) logger.info('spans are exported again');
    this.#failing = false;
    // OTLP specification, "Partial Success": a message without rejected spans is a warning.
    if (refused > 0 || message !== '')
      logger.warn('the collector took a part of the spans', { refused, message });
  }

  /** Said once, until exports succeed again; the metric has the numbers. */
  #tell({ result, why }: Exclude<Outcome, { result: 'taken' }>): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#options.logger.warn('spans cannot be exported', { why, again: result === 'unavailable' });
  }

  #waitMs(attempt: number, retryAfterMs: number | null): number {
    const backoff = Math.min(BACKOFF_MS * 2 ** (attempt - 1), BACKOFF_MS_MAX);
    // Proxies that lost the same collector do not come back together.
    const ours = backoff * (0.5 + this.#options.random() / 2);
    return Math.max(ours, Math.min(retryAfterMs ?? 0, RETRY_AFTER_MS_MAX));
  }

  #pause(delayMs: number): Promise<void> {
    if (this.#closing) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(delayMs, () => this.#wake?.());
      this.#wake = () => {
        timer.cancel();
        this.#wake = null;
        resolve();
      };
    });
  }
}
