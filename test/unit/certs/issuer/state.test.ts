// The state on disk: one process, nobody else's eyes, the right secret, no repair, nothing lost at a restart,
// and a full disk issues nothing.
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { IssuerOptions } from '../../../../certs/issuer/issuer.ts';
import { newKdfParameters } from '../../../../certs/issuer/sealed-keys.ts';
import { codeOf, openTestIssuer, SECRET, temporaryFolder, tokenFor, WEB } from './open-test-issuer.ts';

/** Makes a state with one SVID, closes it, lets `damage` change it; what opening says then. */
async function openAfter(
  damage: (folder: string) => void,
  changes: Partial<IssuerOptions> = {},
): Promise<{ answer: string; root: string; newRoot: string | undefined }> {
  const first = await openTestIssuer();
  first.join();
  const root = first.issuer.caStatus().authorities[0]?.id ?? '';
  first.issuer.close();
  damage(first.folder);
  try {
    const { issuer } = await openTestIssuer({ stateFolder: first.folder, ...changes });
    return { answer: 'ok', root, newRoot: issuer.caStatus().authorities[0]?.id };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return { answer: code, root, newRoot: undefined };
  }
}

function sql(folder: string, text: string): void {
  const database = new DatabaseSync(join(folder, 'issuer.db'));
  database.exec(text);
  database.close();
}

function overwritePages(folder: string): void {
  const file = openSync(join(folder, 'issuer.db'), 'r+');
  for (let page = 1; page < 8; page++) writeSync(file, Buffer.alloc(512, 0xee), 0, 512, page * 4096);
  closeSync(file);
}

describe('the state is opened', () => {
  test('again with the same root', async () => {
    const { answer, root, newRoot } = await openAfter(() => {});
    expect([answer, newRoot]).toEqual(['ok', root]);
  });

  test('in a folder that is private, with files that are', async () => {
    const { folder, join: issue } = await openTestIssuer();
    issue();
    expect((statSync(folder).mode & 0o777).toString(8)).toBe('700');
    for (const file of readdirSync(folder))
      expect([file, (statSync(join(folder, file)).mode & 0o777).toString(8)]).toEqual([file, '600']);
    expect(readdirSync(folder)).toContain('issuer.db-wal');
  });

  test('without a key or a token in the clear', async () => {
    const { folder, issuer, join: issue } = await openTestIssuer();
    const token = tokenFor(issuer);
    issue();
    issuer.close();
    const bytes = readFileSync(join(folder, 'issuer.db'));
    expect(bytes.includes(Buffer.from(token.slice(0, 43), 'base64url'))).toBe(false);
    expect(bytes.includes(token.slice(0, 43))).toBe(false);
    expect(bytes.includes(SECRET)).toBe(false);
    // PKCS#8 of a P-256 key begins so: version 0, id-ecPublicKey, prime256v1
    expect(bytes.includes(Buffer.from('020100301306072a8648ce3d020106082a8648ce3d030107', 'hex'))).toBe(
      false,
    );
  });

  test('after a crash between making and naming it', async () => {
    const { answer, root, newRoot } = await openAfter((folder) => {
      // As it is at its making: without WAL
      sql(folder, 'PRAGMA journal_mode = DELETE');
      renameSync(join(folder, 'issuer.db'), join(folder, 'issuer.db.new'));
    });
    expect([answer, newRoot]).toEqual(['ok', root]);
  });
});

