// Reading the issuer's answers: JSON into own types, strictly, by hand (zod is not loaded in a proxy). What
// is in the certificates is judged later, by verifyIdentity; fields that are not known here are left alone.
import { SallyportError } from '../../core/errors.ts';
import { parseTrustDomain, type TrustDomain } from '../../core/spiffe-id.ts';
import { FEDERATED_BUNDLES_MAX } from '../limits.ts';
import { IssuerClientError, shown } from './problem.ts';

/** What everybody of a trust domain is to trust, at one sequence number. */
export interface TrustAnswer {
  readonly trustDomain: TrustDomain;
  /** Grows with every change. */
  readonly sequence: number;
  /** PEM. */
  readonly bundlePem: string;
  /** PEM; may be empty. */
  readonly crlPem: string;
  /** PEM by foreign trust domain. */
  readonly federated: ReadonlyMap<TrustDomain, string>;
  /** The issuer wants the SVID that was shown replaced now; null when it does not say. */
  readonly renew: boolean | null;
}

/** A certified key, and what to trust with it. */
export interface SvidAnswer {
  readonly spiffeId: string;
  /** PEM, leaf first. */
  readonly svidPem: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** When the issuer wants to be asked again. */
  readonly renewAtMs: number;
  readonly trust: TrustAnswer;
}

/** The body of 200 to `POST /v1/svid`. @throws ERR_ISSUER_CLIENT_ANSWER */
export function readSvidAnswer(body: string): SvidAnswer {
  const fields = objectOf(parseJson(body), 'the answer');
  const notBeforeMs = timeField(fields, 'notBefore');
  const notAfterMs = timeField(fields, 'notAfter');
  const renewAtMs = timeField(fields, 'renewAt');
  if (notBeforeMs >= notAfterMs) throw malformed('`notBefore` is not before `notAfter`');
  return {
    spiffeId: textField(fields, 'spiffeId'),
    svidPem: textField(fields, 'svid'),
    notBeforeMs,
    notAfterMs,
    renewAtMs,
    trust: readTrust(objectOf(fields['trust'], '`trust`')),
  };
}

/** The body of 200 to `GET /v1/trust`. @throws ERR_ISSUER_CLIENT_ANSWER */
export const readTrustAnswer = (body: string): TrustAnswer =>
  readTrust(objectOf(parseJson(body), 'the answer'));

/** `code: title (hint)` of problem+json, or null when it is something else. */
export function readProblem(body: string): { readonly text: string; readonly hint: string | null } | null {
  try {
    const fields = objectOf(parseJson(body), 'the answer');
    const hint = fields['hint'];
    const text = `${shown(textField(fields, 'code'))}: ${shown(textField(fields, 'title'))}`;
    return { text, hint: typeof hint === 'string' && hint !== '' ? shown(hint) : null };
  } catch (error) {
    if (!(error instanceof IssuerClientError)) throw error;
    return null; // of something before the issuer, a load balancer perhaps: the status says enough
  }
}

type Fields = Readonly<Record<string, unknown>>;

function readTrust(fields: Fields): TrustAnswer {
  const trustDomain = domainOf(textField(fields, 'trustDomain'));
  const sequence = fields['sequence'];
  if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence) || sequence < 0)
    throw malformed('`sequence` is not a whole number');
  const { renew = null } = fields;
  if (renew !== null && typeof renew !== 'boolean') throw malformed('`renew` is neither true nor false');
  return {
    trustDomain,
    sequence,
    bundlePem: textField(fields, 'bundle'),
    crlPem: textField(fields, 'crl'),
    federated: readFederated(objectOf(fields['federated'], '`federated`'), trustDomain),
    renew,
  };
}

function readFederated(fields: Fields, own: TrustDomain): ReadonlyMap<TrustDomain, string> {
  const entries = Object.entries(fields);
  if (entries.length > FEDERATED_BUNDLES_MAX)
    throw malformed(`\`federated\` has ${entries.length} bundles, more than ${FEDERATED_BUNDLES_MAX}`);
  return new Map(
    entries.map(([name, pem]) => {
      const trustDomain = domainOf(name);
      if (trustDomain === own) throw malformed('`federated` has a bundle of the own trust domain');
      if (typeof pem !== 'string' || pem === '')
        throw malformed(`the bundle of \`${trustDomain}\` is not text`);
      return [trustDomain, pem];
    }),
  );
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw malformed('it is not JSON'); // the parser's message quotes the input
  }
}

function objectOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`${what} is not an object`);
  return { ...value };
}

function textField(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw malformed(`\`${name}\` is not text`);
  return value;
}

const TIME_CHARS_MAX = 40;

/** RFC 3339, as `toISOString` writes it, with or without a fraction or an offset. */
function timeField(fields: Fields, name: string): number {
  const text = textField(fields, name);
  const ms = text.length > TIME_CHARS_MAX || text[10] !== 'T' ? Number.NaN : Date.parse(text);
  if (Number.isNaN(ms)) throw malformed(`\`${name}\` is not a time`);
  return ms;
}

function domainOf(text: string): TrustDomain {
  try {
    return parseTrustDomain(text);
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    throw malformed('a name is not a trust domain');
  }
}

function malformed(what: string): IssuerClientError {
  return new IssuerClientError('ERR_ISSUER_CLIENT_ANSWER', `the issuer's answer cannot be used: ${what}`, {
    hint: 'issuer and client may be of different versions',
  });
}
