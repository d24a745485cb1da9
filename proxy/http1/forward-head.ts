// The request head that the application gets: hop-by-hop and identity fields out, ours in (design, "Headers
// to the application"). Built from the very lines that were judged.

import { CHUNKED, copyLines } from './copy-lines.ts';
import { KNOWN_HEADERS, type RequestHead } from './head.ts';
import type { HeadWriter } from './head-writer.ts';
import {
  bits,
  CONNECTION,
  EXPECT,
  FORWARDED,
  HTTP2_SETTINGS,
  KEEP_ALIVE,
  PROXY_AUTHORIZATION,
  PROXY_CONNECTION,
  TE,
  TRACEPARENT,
  TRACESTATE,
  TRANSFER_ENCODING,
  UPGRADE,
  X_FORWARDED_CLIENT_CERT,
  X_FORWARDED_FOR,
  X_FORWARDED_HOST,
  X_FORWARDED_PROTO,
  X_REAL_IP,
  X_REQUEST_ID,
} from './known-headers.ts';

/**
 * The listener's `forwarded`. `sanitize`: what the caller says about earlier hops is dropped. `append`: only
 * its X-Forwarded-For stays, with the caller's address added. `trust`: all of it stays, X-Forwarded-For with
 * the address. `none`: nothing about the caller goes on, for servers outside.
 */
export type ForwardedMode = 'sanitize' | 'append' | 'none' | { readonly trust: number };

/** The ids of one request. */
export interface ForwardedIds {
  /** Replaces x-request-id. */
  readonly requestId: string;
  /** Replaces traceparent, unless it is kept. */
  readonly traceparent: string;
  /** True when the caller's own traceparent goes on. */
  readonly traceparentKept: boolean;
  /** True when its tracestate does: with its traceparent, or with ours for the same trace. */
  readonly tracestateKept: boolean;
  /** Writes the lines of those that are not the caller's own. */
  writeIds(writer: HeadWriter): void;
}

/** What the proxy adds to one request. Values are ours: header-safe text. */
export interface ForwardOptions {
  readonly forwarded: ForwardedMode;
  /** Host for an HTTP/1.0 request that has none: the upstream's address. */
  readonly authority: string;
  /** x-forwarded-client-cert; null = the peer has no identity. */
  readonly clientCert: string | null;
  readonly ids: ForwardedIds;
  /** Who opened the connection, for x-forwarded-for: the direct peer, or whom its PROXY header names. */
  readonly clientIp: string;
  readonly proto: 'http' | 'https';
  /** `sanitizedLines` of the connection. */
  readonly sanitized: Uint8Array;
}

// RFC 9110 section 7.6.1, and every copy of our identity header. TE is hop-by-hop; Trailer is not.
const ALWAYS_DROPPED = bits(
  CONNECTION,
  KEEP_ALIVE,
  PROXY_CONNECTION,
  PROXY_AUTHORIZATION, // RFC 9110 section 11.7.2: for this proxy
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
  HTTP2_SETTINGS,
  X_FORWARDED_CLIENT_CERT,
  X_FORWARDED_FOR, // written anew in every mode
  X_REQUEST_ID, // as well
);
const HOPS_DROPPED = bits(X_FORWARDED_PROTO, X_FORWARDED_HOST, FORWARDED, X_REAL_IP);
const TRACE_DROPPED = bits(TRACEPARENT, TRACESTATE);
const TRACEPARENT_DROPPED = bits(TRACEPARENT);
const KNOWN_NAMES: readonly string[] = KNOWN_HEADERS;

/** Writes the head for the application, with its empty line: HTTP/1.1, origin-form or `*`, one Host. */
export function forwardHead(writer: HeadWriter, head: RequestHead, options: ForwardOptions): void {
  const dropped = droppedFrom(head, options);
  // PERF: an unchanged HTTP/1.1 request line is part of the first range.
  const kept = head.pathUnchanged && head.minor === 1;
  if (!kept) writer.text(`${head.method} ${head.path}${head.query} HTTP/1.1\r\n`);
  copyLines(writer, head, kept ? 0 : (head.lines[0] ?? 0), dropped, head.connectionNames);
  if (head.host === '') writer.text(`host: ${options.authority}\r\n`);
  if (head.chunked) writer.block(CHUNKED);
  if (head.upgrade !== '') writer.text(`connection: Upgrade\r\nupgrade: ${head.upgrade}\r\n`);
  options.ids.writeIds(writer);
  if (options.forwarded === 'sanitize' || options.forwarded === 'none') writer.block(options.sanitized);
  else writer.text(lastLines(options, earlierHops(head, options), addsProto(head, options)));
}