describe('the state is refused', () => {
  const rows: {
    name: string;
    damage: (folder: string) => void;
    changes?: Partial<IssuerOptions>;
    code: string;
  }[] = [
    {
      name: 'with another secret',
      damage: () => {},
      changes: { secret: Buffer.from('not the secret of the tests') },
      code: 'ERR_ISSUER_SECRET',
    },
    {
      name: 'with a short secret',
      damage: () => {},
      changes: { secret: Buffer.alloc(15) },
      code: 'ERR_ISSUER_SECRET',
    },
    {
      name: 'for another trust domain',
      damage: () => {},
      changes: { trustDomain: 'other.example' },
      code: 'ERR_ISSUER_OPTIONS',
    },
    {
      name: 'when others may enter its folder',
      damage: (folder) => chmodSync(folder, 0o750),
      code: 'ERR_ISSUER_PERMISSIONS',
    },
    {
      name: 'when others may read the database',
      damage: (folder) => chmodSync(join(folder, 'issuer.db'), 0o640),
      code: 'ERR_ISSUER_PERMISSIONS',
    },
    {
      name: 'when it is empty: no new CA',
      damage: (folder) => truncateSync(join(folder, 'issuer.db')),
      code: 'ERR_ISSUER_STATE',
    },
    {
      name: 'when it is half there',
      damage: (folder) => truncateSync(join(folder, 'issuer.db'), 20_000),
      code: 'ERR_ISSUER_STATE',
    },
    {
      name: 'when it is something else',
      damage: (folder) => writeFileSync(join(folder, 'issuer.db'), 'x'.repeat(4096)),
      code: 'ERR_ISSUER_STATE',
    },
    { name: 'when a page is overwritten', damage: overwritePages, code: 'ERR_ISSUER_STATE' },
    {
      name: 'when only its log is left',
      damage: (folder) => {
        writeFileSync(join(folder, 'issuer.db-wal'), '', { mode: 0o600 });
        renameSync(join(folder, 'issuer.db'), join(folder, 'elsewhere'));
      },
      code: 'ERR_ISSUER_STATE',
    },
    {
      name: 'when a newer version wrote it',
      damage: (folder) => sql(folder, 'PRAGMA user_version = 99'),
      code: 'ERR_ISSUER_SCHEMA',
    },
    {
      name: 'when a sealed key was changed',
      damage: (folder) => sql(folder, `UPDATE ca SET sealed_key = zeroblob(length(sealed_key))`),
      code: 'ERR_ISSUER_SECRET',
    },
    {
      name: 'when a sealed key was put under another id',
      damage: (folder) =>
        sql(folder, `PRAGMA foreign_keys = OFF; UPDATE ca SET id = 'ab'; UPDATE crl SET ca_id = 'ab'`),
      code: 'ERR_ISSUER_SECRET',
    },
    {
      name: 'when the key derivation would take all memory',
      damage: (folder) => sql(folder, 'UPDATE issuer SET kdf_n = 1073741824'),
      code: 'ERR_ISSUER_STATE',
    },
    {
      name: 'when no CA is active',
      damage: (folder) => sql(folder, `UPDATE ca SET state = 'retiring'`),
      code: 'ERR_ISSUER_STATE',
    },
    {
      name: 'with a CA that lives as long as an SVID',
      damage: () => {},
      changes: { caTtlMs: 3_600_000 },
      code: 'ERR_ISSUER_OPTIONS',
    },
    {
      name: 'with SVIDs of a second',
      damage: () => {},
      changes: { svidTtlMs: 1_000 },
      code: 'ERR_ISSUER_OPTIONS',
    },
  ];
  test.each(rows)('$name', async ({ damage, changes, code }) => {
    expect((await openAfter(damage, changes)).answer).toBe(code);
  });

  test('while this or another process has it open, and says where and by whom', async () => {
    const { folder } = await openTestIssuer();
    await expect(openTestIssuer({ stateFolder: folder })).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_ISSUER_LOCKED',
        message: `the state in \`${folder}\` is open in process ${process.pid}`,
        hint: `end it first (\`ps -fp ${process.pid}\`), or give this issuer a \`state\` of its own`,
      }),
    );
  });

  test('in a folder that is there and open to all', async () => {
    const folder = join(temporaryFolder(), 'state');
    mkdirSync(folder, { mode: 0o755 });
    await expect(openTestIssuer({ stateFolder: folder })).rejects.toThrow('others may read or change it');
    expect(existsSync(join(folder, 'issuer.db'))).toBe(false);
  });
});

describe('a full disk', () => {
  test('issues nothing, keeps what was, and goes on when there is room', async () => {
    let pages = 0;
    const limit: { set: (pages: number) => void } = { set: () => {} };
    const { issuer, ask, heard } = await openTestIssuer(
      {},
      {
        prepare(db) {
          pages = Number(db.row(db.prepare('PRAGMA page_count'))['page_count']);
          limit.set = (count) => db.execute(`PRAGMA max_page_count = ${count}`);
        },
      },
    );
    limit.set(pages + 1);
    const tokens: string[] = [];
    // Until it is full; a token that was promised before has its row
    const fill = (): string => codeOf(() => tokens.push(tokenFor(issuer, `${WEB}${tokens.length}`)));
    let answer = fill();
    for (let i = 0; i < 1_000 && answer === 'ok'; i++) answer = fill();
    expect(answer).toBe('ERR_ISSUER_STATE');
    const before = { audit: heard.length, issued: [...issuer.issued()].length, trust: issuer.trust() };
    const token = tokens[0] ?? '';
    const issue = (): string => codeOf(() => ask({ kind: 'join-token', token }));
    expect(issue()).toBe('ERR_ISSUER_STATE');
    expect(issue()).toBe('ERR_ISSUER_STATE');
    expect(codeOf(() => issuer.rotateCa('prepare', 'test'))).toBe('ERR_ISSUER_STATE');
    expect({ audit: heard.length, issued: [...issuer.issued()].length, trust: issuer.trust() }).toEqual(
      before,
    );
    limit.set(100_000);
    expect(issue()).toBe('ok');
    expect(issue()).toBe('ERR_ISSUER_ATTESTATION');
    expect(issuer.verifyAudit()).toMatchObject({ ok: true, length: heard.length });
  });
});

describe('the secret', () => {
  test('costs 64 MB to try, and the state says how', async () => {
    const parameters = newKdfParameters();
    expect(128 * parameters.n * parameters.r).toBe(64 * 1024 * 1024);
    const first = await openTestIssuer({}, { kdfParameters: () => parameters });
    await expect(first.reopen()).resolves.toBeDefined();
  });

  test('can be changed: then only the new one opens the keys', async () => {
    const next = Buffer.from('the next secret, also long enough');
    const first = await openTestIssuer();
    first.issuer.rotateCa('prepare', 'test');
    const prepared = first.issuer.trust().rootsDer[1]?.toString('hex');
    first.issuer.rewrap(next, 'test');
    // Roots made after the change are sealed under the new secret, too
    first.issuer.rotateCa('activate', 'test', { force: true });
    first.issuer.rotateCa('prepare', 'test');
    await expect(first.reopen()).rejects.toThrow(expect.objectContaining({ code: 'ERR_ISSUER_SECRET' }));
    const second = await first.reopen({ secret: next });
    // The first root has signed nothing and is retired by now
    expect(second.issuer.trust().rootsDer.map((der) => der.toString('hex'))).toContain(prepared);
    expect(codeOf(() => second.join())).toBe('ok');
  });

  test('is not changed to a short one', async () => {
    const { issuer, reopen } = await openTestIssuer();
    expect(codeOf(() => issuer.rewrap(Buffer.alloc(8), 'test'))).toBe('ERR_ISSUER_SECRET');
    await expect(reopen()).resolves.toBeDefined();
  });
});
