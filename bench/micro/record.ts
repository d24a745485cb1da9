// What recording costs per request: the live recorder's one call, by kind of traffic. Run it: `node
// bench/micro/record.ts`.
import { closeSync, openSync } from 'node:fs';
import { systemClock } from '../../core/clock.ts';
import type { Decision } from '../../policy/request.ts';
import { openSink } from '../../proxy/record/line-sink.ts';
import { LineWriter } from '../../proxy/record/line-writer.ts';
import { createLogger } from '../../proxy/record/logger.ts';
import type { ConnectionRecord, Recorder, RequestRecord } from '../../proxy/record/record.ts';
import { createRecorder, type LiveRecorder, type RecorderOptions } from '../../proxy/record/recorder.ts';

/** One measured kind of traffic. */
export interface RecordFigure {
  readonly name: string;
  /** Nanoseconds of wall time per `recorder.request`: median over turns of 500 calls. */
  readonly ns: number;
  /** Nanoseconds of CPU of the serving thread per call: mean, with garbage collection and the writer. */
  readonly cpuNs: number;
  /** Bytes of garbage per call. */
  readonly bytes: number;
  /** Nanoseconds, or null when none was promised. */
  readonly targetNs: number | null;
}

const ROUNDS = 9;
const CALLS = 100_000;
/** Calls between two turns of the event loop. */
const TURN = 500;

const ALLOW: Decision = {
  verdict: 'allow',
  reason: 'allow-rule',
  rules: ['ns[shop]-policy[cart]-rule[0]'],
  ruleIndexes: [0],
  audit: [],
  dryRun: null,
  denyStatus: 403,
};
const DENY: Decision = { ...ALLOW, verdict: 'deny', reason: 'default-deny', rules: [], ruleIndexes: [] };
const LISTENER = {
  index: 0,
  name: 'inbound',
  direction: 'inbound',
  destinationPort: 8080,
  mtls: 'strict',
} as const;

/** Measures every kind. */
export async function measureRecord(): Promise<RecordFigure[]> {
  const log = { decisions: 'denied', sample: 0.01, fields: {}, redact: [] } as const;
  const kinds: { name: string; targetNs: number | null; log: RecorderOptions['log']; call: Call }[] = [
    { name: 'allowed, one path', targetNs: 600, log, call: allowed(['/items']) },
    { name: 'allowed, 20 paths', targetNs: 600, log, call: allowed(paths(20, (i) => `/api/v1/items${i}`)) },
    {
      name: 'allowed, 10,000 ids',
      targetNs: 1000,
      log,
      call: allowed(paths(10_000, (i) => `/api/v1/items/${i}/price`)),
    },
    { name: 'denied, collapsed', targetNs: null, log, call: denied(['/admin']) },
    // A sampled share of 1 writes a line for each, as a denial that does not collapse does.
    {
      name: 'one log line each',
      targetNs: 4000,
      log: { ...log, decisions: 'sampled', sample: 1 },
      call: allowed(['/items']),
    },
  ];
  const figures: RecordFigure[] = [];
  for (const { name, targetNs, log: config, call } of kinds) {
    const { recorder, done } = open(config);
    figures.push({ name, targetNs, ...(await measure(recorder, call)) });
    await done();
  }
  return figures;
}

type Call = (recorder: Recorder, i: number) => void;

// Two clocks, because each misleads alone: wall time counts the neighbours of a busy machine, and the CPU
// time of a thread advances in ticks of milliseconds, so that it is read once over all rounds and never per
// turn.
async function measure(recorder: Recorder, call: Call): Promise<Omit<RecordFigure, 'name' | 'targetNs'>> {
  const turns: number[] = [];
  let garbage = 0;
  let begin = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    if (round === 1) begin = cpuUs();
    for (let start = 0; start < CALLS; start += TURN) {
      const heap = process.memoryUsage().heapUsed;
      const startMs = performance.now();
      for (let i = start; i < start + TURN; i++) call(recorder, i);
      const ns = ((performance.now() - startMs) * 1e6) / TURN;
      if (round > 0) {
        turns.push(ns);
        garbage += Math.max(0, process.memoryUsage().heapUsed - heap);
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
  const calls = ROUNDS * CALLS;
  turns.sort((a, b) => a - b);
  return {
    ns: turns[turns.length >> 1] ?? 0,
    cpuNs: ((cpuUs() - begin) * 1000) / calls,
    bytes: garbage / calls,
  };
}

function cpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

function allowed(list: readonly string[]): Call {
  return replay(ALLOW, 'GET', 200, list);
}

function denied(list: readonly string[]): Call {
  return replay(DENY, 'POST', 403, list);
}

function replay(decision: Decision, method: string, status: number, list: readonly string[]): Call {
  const record = makeRecord(decision, method, status);
  // As on the data path, where each path is a fresh slice of a head: one string per request, not interned.
  const heads = list.map((path) => Buffer.from(`${method} ${path} HTTP/1.1`).toString('latin1'));
  const end = ' HTTP/1.1'.length;
  return (recorder, i) => {
    const head = heads[i % heads.length] ?? '';
    record.path = head.slice(method.length + 1, head.length - end);
    record.endMs = record.startMs + 1.25;
    recorder.request(record);
  };
}

function paths(n: number, path: (i: number) => string): string[] {
  return Array.from({ length: n }, (_, i) => path(i));
}

function makeRecord(decision: Decision, method: string, status: number): RequestRecord {
  const connection: ConnectionRecord = {
    id: 'c-000001',
    listener: LISTENER,
    principal: 'spiffe://example.org/ns/shop/sa/web',
    local: true,
    sourceIp: '10.0.0.7',
    remoteIp: '10.0.0.7',
    destinationIp: '10.0.1.9',
    sni: 'cart.shop',
    tlsVersion: 'TLSv1.3',
  };
  return {
    connection,
    requestId: '0190c2d4-7e3a-7b11-8f6e-5f3b6a1c2d3e',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    startMs: 1000.5,
    endMs: 1001.75,
    decisionUs: 0.6,
    enforcementUs: 45,
    decision,
    verdict: decision.verdict,
    enforced: true,
    reason: decision.reason,
    policyHash: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    status,
    httpMinor: 1,
    method,
    path: '/',
    host: 'cart.shop:8080',
    bytesIn: 310,
    bytesOut: 1290,
    headerValues: () => undefined,
  };
}

function open(log: RecorderOptions['log']): { recorder: LiveRecorder; done: () => Promise<void> } {
  const fd = openSync('/dev/null', 'w');
  const writer = new LineWriter({ sink: openSink(fd, systemClock), clock: systemClock });
  const recorder = createRecorder({
    listeners: [LISTENER],
    workload: { name: 'cart', namespace: 'shop' },
    log,
    flows: { file: null, intervalMs: 10_000 },
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

if (import.meta.main) {
  for (const { name, ns, cpuNs, bytes, targetNs } of await measureRecord()) {
    const target = targetNs === null ? '' : `  target ${targetNs} ns: ${ns <= targetNs ? 'met' : 'MISSED'}`;
    const figures = [`${ns.toFixed(0)} ns wall`, `${cpuNs.toFixed(0)} ns CPU`, `${bytes.toFixed(0)} B`];
    console.log(name.padEnd(22) + figures.map((figure) => figure.padStart(14)).join('') + target);
  }
}
