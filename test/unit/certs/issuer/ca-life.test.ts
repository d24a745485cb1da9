// The life of the roots: published before they sign, gone when their last SVID is, withdrawn by force; by
// itself over years, and across restarts in the middle.
import { describe, expect, test } from 'vitest';
import type { CaStep } from '../../../../certs/issuer/issuer.ts';
import { ROOTS_MAX } from '../../../../certs/limits.ts';
import { parseCertificate } from '../../../../certs/x509/certificate.ts';
import { parseCrl } from '../../../../certs/x509/crl.ts';
import {
  codeOf,
  DAY_MS,
  fieldsOf,
  HOUR_MS,
  openTestIssuer,
  type TestClock,
  type TestIssuer,
  WEB,
} from './open-test-issuer.ts';

const states = ({ issuer }: TestIssuer): string =>
  issuer
    .caStatus()
    .authorities.map((ca) => ca.state)
    .join(' ');

/** Lets time pass in steps that every timer sees. */
function pass(clock: TestClock, ms: number, stepMs: number): void {
  for (let left = ms; left > 0; left -= stepMs) clock.pass(Math.min(stepMs, left));
}

describe('by hand', () => {
  test('prepare, activate after the overlap, retire after the last SVID', async () => {
    const t = await openTestIssuer({ overlapMs: HOUR_MS });
    const step = (name: CaStep): string => codeOf(() => t.issuer.rotateCa(name, 'test'));
    const old = t.join();
    expect(step('prepare')).toBe('ok');
    expect(states(t)).toBe('active prepared');
    expect(t.issuer.trust().rootsDer).toHaveLength(2);
    expect(t.issuer.trust().crlsDer).toHaveLength(2);
    expect(t.join().rootDer).toEqual(old.rootDer);
    expect(step('prepare')).toBe('ERR_ISSUER_CA_STEP');
    t.clock.nowMs += HOUR_MS - 1;
    expect(step('activate')).toBe('ERR_ISSUER_CA_STEP');
    t.clock.nowMs += 1;
    expect(step('activate')).toBe('ok');
    expect(states(t)).toBe('retiring active');
    const signedByNew = t.join();
    expect(signedByNew.rootDer).toEqual(t.issuer.trust().rootsDer[1]);
    expect(step('retire')).toBe('ok'); // the last SVID of the old one has just ended
    expect(states(t)).toBe('active');
    expect(step('retire')).toBe('ERR_ISSUER_CA_STEP');
    expect(step('activate')).toBe('ERR_ISSUER_CA_STEP');
    const events = t.heard.map((entry) => String(fieldsOf(entry)['event']));
    expect(events.filter((event) => event.startsWith('ca-')).join(' ')).toBe(
      'ca-activated ca-prepared ca-activated ca-retired',
    );
  });

  test('not retired while an SVID of it lives', async () => {
    const t = await openTestIssuer({ overlapMs: 0 });
    t.join();
    t.issuer.rotateCa('prepare', 'test');
    t.issuer.rotateCa('activate', 'test');
    t.clock.nowMs += HOUR_MS - 1;
    expect(codeOf(() => t.issuer.rotateCa('retire', 'test'))).toBe('ERR_ISSUER_CA_STEP');
    t.clock.nowMs += 1;
    expect(codeOf(() => t.issuer.rotateCa('retire', 'test'))).toBe('ok');
  });

  test('by force: a compromised root is gone at once, with all that it signed', async () => {
    const t = await openTestIssuer();
    const stolen = t.join();
    t.issuer.rotateCa('prepare', 'test');
    t.issuer.rotateCa('activate', 'test', { force: true });
    // Holders are asked to renew while the old root still lets them in
    expect(t.issuer.mustRenew(stolen.serial)).toBe(true);
    const replacement = t.renew(stolen);
    expect(t.issuer.mustRenew(stolen.serial)).toBe(false);
    expect(t.issuer.mustRenew(replacement.serial)).toBe(false);
    const late = t.issuer.trust().sequence;
    t.issuer.rotateCa('retire', 'test', { force: true });
    const { rootsDer, sequence } = t.issuer.trust();
    expect(sequence).toBe(late + 1);
    expect(rootsDer).toEqual([replacement.rootDer]);
    expect(codeOf(() => t.renew(stolen))).toBe('ERR_ISSUER_REVOKED');
    expect(codeOf(() => t.renew(replacement))).toBe('ok');
    expect(fieldsOf(t.heard.find((e) => fieldsOf(e)['event'] === 'ca-withdrawn'))).toMatchObject({
      serials: [stolen.serial],
      author: 'test',
    });
    expect([...t.issuer.counters.revoked]).toEqual([['ca-withdrawn', 1]]);
    const { issuer } = await t.reopen();
    expect(issuer.trust().rootsDer).toEqual([replacement.rootDer]);
  });

  test('a listener hears every change with its sequence', async () => {
    const t = await openTestIssuer();
    const heard: number[] = [];
    const stop = t.issuer.onTrust((trust) => heard.push(trust.sequence));
    t.issuer.rotateCa('prepare', 'test');
    t.issuer.rotateCa('activate', 'test', { force: true });
    stop();
    t.issuer.rotateCa('retire', 'test');
    expect(heard).toEqual([2, 3]);
    expect(t.issuer.trust().sequence).toBe(4);
  });
});

