// Reads flow records from files and proxies, one line after the other, and hands them to a sink. Nothing is
// kept but counts and the first few faults.
//
//   chunks ─▶ lines ─▶ parse ─▶ time range ─▶ sink
import { type Diagnostic, SallyportError } from '../../core/errors.ts';
import { FAULT_CHARACTERS_MAX, FAULTS_SHOWN_MAX, LINE_BYTES_MAX } from './limits.ts';
import { LineSplitter } from './lines.ts';
import { FlowParser } from './parse.ts';
import type { FlowRecord, LoggedDenial, LoggedRequest } from './record.ts';

/** One file, or one proxy's answer. */
export interface FlowSource {
  readonly name: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Takes what is read. */
export interface FlowSink {
  record(record: FlowRecord): void;
  denial?(denial: LoggedDenial, source: string): void;
  /** Asks for every request of decision logs, and gets no `denial` then. */
  request?(request: LoggedRequest): void;
  /** Records of another proxy may follow. */
  sourceEnds?(): void;
}

/** Records seen in it count; both ends included, milliseconds since the epoch. */
export interface TimeRange {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** All times. */
export const ALL_TIMES: TimeRange = { sinceMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY };

/** What was read so far. */
export interface ReadCounts {
  lines: number;
  /** Records handed on. */
  records: number;
  /** Requests of these. */
  requests: number;
  /** Records outside the time range. */
  outside: number;
  logLines: number;
  badLines: number;
}

type Kind = 'windows' | 'totals';

/** Reads sources one after the other. */
export class FlowReader {
  readonly counts: ReadCounts = {
    lines: 0,
    records: 0,
    requests: 0,
    outside: 0,
    logLines: 0,
    badLines: 0,
  };
  /** The first bad lines. Their text is raw. */
  readonly faults: Diagnostic[] = [];
  readonly #sink: FlowSink;
  readonly #range: TimeRange;
  readonly #parser: FlowParser;
  #kind: Kind | null = null;

  constructor(sink: FlowSink, range: TimeRange = ALL_TIMES) {
    this.#sink = sink;
    this.#range = range;
    this.#parser = new FlowParser({ requests: sink.request !== undefined });
  }

  /** True when the records are totals since the starts of proxies. */
  get totals(): boolean {
    return this.#kind === 'totals';
  }

  /**
   * Reads one source to its end. `progress` is called after each chunk with the bytes read.
   * @throws ERR_FLOWS_MIXED for totals and windows together
   */
  async read({ name, chunks }: FlowSource, progress?: (bytes: number) => void): Promise<void> {
    const lines = new SourceLines(name, this);
    const splitter = new LineSplitter((text) => lines.take(text));
    let bytes = 0;
    for await (const chunk of chunks) {
      splitter.push(chunk);
      bytes += chunk.byteLength;
      progress?.(bytes);
    }
    splitter.end();
    lines.end();
    this.#sink.sourceEnds?.();
  }

  /** One line with a record in it, or a log line, or neither. */
  line(text: string, from: { name: string; number: number; kind: Kind }): void {
    const line = this.#parser.line(text);
    if (line.kind === 'flow') this.#record(line.record, from);
    else if (line.kind === 'fault') this.bad(line.message, text, from);
    else {
      this.counts.logLines++;
      if (line.kind === 'denial') this.#sink.denial?.(line.denial, from.name);
      else if (line.kind === 'request') this.#request(line.request);
    }
  }

  bad(message: string, text: string, { name, number }: { name: string; number: number }): void {
    this.counts.badLines++;
    if (this.faults.length >= FAULTS_SHOWN_MAX) return;
    this.faults.push({
      severity: 'warning',
      code: 'ERR_FLOW_LINE',
      message,
      at: { file: name, line: number, column: 1 },
      text: text.length > FAULT_CHARACTERS_MAX ? `${text.slice(0, FAULT_CHARACTERS_MAX)}...` : text,
    });
  }

  #request(request: LoggedRequest): void {
    if (this.#isOutside(request.record)) this.counts.outside++;
    else this.#sink.request?.(request);
  }

  #isOutside({ firstSeenMs, lastSeenMs }: FlowRecord): boolean {
    return lastSeenMs < this.#range.sinceMs || firstSeenMs > this.#range.untilMs;
  }

  #record(record: FlowRecord, { name, kind }: { name: string; kind: Kind }): void {
    this.#kind ??= kind;
    if (this.#kind !== kind)
      throw new SallyportError(
        'ERR_FLOWS_MIXED',
        `\`${name}\` has ${kind}, what was read before ${this.#kind}`,
        {
          hint: 'what a proxy serves at /flows are totals that hold the windows of its flows.file: read one of both',
        },
      );
    if (this.#isOutside(record)) {
      this.counts.outside++;
      return;
    }
    this.counts.records++;
    this.counts.requests += record.count;
    this.#sink.record(record);
  }
}

/**
 * The lines of one source. A file holds one record a line; what `/flows` serves is a JSON array with one
 * record a line, which is read without taking it whole.
 */
class SourceLines {
  readonly #name: string;
  readonly #reader: FlowReader;
  #number = 0;
  #array: 'none' | 'open' | 'closed' = 'none';
  #first = true;

  constructor(name: string, reader: FlowReader) {
    this.#name = name;
    this.#reader = reader;
  }

  take(raw: string | null): void {
    this.#number++;
    this.#reader.counts.lines++;
    const from = { name: this.#name, number: this.#number };
    if (raw === null) {
      this.#first = false;
      this.#reader.bad(`is longer than ${LINE_BYTES_MAX} bytes`, '', from);
      return;
    }
    const text = raw.trim();
    if (text === '') return;
    if (this.#first && text === '[') this.#array = 'open';
    else if (this.#array === 'open' && text === ']') this.#array = 'closed';
    else if (this.#array === 'closed') this.#reader.bad('stands after the end of the array', text, from);
    else if (this.#array === 'none') this.#reader.line(text, { ...from, kind: 'windows' });
    else this.#reader.line(text.endsWith(',') ? text.slice(0, -1) : text, { ...from, kind: 'totals' });
    this.#first = false;
  }

  end(): void {
    if (this.#array !== 'open') return;
    this.#reader.bad('the array does not end: the answer was cut', '', {
      name: this.#name,
      number: this.#number,
    });
  }
}
