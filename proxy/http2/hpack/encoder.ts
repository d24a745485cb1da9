// Encodes header blocks (RFC 7541) from lines of HTTP/1.1. A line that comes a second time goes into the
// dynamic table; one that never comes again does not push out those that do.
import type { Output } from '../output.ts';
import { DynamicTable } from './dynamic-table.ts';
import {
  ENTRY_EXTRA_BYTES,
  type Field,
  LINE_EXTRA_BYTES,
  valueEnd,
  valueStart,
  writeLineEnd,
  writeSeparator,
} from './field.ts';
import { DYNAMIC_FIRST, STATIC_FIELDS } from './static-table.ts';

/** Most that our encoder's table takes, whatever the peer allows. */
const TABLE_BYTES_MAX = 4_096;
/** A line larger than this share of the table would push out too much. */
const ENTRY_SHARE_MAX = 4;
/** Lines that are remembered as having come once. */
const SEEN_SLOTS = 64;
/** Numbers of entries that are gone are thrown away when so many are kept. */
const NUMBERS_MAX = 512;

const INDEXED = 0x80;
const INCREMENTAL = 0x40;
const SIZE_UPDATE = 0x20;
const NEVER_INDEXED = 0x10;
const NOT_INDEXED = 0x00;
const CAPITAL_A = 0x41;
const CAPITAL_Z = 0x5a;

/**
 * One field: name and value are ranges of `source`; the name may have capital letters, which are not sent.
 */
export interface EncodableField {
  source: Uint8Array;
  /** Where the name is, when that is not `source`. */
  name: Uint8Array | null;
  nameStart: number;
  nameEnd: number;
  valueStart: number;
  valueEnd: number;
  /** RFC 7541 section 7.1.3: never in a table, here or further on. */
  sensitive: boolean;
}

export class HpackEncoder {
  private readonly table = new DynamicTable(TABLE_BYTES_MAX);
  /** By hash of the line: the number of the entry that has it. */
  private readonly numbers = new Map<number, number>();
  private readonly seen = new Int32Array(SEEN_SLOTS);
  /** A smaller maximum that the decoder has not been told of; -1 = none. */
  private update = -1;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  set tableSizeMax(size: number) {
    const wanted = Math.min(size, TABLE_BYTES_MAX);
    if (wanted === this.table.sizeMax) return;
    this.table.resize(wanted);
    // RFC 7541 section 4.2: the smallest size in between is told, too. A table that stays small needs one.
    this.update = this.update < 0 ? wanted : Math.min(this.update, wanted);
  }

  /** Begins a block. */
  begin(out: Output): void {
    if (this.update < 0) return;
    writeInteger(out, SIZE_UPDATE, 5, this.update);
    if (this.update < this.table.sizeMax) writeInteger(out, SIZE_UPDATE, 5, this.table.sizeMax);
    this.update = -1;
  }

  /** Appends one field of the block. */
  field(out: Output, field: EncodableField): void {
    const nameHash = hashName(field.name ?? field.source, field.nameStart, field.nameEnd);
    if (field.sensitive) return literal(out, NEVER_INDEXED, field, nameHash);
    const hash = hashValue(nameHash, field.source, field.valueStart, field.valueEnd);
    const index = this.find(hash, field);
    if (index > 0) return writeInteger(out, INDEXED, 7, index);
    if (!this.cameBefore(hash) || sizeOf(field) * ENTRY_SHARE_MAX > this.table.sizeMax)
      return literal(out, NOT_INDEXED, field, nameHash);
    literal(out, INCREMENTAL, field, nameHash);
    this.add(hash, field);
  }

  /** The index of the whole line, 0 when no table has it. */
  private find(hash: number, field: EncodableField): number {
    const number = this.numbers.get(hash);
    if (number !== undefined) {
      const entry = this.table.get(this.table.added - number);
      if (entry !== undefined && equals(entry, field)) return DYNAMIC_FIRST + this.table.added - number;
    }
    const index = STATIC_LINES.get(hash);
    const entry = index === undefined ? undefined : STATIC_FIELDS[index - 1];
    return entry !== undefined && equals(entry, field) ? (index ?? 0) : 0;
  }

  private cameBefore(hash: number): boolean {
    const slot = hash & (SEEN_SLOTS - 1);
    if (this.seen[slot] === hash) return true;
    this.seen[slot] = hash;
    return false;
  }

  private add(hash: number, field: EncodableField): void {
    if (this.table.add(lineOf(field)) === null) return;
    if (this.numbers.size >= NUMBERS_MAX) this.forgetEvicted();
    this.numbers.set(hash, this.table.added);
  }

