// The status that ends a gRPC call, in trailers or, without a message before it, in the headers.
// @see https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
import type { IncomingHttpHeaders } from 'node:http2';

/** The codes that the Workload API gives a meaning, and those that a transport needs. */
export const GRPC = {
  ok: 0,
  unknown: 2,
  invalidArgument: 3,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
}

const NAMES = [
  ['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS'],
  ['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE'],
  ['UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'],
].flat();
const FIELD_OVERHEAD_BYTES = 32; // RFC 9113 section 6.5.2
const MESSAGE_CHARACTERS_MAX = 256; // it is logged

/** `PERMISSION_DENIED`, or the number of a code without a name. */
export const statusName = (code: number): string => NAMES[code] ?? String(code);

/** The status in `headers`; null when they have none. */
export function readStatus(headers: IncomingHttpHeaders): GrpcStatus | null {
  const status = headers['grpc-status'];
  if (typeof status !== 'string') return null;
  const code = NAMES.findIndex((_, index) => String(index) === status);
  const message = headers['grpc-message'];
  // An unknown code is UNKNOWN.
  return {
    code: code < 0 ? GRPC.unknown : code,
    message: typeof message === 'string' ? readable(message) : '',
  };
}

/** `status` as headers. */
export const writeStatus = ({ code, message }: GrpcStatus): Record<string, string> => ({
  'grpc-status': String(code),
  ...(message === '' ? {} : { 'grpc-message': encodeURIComponent(message).replaceAll('%20', ' ') }),
});

/**
 * The size of a header list as HTTP/2 counts it: Node announces `maxHeaderListSize`, and enforces nothing.
 */
export function headerListBytes(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers))
    for (const one of Array.isArray(value) ? value : [value])
      bytes += name.length + String(one).length + FIELD_OVERHEAD_BYTES; // `:status` is a number
  return bytes;
}

/** `application/grpc`, with or without a format or parameters. */
export const isGrpc = (contentType: string): boolean =>
  contentType === 'application/grpc' ||
  contentType.startsWith('application/grpc+') ||
  contentType.startsWith('application/grpc;');

/** Percent-decoded and fit to be logged. */
function readable(text: string): string {
  const short = text.slice(0, MESSAGE_CHARACTERS_MAX);
  let decoded: string;
  try {
    decoded = decodeURIComponent(short);
  } catch {
    decoded = short; // the protocol wants a bad encoding shown as it is
  }
  return [...decoded].map((c) => (c < ' ' || c === '\u007f' ? ' ' : c)).join('');
}
