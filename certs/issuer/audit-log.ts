// The audit log: append-only (triggers refuse anything else) and chained by hashes, so that what was changed,
// removed or moved is found; a head that was remembered elsewhere shows that the end was cut off.
import { createHash } from 'node:crypto';
import type { AuditEntry, AuditVerdict } from './issuer.ts';
import { bytesOf, integerOf, type Row, type StateDatabase, textOf } from './state-database.ts';

/** What happened. */
export type AuditEvent =
  | 'state-created'
  | 'started'
  | 'issued'
  | 'refused'
  | 'token-created'
  | 'revoked'
  | 'reinstated'
  | 'rotate-asked'
  | 'replaced-revoked'
  | 'ca-prepared'
  | 'ca-activated'
  | 'ca-retired'
  | 'ca-withdrawn'
  | 'federated-changed'
  | 'secret-changed'
  | 'clock-went-back';

export type AuditFields = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

const GENESIS = Buffer.alloc(32);

export class AuditLog {
  readonly #db: StateDatabase;
  readonly #statements;
  readonly #pending: AuditEntry[] = [];
  #head: { sequence: number; hash: Buffer; timeMs: number };
  #committed: { sequence: number; hash: Buffer; timeMs: number };

  constructor(db: StateDatabase, onAudit: (entry: AuditEntry) => void) {
    this.#db = db;
    this.#statements = {
      insert: db.prepare('INSERT INTO audit (sequence, entry, hash) VALUES (?, ?, ?)'),
      last: db.prepare('SELECT sequence, entry, hash FROM audit ORDER BY sequence DESC LIMIT 1'),
      page: db.prepare(
        'SELECT sequence, entry, hash FROM audit WHERE sequence > ? ORDER BY sequence LIMIT 500',
      ),
    };
    const last = db.find(this.#statements.last);
    this.#committed =
      last === undefined
        ? { sequence: 0, hash: GENESIS, timeMs: 0 }
        : { sequence: integerOf(last, 'sequence'), hash: bytesOf(last, 'hash'), timeMs: timeOf(last) };
    this.#head = this.#committed;
    db.afterEach({
      commit: () => {
        this.#committed = this.#head;
        for (const entry of this.#pending.splice(0)) onAudit(entry);
      },
      rollback: () => {
        this.#head = this.#committed;
        this.#pending.length = 0;
      },
    });
  }

  get length(): number {
    return this.#committed.sequence;
  }

  /** Time of the newest entry, Unix milliseconds. */
  get lastTimeMs(): number {
    return this.#committed.timeMs;
  }

  /** Adds an entry to the running transaction. */
  append(event: AuditEvent, timeMs: number, fields: AuditFields): void {
    const sequence = this.#head.sequence + 1;
    const entry = canonicalJson({ ...fields, event, sequence, time: new Date(timeMs).toISOString() });
    const hash = chain(this.#head.hash, entry);
    this.#db.change(this.#statements.insert, sequence, entry, hash);
    this.#head = { sequence, hash, timeMs };
    this.#pending.push({ sequence, entry, hash: hash.toString('hex') });
  }

  /** In order, read in pages: entries may be added meanwhile. */
  *entries(after = 0): Generator<AuditEntry> {
    for (let at = after; ; ) {
      const page = this.#db.rows(this.#statements.page, at);
      for (const row of page) {
        at = integerOf(row, 'sequence');
        yield { sequence: at, entry: textOf(row, 'entry'), hash: bytesOf(row, 'hash').toString('hex') };
      }
      if (page.length === 0) return;
    }
  }

  verify(remembered?: Pick<AuditEntry, 'sequence' | 'hash'>): AuditVerdict {
    let last = { sequence: 0, hash: GENESIS.toString('hex') };
    for (const found of this.entries()) {
      const expected = last.sequence + 1;
      if (found.sequence !== expected) return broken(expected, `entry ${expected} is missing`);
      if (chain(Buffer.from(last.hash, 'hex'), found.entry).toString('hex') !== found.hash)
        return broken(expected, `entry ${expected} does not follow from the one before it`);
      if (sequenceIn(found.entry) !== expected)
        return broken(expected, `entry ${expected} has the sequence number of another`);
      if (found.sequence === remembered?.sequence && found.hash !== remembered.hash)
        return broken(expected, `entry ${expected} is not the one that was remembered`);
      last = found;
    }
    if (remembered !== undefined && remembered.sequence > last.sequence)
      return broken(last.sequence + 1, `the log was cut off after entry ${last.sequence}`);
    return { ok: true, length: last.sequence, hash: last.hash };
  }
}

const broken = (brokenAt: number, message: string): AuditVerdict => ({ ok: false, brokenAt, message });

const chain = (previous: Buffer, entry: string): Buffer =>
  createHash('sha256').update(previous).update(entry, 'utf8').digest();

/** Flat, so sorting the keys is all that makes it canonical. */
function canonicalJson(fields: AuditFields): string {
  return JSON.stringify(Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function parsed(entry: string): { sequence: unknown; time: unknown } {
  try {
    const value: unknown = JSON.parse(entry);
    if (typeof value === 'object' && value !== null && 'sequence' in value && 'time' in value) return value;
  } catch {
    // not JSON: an entry that this program did not write
  }
  return { sequence: null, time: null };
}

const sequenceIn = (entry: string): unknown => parsed(entry).sequence;

function timeOf(row: Row): number {
  const { time } = parsed(textOf(row, 'entry'));
  const ms = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return Number.isNaN(ms) ? 0 : ms; // what is damaged here, verifyAudit tells
}
