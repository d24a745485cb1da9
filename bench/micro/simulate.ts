// How fast recorded traffic is replayed: lines of the decision log as the proxy writes them, through reading,
// judging by 1,000 rules and counting, on one core. The lines are in memory; what is measured is all but the
// disk.
import { Names } from '../../policy/flows/names.ts';
import { Changes } from '../../policy/simulate/changes.ts';
import { usedFields } from '../../policy/simulate/fields.ts';
import { Outlook } from '../../policy/simulate/outlook.ts';
import { RecordReader } from '../../policy/simulate/read.ts';
import { DecisionLines } from '../../proxy/record/decision-line.ts';
import { PathTemplates } from '../../proxy/record/path-template.ts';
import { Redaction } from '../../proxy/record/redaction.ts';
import { connectionOf, OPTIONS, policiesOf, requestOf } from './decision-rules.ts';
import { type Figure, fastestOf, type Task } from './measure.ts';
import { ALLOW, requestRecord } from './request-records.ts';

const LINES = 50_000;
const CHUNK_BYTES = 1024 * 1024;
const RULES = 1_000;
const START_MS = Date.UTC(2026, 8, 1, 12);
const TURNS = 5;
/** 200,000 lines a second. */
const TARGET_NS = 5_000;

interface Kind {
  readonly name: string;
  /** Kinds of requests. */
  readonly kinds: number;
  /** True: each line has a path of its own. */
  readonly ids: boolean;
  readonly target?: number;
}

const KINDS: readonly Kind[] = [
  { name: '2,000 kinds of requests', kinds: 2_000, ids: false, target: TARGET_NS },
  { name: '50 kinds of requests', kinds: 50, ids: false, target: TARGET_NS },
  { name: 'an id in each path', kinds: 50, ids: true },
];

const REFERENCE = 'JSON.parse of each line, for comparison';

/** Nanoseconds per line, lines per second, and how long the lines are. */
export async function simulateFigures(turns = TURNS, lines = LINES): Promise<Figure[]> {
  const tasks = KINDS.map((kind): Task & { bytes: number } => {
    const chunks = chunksOf(kind, lines);
    const { name, target } = kind;
    const task = {
      name,
      unit: 'ns' as const,
      operations: lines,
      clock: 'cpu' as const,
      run: () => replay(chunks, lines),
    };
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0) / lines;
    return { ...task, ...(target === undefined ? {} : { target }), bytes };
  });
  const texts = chunksOf(KINDS[0]!, lines);
  const reference: Task = {
    ...{ name: REFERENCE, unit: 'ns', operations: lines, clock: 'cpu' },
    run: () => parseEach(texts),
  };
  const figures = await fastestOf([...tasks, reference], turns);
  const speeds = figures.map(({ name, value }) => ({
    name: `${name}: speed`,
    value: 1e9 / value,
    unit: 'lines/s',
  }));
  const lengths = tasks.map(({ name, bytes }) => ({ name: `${name}: line`, value: bytes, unit: 'B' }));
  return [...figures, ...speeds, ...lengths];
}

async function replay(chunks: readonly Buffer[], lines: number): Promise<void> {
  const policies = policiesOf('callers', RULES);
  const templates = new PathTemplates();
  const outlook = new Outlook({ policies, options: OPTIONS, nowMs: START_MS, pathMode: () => 'reject' });
  const changes = new Changes({
    after: outlook,
    before: null,
    names: new Names(OPTIONS.localTrustDomain),
    templateOf: (path) => templates.of(path),
  });
  const reader = new RecordReader({
    take: (request) => changes.take(request),
    uses: usedFields(policies),
    range: { sinceMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY },
    format: 'auto',
  });
  await reader.read({ name: 'bench', chunks: each(chunks) });
  const { same, denied } = changes.totals;
  if (reader.counts.records !== lines || same.requests + denied.requests !== lines || denied.requests === 0)
    throw new Error('the lines were not judged: that is not what is measured');
}

function parseEach(chunks: readonly Buffer[]): void {
  for (const chunk of chunks)
    for (const line of chunk.toString('latin1').split('\n').slice(1, -1)) JSON.parse(line);
}

async function* each(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

function chunksOf(kind: Kind, lines: number): Buffer[] {
  const text = new DecisionLines({ redaction: new Redaction([]), fields: { cluster: 'bench-cluster-1' } });
  const all = Buffer.from(Array.from({ length: lines }, (_, i) => lineOf(kind, text, i)).join(''));
  const chunks: Buffer[] = [];
  for (let at = 0; at < all.length; at += CHUNK_BYTES) chunks.push(all.subarray(at, at + CHUNK_BYTES));
  return chunks;
}

/** One request in ten is of a path that no rule allows; paths with ids are of rules with templates. */
function lineOf({ kinds, ids }: Kind, text: DecisionLines, i: number): string {
  const rule = (ids ? (i % kinds) * 10 + 5 : i % kinds) % RULES;
  const { http } = requestOf(rule, i % 10 !== 9);
  const record = requestRecord(ALLOW, { method: http?.method ?? 'GET', status: 200 });
  record.connection = { ...record.connection, principal: connectionOf('callers', rule).principal };
  record.path = ids ? (http?.path ?? '/').replace('42', String(i)) : (http?.path ?? '/');
  record.requestId = `0190c2d4-7e3a-7b11-8f6e-${i.toString(16).padStart(12, '0')}`;
  record.endMs = record.startMs + 1 + (i % 50) / 7;
  const time = new Date(START_MS + Math.floor(i / 20)).toISOString();
  return `{"time":"${time}",${text.request(record, null)}}\n`;
}
