// The live recorder: one call per request updates the metrics, the flow and, where asked for, the decision
// log.
import type { Clock } from '../../core/clock.ts';
import { DecisionLog, type DecisionLogConfig, type Explain } from './decision-log.ts';
import { FlowFile } from './flow-file.ts';
import { Flows } from './flows.ts';
import type { LineWriter } from './line-writer.ts';
import type { Logger } from './logger.ts';
import type { MetricFacts } from './metric-samples.ts';
import { type LoadResult, Metrics } from './metrics.ts';
import { type Exposition, MetricsRender } from './metrics-render.ts';
import type { ListenerRef, Recorder, SpanSink } from './record.ts';

/** What a live recorder is made of. */
export interface RecorderOptions {
  /** In index order. */
  readonly listeners: readonly ListenerRef[];
  readonly log: DecisionLogConfig;
  /** `file`: absolute path, or null. */
  readonly flows: { readonly file: string | null; readonly intervalMs: number };
  /** Null = tracing is off. */
  readonly spans: SpanSink | null;
  readonly writer: LineWriter;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  /** Near misses of a denied request; called at most 20 times a second. Null = no `near` in the log. */
  readonly explain: Explain | null;
  /** What others know and a scrape asks for. */
  readonly facts: MetricFacts;
}

/** A recorder and what is read from it. */
export interface LiveRecorder extends Recorder {
  /** The policies were swapped: their header names are what log lines may show. */
  policySwapped(headerNames: readonly string[]): void;
  policyLoaded(source: string, result: LoadResult): void;
  identityUpdated(result: LoadResult): void;
  /** For `/metrics`. */
  expose(): Promise<Exposition>;
  /** For `/flows`: JSON objects. */
  flowTexts(): Iterable<string>;
  /** Begins the flow interval. */
  start(): void;
  /** Writes the last window, spans and the held counts, then what is buffered, each within `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
}

/** Composes metrics, flows and the decision log. */
export function createRecorder(options: RecorderOptions): LiveRecorder {
  const { clock, writer, logger, spans } = options;
  const metrics = new Metrics(options.listeners);
  const file = options.flows.file === null ? null : openFlowFile(options.flows.file, logger);
  const flows = new Flows({
    clock,
    intervalMs: options.flows.intervalMs,
    lines: file === null ? null : (lines) => file.append(lines),
  });
  const { random } = options;
  const explain = options.explain === null ? null : contained(options.explain, logger);
  const log = new DecisionLog({ config: options.log, lines: writer, clock, random, explain });
  const render = new MetricsRender(metrics, options.facts, () => ({
    logDropped: writer.dropped + log.dropped,
    flowOverflow: flows.overflowed,
    flowFileErrors: file?.errors ?? 0,
    spans: spans?.counts ?? null,
  }));
  return {
    request(record) {
      metrics.request(record);
      const flow = flows.observe(record);
      log.request(record, flow);
      if (spans !== null && record.sampled) spans.request(record, flow.path);
    },
    handshake(listener, result, detail) {
      metrics.handshake(listener, result);
      if (result !== 'ok') log.handshake(listener, result, detail);
    },
    connectionOpened: (listener) => metrics.connectionOpened(listener),
    connectionClosed: (listener) => metrics.connectionClosed(listener),
    connectionActive: (listener, active) => metrics.connectionActive(listener, active),
    upstreamError: (listener, reason) => metrics.upstreamError(listener, reason),
    http2Error: (listener, reason) => metrics.http2Error(listener, reason),
    revoked: (listener, reason) => metrics.revoked(listener, reason),
    failOpen: (listener, reason) => metrics.failedOpen(listener, reason),
    policySwapped: (headerNames) => log.setHeaders(headerNames),
    policyLoaded: (source, result) => metrics.policyLoaded(source, result),
    identityUpdated: (result) => metrics.identityUpdated(result),
    expose: () => render.expose(),
    flowTexts: () => flows.texts(),
    start: () => flows.start(),
    async close(deadlineMs) {
      const exported = spans?.close(deadlineMs); // beside the rest: a collector that hangs holds nothing up
      await flows.stop();
      await file?.close();
      await exported;
      log.close();
      await writer.flush(deadlineMs);
    },
  };
}

/** Records nothing. */
export function createNoopRecorder(): Recorder {
  const nothing = (): void => undefined;
  return {
    request: nothing,
    handshake: nothing,
    connectionOpened: nothing,
    connectionClosed: nothing,
    connectionActive: nothing,
    upstreamError: nothing,
    http2Error: nothing,
    revoked: nothing,
    failOpen: nothing,
  };
}

// The recorder never throws: a defect in explaining costs the explanation, not the request.
function contained(explain: Explain, logger: Logger): Explain {
  return (record) => {
    try {
      return explain(record);
    } catch (error) {
      logger.error('a denial could not be explained', { err: error });
      return [];
    }
  };
}

function openFlowFile(path: string, logger: Logger): FlowFile {
  return new FlowFile(path, (error) => {
    logger.error('flow records cannot be written', { file: path, err: error });
  });
}
