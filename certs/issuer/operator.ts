// What an operator does to identities: join tokens, revocation, reinstatement, rotation.
import { SallyportError } from '../../core/errors.ts';
import { parseSpiffeId, type SpiffeId } from '../../core/spiffe-id.ts';
import { isDnsName } from '../authority/certificate-profile.ts';
import { DNS_NAMES_MAX, ISSUER_TEXT_CHARS_MAX, JOIN_TOKEN_TTL_MS_MAX } from '../limits.ts';
import { printable } from '../x509/names.ts';
import type { IssuedRow, Issuer, RevocationRequest } from './issuer.ts';
import { IssuerError } from './issuer-error.ts';
import type { IssuerParts } from './issuer-parts.ts';

type TokenRequest = Parameters<Issuer['createJoinToken']>[0];
type Target = { readonly spiffeId: SpiffeId } | { readonly serial: string };

const SERIAL_CHARS_MAX = 40; // RFC 5280 section 4.1.2.2: 20 bytes

export class Operator {
  readonly #parts: IssuerParts;

  constructor(parts: IssuerParts) {
    this.#parts = parts;
  }

  /** See Issuer.createJoinToken. */
  createJoinToken(request: TokenRequest): { readonly token: string; readonly expiresAtMs: number } {
    const { audit, authorities, clock, db, settings, tokens } = this.#parts;
    const { spiffeId, ttlMs, dnsNames } = request;
    const { uri } = this.#workload(spiffeId);
    const author = textOfPerson('author', request.author);
    if (uri === settings.spiffeId.uri) throw bad(`\`${uri}\` is the issuer itself`);
    if (!(ttlMs >= 1_000 && ttlMs <= JOIN_TOKEN_TTL_MS_MAX))
      throw bad(`a join token lives for 1 s to ${JOIN_TOKEN_TTL_MS_MAX / 86_400_000} days`);
    if (dnsNames !== undefined && dnsNames.length > DNS_NAMES_MAX)
      throw bad(`more than ${DNS_NAMES_MAX} DNS names`);
    for (const name of dnsNames ?? [])
      if (!isDnsName(name)) throw bad(`\`${printable(name)}\` is no DNS name`);
    const nowMs = clock.now();
    const expiresAtMs = nowMs + Math.trunc(ttlMs);
    const root = authorities.inState('active');
    if (root === undefined) throw new IssuerError('ERR_ISSUER_CA', 'no CA is active');
    const secret = db.transact(() => {
      const expires = new Date(expiresAtMs).toISOString();
      audit.append('token-created', nowMs, { spiffeId: uri, expires, dnsNames: dnsNames ?? null, author });
      return tokens.create({ spiffeId: uri, dnsNames: dnsNames ?? null, nowMs, expiresAtMs });
    });
    return { token: `${secret}.${root.fingerprintSha256}`, expiresAtMs };
  }

  /** See Issuer.revoke. */
  revoke(request: RevocationRequest): readonly string[] {
    const { audit, clock, counters, db, settings, svids, tokens } = this.#parts;
    const target = this.#target(request.target);
    const reason = textOfPerson('reason', request.reason);
    const author = textOfPerson('author', request.author);
    const nowMs = clock.now();
    const rows = this.#valid(target, nowMs);
    // SAFETY: what has ended by a clock that is ahead lives again when the clock is right.
    const ended = 'spiffeId' in target ? svids.endedOfId(target.spiffeId.uri, nowMs) : [];
    db.transact(() => {
      for (const { serial } of [...rows, ...ended])
        svids.revoke(serial, { atMs: nowMs, cause: 'operator', reason });
      let cancelledTokens = 0;
      if ('spiffeId' in target) {
        const { uri } = target.spiffeId;
        // The issuer must be able to replace its own SVID, or nobody could be told.
        if (uri !== settings.spiffeId.uri) svids.block(uri, nowMs, reason);
        cancelledTokens = tokens.cancel(uri);
      }
      this.#publish([...rows, ...ended], nowMs);
      const serials = rows.map((row) => row.serial);
      audit.append('revoked', nowMs, { target: request.target, serials, reason, author, cancelledTokens });
    });
    counters.revokedBy('operator', rows.length);
    return rows.map((row) => row.serial);
  }

