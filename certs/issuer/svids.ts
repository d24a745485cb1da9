// What was issued: rows of SVIDs, and who is blocked. Changes happen inside a transaction of the caller.
import type { SQLInputValue } from 'node:sqlite';
import { ISSUED_ROWS_MAX } from '../limits.ts';
import type { Attestation, IssuedFilter, IssuedRow, RevocationCause, Revoked } from './issuer.ts';
import {
  damaged,
  integerOf,
  integerOrNull,
  type Row,
  type StateDatabase,
  textOf,
  textOrNull,
  textsOf,
} from './state-database.ts';

const COLUMNS = `serial, spiffe_id, ca_id, attestation, dns_names, from_address, issued_at_ms, not_after_ms,
  renew_asked_at_ms, revoked_at_ms, revoked_cause, revoked_reason`;
const VALID = 'revoked_at_ms IS NULL AND not_after_ms > ?';

export class Svids {
  readonly #db: StateDatabase;
  readonly #statements;
  /** Serials whose replacement was asked for: looked up at every poll of every client. */
  readonly #renewAsked = new Set<string>();
  #renewalsChanged = true;

  constructor(db: StateDatabase) {
    this.#db = db;
    this.#statements = {
      insert: db.prepare(`INSERT INTO svid (${COLUMNS})
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL)`),
      find: db.prepare(`SELECT ${COLUMNS} FROM svid WHERE serial = ?`),
      validOfId: db.prepare(`SELECT ${COLUMNS} FROM svid WHERE spiffe_id = ? AND ${VALID}`),
      endedOfId: db.prepare(`SELECT ${COLUMNS} FROM svid
        WHERE spiffe_id = ? AND revoked_at_ms IS NULL AND not_after_ms <= ?`),
      validOfCa: db.prepare(`SELECT ${COLUMNS} FROM svid WHERE ca_id = ? AND ${VALID}`),
      revoke: db.prepare(`UPDATE svid SET revoked_at_ms = ?, revoked_cause = ?, revoked_reason = ?
        WHERE serial = ? AND revoked_at_ms IS NULL`),
      askRenewal: db.prepare(
        'UPDATE svid SET renew_asked_at_ms = ?, ends_when_renewed = max(ends_when_renewed, ?) WHERE serial = ?',
      ),
      asked: db.prepare(`SELECT ends_when_renewed FROM svid
        WHERE serial = ? AND renew_asked_at_ms IS NOT NULL AND revoked_at_ms IS NULL`),
      renewed: db.prepare('UPDATE svid SET renew_asked_at_ms = NULL, ends_at_ms = ? WHERE serial = ?'),
      ended: db.prepare(`SELECT ${COLUMNS} FROM svid WHERE ends_at_ms <= ?`),
      nextEnd: db.prepare('SELECT min(ends_at_ms) AS next FROM svid'),
      notEnding: db.prepare('UPDATE svid SET ends_at_ms = NULL WHERE serial = ?'),
      askedRows: db.prepare(`SELECT serial FROM svid
        WHERE renew_asked_at_ms IS NOT NULL AND revoked_at_ms IS NULL AND not_after_ms > ?`),
      forget: db.prepare('DELETE FROM svid WHERE not_after_ms < ?'),
      oldest: db.prepare('SELECT min(not_after_ms) AS oldest FROM svid'),
      block: db.prepare('INSERT OR REPLACE INTO blocked_id (spiffe_id, since_ms, reason) VALUES (?, ?, ?)'),
      blocked: db.prepare('SELECT 1 AS one FROM blocked_id WHERE spiffe_id = ?'),
      unblock: db.prepare('DELETE FROM blocked_id WHERE spiffe_id = ?'),
    };
  }

  insert(row: Omit<IssuedRow, 'renewAskedAtMs' | 'revoked'>): void {
    this.#db.change(
      this.#statements.insert,
      ...[row.serial, row.spiffeId, row.caId, row.attestation, JSON.stringify(row.dnsNames), row.from],
      ...[row.issuedAtMs, row.notAfterMs],
    );
  }

  find(serial: string): IssuedRow | null {
    const row = this.#db.find(this.#statements.find, serial);
    return row === undefined ? null : read(row);
  }

  validOfId(spiffeId: string, nowMs: number): readonly IssuedRow[] {
    return this.#db.rows(this.#statements.validOfId, spiffeId, nowMs).map(read);
  }

  /** Not revoked, and not valid any more by the clock of this moment, which may be ahead. */
  endedOfId(spiffeId: string, nowMs: number): readonly IssuedRow[] {
    return this.#db.rows(this.#statements.endedOfId, spiffeId, nowMs).map(read);
  }

  validOfCa(caId: string, nowMs: number): readonly IssuedRow[] {
    return this.#db.rows(this.#statements.validOfCa, caId, nowMs).map(read);
  }

  revoke(serial: string, { atMs, cause, reason }: Revoked): void {
    this.#db.change(this.#statements.revoke, atMs, cause, reason, serial);
    this.#renewalsChanged = true;
  }

  /** `ends`: the serial is to be revoked when its replacement is issued. */
  askRenewal(serial: string, { nowMs, ends }: { readonly nowMs: number; readonly ends: boolean }): void {
    this.#db.change(this.#statements.askRenewal, nowMs, Number(ends), serial);
    this.#renewalsChanged = true;
  }

  /** A replacement was issued: it is not asked for any more. True when the old serial ends at `endsAtMs`. */
  renewed(serial: string, endsAtMs: number): boolean {
    const row = this.#db.find(this.#statements.asked, serial);
    if (row === undefined) return false;
    const ends = integerOf(row, 'ends_when_renewed') === 1;
    this.#db.change(this.#statements.renewed, ends ? endsAtMs : null, serial);
    this.#renewalsChanged = true;
    return ends;
  }

  /** Those that were replaced and whose time is over. */
  ended(nowMs: number): readonly IssuedRow[] {
    return this.#db.rows(this.#statements.ended, nowMs).map(read);
  }

  /** When the next one ends; null = none is to. */
  nextEndMs(): number | null {
    return integerOrNull(this.#db.row(this.#statements.nextEnd), 'next');
  }

  /** One of `ended` that has been seen to. */
  notEnding(serial: string): void {
    this.#db.change(this.#statements.notEnding, serial);
  }

  renewalAsked(serial: string, nowMs: number): boolean {
    if (this.#renewalsChanged) {
      this.#renewAsked.clear();
      for (const row of this.#db.rows(this.#statements.askedRows, nowMs))
        this.#renewAsked.add(textOf(row, 'serial'));
      this.#renewalsChanged = false;
    }
    return this.#renewAsked.has(serial);
  }

  block(spiffeId: string, nowMs: number, reason: string): void {
    this.#db.change(this.#statements.block, spiffeId, nowMs, reason);
  }

  unblock(spiffeId: string): boolean {
    return this.#db.change(this.#statements.unblock, spiffeId) > 0;
  }

  isBlocked(spiffeId: string): boolean {
    return this.#db.find(this.#statements.blocked, spiffeId) !== undefined;
  }

  /** True when `forget` would delete something. */
  endedBefore(beforeMs: number): boolean {
    const oldest = integerOrNull(this.#db.row(this.#statements.oldest), 'oldest');
    return oldest !== null && oldest < beforeMs;
  }

  /** Deletes rows that ended before `beforeMs`. */
  forget(beforeMs: number): void {
    this.#db.change(this.#statements.forget, beforeMs);
  }

  list({ spiffeId, serial, state, limit = ISSUED_ROWS_MAX }: IssuedFilter, nowMs: number): IssuedRow[] {
    const conditions = ['TRUE'];
    const values: SQLInputValue[] = [];
    const where = (condition: string, ...more: SQLInputValue[]): void => {
      conditions.push(condition);
      values.push(...more);
    };
    if (spiffeId !== undefined) where('spiffe_id = ?', spiffeId);
    if (serial !== undefined) where('serial = ?', serial);
    if (state === 'valid') where(VALID, nowMs);
    if (state === 'revoked') where('revoked_at_ms IS NOT NULL');
    if (state === 'expired') where('not_after_ms <= ?', nowMs);
    const rows = this.#db.prepare(
      `SELECT ${COLUMNS} FROM svid WHERE ${conditions.join(' AND ')}
       ORDER BY issued_at_ms DESC, rowid DESC LIMIT ?`,
    );
    const count = Math.max(0, Math.min(Math.trunc(limit) || 0, ISSUED_ROWS_MAX));
    return this.#db.rows(rows, ...values, count).map(read);
  }
}

function read(row: Row): IssuedRow {
  return {
    serial: textOf(row, 'serial'),
    spiffeId: textOf(row, 'spiffe_id'),
    caId: textOf(row, 'ca_id'),
    attestation: attestationOf(row),
    dnsNames: textsOf(row, 'dns_names'),
    from: textOf(row, 'from_address'),
    issuedAtMs: integerOf(row, 'issued_at_ms'),
    notAfterMs: integerOf(row, 'not_after_ms'),
    renewAskedAtMs: integerOrNull(row, 'renew_asked_at_ms'),
    revoked: revokedOf(row),
  };
}

function revokedOf(row: Row): Revoked | null {
  const atMs = integerOrNull(row, 'revoked_at_ms');
  if (atMs === null) return null;
  return { atMs, cause: causeOf(row), reason: textOrNull(row, 'revoked_reason') ?? '' };
}

function attestationOf(row: Row): Attestation['kind'] {
  const kind = textOf(row, 'attestation');
  if (kind === 'join-token' || kind === 'kubernetes' || kind === 'renewal' || kind === 'local') return kind;
  throw damaged('an SVID has an unknown attestation');
}

function causeOf(row: Row): RevocationCause {
  const cause = textOf(row, 'revoked_cause');
  if (cause === 'operator' || cause === 'rotated' || cause === 'ca-withdrawn') return cause;
  throw damaged('an SVID is revoked for an unknown cause');
}
