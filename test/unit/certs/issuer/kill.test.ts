// kill -9 at any moment loses nothing that was said: SVIDs, revocations, audit entries and roots are there,
// every token is used exactly when its SVID was issued, and the state opens again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { parseCrl } from '../../../../certs/x509/crl.ts';
import { codeOf, fieldsOf, openTestIssuer, TestClock, temporaryFolder } from './open-test-issuer.ts';

const KILLS = 6;
const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_000);

interface Said {
  readonly issued: Map<string, string>;
  readonly revoked: Set<string>;
  readonly tokens: Set<string>;
  readonly audit: Map<number, string>;
}

function start(folder: string): ChildProcess {
  const args = [join(import.meta.dirname, 'kill-issuer.ts'), folder];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Runs it until it has said `lines` lines, then kills it; everything that it said comes into `said`. */
async function runAndKill(folder: string, lines: number, said: Said): Promise<void> {
  const child = start(folder);
  const { stdout } = child;
  if (stdout === null) throw new Error('no pipe');
  let count = 0;
  for await (const line of createInterface(stdout)) {
    const [what, first = '', second = ''] = line.split(' ');
    if (what === 'token') said.tokens.add(first);
    if (what === 'issued') said.issued.set(first, second);
    if (what === 'revoked') said.revoked.add(first);
    if (what === 'audit') said.audit.set(Number(first), second);
    if (++count === lines) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
}

test(`killed ${KILLS} times, seed ${seed}`, async () => {
  const folder = join(temporaryFolder(), 'state');
  const said: Said = { issued: new Map(), revoked: new Set(), tokens: new Set(), audit: new Map() };
  for (let i = 0; i < KILLS; i++) await runAndKill(folder, 1 + ((seed * (i + 3) * 7919) % 150), said);

  const clock = new TestClock(Date.now());
  const limits = {
    identity: { burst: 1_000_000, perSecond: 1 },
    address: { burst: 1_000_000, perSecond: 1 },
  };
  const t = await openTestIssuer({ stateFolder: folder, limits }, { clock });
  const rows = new Map([...t.issuer.issued()].map((row) => [row.serial, row]));
  for (const serial of said.issued.keys()) expect(rows.has(serial)).toBe(true);
  const live = new Set(t.issuer.caStatus().authorities.map((ca) => ca.id));
  const onCrl = new Set(t.issuer.trust().crlsDer.flatMap((der) => [...parseCrl(der).revoked]));
  for (const serial of said.revoked) {
    const row = rows.get(serial);
    expect(row?.revoked).not.toBeNull();
    expect(onCrl.has(serial)).toBe(live.has(row?.caId ?? ''));
  }
  const entries = [...t.issuer.audit()];
  for (const [sequence, hash] of said.audit) expect(entries[sequence - 1]?.hash).toBe(hash);
  expect(t.issuer.verifyAudit()).toMatchObject({ ok: true });
  // Each SVID has its entry, each entry its SVID
  const audited = entries.map(fieldsOf).filter((fields) => fields['event'] === 'issued');
  expect(new Set(audited.map((fields) => fields['serial']))).toEqual(new Set(rows.keys()));
  // A token without an SVID can still be used, once: the crash came before the transaction was complete
  const used = new Set(said.issued.values());
  let open = 0;
  for (const token of said.tokens) {
    const ask = (): string => codeOf(() => t.ask({ kind: 'join-token', token }));
    if (used.has(token)) expect(ask()).toBe('ERR_ISSUER_ATTESTATION');
    else if (ask() === 'ok') open++;
    expect(ask()).toBe('ERR_ISSUER_ATTESTATION');
  }
  const unanswered = rows.size - said.issued.size;
  expect(open + unanswered).toBe(said.tokens.size - said.issued.size);
}, 60_000);

test('a token is not used twice by two processes: the second cannot even open the state', async () => {
  const folder = join(temporaryFolder(), 'state');
  const child = start(folder);
  const { stdout } = child;
  if (stdout === null) throw new Error('no pipe');
  const lines = createInterface(stdout);
  await once(lines, 'line');
  await expect(openTestIssuer({ stateFolder: folder })).rejects.toThrow('another process has the state');
  child.kill('SIGKILL');
  await once(child, 'exit');
  lines.close();
  await expect(openTestIssuer({ stateFolder: folder })).resolves.toBeDefined();
});