/** The lines that end every head when `forwarded` is `sanitize` or `none`, with the empty line. */
export function sanitizedLines(
  options: Pick<ForwardOptions, 'clientCert' | 'clientIp' | 'proto' | 'forwarded'>,
): Buffer {
  const text = options.forwarded === 'none' ? '\r\n' : lastLines(options, '', true);
  const lines = Buffer.allocUnsafeSlow(text.length); // lives as long as the connection: not from the pool
  lines.write(text, 'latin1');
  return lines;
}

function lastLines(
  { clientCert, clientIp, proto }: Pick<ForwardOptions, 'clientCert' | 'clientIp' | 'proto'>,
  hops: string,
  withProto: boolean,
): string {
  let out = clientCert === null ? '' : `x-forwarded-client-cert: ${clientCert}\r\n`;
  out += `x-forwarded-for: ${hops}${clientIp}\r\n`;
  if (withProto) out += `x-forwarded-proto: ${proto}\r\n`;
  return `${out}\r\n`;
}

/**
 * The values that the field `name` (lower case) has in the head that `forwardHead` writes, undefined when it
 * has none. INVARIANT: policies judge these, never what the caller claimed in a field that is replaced or
 * dropped.
 */
export function forwardedValues(
  head: RequestHead,
  options: ForwardOptions,
  name: string,
): readonly string[] | undefined {
  const own = ownValue(head, options, name);
  if (own !== null) return [own];
  const id = KNOWN_NAMES.indexOf(name);
  const dropped = id > 0 && ((droppedFrom(head, options) >>> id) & 1) !== 0;
  return dropped || head.connectionNames.includes(name) ? undefined : head.headerValues(name);
}

/** What `forwardHead` writes itself; null = the caller's lines decide. */
function ownValue(head: RequestHead, options: ForwardOptions, name: string): string | null {
  switch (name) {
    case 'host':
      return head.host === '' ? options.authority : null;
    case 'transfer-encoding':
      return head.chunked ? 'chunked' : null;
    case 'connection':
      return head.upgrade === '' ? null : 'Upgrade';
    case 'upgrade':
      return head.upgrade === '' ? null : head.upgrade;
    case 'x-forwarded-client-cert':
      return options.clientCert;
    case 'x-request-id':
      return options.ids.requestId;
    case 'traceparent':
      return options.ids.traceparentKept ? null : options.ids.traceparent;
    case 'x-forwarded-for':
      return options.forwarded === 'none' ? null : earlierHops(head, options) + options.clientIp;
    case 'x-forwarded-proto':
      return addsProto(head, options) ? options.proto : null;
    default:
      return null;
  }
}

/** Known names whose lines do not go on. */
function droppedFrom(head: RequestHead, options: ForwardOptions): number {
  let dropped = ALWAYS_DROPPED;
  if (typeof options.forwarded !== 'object') dropped |= HOPS_DROPPED;
  if (!options.ids.traceparentKept)
    dropped |= options.ids.tracestateKept ? TRACEPARENT_DROPPED : TRACE_DROPPED;
  if (head.minor === 0) dropped |= 1 << EXPECT; // RFC 9110 section 10.1.1: HTTP/1.0 has no expectations
  return dropped;
}

function addsProto(head: RequestHead, options: ForwardOptions): boolean {
  if (options.forwarded === 'none') return false;
  return typeof options.forwarded !== 'object' || head.headerValues('x-forwarded-proto') === undefined;
}

/** One line, not one more: an application that reads only the first or the last line must not be misled. */
function earlierHops(head: RequestHead, options: ForwardOptions): string {
  if (options.forwarded === 'sanitize' || head.connectionNames.includes('x-forwarded-for')) return '';
  const values = head.headerValues('x-forwarded-for')?.filter((value) => value !== '');
  return values === undefined || values.length === 0 ? '' : `${values.join(', ')}, `;
}
