// x-request-id and traceparent: kept from an authenticated peer when well-formed, else made from a block of
// random bytes.
// PERF: 24 bytes are drawn for a request, and written as the header lines they become; text is made of them
// only for what is logged (bench/micro/head-parser.ts).
import { randomFillSync } from 'node:crypto';

const BLOCK_BYTES = 8_160; // a multiple of ID_BYTES
const TRACE_BYTES = 16;
/** 16 for the trace id, which are the request id's as well, 8 for the span id (W3C Trace Context 3.2). */
export const ID_BYTES = 24;

const REQUEST_ID = 'x-request-id: ';
const REQUEST_ID_END = REQUEST_ID.length + 36;
const TRACEPARENT = 'traceparent: ';
const TRACEPARENT_END = TRACEPARENT.length + 55;
/** By byte: its two hexadecimal digits, as the two bytes of a big-endian number. */
const PAIRS = Uint16Array.from({ length: 256 }, (_, byte) =>
  Buffer.from(byte.toString(16).padStart(2, '0'), 'latin1').readUInt16BE(),
);

export class RequestIds {
  private readonly block = Buffer.alloc(BLOCK_BYTES);
  private offset = BLOCK_BYTES;
  private readonly requestIdBytes = Buffer.from(
    `${REQUEST_ID}${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}\r\n`,
    'latin1',
  );
  private readonly requestIdView = viewOf(this.requestIdBytes);
  private readonly traceparentBytes = Buffer.from(
    `${TRACEPARENT}00-${'0'.repeat(32)}-${'0'.repeat(16)}-00\r\n`,
    'latin1',
  );
  private readonly traceparentView = viewOf(this.traceparentBytes);

  /** Draws the `ID_BYTES` of a new request. */
  draw(into: Uint8Array): void {
    if (this.offset === BLOCK_BYTES) {
      randomFillSync(this.block);
      this.offset = 0;
    }
    const at = this.offset;
    this.offset = at + ID_BYTES;
    for (let i = 0; i < ID_BYTES; i++) into[i] = this.block[at + i] ?? 0;
    // RFC 9562 section 5.4: version 4, variant 10.
    into[6] = ((into[6] ?? 0) & 0x0f) | 0x40;
    into[8] = ((into[8] ?? 0) & 0x3f) | 0x80;
  }

  /** `x-request-id: xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx CRLF`, valid until the next call. */
  requestIdLine(id: Uint8Array): Buffer {
    const view = this.requestIdView;
    let at = REQUEST_ID.length;
    for (let i = 0; i < TRACE_BYTES; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) at++; // a dash
      view.setUint16(at, PAIRS[id[i] ?? 0] ?? 0);
      at += 2;
    }
    return this.requestIdBytes;
  }

  /** `traceparent: 00-<trace>-<span>-00 CRLF`, valid until the next call. */
  traceparentLine(id: Uint8Array): Buffer {
    const view = this.traceparentView;
    let at = TRACEPARENT.length + 3;
    for (let i = 0; i < ID_BYTES; i++) {
      if (i === TRACE_BYTES) at++; // a dash
      view.setUint16(at, PAIRS[id[i] ?? 0] ?? 0);
      at += 2;
    }
    return this.traceparentBytes;
  }

  /** The value of `requestIdLine`. */
  requestId(id: Uint8Array): string {
    return this.requestIdLine(id).toString('latin1', REQUEST_ID.length, REQUEST_ID_END);
  }

  /** The value of `traceparentLine`. */
  traceparent(id: Uint8Array): string {
    return this.traceparentLine(id).toString('latin1', TRACEPARENT.length, TRACEPARENT_END);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

const REQUEST_ID_CHARS_MAX = 128;

/** 1 to 128 visible characters of `[A-Za-z0-9._~:/+=@-]`: what logs and shells take without quoting. */
export function isRequestId(text: string): boolean {
  if (text.length === 0 || text.length > REQUEST_ID_CHARS_MAX) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const alphanumeric = (c >= 0x30 && c <= 0x39) || (c >= 0x40 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a);
    const mark =
      c === 0x2d ||
      c === 0x2e ||
      c === 0x5f ||
      c === 0x7e ||
      c === 0x3a ||
      c === 0x2f ||
      c === 0x2b ||
      c === 0x3d;
    if (!alphanumeric && !mark) return false;
  }
  return true;
}

/** W3C Trace Context section 3.2: `00-<32 hex>-<16 hex>-<2 hex>`, lower case, neither id all zero. */
export function isTraceparent(text: string): boolean {
  if (
    text.length !== 55 ||
    text.charCodeAt(2) !== 0x2d ||
    text.charCodeAt(35) !== 0x2d ||
    text.charCodeAt(52) !== 0x2d
  )
    return false;
  if (!text.startsWith('00')) return false;
  let trace = 0;
  let span = 0;
  for (let i = 3; i < 55; i++) {
    if (i === 35 || i === 52) continue;
    const c = text.charCodeAt(i);
    if (!((c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x66))) return false;
    if (c !== 0x30 && i < 35) trace++;
    if (c !== 0x30 && i > 35 && i < 52) span++;
  }
  return trace > 0 && span > 0;
}
