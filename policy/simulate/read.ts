// Reads recorded traffic, one source after the other, and hands each kind of request to a judge once; what
// comes of it is counted. Nothing is kept but counts, what is remembered of kinds, and the first few faults.
//
//   chunks -> lines -> scan -> shape -> path -> time range -> tally
//                                └──── not known: record -> judge
import { type Diagnostic, SallyportError } from '../../core/errors.ts';
import type { FlowSource, TimeRange } from '../flows/read.ts';
import {
  countAt,
  ENVOY_KIND,
  FLOW_KIND,
  formatsOf,
  HUBBLE_KIND,
  KINDS,
  keysOf,
  LOG_KIND,
  PATH_SLOTS,
  pathIn,
  type ReadFormat,
  readRecord,
  TIME_SLOTS,
  type UsedFields,
} from './formats.ts';
import { FAULT_CHARACTERS_MAX, FAULTS_SHOWN_MAX, LINE_BYTES_MAX } from './limits.ts';
import { LineChunks } from './line-chunks.ts';
import type { RecordedPath, RecordedRequest, RecordFormat, Skipped } from './recorded.ts';
import { LineScanner } from './scan.ts';
import { type Shape, ShapeTable } from './shapes.ts';
import { ENVOY, HUBBLE, KEYS, OWN, SLOTS, Values } from './slots.ts';
import { Tally } from './tally.ts';
import { TimeReader } from './time-reader.ts';

/** Where a record stands. */
export interface RecordPlace {
  readonly file: string;
  readonly line: number;
}

/** What is counted of one kind of request with one path; asked again when it was forgotten. */
export type TallyOf = (path: RecordedPath | undefined, at: RecordPlace) => Tally;

/** Takes one kind of request. */
export type TakeRequest = (request: RecordedRequest) => TallyOf;

/** What was read so far. */
export interface ReadCounts {
  lines: number;
  bytes: number;
  records: number;
  outside: number;
  badLines: number;
  readonly skipped: Record<Skipped, number>;
  readonly formats: Record<RecordFormat, number>;
}

const OPEN_LINE = 0x5b;
const CLOSE_LINE = 0x5d;
const COMMA = 0x2c;
const QUOTE = 0x22;
const N = 0x6e; // null

/** Reads sources one after the other. */
export class RecordReader {
  readonly counts: ReadCounts = {
    lines: 0,
    bytes: 0,
    records: 0,
    outside: 0,
    badLines: 0,
    skipped: { 'not-a-request': 0, outbound: 0, reply: 0 },
    formats: { log: 0, flow: 0, envoy: 0, hubble: 0 },
  };
  /** Of all that was handed on. */
  readonly span = new Tally();
  readonly faults: Diagnostic[] = [];
  readonly #take: TakeRequest;
  readonly #range: TimeRange;
  readonly #format: ReadFormat;
  readonly #allowed: readonly RecordFormat[];
  readonly #keys: readonly (readonly number[])[];
  readonly #scanner = new LineScanner(KEYS, SLOTS);
  readonly #shapes = new ShapeTable();
  readonly #skipped = new Map<Tally, Skipped>();
  readonly #time = new TimeReader();
  #file = '';
  #line = 0;
  #array = false;
  #kind: 'windows' | 'totals' | null = null;

  constructor(options: { take: TakeRequest; uses: UsedFields; range: TimeRange; format: ReadFormat }) {
    this.#take = options.take;
    this.#range = options.range;
    this.#format = options.format;
    this.#allowed = formatsOf(options.format);
    this.#keys = keysOf(options.uses);
    for (const why of ['not-a-request', 'outbound', 'reply'] as const) this.#skipped.set(new Tally(), why);
  }

  /** How often the kinds of requests that were seen had to be forgotten: that makes reading slower. */
  get forgotten(): number {
    return this.#shapes.forgotten;
  }

