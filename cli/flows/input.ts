// What the `flows` verbs share: where records come from, which of them count, and what is said about the
// reading.
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseDuration } from '../../core/config/values.ts';
import { type Diagnostic, errorCode, formatDiagnostic, SallyportError } from '../../core/errors.ts';
import { parseTrustDomain } from '../../core/spiffe-id.ts';
import type { Rest } from '../../policy/flows/bounded.ts';
import type { Edge } from '../../policy/flows/edges.ts';
import { guessTrustDomain, Names } from '../../policy/flows/names.ts';
import { FlowReader, type FlowSink, type FlowSource, type TimeRange } from '../../policy/flows/read.ts';
import { parseRfc3339 } from '../../policy/rfc3339.ts';
import { usage } from '../args.ts';
import type { Io } from '../io.ts';
import { Progress } from '../progress.ts';
import { counted, jsonText, printable, shortTime, timeOrNull } from '../text.ts';
import { adminFlows, parseAdmin } from './admin.ts';

/** Options every `flows` verb takes, for `parseArgs`. */
export const FLOWS_OPTIONS = {
  flows: { type: 'string', multiple: true },
  admin: { type: 'string', multiple: true },
  since: { type: 'string' },
  until: { type: 'string' },
  'trust-domain': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;

/** The values of `FLOWS_OPTIONS`. */
export interface FlowsArguments {
  readonly flows?: readonly string[] | undefined;
  readonly admin?: readonly string[] | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly 'trust-domain'?: string | undefined;
}

/** What was read, beside what the sink got. */
export interface FlowsRead {
  readonly reader: FlowReader;
  readonly range: TimeRange;
  readonly sources: readonly string[];
}

interface Opened extends FlowSource {
  readonly bytesMax: number | null;
}

const READ_BYTES = 1024 * 1024;

/**
 * Reads every source into `sink`, and prints what is to be said about bad lines. `files`: positional ones.
 * @throws ERR_USAGE, ERR_FLOWS_FILE, ERR_FLOWS_ADMIN, ERR_FLOWS_MIXED
 */
export async function readFlows(
  args: FlowsArguments,
  files: readonly string[],
  { io, sink, line }: { io: Io; sink: FlowSink; line: string },
): Promise<FlowsRead> {
  const range = timeRange(args, line);
  const sources = await openSources([...(args.flows ?? []), ...files], args.admin ?? [], io);
  if (sources.length === 0) throw usage('neither `--flows` nor `--admin` is named', line);
  const reader = new FlowReader(sink, range);
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
  printFaults(io, reader);
  if (reader.totals && (args.since ?? args.until) !== undefined)
    notice(io, 'records of /flows are totals since a proxy began: those seen in the time range count whole');
  return { reader, range, sources: sources.map(({ name }) => name) };
}

/** Names as `--trust-domain` or the records suggest. @throws ERR_SPIFFE_ID */
export function namesFor(args: FlowsArguments, edges: Iterable<Edge>, io: Io): Names {
  const given = args['trust-domain'];
  if (given !== undefined) return new Names(parseTrustDomain(given));
  const { trustDomain, others } = guessTrustDomain(edges);
  if (others.length > 0)
    notice(
      io,
      `callers are of ${others.length + 1} trust domains; \`${trustDomain}\` is taken for the own one, --trust-domain names it`,
    );
  return new Names(trustDomain);
}

/** The frame of every JSON answer. */
export function jsonAnswer(
  view: string,
  read: FlowsRead,
  answer: { names: Names; rows: readonly unknown[]; rest: Rest } & Readonly<Record<string, unknown>>,
): string {
  const { reader, range, sources } = read;
  const { names, rows, rest, ...more } = answer;
  return jsonText({
    view,
    trustDomain: names.trustDomain,
    since: timeOrNull(range.sinceMs),
    until: timeOrNull(range.untilMs),
    read: { sources, records: reader.totals ? 'totals' : 'windows', ...countsOf(reader) },
    ...more,
    rows,
    rest: { records: rest.records, requests: rest.requests },
  });
}

function countsOf({ counts }: FlowReader): object {
  const { lines, records, requests, outside, logLines, badLines } = counts;
  return { lines, recordsRead: records, requests, recordsOutside: outside, logLines, badLines };
}

/** Nothing to show: exit code 1. */
export function nothingFound(io: Io, { reader }: FlowsRead): number {
  const { outside, logLines } = reader.counts;
  const why =
    outside > 0
      ? `${counted(outside, 'record')} are outside the time range`
      : logLines > 0
        ? 'there are log lines only; the proxy writes records to `flows.file`'
        : 'the proxy writes records to `flows.file` at the end of every `flows.interval`';
  io.err(`no flow records: ${why}\n`);
  return 1;
}

/** What had no room is told, never dropped in silence. */
export function printRest(io: Io, rest: Rest, what: string): void {
  if (rest.records === 0) return;
  notice(io, `${counted(rest.requests, 'request')} are not shown: there are too many different ${what}`);
}

export function notice(io: Io, text: string): void {
  io.err(`notice: ${printable(text)}\n`);
}

/** One line about the time that views are of. */
export function rangeText({ range }: FlowsRead): string {
  const since = Number.isFinite(range.sinceMs) ? ` since ${shortTime(range.sinceMs)}` : '';
  return `${since}${Number.isFinite(range.untilMs) ? ` until ${shortTime(range.untilMs)}` : ''}`;
}

/** `--since` and `--until` as times. @throws ERR_USAGE */
export function timeRange(
  { since, until }: Pick<FlowsArguments, 'since' | 'until'>,
  line: string,
): TimeRange {
  const nowMs = Date.now();
  const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : momentOf('since', since, nowMs);
  const untilMs = until === undefined ? Number.POSITIVE_INFINITY : momentOf('until', until, nowMs);
  if (sinceMs > untilMs) throw usage('`--since` is after `--until`', line);
  return { sinceMs, untilMs };
}

/** `2h` = two hours ago, or an RFC 3339 time. */
function momentOf(option: string, text: string, nowMs: number): number {
  const ms = parseRfc3339(text);
  if (ms !== null) return ms;
  const duration = parseDuration(text);
  if ('value' in duration) return nowMs - duration.value;
  throw usage(
    `\`--${option} ${text}\` is no time`,
    'write how long ago, e.g. `90s` or `2h`, or an RFC 3339 time, e.g. `2026-09-01T12:00:00Z`',
  );
}

async function openSources(
  files: readonly string[],
  admins: readonly string[],
  io: Io,
): Promise<readonly Opened[]> {
  const seen = new Set<string>();
  const once = (key: string, name: string): void => {
    if (seen.has(key)) throw usage(`\`${name}\` is named twice`, 'its requests would count twice');
    seen.add(key);
  };
  const opened: Opened[] = [];
  for (const file of files) {
    if (file === '-') {
      once('-', 'standard input');
      opened.push({ name: file, chunks: process.stdin, bytesMax: null });
      continue;
    }
    const { path, bytesMax } = await fileFacts(file, io);
    once(path, file);
    opened.push({ name: file, chunks: fileChunks(file, path), bytesMax });
  }
  for (const admin of admins) {
    const address = parseAdmin(admin);
    once(`admin ${address.host}:${address.port}`, admin);
    opened.push({ name: `http://${admin}/flows`, chunks: adminFlows(address), bytesMax: null });
  }
  return opened;
}

/** The real path of a file, and its size when it has one. @throws ERR_FLOWS_FILE */
export async function fileFacts(file: string, io: Io): Promise<{ path: string; bytesMax: number | null }> {
  try {
    const path = await realpath(resolve(io.cwd, file));
    const facts = await stat(path);
    if (!facts.isDirectory()) return { path, bytesMax: facts.isFile() ? facts.size : null };
  } catch (cause) {
    throw unreadable(file, cause);
  }
  throw new SallyportError('ERR_FLOWS_FILE', `\`${file}\` is a folder`, { hint: 'name the files in it' });
}

async function* fileChunks(file: string, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: READ_BYTES });
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

/** A file that cannot be read, in words. */
export function unreadable(file: string, cause: unknown): SallyportError {
  const code = errorCode(cause);
  const what = code === 'ENOENT' ? 'does not exist' : `cannot be read: ${code}`;
  return new SallyportError('ERR_FLOWS_FILE', `\`${file}\` ${what}`, {
    hint: 'name a file with flow records (`flows.file` of the configuration), or `-` for standard input',
    cause,
  });
}

function printFaults(io: Io, { faults, counts }: FlowReader): void {
  for (const fault of faults) io.err(`${formatDiagnostic(harmless(fault))}\n`);
  const more = counts.badLines - faults.length;
  if (more > 0) notice(io, `${counted(more, 'more line')} could not be read`);
}

/** The offending line is a stranger's text. */
export function harmless(fault: Diagnostic): Diagnostic {
  return fault.text === undefined ? fault : { ...fault, text: printable(fault.text) };
}
