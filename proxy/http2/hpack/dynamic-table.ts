// A dynamic table (RFC 7541 sections 2.3.2 and 4): the newest entry first, the oldest evicted. The bytes of
// all entries are in one ring that is made when the first one comes.
import { Buffer } from 'node:buffer';
import { emptyField, type Field, sizeOf } from './field.ts';

const NONE = Buffer.alloc(0);

export class DynamicTable {
  /** Entries that were ever added; the newest one has this number. */
  added = 0;
  /** Entries that are here. */
  length = 0;
  /** As the standard counts it. */
  size = 0;
  /** The largest `size` may be; changed by `resize`. */
  sizeMax: number;
  private readonly sizeLimit: number;
  private ring = NONE;
  private at = 0;
  /** By number modulo its length, a power of two. */
  private fields: Field[] = [];

  /** `sizeLimit`: the most that `resize` may ask for. */
  constructor(sizeLimit: number) {
    this.sizeLimit = sizeLimit;
    this.sizeMax = sizeLimit;
  }

  /** The entry with index `index`: 0 is the newest. Undefined when there is none. */
  get(index: number): Field | undefined {
    if (index >= this.length) return undefined;
    return this.fields[(this.added - index) & (this.fields.length - 1)];
  }

  /** Sets the maximum size, evicting what is too much; false when it is over the limit. */
  resize(sizeMax: number): boolean {
    if (sizeMax > this.sizeLimit) return false;
    this.sizeMax = sizeMax;
    this.evict(sizeMax);
    return true;
  }

  /** Adds a copy of `field` and returns it; null when it is larger than the table, which is then empty. */
  add(field: Field): Field | null {
    const size = sizeOf(field);
    this.evict(this.sizeMax - size);
    if (size > this.sizeMax) return null;
    const length = field.end - field.start;
    const start = this.room(length);
    field.source.copy(this.ring, start, field.start, field.end);
    const entry = this.slot();
    entry.source = this.ring;
    entry.start = start;
    entry.end = start + length;
    entry.nameEnd = start + field.nameEnd - field.start;
    entry.kind = field.kind;
    entry.malformed = field.malformed;
    this.size += size;
    this.length++;
    return entry;
  }

  /**
   * Where `length` bytes go. INVARIANT: never over an entry that is here: lines are shorter than their size
   * in the table, and the ring has twice the bytes of the table.
   */
  private room(length: number): number {
    if (this.ring.length === 0) this.ring = Buffer.allocUnsafeSlow(2 * this.sizeLimit);
    if (this.at + length > this.ring.length) this.at = 0;
    const start = this.at;
    this.at += length;
    return start;
  }

  private slot(): Field {
    if (this.length >= this.fields.length) this.grow();
    this.added++;
    return this.fields[this.added & (this.fields.length - 1)] as Field;
  }

  private grow(): void {
    const kept = Array.from({ length: this.length }, (_, i) => this.get(i) as Field);
    const fields = Array.from({ length: Math.max(8, 2 * this.fields.length) }, () => emptyField(NONE));
    for (const [i, field] of kept.entries()) fields[(this.added - i) & (fields.length - 1)] = field;
    this.fields = fields;
  }

  private evict(sizeMax: number): void {
    while (this.length > 0 && this.size > sizeMax) {
      const oldest = this.get(this.length - 1) as Field;
      this.size -= sizeOf(oldest);
      this.length--;
    }
  }
}
