// kill -9 at any moment, also inside a transaction, loses nothing that was said: SVIDs, revocations, audit
// entries and roots are there, every token is used exactly when its SVID was issued, the state opens again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { ROTATED_GRACE_MS } from '../../../../certs/limits.ts';
import { parseCrl } from '../../../../certs/x509/crl.ts';
import { codeOf, fieldsOf, openTestIssuer, TestClock, temporaryFolder } from './open-test-issuer.ts';

const KILLS = 6;
/** Row changes of the first round of kill-issuer.ts: token, SVID, rotation, renewal, revocation, new root. */
const STATEMENTS = Array.from({ length: 24 }, (_, i) => i + 1);
const AT_ONCE = 4;
const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_000);

/** What the killed process had promised. */
interface Said {
  /** Serial to token. */
  readonly issued: Map<string, string>;
  readonly renewed: Set<string>;
  readonly revoked: Set<string>;
  readonly tokens: Set<string>;
  readonly audit: Map<number, string>;
}

const nothing = (): Said => ({
  issued: new Map(),
  renewed: new Set(),
  revoked: new Set(),
  tokens: new Set(),
  audit: new Map(),
});

function start(folder: string, ...more: string[]): ChildProcess {
  const args = [join(import.meta.dirname, 'kill-issuer.ts'), folder, ...more];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

function hear(line: string, said: Said): void {
  const [what, first = '', second = ''] = line.split(' ');
  if (what === 'token') said.tokens.add(first);
  if (what === 'issued') said.issued.set(first, second);
  if (what === 'renewed') said.renewed.add(first);
  if (what === 'revoked') said.revoked.add(first);
  if (what === 'audit') said.audit.set(Number(first), second);
}

/** Hears all that `child` says, and kills it after `lines`, if it does not do so itself. */
async function untilKilled(child: ChildProcess, said: Said, lines = Infinity): Promise<void> {
  const { stdout } = child;
  if (stdout === null) throw new Error('no pipe');
  const gone = once(child, 'exit');
  let count = 0;
  for await (const line of createInterface(stdout)) {
    hear(line, said);
    if (++count === lines) child.kill('SIGKILL');
  }
  await gone;
  expect(child.signalCode).toBe('SIGKILL');
}

/** Opens the state that the killed process left, and compares. */
async function expectAll(folder: string, said: Said): Promise<void> {
  const clock = new TestClock(Date.now());
  const many = { burst: 1_000_000, perSecond: 1 };
  const limits = { identity: many, address: many, audit: many };
  const t = await openTestIssuer({ stateFolder: folder, limits }, { clock });
  clock.pass(ROTATED_GRACE_MS); // what was replaced ends after the restart as well
  const rows = new Map([...t.issuer.issued()].map((row) => [row.serial, row]));
  for (const serial of [...said.issued.keys(), ...said.renewed]) expect(rows.has(serial)).toBe(true);
  // What is revoked is on the CRL of its root, and nothing else is
  const live = new Set(t.issuer.caStatus().authorities.map((ca) => ca.id));
  const onCrl = t.issuer.trust().crlsDer.flatMap((der) => [...parseCrl(der).revoked]);
  const revoked = [...rows.values()].filter((row) => row.revoked !== null);
  expect(onCrl.sort()).toEqual(
    revoked
      .filter((row) => live.has(row.caId))
      .map((row) => row.serial)
      .sort(),
  );
  for (const serial of said.revoked) expect(rows.get(serial)?.revoked).not.toBeNull();
  // Each SVID has its entry, each entry its SVID, and every entry that was heard is there
  const entries = [...t.issuer.audit()];
  for (const [sequence, hash] of said.audit) expect(entries[sequence - 1]?.hash).toBe(hash);
  expect(t.issuer.verifyAudit()).toMatchObject({ ok: true });
  const audited = entries.map(fieldsOf).filter((fields) => fields['event'] === 'issued');
  expect(audited.map((fields) => String(fields['serial'])).sort()).toEqual([...rows.keys()].sort());
  // A token whose SVID was not issued can still be used, once: the crash left neither
  const byToken = [...rows.values()].filter((row) => row.attestation === 'join-token').length;
  const used = new Set(said.issued.values());
  let open = 0;
  for (const token of said.tokens) {
    const ask = (): string => codeOf(() => t.ask({ kind: 'join-token', token }));
    if (used.has(token)) expect(ask()).toBe('ERR_ISSUER_ATTESTATION');
    else if (ask() === 'ok') open++;
    expect(ask()).toBe('ERR_ISSUER_ATTESTATION');
  }
  expect(open + byToken).toBe(said.tokens.size);
}

test(`killed ${KILLS} times from outside, seed ${seed} (SALLYPORT_SEED=${seed} repeats it)`, async () => {
  const folder = join(temporaryFolder(), 'state');
  const said = nothing();
  for (let i = 0; i < KILLS; i++) await untilKilled(start(folder), said, 1 + ((seed * (i + 3) * 7919) % 150));
  await expectAll(folder, said);
}, 60_000);

test(`killed after each of the first ${STATEMENTS.length} statements`, async () => {
  const root = temporaryFolder();
  const one = async (count: number): Promise<void> => {
    const folder = join(root, String(count));
    const said = nothing();
    await untilKilled(start(folder, String(count)), said);
    await expectAll(folder, said);
  };
  for (let at = 0; at < STATEMENTS.length; at += AT_ONCE)
    await Promise.all(STATEMENTS.slice(at, at + AT_ONCE).map(one));
}, 90_000);

test('a token is not used twice by two processes: the second cannot even open the state', async () => {
  const folder = join(temporaryFolder(), 'state');
  const child = start(folder);
  const { stdout } = child;
  if (stdout === null) throw new Error('no pipe');
  // The lines before this one come while the state is being made, under another name.
  for await (const line of createInterface(stdout)) if (line.startsWith('ready')) break;
  await expect(openTestIssuer({ stateFolder: folder })).rejects.toThrow(`is open in process ${child.pid}`);
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  await expect(openTestIssuer({ stateFolder: folder })).resolves.toBeDefined();
});
