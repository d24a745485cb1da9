// What the issuer refuses, in one table: code, HTTP status, and a hint.
import { SallyportError } from '../../core/errors.ts';

/** A row of ISSUER_ERRORS. `title` is all that a stranger is told. */
export interface IssuerErrorRow {
  readonly status: 400 | 401 | 403 | 404 | 409 | 429 | 503;
  readonly title: string;
  readonly hint: string;
}

const ATTEST_HINT = 'ask for a new join token, or look at the audience of the service account token';

/** Every code of the issuer. The code is the metric's label, too. */
export const ISSUER_ERRORS = {
  ERR_ISSUER_CSR: row(400, 'the certificate request is not accepted', 'send a PKCS#10 request, DER or PEM'),
  ERR_ISSUER_REQUEST: row(400, 'the request is not valid', 'correct what the message names'),
  ERR_ISSUER_ATTESTATION: row(401, 'the attestation is not accepted', ATTEST_HINT),
  ERR_ISSUER_FORBIDDEN: row(403, 'this identity is not given out', 'an operator can reinstate it'),
  ERR_ISSUER_REVOKED: row(403, 'the SVID is revoked or not known', 'attest again, as at the first time'),
  ERR_ISSUER_UNKNOWN: row(404, 'there is no such SVID', '`sallyport certs issued` lists them'),
  ERR_ISSUER_CA_STEP: row(
    409,
    'this step of the CA rotation is not due',
    'see `sallyport certs rotate --ca status`',
  ),
  ERR_ISSUER_RATE: row(429, 'too many requests', 'try again later'),
  ERR_ISSUER_CA: row(503, 'no CA can sign now', 'look at the clock and at the CA'),
  ERR_ISSUER_STATE: row(503, 'the state cannot be read or written', 'look at the disk'),
  ERR_ISSUER_LOCKED: row(503, 'another process has the state open', 'one issuer at a time'),
  ERR_ISSUER_PERMISSIONS: row(503, 'others may read the state', 'chmod 0700 the folder, 0600 its files'),
  ERR_ISSUER_SCHEMA: row(503, 'the state is of a newer version', 'run the version that wrote it'),
  ERR_ISSUER_SECRET: row(
    503,
    'the secret does not open the CA keys',
    'give the secret that they were made with',
  ),
  ERR_ISSUER_OPTIONS: row(503, 'the lifetimes do not fit together', 'correct what the message names'),
} as const satisfies Readonly<Record<string, IssuerErrorRow>>;

export type IssuerErrorCode = keyof typeof ISSUER_ERRORS;

/** A refusal of the issuer. `message` is for the operator; a stranger gets the row's title. */
export class IssuerError extends SallyportError {
  override readonly code: IssuerErrorCode;
  /** Only with ERR_ISSUER_RATE. */
  readonly retryAfterMs: number | null;

  constructor(
    code: IssuerErrorCode,
    message: string,
    options: { hint?: string; cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(code, message, { hint: options.hint ?? ISSUER_ERRORS[code].hint, cause: options.cause });
    this.name = 'IssuerError';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

function row(status: IssuerErrorRow['status'], title: string, hint: string): IssuerErrorRow {
  return { status, title, hint };
}