describe('by itself', () => {
  test('three lives: one active root, published before it signs and for as long as needed', async () => {
    const t = await openTestIssuer({ svidTtlMs: HOUR_MS, caTtlMs: 12 * HOUR_MS, overlapMs: 2 * HOUR_MS });
    const firstSeen = new Map<string, number>();
    const roots = new Set<string>();
    let held = t.join();
    for (let minute = 0; minute < 36 * 60; minute += 5) {
      t.clock.pass(300_000);
      const now = t.clock.now();
      for (const { id } of t.issuer.caStatus().authorities) if (!firstSeen.has(id)) firstSeen.set(id, now);
      // INVARIANT of every holder: the root of what it has is published until it ends
      expect(t.issuer.trust().rootsDer).toContainEqual(held.rootDer);
      if (now < held.renewAtMs) continue;
      const next = t.renew(held);
      const active = t.issuer.caStatus().authorities.find((ca) => ca.state === 'active');
      expect(next.notAfterMs).toBeLessThanOrEqual(active?.notAfterMs ?? 0);
      if (roots.size > 0 && active !== undefined && !roots.has(active.id))
        expect(now - (firstSeen.get(active.id) ?? now)).toBeGreaterThanOrEqual(2 * HOUR_MS - 300_000);
      roots.add(active?.id ?? '');
      held = next;
    }
    expect(roots.size).toBe(6); // each is prepared at half of the life of the one before
    expect(states(t).split(' ').length).toBeLessThanOrEqual(2);
    expect(t.problems).toEqual([]);
    expect(t.issuer.verifyAudit()).toMatchObject({ ok: true });
  });

  test('goes on after restarts in the middle of every step', async () => {
    let t = await openTestIssuer({ svidTtlMs: HOUR_MS, caTtlMs: 12 * HOUR_MS, overlapMs: HOUR_MS });
    const seen: string[] = [states(t)];
    for (let i = 0; i < 15; i++) {
      t.join();
      t.clock.nowMs += 45 * 60_000;
      t = await t.reopen();
      if (states(t) !== seen.at(-1)) seen.push(states(t));
    }
    expect(seen).toEqual(['active', 'active prepared', 'retiring active', 'active']);
  });

  test('after a sleep beyond the end of the CA there is a new one at once', async () => {
    const t = await openTestIssuer({ caTtlMs: DAY_MS });
    t.join();
    t.clock.nowMs += 3 * DAY_MS;
    const { issuer, join } = await t.reopen();
    expect(issuer.caStatus().authorities.map((ca) => ca.state)).toEqual(['active']);
    expect(issuer.caStatus().authorities[0]?.notAfterMs).toBe(t.clock.now() + DAY_MS);
    expect(codeOf(() => join(WEB))).toBe('ok');
  });

  test('a clock before the beginning of the CA signs nothing, and is written down', async () => {
    const t = await openTestIssuer();
    t.clock.nowMs -= HOUR_MS;
    expect(codeOf(() => t.ask({ kind: 'local', spiffeId: WEB, detail: '' }))).toBe('ERR_ISSUER_CA');
    t.clock.pass(60_000);
    expect(fieldsOf(t.heard.at(-1))).toMatchObject({ event: 'clock-went-back' });
    t.clock.nowMs += HOUR_MS;
    expect(codeOf(() => t.join())).toBe('ok');
  });
});

describe('CRLs', () => {
  test('are signed anew at half of their life, and when the clock went back', async () => {
    const t = await openTestIssuer({ crlTtlMs: 4 * HOUR_MS });
    const crl = (): ReturnType<typeof parseCrl> => parseCrl(t.issuer.trust().crlsDer[0] ?? Buffer.alloc(0));
    const first = crl();
    expect(first.nextUpdateMs - first.thisUpdateMs).toBe(4 * HOUR_MS);
    pass(t.clock, HOUR_MS, 60_000);
    expect(crl().thisUpdateMs).toBe(first.thisUpdateMs);
    pass(t.clock, HOUR_MS, 60_000);
    expect(crl().thisUpdateMs).toBeGreaterThan(first.thisUpdateMs);
    expect(t.issuer.trust().sequence).toBe(2);
    t.clock.nowMs -= HOUR_MS;
    t.clock.pass(60_000);
    expect(crl().thisUpdateMs).toBeLessThanOrEqual(t.clock.now());
  });

  test('are there for a root that is only prepared, and verify under it', async () => {
    const t = await openTestIssuer();
    t.issuer.rotateCa('prepare', 'test');
    const { rootsDer, crlsDer } = t.issuer.trust();
    const subjects = rootsDer.map((der) => parseCertificate(der).subject);
    expect(crlsDer.map((der) => parseCrl(der).issuer)).toEqual(subjects);
  });
});

test('an issuer that was off with as many roots as there may be catches up', async () => {
  const t = await openTestIssuer({ overlapMs: 0, caTtlMs: 30 * DAY_MS });
  for (let i = 1; i < ROOTS_MAX; i++) {
    t.join();
    t.issuer.rotateCa('prepare', 'test');
    t.issuer.rotateCa('activate', 'test');
  }
  expect(t.issuer.trust().rootsDer).toHaveLength(ROOTS_MAX);
  t.clock.nowMs += 20 * DAY_MS; // beyond the half of the active one's life
  const { issuer, problems } = await t.reopen();
  expect(issuer.trust().crlsDer.map((der) => parseCrl(der).nextUpdateMs > t.clock.nowMs)).not.toContain(
    false,
  );
  pass(t.clock, 10 * 60_000, 30_000);
  expect(problems).toEqual([]);
  expect(issuer.caStatus().authorities.map((ca) => ca.state)).toEqual(['active', 'prepared']);
});
