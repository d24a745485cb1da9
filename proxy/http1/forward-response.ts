// The response head that the caller gets: hop-by-hop fields out, this connection's own in.
import { CHUNKED, copyLines } from './copy-lines.ts';
import type { HeadWriter } from './head-writer.ts';
import {
  bits,
  CONNECTION,
  CONTENT_LENGTH,
  HTTP2_SETTINGS,
  KEEP_ALIVE,
  PROXY_CONNECTION,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
} from './known-headers.ts';
import type { ResponseParser } from './parse-response.ts';

/** What the caller's connection fixes. */
export interface ResponseForwardOptions {
  /** Minor version the caller speaks. */
  readonly minor: number;
  /** The caller's connection stays open after this response. */
  readonly persist: boolean;
  /** `websocket` for the 101 that was asked for, else ''. */
  readonly upgrade: string;
  /** More header lines of ours, each with CRLF. */
  readonly extra?: string;
}

// RFC 9110 section 7.6.1.
const DROPPED = bits(
  CONNECTION,
  KEEP_ALIVE,
  PROXY_CONNECTION,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
  HTTP2_SETTINGS,
);
const DROPPED_WITHOUT_LENGTH = DROPPED | bits(CONTENT_LENGTH);
const CLOSE = Buffer.from('connection: close\r\n', 'latin1');
const KEPT_ALIVE = Buffer.from('connection: keep-alive\r\n', 'latin1');
const END = Buffer.from('\r\n', 'latin1');

/**
 * Writes the head for the caller, with its empty line. A chunked body for HTTP/1.0 has to be decoded and
 * closed.
 */
export function forwardResponseHead(
  writer: HeadWriter,
  head: ResponseParser,
  options: ResponseForwardOptions,
): void {
  const { status } = head;
  const bare = status < 200 || status === 204;
  const plain = head.plainStatusLine;
  const linesAt = head.lines[0] ?? 0;
  if (!plain) writer.text(`HTTP/1.1 ${status} ${head.reasonPhrase}\r\n`);
  const dropped = bare ? DROPPED_WITHOUT_LENGTH : DROPPED;
  copyLines(writer, head, plain ? 0 : linesAt, dropped, head.connectionNames);
  if (options.extra !== undefined) writer.text(options.extra);
  if (head.chunked && options.minor === 1) writer.block(CHUNKED);
  if (options.upgrade !== '') writer.text(`connection: Upgrade\r\nupgrade: ${options.upgrade}\r\n`);
  else if (status >= 200 && !options.persist) writer.block(CLOSE);
  else if (status >= 200 && options.minor === 0) writer.block(KEPT_ALIVE);
  writer.block(END);
}
