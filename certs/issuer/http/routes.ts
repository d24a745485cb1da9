// What the issuer's HTTPS API does for each path: an SVID for who shows what it is, the trust for everybody,
// and a wait for its change.
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../../core/clock.ts';
import { SallyportError } from '../../../core/errors.ts';
import { ISSUER_POLL_MS_MAX } from '../../limits.ts';
import type { PeerIdentity } from '../../verify.ts';
import { readCertificateRequest } from '../certificate-request.ts';
import type { Attestation, Issued, Issuer } from '../issuer.ts';
import { IssuerError } from '../issuer-error.ts';
import type { TokenReviewer } from '../kubernetes/token-review.ts';
import type { AddressShares } from './address-shares.ts';
import { type Answer, json, NO_CONTENT, problem } from './answer.ts';
import type { LongPolls } from './long-polls.ts';
import { type Fields, readBody, readFields, refused } from './read-body.ts';
import type { TrustText } from './trust-text.ts';

/** One request, with who asks. */
export interface Asked {
  readonly request: IncomingMessage;
  readonly address: string;
  /** Who presented an SVID that is good now; null without one. */
  readonly caller: PeerIdentity | null;
  /** Calls back when the caller is gone. */
  readonly left: (gone: () => void) => void;
}

/** What the routes need. */
export interface RouteDeps {
  readonly issuer: Issuer;
  /** Null when Kubernetes is not configured. */
  readonly reviewer: TokenReviewer | null;
  /** Reviews at a time: a stranger may ask for as many as it likes before the first one fails. */
  readonly reviews: AddressShares;
  readonly polls: LongPolls;
  readonly trustText: TrustText;
  readonly bundleText: () => string;
  readonly clock: Clock;
  /** Told of every request for an SVID that was refused: attestation and code. */
  readonly refused: (attestation: string, code: string) => void;
}

type Route = (asked: Asked, query: string, deps: RouteDeps) => Answer | Promise<Answer>;

const ROUTES: ReadonlyMap<string, { readonly method: 'GET' | 'POST'; readonly run: Route }> = new Map([
  ['/v1/svid', { method: 'POST', run: issueSvid }],
  ['/v1/trust', { method: 'GET', run: tellTrust }],
  ['/bundle.json', { method: 'GET', run: (_asked, _query, deps) => json(deps.bundleText()) }],
]);

/** Answers one request. @throws IssuerError */
export function route(asked: Asked, deps: RouteDeps): Answer | Promise<Answer> {
  const target = asked.request.url ?? '';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const found = ROUTES.get(path);
  if (found === undefined) return problem('ERR_ISSUER_HTTP_PATH');
  if (asked.request.method !== found.method)
    return problem('ERR_ISSUER_HTTP_METHOD', { allow: found.method });
  return found.run(asked, mark < 0 ? '' : target.slice(mark + 1), deps);
}

const SVID_FIELDS = ['csr', 'joinToken', 'serviceAccountToken'] as const;

async function issueSvid(asked: Asked, query: string, deps: RouteDeps): Promise<Answer> {
  let kind = 'none';
  try {
    if (query !== '') throw refused('this resource takes no query');
    const fields = readFields(await readBody(asked.request, deps.clock), SVID_FIELDS);
    kind = kindOf(fields, asked);
    if (fields.csr === undefined) throw refused('`csr` is missing');
    if (fields.joinToken !== undefined && fields.serviceAccountToken !== undefined)
      throw refused('`joinToken` and `serviceAccountToken` are given; one attestation is enough');
    // Read before the attestation is looked at: a join token that comes with a bad CSR is not used up.
    const csr = readCertificateRequest(fields.csr);
    const attestation = await attest(fields, asked, deps);
    return json(...issuedText(deps.issuer.issue({ attestation, csr, from: asked.address }), deps));
  } catch (error) {
    if (error instanceof SallyportError) deps.refused(kind, error.code);
    throw error;
  }
}

type SvidFields = Fields<(typeof SVID_FIELDS)[number]>;

function kindOf(fields: SvidFields, { caller }: Asked): Attestation['kind'] | 'none' {
  if (fields.joinToken !== undefined) return 'join-token';
  if (fields.serviceAccountToken !== undefined) return 'kubernetes';
  return caller === null ? 'none' : 'renewal';
}

