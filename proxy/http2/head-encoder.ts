// From the head that leaves, as lines of HTTP/1.1, to the header block that does (RFC 9113 section 8.3). What
// belongs to a connection of HTTP/1.1 stays behind.
import {
  bits,
  CONNECTION,
  HOST,
  KEEP_ALIVE,
  knownId,
  PROXY_CONNECTION,
  TRANSFER_ENCODING,
  UPGRADE,
} from '../http1/known-headers.ts';
import { bytesEqual } from '../http1/tokens.ts';
import { type EncodableField, HpackEncoder } from './hpack/encoder.ts';
import { isSensitive, type NeverIndexed } from './never-indexed.ts';
import type { Output } from './output.ts';

const CONNECTION_FIELDS = bits(CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TRANSFER_ENCODING, UPGRADE);
const REQUEST_FIELDS = CONNECTION_FIELDS | bits(HOST);

const SP = 0x20;
const COLON = 0x3a;
const CR = 0x0d;
const NAMES = Buffer.from(':method:scheme:path:authority:status~te', 'latin1');
const name = (text: string): readonly [start: number, end: number] => {
  const start = NAMES.indexOf(text);
  return [start, start + text.length];
};
const METHOD = name(':method');
const SCHEME = name(':scheme');
const PATH = name(':path');
const AUTHORITY = name(':authority');
const STATUS = name(':status');
const TE_NAME = name('te');
const TRAILERS = Buffer.from('trailers', 'latin1');
const SET_COOKIE = 'set-cookie';
const STATUS_AT = 9; // behind `HTTP/1.1 `

export class HeadEncoder {
  readonly hpack = new HpackEncoder();
  private readonly line: EncodableField = {
    source: NAMES,
    nameStart: 0,
    nameEnd: 0,
    valueStart: 0,
    valueEnd: 0,
    sensitive: false,
    name: null,
  };
  /** Of the block that is written: what came as never-indexed goes on as such (RFC 7541 section 6.2.3). */
  private names: NeverIndexed = null;

  /** `head`: a status line and lines of fields, then perhaps an empty line. */
  response(out: Output, head: Buffer, names: NeverIndexed = null): void {
    this.begin(out, names);
    this.pseudo(out, STATUS, head, STATUS_AT, STATUS_AT + 3);
    this.lines(out, head, endOfLine(head, 0), CONNECTION_FIELDS);
  }

  /** `head`: a request line in origin-form and lines of fields, Host among them. */
  request(out: Output, head: Buffer, scheme: Buffer, names: NeverIndexed = null): void {
    this.begin(out, names);
    const methodEnd = head.indexOf(SP);
    const pathEnd = head.indexOf(SP, methodEnd + 1);
    const linesAt = endOfLine(head, pathEnd);
    this.pseudo(out, METHOD, head, 0, methodEnd);
    this.pseudo(out, SCHEME, scheme, 0, scheme.length);
    this.pseudo(out, PATH, head, methodEnd + 1, pathEnd);
    this.authority(out, head, linesAt);
    this.lines(out, head, linesAt, REQUEST_FIELDS);
    // RFC 9110 section 10.1.4: trailers are taken, and gRPC servers want to be told.
    this.pseudo(out, TE_NAME, TRAILERS, 0, TRAILERS.length);
  }

  /** `lines`: fields alone. */
  trailers(out: Output, lines: Buffer, names: NeverIndexed = null): void {
    this.begin(out, names);
    this.lines(out, lines, 0, CONNECTION_FIELDS);
  }

  private begin(out: Output, names: NeverIndexed): void {
    this.names = names;
    this.hpack.begin(out);
  }

  /** True when the field `source[start, end)` came as never-indexed. */
  private isMarked(source: Buffer, start: number, end: number): boolean {
    return this.names?.has(source.toString('latin1', start, end).toLowerCase()) === true;
  }

  private pseudo(
    out: Output,
    [start, end]: readonly [number, number],
    source: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    const { line } = this;
    line.name = NAMES;
    line.nameStart = start;
    line.nameEnd = end;
    line.source = source;
    line.valueStart = valueStart;
    line.valueEnd = valueEnd;
    line.sensitive = this.names !== null && this.isMarked(NAMES, start, end);
    this.hpack.field(out, line);
    line.name = null;
  }

  private authority(out: Output, head: Buffer, linesAt: number): void {
    for (let at = linesAt; at < head.length && head[at] !== CR; at = endOfLine(head, at)) {
      const nameEnd = head.indexOf(COLON, at);
      if (knownId(head, at, nameEnd) !== HOST) continue;
      this.pseudo(out, AUTHORITY, head, nameEnd + 2, head.indexOf(CR, nameEnd));
      return;
    }
  }

  private lines(out: Output, head: Buffer, from: number, dropped: number): void {
    const { line, names } = this;
    line.source = head;
    for (let at = from; at < head.length && head[at] !== CR; at = line.valueEnd + 2) {
      let nameEnd = at;
      while (head[nameEnd] !== COLON) nameEnd++;
      let valueEnd = nameEnd + 2;
      while (head[valueEnd] !== CR) valueEnd++;
      line.nameStart = at;
      line.nameEnd = nameEnd;
      line.valueStart = nameEnd + 2;
      line.valueEnd = valueEnd;
      const id = knownId(head, at, nameEnd);
      if (id !== 0 && ((dropped >>> id) & 1) !== 0) continue;
      line.sensitive = isSensitive(id) || bytesEqual(head, at, nameEnd, SET_COOKIE);
      if (names !== null && this.isMarked(head, at, nameEnd)) line.sensitive = true;
      this.hpack.field(out, line);
    }
  }
}

function endOfLine(head: Buffer, from: number): number {
  const end = head.indexOf(CR, from);
  return end < 0 ? head.length : end + 2;
}
