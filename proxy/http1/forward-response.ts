// The response head that the caller gets: hop-by-hop fields out, this connection's own in.
import { copyLines } from './copy-lines.ts';
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

/**
 * The head to write to the caller, with its empty line. A chunked body for HTTP/1.0 has to be decoded and
 * closed.
 */
export function forwardResponseHead(head: ResponseParser, options: ResponseForwardOptions): string {
  const { status } = head;
  const bare = status < 200 || status === 204;
  let out = `HTTP/1.1 ${status} ${head.reasonPhrase}\r\n`;
  out += copyLines(head, head.lines[0] ?? 0, bare ? DROPPED_WITHOUT_LENGTH : DROPPED, head.connectionNames);
  if (options.extra !== undefined) out += options.extra;
  if (head.chunked && options.minor === 1) out += 'transfer-encoding: chunked\r\n';
  if (options.upgrade !== '') out += `connection: Upgrade\r\nupgrade: ${options.upgrade}\r\n`;
  else if (status >= 200 && !options.persist) out += 'connection: close\r\n';
  else if (status >= 200 && options.minor === 0) out += 'connection: keep-alive\r\n';
  return `${out}\r\n`;
}
