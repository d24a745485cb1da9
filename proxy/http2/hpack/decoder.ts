// Decodes header blocks (RFC 7541 sections 3 and 6). A field is handed on as a line of HTTP/1.1; what the
// lines mean together is for others to say.
import { Buffer } from 'node:buffer';
import { DynamicTable } from './dynamic-table.ts';
import {
  emptyField,
  type Field,
  isName,
  isValue,
  kindOf,
  LINE_EXTRA_BYTES,
  writeLineEnd,
  writeSeparator,
} from './field.ts';
import { decodeHuffman } from './huffman.ts';
import { DYNAMIC_FIRST, STATIC_FIELDS } from './static-table.ts';

/** Gets the fields of a block in order. `field` is valid during the call. */
export interface FieldSink {
  field(field: Field): void;
}

/** What our SETTINGS_HEADER_TABLE_SIZE says: the default of RFC 9113 section 6.5.2. */
export const TABLE_BYTES = 4_096;

const INDEXED = 0x80;
const INCREMENTAL = 0x40;
const SIZE_UPDATE = 0x20;
const NEVER_INDEXED = 0x10;
const HUFFMAN = 0x80;
/** RFC 7541 section 5.1 wants a limit: no length or index here needs more than 21 bits. */
const INTEGER_BYTES_MAX = 3;
const SCRATCH_BYTES_AT_FIRST = 4_096;
const NONE = Buffer.alloc(0);

/**
 * Where the text of a literal is written until it is handed on. One serves all connections: none keeps it.
 */
export class Scratch {
  bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES_AT_FIRST);

  reserve(length: number): void {
    if (length <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.bytes.length));
    this.bytes.copy(larger);
    this.bytes = larger;
  }
}

export class HpackDecoder {
  private readonly table = new DynamicTable(TABLE_BYTES);
  private readonly scratch: Scratch;
  private readonly literal: Field;
  private block: Buffer = NONE;
  private at = 0;
  private end = 0;
  private broken = false;

  constructor(scratch: Scratch) {
    this.scratch = scratch;
    this.literal = emptyField(scratch.bytes);
  }

  /**
   * Decodes the whole block `block[start, end)` into `sink`; false when it is no header block, which ends the
   * connection (RFC 9113 section 4.3: COMPRESSION_ERROR).
   */
  decode(block: Buffer, start: number, end: number, sink: FieldSink): boolean {
    this.block = block;
    this.at = start;
    this.end = end;
    this.broken = false;
    let updates = true;
    while (this.at < end && !this.broken) {
      const first = block[this.at] ?? 0;
      if (first >= INDEXED) this.indexed(sink);
      else if (first >= INCREMENTAL) this.literalField(6, sink);
      else if (first < SIZE_UPDATE) this.literalField(4, sink);
      else if (updates) {
        // RFC 7541 section 4.2: at the beginning of a block, and not above our setting.
        if (!this.table.resize(this.integer(5))) this.broken = true;
        continue;
      } else this.broken = true;
      updates = false;
    }
    this.block = NONE; // else an idle connection keeps the last piece that it read
    return !this.broken;
  }

  private indexed(sink: FieldSink): void {
    const field = this.entry(this.integer(7));
    if (field === undefined) this.broken = true;
    else sink.field(field);
  }

  private entry(index: number): Field | undefined {
    return index < DYNAMIC_FIRST ? STATIC_FIELDS[index - 1] : this.table.get(index - DYNAMIC_FIRST);
  }

  private literalField(prefix: 4 | 6, sink: FieldSink): void {
    const { literal } = this;
    const first = this.block[this.at] ?? 0;
    const index = this.integer(prefix);
    let to: number;
    let wellFormed = true;
    if (index === 0) {
      to = this.text(0);
      literal.kind = kindOf(this.scratch.bytes, 0, to);
      wellFormed = isName(this.scratch.bytes, 0, to);
    } else {
      const name = this.entry(index);
      if (name === undefined) {
        this.broken = true;
        return;
      }
      to = name.nameEnd - name.start;
      this.scratch.reserve(to + LINE_EXTRA_BYTES);
      name.source.copy(this.scratch.bytes, 0, name.start, name.nameEnd);
      literal.kind = name.kind;
      // A name of the table is as well-formed as it was; `malformed` may be about the value, so ask again.
      if (name.malformed) wellFormed = isName(name.source, name.start, name.nameEnd);
    }
    if (this.broken) return;
    literal.nameEnd = to;
    const valueAt = writeSeparator(this.scratch.bytes, to);
    const valueEnd = this.text(valueAt);
    if (this.broken) return;
    const bytes = this.scratch.bytes;
    literal.source = bytes;
    literal.end = writeLineEnd(bytes, valueEnd);
    literal.malformed = !wellFormed || !isValue(bytes, valueAt, valueEnd);
    literal.sensitive = prefix === 4 && (first & NEVER_INDEXED) !== 0;
    if (prefix === 6) this.table.add(literal);
    sink.field(literal);
  }

  /**
   * RFC 7541 section 5.2: writes a string literal to the scratch at `to`, with room for what belongs to its
   * line; returns the index after it.
   */
  private text(to: number): number {
    const coded = ((this.block[this.at] ?? 0) & HUFFMAN) !== 0;
    const length = this.integer(7);
    const start = this.at;
    if (length > this.end - start) this.broken = true;
    if (this.broken) return to;
    this.at = start + length;
    // The shortest code has five bits.
    this.scratch.reserve(to + (coded ? Math.ceil((length * 8) / 5) : length) + LINE_EXTRA_BYTES);
    const { bytes } = this.scratch;
    if (!coded) return to + this.block.copy(bytes, to, start, this.at);
    const end = decodeHuffman(this.block, start, this.at, bytes, to);
    if (end < 0) this.broken = true;
    return end;
  }

  /** RFC 7541 section 5.1. */
  private integer(prefix: 4 | 5 | 6 | 7): number {
    const { block, end } = this;
    const full = (1 << prefix) - 1;
    let value = (block[this.at] ?? 0) & full;
    if (this.at >= end) this.broken = true;
    this.at++;
    if (value < full) return value;
    for (let i = 0; i < INTEGER_BYTES_MAX; i++) {
      const c = block[this.at] ?? 0;
      if (this.at >= end) break;
      this.at++;
      value += (c & 0x7f) << (7 * i);
      if (c < 0x80) return value;
    }
    this.broken = true;
    return 0;
  }
}
