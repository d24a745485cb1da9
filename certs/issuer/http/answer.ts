// What the issuer answers: JSON, or problem+json (RFC 9457) with a stable code. The one file that maps an
// error to a response. What an answer says about a token never tells an unknown one from a used or an expired
// one.
import type { ServerResponse } from 'node:http';
import { SallyportError } from '../../../core/errors.ts';
import { ISSUER_ERRORS, IssuerError } from '../issuer-error.ts';

/** One answer; `body`, in parts that may be shared with other answers, null for a status that has none. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: readonly Buffer[] | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What only HTTP can get wrong; the rest is in issuer-error.ts. */
const HTTP_ERRORS = {
  ERR_ISSUER_HTTP_PATH: { status: 404, title: 'there is no such resource', hint: 'see docs/issuer.md' },
  ERR_ISSUER_HTTP_METHOD: { status: 405, title: 'the method is not allowed', hint: 'see the Allow header' },
  ERR_ISSUER_HTTP_BODY: { status: 413, title: 'the body is too large', hint: 'send at most 64 KiB' },
  ERR_ISSUER_HTTP_POLLS: { status: 429, title: 'too many requests wait', hint: 'try again later' },
  ERR_ISSUER_HTTP_REVIEW: {
    status: 503,
    title: 'service account tokens cannot be reviewed now',
    hint: 'try again later',
  },
  ERR_ISSUER_HTTP_DEFECT: { status: 500, title: 'the issuer failed', hint: 'its log says more' },
} as const;

type Code = keyof typeof ISSUER_ERRORS | keyof typeof HTTP_ERRORS;

const ROWS: Readonly<
  Record<Code, { readonly status: number; readonly title: string; readonly hint: string }>
> = { ...ISSUER_ERRORS, ...HTTP_ERRORS };

const JSON_TYPE = 'application/json';
const bytesOf = (part: string | Buffer): Buffer => (typeof part === 'string' ? Buffer.from(part) : part);
/** How long to stay away when the error does not say. */
const RETRY_AFTER_MS = 10_000;

/** 200 with JSON text. */
export const json = (...parts: readonly (string | Buffer)[]): Answer => ({
  status: 200,
  contentType: JSON_TYPE,
  body: parts.map(bytesOf),
});

/** Nothing new. */
export const NO_CONTENT: Answer = { status: 204, contentType: JSON_TYPE, body: null };

/** An error by its code; `title` in place of the table's where it may be told. */
export function problem(
  code: Code,
  more: { title?: string; hint?: string; retryAfterMs?: number; allow?: string } = {},
): Answer {
  const row = ROWS[code];
  const headers: Record<string, string> = {};
  if (more.allow !== undefined) headers['allow'] = more.allow;
  if (row.status === 429 || row.status === 503)
    headers['retry-after'] = String(Math.max(1, Math.ceil((more.retryAfterMs ?? RETRY_AFTER_MS) / 1000)));
  return {
    status: row.status,
    contentType: 'application/problem+json',
    body: [
      bytesOf(`${JSON.stringify({ code, title: more.title ?? row.title, hint: more.hint ?? row.hint })}\n`),
    ],
    headers,
  };
}

/** Errors whose own words are about nothing but what the caller sent. */
const SAYS_WHY: ReadonlySet<string> = new Set(['ERR_ISSUER_REQUEST', 'ERR_ISSUER_CSR']);

/** How much a caller may know: an operator everything, a stranger what it sent itself. */
export type Audience = 'stranger' | 'operator';

/** The answer to an error; null when it is a defect of ours. */
export function answerTo(error: unknown, audience: Audience): Answer | null {
  if (!(error instanceof SallyportError)) return null;
  if (error instanceof IssuerError) {
    const told = audience === 'operator' || SAYS_WHY.has(error.code);
    return problem(error.code, {
      ...(told && { title: error.message, ...(error.hint !== undefined && { hint: error.hint }) }),
      ...(error.retryAfterMs !== null && { retryAfterMs: error.retryAfterMs }),
    });
  }
  return isHttpError(error.code) ? problem(error.code) : null;
}

const isHttpError = (code: string): code is keyof typeof HTTP_ERRORS => Object.hasOwn(HTTP_ERRORS, code);

/** Sends `answer`. */
export function send(response: ServerResponse, answer: Answer): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = answer.status;
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (answer.body === null) {
    response.end();
    return;
  }
  response.setHeader('content-type', answer.contentType);
  response.setHeader(
    'content-length',
    answer.body.reduce((sum, part) => sum + part.length, 0),
  );
  sendPieces(response, piecesOf(answer.body));
}

const PIECE_BYTES = 65_536;

function* piecesOf(parts: readonly Buffer[]): Generator<Buffer, void> {
  for (const part of parts)
    for (let at = 0; at < part.length; at += PIECE_BYTES) yield part.subarray(at, at + PIECE_BYTES);
}

/**
 * No faster than they are taken. PERF: TLS keeps what it has encrypted until the socket takes it. 500 answers
 * of 2.6 MB at once, each in one write, made 2.7 GB and stalled everybody for 6 s
 * (test/unit/certs/issuer/http/many-polls.test.ts has the figures now).
 */
function sendPieces(response: ServerResponse, pieces: Generator<Buffer, void>): void {
  for (let piece = pieces.next(); piece.done !== true; piece = pieces.next())
    if (!response.write(piece.value)) {
      response.once('drain', () => sendPieces(response, pieces));
      return;
    }
  response.end();
}
