// What recording costs per request: the live recorder's one call, by kind of traffic.
import { closeSync, openSync } from 'node:fs';
import { systemClock } from '../../core/clock.ts';
import type { Decision } from '../../policy/request.ts';
import { openSink } from '../../proxy/record/line-sink.ts';
import { LineWriter } from '../../proxy/record/line-writer.ts';
import { createLogger } from '../../proxy/record/logger.ts';
import type { SpanSink } from '../../proxy/record/record.ts';
import { createRecorder, type LiveRecorder, type RecorderOptions } from '../../proxy/record/recorder.ts';
import { createSpanSink } from '../../proxy/record/trace/open-tracing.ts';
import { type Figure, fastestOf, type Task } from './measure.ts';
import { ALLOW, DENY, LISTENER, requestRecord } from './request-records.ts';

/** Calls of one run: between two turns of the event loop, in which the log is written. */
const CALLS = 500;
const TURNS = 400;

const LOG = { decisions: 'denied', sample: 0.01, fields: {}, redact: [] } as const;

interface Kind {
  readonly name: string;
  readonly target?: number;
  readonly log?: RecorderOptions['log'];
  readonly decision?: Decision;
  readonly sampled?: boolean;
  readonly paths: readonly string[];
}

const KINDS: readonly Kind[] = [
  { name: 'allowed, one path', target: 600, paths: ['/items'] },
  { name: 'allowed, 20 paths', target: 600, paths: paths(20, (i) => `/api/v1/items${i}`) },
  { name: 'allowed, 10,000 ids', target: 1_000, paths: paths(10_000, (i) => `/api/v1/items/${i}/price`) },
  { name: 'denied, collapsed', decision: DENY, paths: ['/admin'] },
  // A sampled share of 1 writes a line for each, as a denial that does not collapse does.
  {
    name: 'one log line each',
    target: 4_000,
    log: { ...LOG, decisions: 'sampled', sample: 1 },
    paths: ['/items'],
  },
  { name: 'one span each', target: 8_000, sampled: true, paths: ['/items'] },
];

/** Nanoseconds per request, and the garbage that it leaves. */
export async function recordFigures(turns = TURNS): Promise<Figure[]> {
  const opened = KINDS.map((kind) => ({ kind, ...open(kind) }));
  const runs = opened.map(({ kind, recorder }) => ({ kind, run: replay(kind, recorder) }));
  const figures = await fastestOf(
    runs.map(({ kind: { name, target }, run }): Task => {
      const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
      const task: Task = { name, unit: 'ns', operations: CALLS, before: breathe, run };
      return target === undefined ? task : { ...task, target };
    }),
    turns,
  );
  const garbage = runs.map(({ kind: { name }, run }) => {
    return { name: `${name}: garbage`, value: bytesOf(run) / CALLS, unit: 'B' };
  });
  for (const { done } of opened) await done();
  return [...figures, ...garbage];
}

/** The least of several runs: one that the collector interrupts leaves nothing to count. */
function bytesOf(run: () => void): number {
  const grown = Array.from({ length: 20 }, () => {
    const before = process.memoryUsage().heapUsed;
    run();
    return process.memoryUsage().heapUsed - before;
  });
  return Math.min(...grown.filter((bytes) => bytes > 0));
}

function replay(
  { decision = ALLOW, sampled = false, paths: list }: Kind,
  recorder: LiveRecorder,
): () => void {
  const method = decision === ALLOW ? 'GET' : 'POST';
  const record = requestRecord(decision, { method, status: decision === ALLOW ? 200 : 403 });
  record.sampled = sampled;
  // As on the data path, where each path is a fresh slice of a head: one string per request, not interned.
  const heads = list.map((path) => Buffer.from(`${method} ${path} HTTP/1.1`).toString('latin1'));
  const end = ' HTTP/1.1'.length;
  let next = 0;
  return () => {
    for (let i = 0; i < CALLS; i++) {
      const head = heads[next++ % heads.length] ?? '';
      record.path = head.slice(method.length + 1, head.length - end);
      record.endMs = record.startMs + 1.25;
      recorder.request(record);
    }
  };
}

function paths(n: number, path: (i: number) => string): string[] {
  return Array.from({ length: n }, (_, i) => path(i));
}

/** Spans go to a collector that takes all of them at once. */
function spanSink(): SpanSink {
  return createSpanSink({
    workload: { name: 'cart', namespace: 'shop' },
    labels: {},
    redact: [],
    version: 'bench',
    clock: systemClock,
    logger: createLogger({ lines: { write: () => true }, level: 'error' }),
    random: Math.random,
    intervalMs: 1_000,
    transport: {
      aborted: false,
      send: () => Promise.resolve({ result: 'taken', rejected: 0, message: '' }),
      abort: () => undefined,
    },
  });
}

function open({ log = LOG, sampled = false }: Kind): { recorder: LiveRecorder; done: () => Promise<void> } {
  const fd = openSync('/dev/null', 'w');
  const writer = new LineWriter({ sink: openSink(fd, systemClock), clock: systemClock });
  const recorder = createRecorder({
    listeners: [LISTENER],
    log,
    flows: { file: null, intervalMs: 10_000 },
    spans: sampled ? spanSink() : null,
    writer,
    logger: createLogger({ lines: writer, level: 'info' }),
    clock: systemClock,
    random: Math.random,
    explain: null,
    facts: {
      version: 'bench',
      mode: () => 'enforce',
      policyHash: () => null,
      policyLoadedMs: () => null,
      emergencyRules: () => 0,
      svidExpiryMs: () => null,
      identityAtMs: () => null,
      identityProblems: () => null,
      identityWaitMs: () => null,
    },
  });
  return {
    recorder,
    done: async () => {
      await recorder.close(1000);
      closeSync(fd);
    },
  };
}
