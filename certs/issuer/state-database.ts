// The database of one issuer (node:sqlite): one process, every commit on the disk before it counts, and every
// failure of SQLite as ERR_ISSUER_STATE.
import { dirname } from 'node:path';
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { IssuerError } from './issuer-error.ts';
import { lockHolder } from './lock-holder.ts';
import { MIGRATIONS } from './schema.ts';

/** A row as SQLite gives it. Read it with the functions below. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

// Primary result codes of SQLite, https://sqlite.org/rescode.html
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const HINTS: ReadonlyMap<number, string> = new Map([
  [8, 'the state folder must be writable'],
  [10, 'look at the disk and at the kernel log'],
  [11, 'the file is damaged: restore the state folder from a backup'],
  [SQLITE_FULL, 'the disk is full: nothing was issued, free some space'],
  [14, 'the state folder must be readable and writable'],
  [26, 'the file is not a database: restore the state folder from a backup'],
]);

/** An open database that no other process can open. */
export class StateDatabase {
  readonly #database: DatabaseSync;
  readonly #committed: (() => void)[] = [];
  readonly #undone: (() => void)[] = [];

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The number of migrations that were applied. */
  version(): number {
    return integerOf(this.row(this.prepare('PRAGMA user_version')), 'user_version');
  }

  /** Applies the migrations that are missing. @throws ERR_ISSUER_SCHEMA */
  migrate(): void {
    const version = this.version();
    if (version > MIGRATIONS.length)
      throw new IssuerError(
        'ERR_ISSUER_SCHEMA',
        `the state has schema ${version}, this version of sallyport knows ${MIGRATIONS.length}`,
      );
    if (version < MIGRATIONS.length)
      this.transact(() => {
        for (const sql of MIGRATIONS.slice(version)) this.execute(sql);
        this.execute(`PRAGMA user_version = ${MIGRATIONS.length}`);
      });
  }

  prepare(sql: string): StatementSync {
    return this.#guard(() => this.#database.prepare(sql));
  }

  execute(sql: string): void {
    this.#guard(() => this.#database.exec(sql));
  }

  /** Runs a statement; the number of rows that it changed. */
  change(statement: StatementSync, ...values: SQLInputValue[]): number {
    return this.#guard(() => Number(statement.run(...values).changes));
  }

  find(statement: StatementSync, ...values: SQLInputValue[]): Row | undefined {
    return this.#guard(() => statement.get(...values));
  }

  /** The row that must be there. */
  row(statement: StatementSync, ...values: SQLInputValue[]): Row {
    const row = this.find(statement, ...values);
    if (row === undefined) throw damaged('a row is missing');
    return row;
  }

  rows(statement: StatementSync, ...values: SQLInputValue[]): Row[] {
    return this.#guard(() => statement.all(...values));
  }

  /**
   * All of `work` or nothing, on the disk when this returns. Nested calls join the outer transaction.
   * @throws what `work` throws, and ERR_ISSUER_STATE
   */
  transact<T>(work: () => T): T {
    if (this.#database.isTransaction) return work();
    this.execute('BEGIN IMMEDIATE');
    let result: T;
    try {
      result = work();
      this.execute('COMMIT');
    } catch (error) {
      // SQLite has rolled back by itself after some errors, such as a full disk
      if (this.#database.isTransaction) this.execute('ROLLBACK');
      for (const listener of this.#undone) listener();
      throw error;
    }
    for (const listener of this.#committed) listener();
    return result;
  }

  /** What memory keeps of the database follows its commits and rollbacks. Listeners must not throw. */
  afterEach(listeners: { readonly commit: () => void; readonly rollback: () => void }): void {
    this.#committed.push(listeners.commit);
    this.#undone.push(listeners.rollback);
  }

  /** Empties the write-ahead log: keys that were destroyed or sealed anew are not left in it. */
  checkpoint(): void {
    this.execute('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw stateError(error);
    }
  }
}

/** Opens a file and takes its lock. `wal`: false while the file is still being made. */
export async function openStateDatabase(file: string, wal: boolean): Promise<StateDatabase> {
  // Imported here: no proxy loads SQLite.
  const { DatabaseSync } = await import('node:sqlite');
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    throw openError(error, file);
  }
  try {
    // The lock is the kernel's and ends with the process, also with kill -9. Without WAL's shared memory.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec(`PRAGMA journal_mode = ${wal ? 'WAL' : 'DELETE'}`);
    database.exec('PRAGMA synchronous = FULL');
    database.exec('PRAGMA foreign_keys = ON');
    // Sealed keys of retired CAs are overwritten, not only forgotten.
    database.exec('PRAGMA secure_delete = ON');
    database.exec('PRAGMA trusted_schema = OFF');
    database.exec('BEGIN EXCLUSIVE; COMMIT');
    const check = database.prepare('PRAGMA quick_check(1)').get();
    if (check?.['quick_check'] !== 'ok') throw damaged(`quick_check: ${String(check?.['quick_check'])}`);
  } catch (error) {
    database.close();
    throw openError(error, file);
  }
  return new StateDatabase(database);
}

/** Only the first access can find the lock taken: it is held from then on. */
function openError(error: unknown, file: string): unknown {
  if (resultCode(error) !== SQLITE_BUSY) return stateError(error);
  const holder = lockHolder(file);
  const [by, find] =
    holder === null ? ['another process', `fuser ${file}`] : [`process ${holder}`, `ps -fp ${holder}`];
  return new IssuerError('ERR_ISSUER_LOCKED', `the state in \`${dirname(file)}\` is open in ${by}`, {
    hint: `end it first (\`${find}\`), or give this issuer a \`state\` of its own`,
    cause: error,
  });
}

function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null;
  return error.errcode & 0xff;
}

function stateError(error: unknown): unknown {
  const code = resultCode(error);
  if (code === null || !(error instanceof Error)) return error;
  const hint = HINTS.get(code);
  const message = `the state cannot be read or written: ${error.message}`;
  return new IssuerError('ERR_ISSUER_STATE', message, { cause: error, ...(hint && { hint }) });
}

/** The state is not what this program wrote. */
export function damaged(what: string): IssuerError {
  const hint = 'restore the state folder from a backup';
  return new IssuerError('ERR_ISSUER_STATE', `the state is damaged: ${what}`, { hint });
}

export function textOf(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw damaged(`${column} is not text`);
  return value;
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : textOf(row, column);
}

export function integerOf(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw damaged(`${column} is not an integer`);
  return value;
}

export function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integerOf(row, column);
}

export function bytesOf(row: Row, column: string): Buffer {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw damaged(`${column} is not a blob`);
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** A JSON list of texts. */
export function textsOf(row: Row, column: string): readonly string[] {
  const value: unknown = JSON.parse(textOf(row, column));
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw damaged(`${column} is not a list of texts`);
  return value;
}
