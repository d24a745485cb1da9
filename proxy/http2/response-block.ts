// From a header block to the response head that HTTP/1.1 would have had (RFC 9113 section 8.3.2): then one
// parser and one forwarding serve both protocols.
import { Buffer } from 'node:buffer';
import { isOfConnection } from './connection-fields.ts';
import type { FieldSink } from './hpack/decoder.ts';
import { type Field, STATUS, valueEnd, valueStart } from './hpack/field.ts';
import { withField } from './never-indexed.ts';

const BYTES_AT_FIRST = 4_096;
const STATUS_LINE = Buffer.from('HTTP/1.1 000 \r\n', 'latin1');
const STATUS_AT = 9;
const STATUS_BYTES = 3;
const EMPTY_LINE = Buffer.from('\r\n', 'latin1');

export class ResponseBlock implements FieldSink {
  neverIndexed: Set<string> | null = null;
  private bytes = Buffer.allocUnsafeSlow(BYTES_AT_FIRST);
  private length = 0;
  private refused = false;
  private status = false;
  private readonly bytesMax: number;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  begin(): void {
    this.neverIndexed = null;
    this.length = 0;
    this.refused = false;
    this.status = false;
    this.append(STATUS_LINE, 0, STATUS_LINE.length);
  }

  field(field: Field): void {
    const { kind, source, start, end } = field;
    if (this.refused) return;
    if (field.sensitive) this.neverIndexed = withField(this.neverIndexed, field);
    if (field.malformed || isOfConnection(kind)) this.refused = true;
    else if (kind === STATUS) this.takeStatus(field);
    else if (kind < 0 || !this.status) this.refused = true;
    else this.append(source, start, end);
  }

  /** The head, with its empty line, valid until the next block begins; null when it may not go on. */
  finish(): Buffer | null {
    if (!this.status) this.refused = true;
    this.append(EMPTY_LINE, 0, EMPTY_LINE.length);
    return this.refused ? null : this.bytes.subarray(0, this.length);
  }

  private takeStatus(field: Field): void {
    const from = valueStart(field);
    if (this.status || valueEnd(field) - from !== STATUS_BYTES) this.refused = true;
    else field.source.copy(this.bytes, STATUS_AT, from, from + STATUS_BYTES);
    this.status = true;
  }

  private append(source: Buffer, start: number, end: number): void {
    const wanted = this.length + end - start;
    if (wanted > this.bytesMax) this.refused = true;
    if (this.refused) return;
    if (wanted > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.bytes.length));
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    source.copy(this.bytes, this.length, start, end);
    this.length = wanted;
  }
}
