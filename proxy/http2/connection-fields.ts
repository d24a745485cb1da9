// The fields that are about one connection of HTTP/1.1, and make a header block malformed (RFC 9113 section
// 8.2.2).
import {
  bits,
  CONNECTION,
  HTTP2_SETTINGS,
  KEEP_ALIVE,
  PROXY_CONNECTION,
  TRANSFER_ENCODING,
  UPGRADE,
} from '../http1/known-headers.ts';

const CONNECTION_FIELDS = bits(
  CONNECTION,
  KEEP_ALIVE,
  PROXY_CONNECTION,
  TRANSFER_ENCODING,
  UPGRADE,
  HTTP2_SETTINGS,
);

/** True for a field of this kind; the kinds of pseudo-header fields are negative. */
export function isOfConnection(kind: number): boolean {
  return kind > 0 && ((CONNECTION_FIELDS >>> kind) & 1) !== 0;
}