async function attest(
  { joinToken, serviceAccountToken }: SvidFields,
  { address, caller }: Asked,
  { issuer, reviewer, reviews }: RouteDeps,
): Promise<Attestation> {
  if (joinToken !== undefined) return { kind: 'join-token', token: joinToken };
  if (serviceAccountToken !== undefined) {
    if (reviewer === null)
      throw new IssuerError('ERR_ISSUER_ATTESTATION', 'service account tokens are not configured');
    issuer.checkAddress(address);
    const giveBack = reviews.take(address);
    if (giveBack === null) throw new SallyportError('ERR_ISSUER_HTTP_POLLS', 'too many reviews at a time');
    const verdict = await reviewer.review(serviceAccountToken).finally(giveBack);
    if (verdict.ok) return { kind: 'kubernetes', ...verdict.account };
    // What the API server could not say is no fault of the caller's.
    if (verdict.fault === 'unavailable') throw new SallyportError('ERR_ISSUER_HTTP_REVIEW', verdict.message);
    const code = verdict.fault === 'forbidden' ? 'ERR_ISSUER_FORBIDDEN' : 'ERR_ISSUER_ATTESTATION';
    issuer.attestationFailed({ kind: 'kubernetes', from: address, code, why: verdict.message });
    throw new IssuerError(code, verdict.message);
  }
  if (caller === null)
    throw new IssuerError('ERR_ISSUER_ATTESTATION', 'neither a token nor a client certificate');
  return { kind: 'renewal', spiffeId: caller.spiffeId.uri, serial: caller.serial };
}

const rfc3339 = (ms: number): string => new Date(ms).toISOString();

function issuedText(issued: Issued, { issuer, trustText }: RouteDeps): readonly (string | Buffer)[] {
  const head = JSON.stringify({
    spiffeId: issued.spiffeId,
    svid: issued.chainPem,
    serial: issued.serial,
    notBefore: rfc3339(issued.notBeforeMs),
    notAfter: rfc3339(issued.notAfterMs),
    renewAt: rfc3339(issued.renewAtMs),
  });
  return [`${head.slice(0, -1)},"trust":`, trustText.of(issuer.trust()), '}'];
}

async function tellTrust(asked: Asked, query: string, deps: RouteDeps): Promise<Answer> {
  const { after, waitMs } = readTrustQuery(query);
  const { issuer, polls, trustText } = deps;
  const answer = (): Answer | null => {
    const trust = issuer.trust();
    if (trust.sequence <= after) return null;
    const renew = asked.caller === null ? null : issuer.mustRenew(asked.caller.serial);
    return json(...trustText.withRenew(trust, renew));
  };
  const now = answer();
  if (now !== null || waitMs === 0) return now ?? NO_CONTENT;
  const waiting = polls.wait(asked.address, waitMs, asked.left);
  if (waiting === null) return problem('ERR_ISSUER_HTTP_POLLS');
  await waiting;
  return answer() ?? NO_CONTENT;
}

/** `after=7&wait=25`: each at most once, whole numbers. @throws ERR_ISSUER_REQUEST */
export function readTrustQuery(query: string): { readonly after: number; readonly waitMs: number } {
  const values = new Map<string, number>();
  for (const part of query === '' ? [] : query.split('&')) {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(0, equals));
    if ((name !== 'after' && name !== 'wait') || values.has(name))
      throw refused('the query has `after` and `wait`, each once');
    values.set(name, readInteger(part.slice(equals + 1), name));
  }
  const waitMs = (values.get('wait') ?? 0) * 1000;
  if (waitMs > ISSUER_POLL_MS_MAX) throw refused(`\`wait\` is more than ${ISSUER_POLL_MS_MAX / 1000}`);
  return { after: values.get('after') ?? -1, waitMs };
}

const DIGITS_MAX = 15; // below 2^53

function readInteger(text: string, name: string): number {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x30 || c > 0x39) throw refused(`\`${name}\` is not a whole number`);
  }
  if (text === '' || text.length > DIGITS_MAX) throw refused(`\`${name}\` is not a whole number`);
  return Number(text);
}
