// Header names the data path acts on, found by length, first letter and one comparison: no lower-casing, no
// map.
import { KNOWN_HEADERS } from './head.ts';

// Indexes in KNOWN_HEADERS; test/unit/proxy/http1/known-headers.test.ts holds the two together.
export const HOST = 1;
export const CONTENT_LENGTH = 2;
export const TRANSFER_ENCODING = 3;
export const CONNECTION = 4;
export const KEEP_ALIVE = 5;
export const PROXY_CONNECTION = 6;
export const TE = 7;
export const TRAILER = 8;
export const UPGRADE = 9;
export const EXPECT = 10;
export const HTTP2_SETTINGS = 11;
export const X_FORWARDED_CLIENT_CERT = 12;
export const X_REQUEST_ID = 13;
export const TRACEPARENT = 14;
export const TRACESTATE = 15;
export const X_FORWARDED_FOR = 16;
export const X_FORWARDED_PROTO = 17;
export const X_FORWARDED_HOST = 18;
export const FORWARDED = 19;
export const X_REAL_IP = 20;
export const AUTHORIZATION = 21;
export const COOKIE = 22;
export const SEC_WEBSOCKET_KEY = 23;
export const SEC_WEBSOCKET_VERSION = 24;
export const PROXY_AUTHORIZATION = 25;
export const CONTENT_TYPE = 26;
export const GRPC_TIMEOUT = 27;
export const GRPC_STATUS = 28;

const LENGTH_MAX = Math.max(...KNOWN_HEADERS.map((name) => name.length));
const SLOTS = slotTable();
const NO_NAME = new Uint8Array(0);
const NAMES = KNOWN_HEADERS.map((name) => Uint8Array.from(name, (letter) => letter.charCodeAt(0)));

/** The id of the name `source[start, end)` (a token), 0 when it is not a known one. */
export function knownId(source: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > LENGTH_MAX) return 0;
  const id = SLOTS[slot(length, source[start] ?? 0)] ?? 0;
  if (id === 0) return 0;
  const name = NAMES[id] ?? NO_NAME;
  // The first letter agrees in five bits; `| 0x20` lowers letters and leaves digits and `-` alone.
  for (let i = 0; i < length; i++) {
    if (((source[start + i] ?? 0) | 0x20) !== name[i]) return 0;
  }
  return id;
}

/** `1 << id`, for sets of known names; bit 0 (an unknown name) is never set. */
export function bits(...ids: readonly number[]): number {
  return ids.reduce((set, id) => set | (1 << id), 0);
}

function slot(length: number, first: number): number {
  return length * 32 + (first & 31);
}

/**
 * INVARIANT: no two known names share length and first letter, so one slot holds one id; the test checks it.
 */
function slotTable(): Uint8Array {
  const table = new Uint8Array((LENGTH_MAX + 1) * 32);
  for (const [id, name] of KNOWN_HEADERS.entries()) {
    if (id > 0) table[slot(name.length, name.charCodeAt(0))] = id;
  }
  return table;
}
