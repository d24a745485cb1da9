// x-request-id and traceparent: kept from an authenticated peer when well-formed, else made from a block of
// random bytes.
// PERF: one conversion to hex a request and no closure; bench/micro/record.ts measures it beside the record
// phase.
import { randomFillSync } from 'node:crypto';

const BLOCK_BYTES = 8_160; // a multiple of ID_BYTES
const ID_BYTES = 24; // 16 for the trace id, 8 for the span id (W3C Trace Context section 3.2)

export class RequestIds {
  private readonly block = Buffer.alloc(BLOCK_BYTES);
  private offset = BLOCK_BYTES;
  /** `xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx` of the last `next()`. */
  requestId = '';
  /** `00-<trace>-<span>-00` of the last `next()`; its trace id is the request id's bytes. */
  traceparent = '';

  /** Makes a new pair. */
  next(): void {
    if (this.offset === BLOCK_BYTES) {
      randomFillSync(this.block);
      this.offset = 0;
    }
    const at = this.offset;
    this.offset = at + ID_BYTES;
    // RFC 9562 section 5.4: version 4, variant 10.
    this.block[at + 6] = ((this.block[at + 6] ?? 0) & 0x0f) | 0x40;
    this.block[at + 8] = ((this.block[at + 8] ?? 0) & 0x3f) | 0x80;
    const hex = this.block.toString('hex', at, at + ID_BYTES);
    const trace = hex.slice(0, 32);
    const tail = `${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
    this.requestId = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${tail}`;
    this.traceparent = `00-${trace}-${hex.slice(32)}-00`;
  }
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