  /**
   * Reads one source to its end. `progress` is called after each chunk with the bytes read.
   * @throws ERR_FLOWS_MIXED for totals and windows together
   */
  async read({ name, chunks }: FlowSource, progress?: (bytes: number) => void): Promise<void> {
    this.#file = name;
    this.#line = 0;
    this.#array = false;
    const lines = new LineChunks((bytes, from, to) => this.#takeLine(bytes, from, to));
    let read = 0;
    for await (const chunk of chunks) {
      lines.push(chunk);
      read += chunk.byteLength;
      this.counts.bytes += chunk.byteLength;
      progress?.(read);
    }
    lines.end();
    if (this.#array) this.#bad('the array does not end: the answer was cut');
  }

  /** One line; `bytes[to]` is a newline. `from` is negative for a line that is too long. */
  #takeLine(bytes: Buffer, from: number, to: number): void {
    this.#line++;
    this.counts.lines++;
    if (from < 0) {
      this.#bad(`is longer than ${LINE_BYTES_MAX} bytes`);
      return;
    }
    let start = from;
    while (start < to && bytes[start]! <= 0x20) start++;
    if (start === to) return;
    let end = this.#scanner.scan(bytes, start);
    if (end < 0) {
      if (!this.#isBracket(bytes, start, to)) this.#bad('is not a JSON object', bytes, start, to);
      return;
    }
    while (bytes[end]! <= 0x20 && end < to) end++;
    if (this.#array && bytes[end] === COMMA) end++;
    while (end < to && bytes[end]! <= 0x20) end++;
    if (end !== to) this.#bad('has text after the JSON object', bytes, start, to);
    else if (this.#scanner.repeated) this.#bad('names a key twice', bytes, start, to);
    else this.#record(bytes, start, to);
  }

  /** What `/flows` serves is an array with one record a line. */
  #isBracket(bytes: Buffer, from: number, to: number): boolean {
    let end = to;
    while (end > from && bytes[end - 1]! <= 0x20) end--;
    if (end !== from + 1) return false;
    if (bytes[from] === OPEN_LINE && !this.#array) this.#array = true;
    else if (bytes[from] === CLOSE_LINE && this.#array) this.#array = false;
    else return false;
    return true;
  }

  #record(bytes: Buffer, from: number, to: number): void {
    const { starts, ends } = this.#scanner;
    const kind = this.#kindOf();
    const format = KINDS[kind];
    if (format === undefined || !this.#allowed.includes(format)) {
      this.#bad(`is no record of \`--format ${this.#format}\``, bytes, from, to);
      return;
    }
    const slot = TIME_SLOTS[kind]!;
    const lastMs = this.#time.read(bytes, starts[slot]!, ends[slot]!);
    const firstMs =
      kind === FLOW_KIND ? this.#time.read(bytes, starts[OWN.firstSeen]!, ends[OWN.firstSeen]!) : lastMs;
    if (lastMs < this.#range.sinceMs || firstMs > this.#range.untilMs) {
      this.counts.outside++;
      return;
    }
    const found = this.#tallyOf(kind, bytes);
    const why = typeof found === 'string' ? undefined : this.#skipped.get(found);
    const counted = kind <= FLOW_KIND && starts[OWN.count]! >= 0;
    const count = counted ? countAt(bytes, starts[OWN.count]!, ends[OWN.count]!) : 1;
    if (typeof found === 'string') this.#bad(found, bytes, from, to);
    else if (why !== undefined) this.counts.skipped[why]++;
    else if (!(firstMs <= lastMs)) this.#bad('has no RFC 3339 time that makes sense', bytes, from, to);
    else if (Number.isNaN(count)) this.#bad('`count` is not a whole number from 1', bytes, from, to);
    else {
      if (kind === FLOW_KIND) this.#sameKind();
      this.counts.records++;
      this.counts.formats[format]++;
      this.span.add(count, firstMs, lastMs);
      found.add(count, firstMs, lastMs);
    }
  }

  #kindOf(): number {
    const { starts } = this.#scanner;
    if (starts[OWN.firstSeen]! >= 0) return FLOW_KIND;
    if (starts[OWN.level]! >= 0) return LOG_KIND;
    if (starts[HUBBLE.flow]! >= 0) return HUBBLE_KIND;
    return starts[ENVOY.startTime]! >= 0 ? ENVOY_KIND : -1;
  }

  /** What is counted of the record that was scanned, or what is wrong with it. */
  #tallyOf(kind: number, bytes: Buffer): Tally | string {
    const { starts, ends, view } = this.#scanner;
    const shapes = this.#shapes;
    shapes.begin(kind);
    const keys = this.#keys[kind]!;
    for (let i = 0; i < keys.length; i++) shapes.take(view, starts[keys[i]!]!, ends[keys[i]!]!);
    // A plaintext peer has no other name than its address.
    if (kind <= FLOW_KIND && bytes[starts[OWN.principal]!] === N)
      shapes.take(view, starts[OWN.sourceIp]!, ends[OWN.sourceIp]!);
    const shape = shapes.find();
    try {
      const path = this.#pathOf(kind, bytes);
      const known = shape?.paths.get(path ?? '');
      if (known !== undefined) return known;
      const asked = shape ?? this.#newShape(KINDS[kind] ?? 'log', bytes);
      return typeof asked === 'string' ? asked : shapes.judge(asked, path);
    } catch (error) {
      if (error instanceof SyntaxError) return 'has a string that is not JSON';
      throw error;
    }
  }

  #newShape(format: RecordFormat, bytes: Buffer): Shape | string {
    const read = readRecord(format, new Values(this.#scanner, bytes));
    if ('fault' in read) return read.fault;
    if ('skipped' in read) {
      const [tally] = [...this.#skipped].find(([, why]) => why === read.skipped) ?? [new Tally()];
      return this.#shapes.add(() => tally);
    }
    const { request } = read;
    const tallyOf = this.#take(request);
    return this.#shapes.add((text) =>
      tallyOf(text === null ? request.path : pathIn(format, text), { file: this.#file, line: this.#line }),
    );
  }

  /** The path as the line has it, without query; null when there is none, or it is part of the shape. */
  #pathOf(kind: number, bytes: Buffer): string | null {
    const slot = PATH_SLOTS[kind]!;
    if (slot < 0) return null;
    const { starts, ends, special } = this.#scanner;
    const from = starts[slot]!;
    if (from < 0 || bytes[from] !== QUOTE) return null;
    const text =
      special[slot] === 0
        ? bytes.toString('latin1', from + 1, ends[slot]! - 1)
        : String(JSON.parse(bytes.toString('utf8', from, ends[slot])));
    const query = text.indexOf('?');
    return query < 0 ? text : text.slice(0, query);
  }

  #sameKind(): void {
    const kind = this.#array ? 'totals' : 'windows';
    this.#kind ??= kind;
    if (this.#kind === kind) return;
    throw new SallyportError(
      'ERR_FLOWS_MIXED',
      `\`${this.#file}\` has ${kind}, what was read before ${this.#kind}`,
      {
        hint: 'what a proxy serves at /flows are totals that hold the windows of its flows.file: read one of both',
      },
    );
  }

  #bad(message: string, bytes: Buffer | null = null, from = 0, to = 0): void {
    this.counts.badLines++;
    if (this.faults.length >= FAULTS_SHOWN_MAX) return;
    const cut = Math.min(to, from + FAULT_CHARACTERS_MAX);
    const text = bytes === null ? '' : `${bytes.toString('utf8', from, cut)}${cut < to ? '...' : ''}`;
    this.faults.push({
      severity: 'warning',
      code: 'ERR_FLOW_LINE',
      message,
      at: { file: this.#file, line: this.#line, column: 1 },
      text,
    });
  }
}
