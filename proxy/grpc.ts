// What a proxy has to know of gRPC over HTTP/2 (grpc.io, "gRPC over HTTP2"): which requests are calls, their
// deadlines, their status, and how a call is refused.
import { REASONS, type Reason } from '../core/reasons.ts';

const CONTENT_TYPE = 'application/grpc';
/** Deadline of a call in milliseconds by the unit of `grpc-timeout`. */
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};
const TIMEOUT_DIGITS_MAX = 8;
/** Codes above have no meaning. */
const STATUS_MAX = 16;
const STATUS_LINE = 'grpc-status: ';

const DEADLINE_EXCEEDED = 4;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;
const UNAVAILABLE = 14;
const UNKNOWN = 2;

/** True for `application/grpc`, also with a message format or parameters; gRPC-Web is not meant. */
export function isGrpc(contentType: string): boolean {
  if (!contentType.toLowerCase().startsWith(CONTENT_TYPE)) return false;
  const next = contentType[CONTENT_TYPE.length];
  return next === undefined || next === '+' || next === ';';
}

/** Milliseconds of a `grpc-timeout`; null when it is malformed. */
export function parseGrpcTimeout(text: string): number | null {
  const digits = text.length - 1;
  const unit = UNIT_MS[text[digits] ?? ''];
  if (unit === undefined || digits < 1 || digits > TIMEOUT_DIGITS_MAX) return null;
  let value = 0;
  for (let i = 0; i < digits; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return null;
    value = value * 10 + digit;
  }
  return value * unit;
}

/** The code of a `grpc-status`; UNKNOWN for what is none. */
export function parseGrpcStatus(text: string): number {
  const status = Number(text);
  return text !== '' && Number.isInteger(status) && status >= 0 && status <= STATUS_MAX ? status : UNKNOWN;
}

/** The code in the lines of a trailer section, each with CRLF; null when there is none. */
export function grpcStatusIn(lines: Buffer): number | null {
  const text = lines.toString('latin1');
  const at = text.toLowerCase().indexOf(STATUS_LINE);
  if (at < 0 || (at > 0 && text[at - 1] !== '\n')) return null;
  return parseGrpcStatus(text.slice(at + STATUS_LINE.length, text.indexOf('\r', at)));
}

/** The code for an answer of ours with the HTTP status `status`: "HTTP to gRPC status code mapping". */
export function grpcStatusOf(reason: Reason, status: number): number {
  if (reason === 'grpc-deadline' || reason === 'upstream-timeout') return DEADLINE_EXCEEDED;
  switch (status) {
    case 400:
      return INTERNAL;
    case 403:
      return PERMISSION_DENIED;
    case 404:
    case 405:
      return UNIMPLEMENTED;
    case 413:
    case 431:
      return RESOURCE_EXHAUSTED;
    case 408:
    case 502:
    case 503:
    case 504:
      return UNAVAILABLE;
    default:
      return REASONS[reason].source === 'policy' ? PERMISSION_DENIED : UNKNOWN;
  }
}

/** What a refused call is told. */
export interface Refusal {
  readonly grpcStatus: number;
  /** The reason, or what hides it. */
  readonly message: string;
  readonly requestId: string;
}

/** The lines that end a call which cannot go on. */
export function grpcTrailers({ grpcStatus, message }: Refusal): string {
  return `grpc-status: ${grpcStatus}\r\ngrpc-message: ${message}\r\n`;
}

/** A whole response without a body ("Trailers-Only"), as HTTP/1.1 would have it. */
export function grpcResponse(refusal: Refusal): string {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${CONTENT_TYPE}\r\nx-request-id: ${refusal.requestId}\r\n`;
  return `${head}${grpcTrailers(refusal)}\r\n`;
}
