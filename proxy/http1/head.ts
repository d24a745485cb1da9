// The parsed request head, as the rest of the data path reads it: mutable, owned by a connection, reused for
// each request.

/** Header names the data path acts on; the parser stores the id beside each line, 0 for any other name. */
export const KNOWN_HEADERS = [
  '',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'http2-settings',
  'x-forwarded-client-cert',
  'x-request-id',
  'traceparent',
  'tracestate',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'forwarded',
  'x-real-ip',
  'authorization',
  'cookie',
  'sec-websocket-key',
  'sec-websocket-version',
  'proxy-authorization',
  'content-type',
  'grpc-timeout',
  'grpc-status',
] as const;

/** Slots per header line in `RequestHead.lines`. */
export const LINE_SLOTS = 5;

export interface RequestHead {
  /**
   * The whole head: request line and header lines, each with CRLF, without the empty line. It is
   * `source[begin, begin + length)`.
   */
  readonly source: Buffer;
  readonly begin: number;
  readonly length: number;
  /** The same as latin1 text. */
  readonly text: string;
  method: string;
  /** As received. */
  target: string;
  /** Canonical path without query; `*` for OPTIONS *. */
  path: string;
  /** With its `?`, or empty. */
  query: string;
  /**
   * True when path + query equals what was received in origin-form, so that it can be forwarded byte for
   * byte.
   */
  pathUnchanged: boolean;
  /**
   * Host as policies see it: lower case, one trailing dot of the name dropped, port kept when sent; '' for
   * HTTP/1.0 without Host.
   */
  host: string;
  /** 0 or 1. */
  minor: number;
  headerCount: number;
  /**
   * Per line: name start, name end, value start, value end (OWS trimmed), known id (index in KNOWN_HEADERS).
   * Offsets into `text`; a line spans [name start, next line's name start).
   */
  lines: Int32Array;
  /** -1 = absent. */
  contentLength: number;
  chunked: boolean;
  /** The connection persists after this message (RFC 9112 section 9.3). */
  keepAlive: boolean;
  /** Lower-case members of Connection other than close and keep-alive; empty array shared when none. */
  connectionNames: readonly string[];
  /**
   * `websocket` when the request asks for it and may have it; '' otherwise: any other upgrade is stripped.
   */
  upgrade: string;
  /** `Expect: 100-continue` on HTTP/1.1. */
  expectContinue: boolean;
  /** Bytes of the head including the final empty line. */
  bytes: number;
  /** All values by lower-case name, in order; undefined when absent. */
  headerValues(name: string): readonly string[] | undefined;
}
