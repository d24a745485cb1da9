// The first bytes of a client's connection (RFC 9113 section 3.4).
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** No method begins with these. */
const TELLING_BYTES = 6;

/** True when `chunk`, the first bytes of a connection, cannot be HTTP/1.1. */
export function isPreface(chunk: Buffer): boolean {
  return chunk.length >= TELLING_BYTES && chunk.compare(PREFACE, 0, TELLING_BYTES, 0, TELLING_BYTES) === 0;
}
