// What goes wrong between this workload and its issuer: errors with a code, and diagnostics for the log.
import { type Diagnostic, SallyportError } from '../../core/errors.ts';

/** The codes of this folder. */
export type IssuerClientCode =
  /** No connection, or it broke before the answer was there. */
  | 'ERR_ISSUER_CLIENT_UNREACHABLE'
  /** Whoever answered is not the issuer. Nothing was sent. */
  | 'ERR_ISSUER_CLIENT_UNVERIFIED'
  /** The issuer said no: status 4xx. */
  | 'ERR_ISSUER_CLIENT_REFUSED'
  /** The issuer said not now: status 429 or 5xx. */
  | 'ERR_ISSUER_CLIENT_BUSY'
  /** The answer is not what the API says. */
  | 'ERR_ISSUER_CLIENT_ANSWER'
  /** The answer is for another ID than the one held. */
  | 'ERR_ISSUER_CLIENT_ID'
  /** The state folder cannot be read or written. */
  | 'ERR_ISSUER_CLIENT_STATE'
  /** A bundle or token file cannot be read, or is not what it should be. */
  | 'ERR_ISSUER_CLIENT_FILE'
  /** Whoever opened the source would not wait longer for the first SVID. */
  | 'ERR_ISSUER_CLIENT_WAIT'
  /** There is nothing to prove with who this workload is. */
  | 'ERR_ISSUER_CLIENT_NO_ATTESTATION';

interface Details {
  readonly hint: string;
  readonly cause?: unknown;
  readonly diagnostics?: readonly Diagnostic[];
  /** Status of the answer. */
  readonly status?: number;
  readonly retryAfterMs?: number;
}

/** A failed exchange with the issuer. */
export class IssuerClientError extends SallyportError {
  /** Status of the answer; null when there was none. */
  readonly status: number | null;
  /** What the issuer asked for; null when it did not. */
  readonly retryAfterMs: number | null;

  constructor(code: IssuerClientCode, message: string, details: Details) {
    const { status = null, retryAfterMs = null, ...rest } = details;
    super(code, message, rest);
    this.name = 'IssuerClientError';
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a revoked SVID looks like from here: TLS 1.3 has no answer to a certificate but the end. */
export function svidEnded(): IssuerClientError {
  const message = 'the issuer answers, but ends every connection that shows the present SVID';
  return new IssuerClientError('ERR_ISSUER_CLIENT_REFUSED', message, {
    hint: 'was it revoked? Without a service-account token a new join token is needed',
  });
}

/** What of `error` goes into `problems()`: its findings when it has some, else itself. */
export function diagnosticsOf(error: unknown): readonly Diagnostic[] {
  if (!(error instanceof SallyportError)) throw error; // our own defect
  if (error.diagnostics.length > 0) return error.diagnostics;
  const { code, message, hint } = error;
  return [{ severity: 'error', code, message, ...(hint === undefined ? {} : { hint }) }];
}

const SHOWN_CHARACTERS = 200;

/** Text of somebody else, fit for a log: printable ASCII, cut. */
export function shown(text: string): string {
  let result = '';
  for (const character of text.slice(0, SHOWN_CHARACTERS)) {
    const printable = character >= ' ' && character <= '~' && character !== '`';
    result += printable ? character : '?';
  }
  return text.length > SHOWN_CHARACTERS ? `${result}…` : result;
}

/** `ECONNREFUSED`, or the message of what has no code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return shown(String(error));
  return 'code' in error && typeof error.code === 'string' ? error.code : shown(error.message);
}
