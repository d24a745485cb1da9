// Why a request failed, in kinds that can be counted, and what to do about the first of each.
import { printable } from '../../certs/x509/names.ts';
import { SallyportError } from '../../core/errors.ts';

/**
 * `status`: answered otherwise than expected. `refused`: no connection. `timeout`: no answer in time. `tls`:
 * one side did not trust the other. `reset`: the connection ended under a request. `protocol`: the answer is
 * no HTTP/1.1. `local`: this machine ran out of something.
 */
export const FAULT_KINDS = ['status', 'refused', 'timeout', 'tls', 'reset', 'protocol', 'local'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  readonly message: string;
  readonly hint: string;
}

const LOCAL = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);
const NO_CONNECTION = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'EACCES',
  'EPERM',
]);
const NO_NAME = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'EAI_NONAME']);

/** What to do about a TLS error, by what its code contains; the first that fits. */
const TLS_HINTS: readonly (readonly [part: string, hint: string])[] = [
  ['NOT_YET_VALID', 'the certificate is not valid yet: compare the clocks of both machines'],
  ['CERT_HAS_EXPIRED', 'a certificate of the server has expired: renew it'],
  ['ISSUER', 'the server’s certificate is of an unknown CA: name the CA with `--ca FILE`'],
  ['SELF_SIGNED', 'the server’s certificate is of an unknown CA: name the CA with `--ca FILE`'],
  ['UNABLE_TO_VERIFY', 'the server’s certificate is of an unknown CA: name the CA with `--ca FILE`'],
  ['CERT_SIGNATURE', 'the server’s certificate is not of the CA in `--ca`, though of its name'],
  ['UNKNOWN_CA', 'the server does not know the CA of your client certificate (`--cert`)'],
  ['CERTIFICATE_REQUIRED', 'the server wants a client certificate: `--cert FILE --key FILE`'],
  ['CERTIFICATE_EXPIRED', 'your client certificate (`--cert`) has expired'],
  ['CERTIFICATE', 'the server refused your client certificate (`--cert`); its log says why'],
  ['HANDSHAKE_FAILURE', 'the server wants a client certificate (`--cert`), or other ciphers'],
  ['WRONG_VERSION', 'the server does not speak TLS on this port: `http://…`?'],
  ['PACKET_LENGTH', 'the server does not speak TLS on this port: `http://…`?'],
];

/** Whether an answer is no error: the expected status, or any 2xx when that is null. */
export function isExpected(status: number, expect: number | null): boolean {
  return expect === null ? status >= 200 && status < 300 : status === expect;
}

/** An answer with another status than expected. */
export function statusFault(status: number, expect: number | null): Fault {
  const hint = `if that is what you want to measure: \`--expect ${status}\``;
  return { kind: 'status', message: `answered ${status}, expected ${expect ?? '2xx'}`, hint };
}

/** No answer in time, counted from when the request was due. */
export function timeoutFault(timeoutMs: number, sent: boolean): Fault {
  const message = sent
    ? `no answer within ${timeoutMs / 1_000} s`
    : `no connection was free within ${timeoutMs / 1_000} s`;
  const hint = sent
    ? 'the server is overloaded or stuck; `--timeout SECONDS` waits longer'
    : 'the server is too slow for this rate, or `--connections` is too low';
  return { kind: 'timeout', message, hint };
}

/** What ended a connection. `established` is false while its TLS handshake, if any, was not complete. */
export function connectionFault(thrown: Error, tls: boolean, established: boolean): Fault {
  // Of several addresses none could be reached: the error of the first says why.
  const [first]: unknown[] = thrown instanceof AggregateError ? thrown.errors : [thrown];
  const error = first instanceof Error ? first : thrown;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const reason = opensslReason(error.message);
  const message = printable(reason ?? error.message);
  const fault = (kind: FaultKind, hint: string): Fault => ({ kind, message, hint });
  if (LOCAL.has(code))
    return fault('local', 'this machine ran out of files or ports: fewer `--connections`, or a lower rate');
  if (NO_NAME.has(code)) return fault('refused', 'the name cannot be resolved: is it spelled right?');
  if (NO_CONNECTION.has(code))
    return fault('refused', 'nothing listens there, or a firewall is in between: check host and port');
  if (code === 'ETIMEDOUT') return fault('timeout', 'no connection in time: is a firewall in between?');
  if (error instanceof SallyportError) return fault('tls', error.hint ?? '');
  if (tls && (!established || reason !== null)) return fault('tls', tlsHint(`${code} ${reason ?? ''}`));
  if (code === '') return fault('protocol', 'the answer cannot be read: is this an HTTP/1.1 server?');
  const cause = tls
    ? 'a restart, a limit, an idle timeout, or a client certificate that it does not take'
    : 'a restart, a limit, an idle timeout, or TLS (`https://…`)';
  return fault('reset', `the server ended a connection under a request: ${cause}?`);
}

/** `error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:…`: what is wrong. */
function opensslReason(message: string): string | null {
  const at = message.indexOf(OPENSSL_MARK);
  return at < 0 ? null : (message.slice(at).split(':')[4] ?? null);
}

const OPENSSL_MARK = 'error:0A';

function tlsHint(text: string): string {
  const normal = text.toUpperCase().replaceAll(' ', '_');
  const found = TLS_HINTS.find(([part]) => normal.includes(part));
  return found?.[1] ?? 'the server ended the handshake: its log says why';
}
