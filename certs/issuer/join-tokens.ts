// Join tokens: 32 random bytes that give one SVID once. Only their hash is stored.
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { JOIN_TOKENS_MAX } from '../limits.ts';
import { IssuerError } from './issuer-error.ts';
import {
  bytesOf,
  integerOf,
  integerOrNull,
  type StateDatabase,
  textOf,
  textOrNull,
  textsOf,
} from './state-database.ts';

/** What a token stands for, or why it does not count. */
export type TokenVerdict =
  | {
      readonly ok: true;
      readonly hash: Buffer;
      readonly spiffeId: string;
      readonly dnsNames: readonly string[] | null;
    }
  | {
      readonly ok: false;
      readonly why: 'malformed' | 'unknown' | 'used' | 'expired' | 'cancelled' | 'clock';
      readonly spiffeId: string | null;
    };

const TOKEN_BYTES = 32;
const TOKEN_CHARS = 43;
const PIN_CHARS = 64;
// A clock that was set back this far is a correction; beyond it, an expired token could live again.
const CLOCK_BACK_MS_MAX = 60_000;

export class JoinTokens {
  readonly #db: StateDatabase;
  readonly #statements;

  constructor(db: StateDatabase) {
    this.#db = db;
    this.#statements = {
      count: db.prepare(`SELECT count(*) AS count FROM join_token WHERE state = 'open'`),
      insert: db.prepare(`INSERT INTO join_token (hash, state, spiffe_id, dns_names, created_at_ms,
        expires_at_ms) VALUES (?, 'open', ?, ?, ?, ?)`),
      find: db.prepare(`SELECT hash, state, spiffe_id, dns_names, created_at_ms, expires_at_ms
        FROM join_token WHERE hash = ?`),
      use: db.prepare(`UPDATE join_token SET state = 'used', used_for = ? WHERE hash = ? AND state = 'open'`),
      cancel: db.prepare(`UPDATE join_token SET state = 'cancelled' WHERE spiffe_id = ? AND state = 'open'`),
      due: db.prepare(`SELECT min(expires_at_ms) AS due FROM join_token WHERE state = 'open'`),
      expire: db.prepare(
        `UPDATE join_token SET state = 'expired' WHERE state = 'open' AND expires_at_ms <= ?`,
      ),
      forget: db.prepare(`DELETE FROM join_token WHERE state <> 'open' AND expires_at_ms < ?`),
    };
  }

  /** The first half of the token's text; the pin is not this file's matter. @throws ERR_ISSUER_REQUEST */
  create(token: {
    readonly spiffeId: string;
    readonly dnsNames: readonly string[] | null;
    readonly nowMs: number;
    readonly expiresAtMs: number;
  }): string {
    if (integerOf(this.#db.row(this.#statements.count), 'count') >= JOIN_TOKENS_MAX)
      throw new IssuerError('ERR_ISSUER_REQUEST', `more than ${JOIN_TOKENS_MAX} join tokens are open`);
    const bytes = randomBytes(TOKEN_BYTES);
    const dnsNames = token.dnsNames === null ? null : JSON.stringify(token.dnsNames);
    this.#db.change(
      this.#statements.insert,
      ...[hash('sha256', bytes, 'buffer'), token.spiffeId, dnsNames, token.nowMs, token.expiresAtMs],
    );
    return bytes.toString('base64url');
  }

  judge(text: string, nowMs: number): TokenVerdict {
    const bytes = tokenBytes(text);
    if (bytes === null) return { ok: false, why: 'malformed', spiffeId: null };
    const wanted = hash('sha256', bytes, 'buffer');
    const row = this.#db.find(this.#statements.find, wanted);
    // The index compares hashes of what a stranger cannot choose; this comparison gives nothing away either.
    if (row === undefined || !timingSafeEqual(bytesOf(row, 'hash'), wanted))
      return { ok: false, why: 'unknown', spiffeId: null };
    const spiffeId = textOf(row, 'spiffe_id');
    const state = textOf(row, 'state');
    if (state === 'used' || state === 'expired' || state === 'cancelled')
      return { ok: false, why: state, spiffeId };
    if (nowMs >= integerOf(row, 'expires_at_ms')) return { ok: false, why: 'expired', spiffeId };
    if (nowMs < integerOf(row, 'created_at_ms') - CLOCK_BACK_MS_MAX)
      return { ok: false, why: 'clock', spiffeId };
    const dnsNames = textOrNull(row, 'dns_names') === null ? null : textsOf(row, 'dns_names');
    return { ok: true, hash: wanted, spiffeId, dnsNames };
  }

  /** Inside the transaction of the issuance. */
  use(tokenHash: Buffer, serial: string): void {
    if (this.#db.change(this.#statements.use, serial, tokenHash) !== 1)
      throw new Error('a join token that was open is not open any more');
  }

  /** Of one ID; how many there were. */
  cancel(spiffeId: string): number {
    return this.#db.change(this.#statements.cancel, spiffeId);
  }

  /** True when `expire` would change something. */
  isDue(nowMs: number): boolean {
    const due = integerOrNull(this.#db.row(this.#statements.due), 'due');
    return due !== null && due <= nowMs;
  }

  /** Marks what has expired, so that a clock that goes back does not bring it to life again. */
  expire(nowMs: number): void {
    this.#db.change(this.#statements.expire, nowMs);
  }

  /** Deletes rows that ended before `beforeMs`. */
  forget(beforeMs: number): void {
    this.#db.change(this.#statements.forget, beforeMs);
  }
}

/** The 32 bytes of `<base64url>` or `<base64url>.<hex pin>`. */
function tokenBytes(text: string): Buffer | null {
  const dot = text.indexOf('.');
  if (dot >= 0 && text.length !== TOKEN_CHARS + 1 + PIN_CHARS) return null;
  const secret = dot < 0 ? text : text.slice(0, dot);
  if (secret.length !== TOKEN_CHARS) return null;
  const bytes = Buffer.from(secret, 'base64url');
  return bytes.length === TOKEN_BYTES && bytes.toString('base64url') === secret ? bytes : null;
}
