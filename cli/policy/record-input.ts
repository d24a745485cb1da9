// What the verbs that read recorded traffic share: where it comes from, what is known beside it, and what is
// said about the reading.
import type { Config } from '../../core/config/config.ts';
import { formatDiagnostic } from '../../core/errors.ts';
import type { Policy } from '../../policy/model.ts';
import { READ_FORMATS, type ReadFormat, type UsedFields } from '../../policy/simulate/formats.ts';
import { RecordReader, type TakeRequest } from '../../policy/simulate/read.ts';
import { type KnownWorkload, KnownWorkloads } from '../../policy/simulate/workloads.ts';
import { usage } from '../args.ts';
import { harmless, notice, timeRange } from '../flows/input.ts';
import type { Io } from '../io.ts';
import { Progress } from '../progress.ts';
import { counted, timeOrNull } from '../text.ts';
import { parseLabels } from './explain-request.ts';
import { soleTrustDomain } from './explain-selection.ts';
import type { PolicyArguments, PolicyInput } from './input.ts';
import { peek, type RecordSource, recordSources } from './record-sources.ts';

/** Options of verbs that read recorded traffic, for `parseArgs`. */
export const RECORD_OPTIONS = {
  flows: { type: 'string', multiple: true },
  format: { type: 'string', default: 'auto' },
  workload: { type: 'string', multiple: true },
  since: { type: 'string' },
  until: { type: 'string' },
  strict: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

/** The values of `RECORD_OPTIONS`. */
export interface RecordArguments {
  readonly flows?: readonly string[] | undefined;
  readonly format: string;
  readonly workload?: readonly string[] | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly strict: boolean;
}

/** Recorded traffic that was opened, and what its beginning says. */
export interface RecordInput {
  readonly sources: readonly RecordSource[];
  /** The trust domain that most callers of the first records are of; null when none is named. */
  readonly trustDomain: string | null;
}

const CLUSTER = 'cluster.local';

/** Opens the files of `--flows` and of `files`. @throws ERR_USAGE, ERR_FLOWS_FILE */
export async function openRecords(
  args: RecordArguments,
  files: readonly string[],
  { io, line }: { io: Io; line: string },
): Promise<RecordInput> {
  const [first, ...more] = await recordSources([...(args.flows ?? []), ...files], io);
  if (first === undefined) throw usage('no `--flows` is named', line);
  const peeked = await peek(first);
  return { sources: [peeked.source, ...more], trustDomain: usualTrustDomain(peeked.first) };
}

/** Without a configuration the local trust domain is a guess, and said so. */
export function localTrustDomain(
  args: PolicyArguments,
  { trustDomain }: RecordInput,
  policies: readonly Policy[],
  io: Io,
): string {
  const guess = trustDomain ?? soleTrustDomain(policies) ?? CLUSTER;
  if (args['trust-domain'] === undefined && args.config === undefined)
    notice(io, `the local trust domain is taken to be \`${guess}\`; --trust-domain or --config names it`);
  return args['trust-domain'] ?? guess;
}

/** Reads every source. @throws ERR_FLOWS_FILE, ERR_FLOWS_MIXED */
export async function readRecords(
  args: RecordArguments,
  { sources }: RecordInput,
  from: { io: Io; line: string; uses: UsedFields; take: TakeRequest; workloads: KnownWorkloads },
): Promise<RecordReader> {
  const { io, line, uses, take, workloads } = from;
  const reader = new RecordReader({
    take: (request) => take(workloads.complete(request)),
    uses,
    range: timeRange(args, line),
    format: formatOf(args.format),
  });
  const progress = new Progress(io);
  try {
    for (const source of sources) {
      const { name, bytesMax } = source;
      await reader.read(source, (bytes) => {
        progress.at(name, { lines: reader.counts.lines, bytes, bytesMax });
      });
    }
  } finally {
    progress.end();
  }
  printReading(io, reader);
  return reader;
}

/** `--workload shop/cart:app=cart,tier=web`, and the workload of a configuration. @throws ERR_USAGE */
export function workloadsOf(
  { workload: named = [] }: RecordArguments,
  configured: PolicyInput['workload'],
): KnownWorkloads {
  const own: KnownWorkload[] =
    configured === null ? [] : [{ ...configured, name: configured.serviceAccount ?? '' }];
  return new KnownWorkloads([...own, ...named.map(workloadOf)]);
}

const WORKLOAD_HINT =
  'write NAMESPACE/NAME:KEY=VALUE,…, e.g. `shop/cart:app=cart`, or `shop/cart:` without labels';

function workloadOf(text: string): KnownWorkload {
  const colon = text.indexOf(':');
  const [namespace = '', name = '', ...more] = text.slice(0, Math.max(0, colon)).split('/');
  if (namespace === '' || name === '' || more.length > 0)
    throw usage(`\`--workload ${text}\` is no workload`, WORKLOAD_HINT);
  const labels = text
    .slice(colon + 1)
    .split(',')
    .filter((label) => label !== '');
  return { namespace, name, labels: parseLabels(labels, WORKLOAD_HINT) ?? {} };
}

function formatOf(text: string): ReadFormat {
  const format = READ_FORMATS.find((one) => one === text);
  if (format === undefined)
    throw usage(`\`--format ${text}\` is unknown`, `write one of ${READ_FORMATS.join(', ')}`);
  return format;
}

/** What is to be known about the reading, on standard error. */
function printReading(io: Io, { faults, counts, forgotten }: RecordReader): void {
  for (const fault of faults) io.err(`${formatDiagnostic(harmless(fault))}\n`);
  const more = counts.badLines - faults.length;
  if (more > 0) notice(io, `${counted(more, 'more line')} could not be read`);
  const { outbound } = counts.skipped;
  if (outbound > 0)
    notice(
      io,
      `${counted(outbound, 'record')} of the way out passed over: the called side records the same requests`,
    );
  if (counts.formats.log > 0 && counts.formats.flow > 0)
    notice(
      io,
      'decision log and flow records were both read: of one proxy they tell of the same requests twice',
    );
  if (forgotten > 0)
    notice(
      io,
      `there are so many different requests that reading took longer: they were forgotten ${counted(forgotten, 'time')}`,
    );
}

/** No record at all: exit code 1. */
export function nothingRead(io: Io, { counts }: RecordReader): number {
  const why =
    counts.outside > 0
      ? `${counted(counts.outside, 'record')} are outside the time range`
      : 'there are no lines of a decision log, flow records, access logs or Hubble flows';
  io.err(`nothing to judge: ${why}\n`);
  return 1;
}

/** The reading in JSON answers. */
export function readingJson({ counts, span }: RecordReader, { sources }: RecordInput): object {
  const { lines, bytes, records, outside, badLines, skipped, formats } = counts;
  return {
    sources: sources.map(({ name }) => name),
    ...{ lines, bytes, records, requests: span.requests, outside, badLines, skipped, formats },
    firstSeen: timeOrNull(span.firstMs),
    lastSeen: timeOrNull(span.lastMs),
  };
}

/** The trust domain that the beginning of a file names most. */
function usualTrustDomain(bytes: Uint8Array): string | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const counts = new Map<string, number>();
  for (const [, name = ''] of text.matchAll(/"spiffe:\/\/([a-z0-9._-]{1,255})\//g))
    counts.set(name, (counts.get(name) ?? 0) + 1);
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? null;
}

/** A configuration names the trust domain; nothing is to be guessed then. */
export const isNamed = (args: PolicyArguments, config: Config | null): boolean =>
  args['trust-domain'] !== undefined || config !== null;