  private forgetEvicted(): void {
    const oldest = this.table.added - this.table.length;
    for (const [hash, number] of this.numbers) if (number <= oldest) this.numbers.delete(hash);
  }
}

/** The index of each name that the static table has, by its hash. */
const STATIC_NAMES = new Map(
  STATIC_FIELDS.map(
    (field, i) => [hashName(field.source, field.start, field.nameEnd), i + 1] as const,
  ).reverse(),
);

/** The index of each line of the static table whose value says something, by its hash. */
const STATIC_LINES = new Map(
  STATIC_FIELDS.flatMap((field, i) => {
    if (valueStart(field) === valueEnd(field)) return [];
    const name = hashName(field.source, field.start, field.nameEnd);
    return [[hashValue(name, field.source, valueStart(field), valueEnd(field)), i + 1] as const];
  }),
);

function literal(out: Output, form: number, field: EncodableField, nameHash: number): void {
  const { source, nameStart, nameEnd } = field;
  const name = field.name ?? source;
  const prefix = form === INCREMENTAL ? 6 : 4;
  const index = STATIC_NAMES.get(nameHash);
  const entry = index === undefined ? undefined : STATIC_FIELDS[index - 1];
  if (index !== undefined && entry !== undefined && sameName(entry, field))
    writeInteger(out, form, prefix, index);
  else {
    out.byte(form);
    writeInteger(out, 0, 7, nameEnd - nameStart);
    const at = out.reserve(nameEnd - nameStart);
    for (let i = nameStart; i < nameEnd; i++) out.bytes[at + i - nameStart] = lower(name[i] ?? 0);
  }
  writeInteger(out, 0, 7, field.valueEnd - field.valueStart);
  out.copy(source, field.valueStart, field.valueEnd);
}

/** RFC 7541 section 5.1. */
function writeInteger(out: Output, form: number, prefix: 4 | 5 | 6 | 7, value: number): void {
  const full = (1 << prefix) - 1;
  if (value < full) return out.byte(form | value);
  out.byte(form | full);
  let rest = value - full;
  for (; rest >= 0x80; rest >>= 7) out.byte((rest & 0x7f) | 0x80);
  out.byte(rest);
}

function lineOf(field: EncodableField): Field {
  const { source, nameStart, nameEnd, valueStart: from, valueEnd: to } = field;
  const name = field.name ?? source;
  const length = nameEnd - nameStart;
  const line = Buffer.allocUnsafe(length + to - from + LINE_EXTRA_BYTES);
  for (let i = 0; i < length; i++) line[i] = lower(name[nameStart + i] ?? 0);
  const valueAt = writeSeparator(line, length);
  line.set(source.subarray(from, to), valueAt);
  writeLineEnd(line, line.length - 2);
  const whole = { source: line, start: 0, end: line.length, nameEnd: length };
  return { ...whole, kind: 0, malformed: false, sensitive: false };
}

const sizeOf = (field: EncodableField): number =>
  field.nameEnd - field.nameStart + field.valueEnd - field.valueStart + ENTRY_EXTRA_BYTES;

function equals(entry: Field, field: EncodableField): boolean {
  if (!sameName(entry, field)) return false;
  const from = valueStart(entry);
  const length = valueEnd(entry) - from;
  if (length !== field.valueEnd - field.valueStart) return false;
  for (let i = 0; i < length; i++)
    if (entry.source[from + i] !== field.source[field.valueStart + i]) return false;
  return true;
}

function sameName(entry: Field, field: EncodableField): boolean {
  const length = entry.nameEnd - entry.start;
  const name = field.name ?? field.source;
  if (length !== field.nameEnd - field.nameStart) return false;
  for (let i = 0; i < length; i++) {
    const c = name[field.nameStart + i] ?? 0;
    const wanted = entry.source[entry.start + i];
    if (c !== wanted && lower(c) !== wanted) return false;
  }
  return true;
}

// FNV-1a; an attacker who finds collisions makes lines that are not found, no more. PERF: a name is hashed
// without the bit of the case. Marks lose it, too, but to ask of each byte whether it is a letter costs more.
function hashName(source: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ ((source[i] ?? 0) | 0x20), 0x01000193);
  return hash;
}

function hashValue(nameHash: number, source: Uint8Array, start: number, end: number): number {
  let hash = Math.imul(nameHash ^ 0x3a, 0x01000193);
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (source[i] ?? 0), 0x01000193);
  return hash;
}

function lower(c: number): number {
  return c >= CAPITAL_A && c <= CAPITAL_Z ? c | 0x20 : c;
}
