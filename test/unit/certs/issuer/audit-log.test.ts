// The audit log: what it says, and that no change, removal, move or cut goes unnoticed.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { fieldsOf, openTestIssuer, type TestIssuer, tokenFor, WEB } from './open-test-issuer.ts';

const TRIGGERS = 'DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;';

/** Lets `text` change the closed state; opens it again. */
async function tamper(t: TestIssuer, text: string): Promise<TestIssuer> {
  t.issuer.close();
  const database = new DatabaseSync(join(t.folder, 'issuer.db'));
  database.exec(text);
  database.close();
  return t.reopen();
}

async function openWithEntries(): Promise<TestIssuer> {
  const t = await openTestIssuer();
  t.join();
  t.join(`${WEB}2`);
  return t; // 1 state-created, 2 ca-activated, 3 started, 4 to 7 tokens and SVIDs
}

test('every entry is heard after its commit, and the chain can be computed by anyone', async () => {
  const t = await openWithEntries();
  expect([...t.issuer.audit()]).toEqual(t.heard);
  expect([...t.issuer.audit(5)].map((entry) => entry.sequence)).toEqual([6, 7]);
  let hash = Buffer.alloc(32);
  for (const entry of t.heard) {
    hash = createHash('sha256').update(hash).update(entry.entry).digest();
    expect(entry.hash).toBe(hash.toString('hex'));
    expect(entry.entry).toBe(JSON.stringify(fieldsOf(entry), Object.keys(fieldsOf(entry)).sort()));
  }
  expect(t.issuer.verifyAudit(t.heard.at(-1))).toEqual({ ok: true, length: 7, hash: hash.toString('hex') });
});

test('who listens badly disturbs nothing', async () => {
  const bad = (): never => {
    throw new Error('the log is full');
  };
  const t = await openTestIssuer({ onAudit: bad });
  t.issuer.onTrust(bad);
  const { serial } = t.join();
  t.issuer.revoke({ target: serial, reason: 'r', author: 'a' });
  expect(t.issuer.trust().sequence).toBe(2);
  expect(t.problems.map((error) => error.message)).toEqual(Array(7).fill('the log is full'));
});

test('no entry holds a token', async () => {
  const t = await openTestIssuer();
  const token = tokenFor(t.issuer);
  t.ask({ kind: 'join-token', token });
  expect(t.heard.map((entry) => entry.entry).join('\n')).not.toContain(token.slice(0, 20));
});

test('names of strangers cannot break a line', async () => {
  const t = await openTestIssuer();
  t.ask({ kind: 'local', spiffeId: WEB, detail: 'a\n\u2028{"event":"issued"}' }, 'x\r\ny');
  expect(fieldsOf(t.heard.at(-1))).toMatchObject({ detail: 'a??{"event":"issued"}', from: 'x??y' });
  expect(t.heard.at(-1)?.entry).not.toContain('\n');
});

describe('SQL cannot change it', () => {
  test.each([`UPDATE audit SET entry = '{}'`, 'DELETE FROM audit WHERE sequence = 4', 'DELETE FROM audit'])(
    '%s',
    async (text) => {
      const t = await openWithEntries();
      await expect(tamper(t, text)).rejects.toThrow('the audit log is append-only');
    },
  );
});

describe('without the triggers it is found', () => {
  const rows: { name: string; sql: string; brokenAt: number }[] = [
    {
      name: 'a changed entry',
      sql: `UPDATE audit SET entry = replace(entry, 'ns/shop', 'ns/evil') WHERE sequence = 5`,
      brokenAt: 5,
    },
    { name: 'a changed hash', sql: 'UPDATE audit SET hash = zeroblob(32) WHERE sequence = 4', brokenAt: 4 },
    { name: 'a removed entry', sql: 'DELETE FROM audit WHERE sequence = 4', brokenAt: 4 },
    { name: 'a removed first entry', sql: 'DELETE FROM audit WHERE sequence = 1', brokenAt: 1 },
    {
      name: 'a removed entry, the rest moved up',
      sql: `DELETE FROM audit WHERE sequence = 5; UPDATE audit SET sequence = sequence - 1 WHERE sequence > 5`,
      brokenAt: 5,
    },
    {
      name: 'two entries that changed places',
      sql: `UPDATE audit SET sequence = -4 WHERE sequence = 4;
            UPDATE audit SET sequence = 4 WHERE sequence = 5;
            UPDATE audit SET sequence = 5 WHERE sequence = -4`,
      brokenAt: 4,
    },
    {
      name: 'an inserted entry',
      sql: `UPDATE audit SET sequence = sequence + 100 WHERE sequence > 5;
            UPDATE audit SET sequence = sequence - 99 WHERE sequence > 100;
            INSERT INTO audit SELECT 6, entry, hash FROM audit WHERE sequence = 5`,
      brokenAt: 6,
    },
    {
      name: 'something that is not JSON',
      sql: `UPDATE audit SET entry = 'x' WHERE sequence = 6`,
      brokenAt: 6,
    },
  ];
  test.each(rows)('$name', async ({ sql, brokenAt }) => {
    const t = await tamper(await openWithEntries(), TRIGGERS + sql);
    expect(t.issuer.verifyAudit()).toMatchObject({ ok: false, brokenAt });
  });

  test('an end that was cut off, by who remembers the head', async () => {
    const first = await openWithEntries();
    const head = first.heard.at(-1);
    const t = await tamper(first, `${TRIGGERS} DELETE FROM audit WHERE sequence > 4`);
    expect(t.issuer.verifyAudit()).toMatchObject({ ok: true, length: 5 }); // 5: started again
    expect(t.issuer.verifyAudit(head)).toMatchObject({ ok: false, brokenAt: 6 });
  });

  test('a log that was written anew, by who remembers an entry', async () => {
    const first = await openWithEntries();
    const other = await openWithEntries();
    expect(other.issuer.verifyAudit(first.heard[4])).toMatchObject({ ok: false, brokenAt: 5 });
  });
});