  /** See Issuer.reinstate. */
  reinstate(request: { readonly spiffeId: string; readonly author: string }): boolean {
    const { audit, clock, db, svids } = this.#parts;
    const { uri } = this.#workload(request.spiffeId);
    const author = textOfPerson('author', request.author);
    return db.transact(() => {
      const lifted = svids.unblock(uri);
      if (lifted) audit.append('reinstated', clock.now(), { spiffeId: uri, author });
      return lifted;
    });
  }

  /** See Issuer.rotate. */
  rotate(request: { readonly target: string; readonly author: string }): readonly string[] {
    const { audit, clock, db, svids, trust } = this.#parts;
    const target = this.#target(request.target);
    const author = textOfPerson('author', request.author);
    const nowMs = clock.now();
    const rows = this.#valid(target, nowMs);
    if (rows.length === 0)
      throw new IssuerError('ERR_ISSUER_UNKNOWN', `\`${request.target}\` has no SVID that is valid`);
    const serials = rows.map((row) => row.serial);
    db.transact(() => {
      for (const serial of serials) svids.askRenewal(serial, { nowMs, ends: true });
      trust.change();
      audit.append('rotate-asked', nowMs, { target: request.target, serials, author });
    });
    return serials;
  }

  /** Revokes what `rotate` had replaced, once its grace is over. */
  endReplaced(): void {
    const { audit, clock, counters, db, svids } = this.#parts;
    const nowMs = clock.now();
    const rows = svids.ended(nowMs);
    if (rows.length === 0) return;
    // Also what has ended: by a clock that is ahead, it lives again when the clock is right.
    const replaced = rows.filter(({ revoked }) => revoked === null);
    const serials = replaced.map((row) => row.serial);
    db.transact(() => {
      for (const { serial } of rows) svids.notEnding(serial);
      for (const serial of serials) svids.revoke(serial, { atMs: nowMs, cause: 'rotated', reason: REPLACED });
      this.#publish(replaced, nowMs);
      if (serials.length > 0) audit.append('replaced-revoked', nowMs, { serials });
    });
    counters.revokedBy('rotated', serials.length);
  }

  /** The CRLs of those who signed `rows`, anew. */
  #publish(rows: readonly IssuedRow[], nowMs: number): void {
    const { authorities, trust } = this.#parts;
    for (const caId of new Set(rows.map((row) => row.caId))) authorities.signCrl(caId, nowMs);
    if (rows.length > 0) trust.change();
  }

  #valid(target: Target, nowMs: number): readonly IssuedRow[] {
    const { svids } = this.#parts;
    if ('spiffeId' in target) return svids.validOfId(target.spiffeId.uri, nowMs);
    const row = svids.find(target.serial);
    if (row === null || row.revoked !== null || row.notAfterMs <= nowMs)
      throw new IssuerError('ERR_ISSUER_UNKNOWN', `no valid SVID has the serial \`${target.serial}\``);
    return [row];
  }

  #target(text: string): Target {
    if (text.startsWith('spiffe:')) return { spiffeId: this.#workload(text) };
    if (!isSerial(text))
      throw bad(`\`${printable(text)}\` is neither a SPIFFE ID nor a serial in lower-case hex`);
    return { serial: text };
  }

  #workload(text: string): SpiffeId {
    const { trustDomain } = this.#parts.settings;
    let spiffeId: SpiffeId;
    try {
      spiffeId = parseSpiffeId(text);
    } catch (error) {
      throw error instanceof SallyportError ? bad(error.message) : error;
    }
    if (spiffeId.path === '' || spiffeId.trustDomain !== trustDomain)
      throw bad(`\`${text}\` is no workload of the trust domain \`${trustDomain}\``);
    return spiffeId;
  }
}

const REPLACED = 'replaced after `rotate`';

function isSerial(text: string): boolean {
  if (text.length === 0 || text.length > SERIAL_CHARS_MAX || text.length % 2 === 1) return false;
  for (const c of text) if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  return true;
}

/** A reason or an author, as it goes to the audit log. @throws ERR_ISSUER_REQUEST */
export function textOfPerson(name: string, text: string): string {
  if (text.trim() === '' || text.length > ISSUER_TEXT_CHARS_MAX)
    throw bad(`the ${name} has 1 to ${ISSUER_TEXT_CHARS_MAX} characters`);
  return text;
}

const bad = (message: string): IssuerError => new IssuerError('ERR_ISSUER_REQUEST', message);
