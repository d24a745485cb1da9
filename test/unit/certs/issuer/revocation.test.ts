// Revocation and rotation: what is on the CRL, who is asked to renew, what a revoked ID may still get.

import { beforeEach, describe, expect, test } from 'vitest';
import { ROTATED_GRACE_MS } from '../../../../certs/limits.ts';
import { parseCrl } from '../../../../certs/x509/crl.ts';
import {
  codeOf,
  fieldsOf,
  HOUR_MS,
  openTestIssuer,
  TD,
  type TestIssuer,
  tokenFor,
  WEB,
} from './open-test-issuer.ts';

let t: TestIssuer;
beforeEach(async () => {
  t = await openTestIssuer();
});

const onCrl = ({ issuer }: TestIssuer): string[] =>
  issuer.trust().crlsDer.flatMap((der) => [...parseCrl(der).revoked]);
const crlNumbers = ({ issuer }: TestIssuer): string[] =>
  issuer.trust().crlsDer.map((der) => {
    const oid = Buffer.from('0603551d14', 'hex');
    const at = der.indexOf(oid) + oid.length;
    return der.subarray(at + 4, at + 4 + (der[at + 3] ?? 0)).toString('hex');
  });
const revoke = (target: string): readonly string[] =>
  t.issuer.revoke({ target, reason: 'stolen', author: 'alice' });

describe('revoke', () => {
  test('of a serial puts that one on the CRL, tells everyone and survives a restart', async () => {
    const [one, two] = [t.join(), t.join()];
    const heard: number[] = [];
    t.issuer.onTrust((trust) => heard.push(trust.sequence));
    expect(revoke(one.serial)).toEqual([one.serial]);
    expect(onCrl(t)).toEqual([one.serial]);
    expect(crlNumbers(t)).toEqual(['02']);
    expect(heard).toEqual([2]);
    expect(codeOf(() => t.renew(two))).toBe('ok');
    expect(fieldsOf(t.heard.findLast((e) => fieldsOf(e)['event'] === 'revoked'))).toMatchObject({
      ...{ serials: [one.serial], reason: 'stolen', author: 'alice', target: one.serial },
    });
    expect([...t.issuer.issued({ state: 'revoked' })].map((row) => row.revoked)).toEqual([
      { atMs: t.clock.now(), cause: 'operator', reason: 'stolen' },
    ]);
    const again = await t.reopen();
    expect(onCrl(again)).toEqual([one.serial]);
    expect(again.issuer.trust().sequence).toBe(2);
    expect(codeOf(() => again.renew(one))).toBe('ERR_ISSUER_REVOKED');
  });

  test('of an ID takes all its SVIDs of all CAs, its tokens, and blocks it', async () => {
    const old = t.join();
    t.issuer.rotateCa('prepare', 'test');
    t.issuer.rotateCa('activate', 'test', { force: true });
    const [next, other] = [t.join(), t.join(`${WEB}2`)];
    const token = tokenFor(t.issuer);
    expect([...revoke(WEB)].sort()).toEqual([old.serial, next.serial].sort());
    expect(onCrl(t).sort()).toEqual([old.serial, next.serial].sort());
    expect(codeOf(() => t.ask({ kind: 'join-token', token }))).toBe('ERR_ISSUER_ATTESTATION');
    expect(codeOf(() => t.renew(other))).toBe('ok');
    const pod = { kind: 'kubernetes', namespace: 'shop', serviceAccount: 'web', pod: null } as const;
    expect(codeOf(() => t.ask(pod))).toBe('ERR_ISSUER_FORBIDDEN');
    // A token that is made on purpose afterwards counts, and what it gave can be renewed
    const again = t.join();
    expect(codeOf(() => t.renew(again))).toBe('ok');
    expect(codeOf(() => t.ask(pod))).toBe('ERR_ISSUER_FORBIDDEN');
    expect(t.issuer.reinstate({ spiffeId: WEB, author: 'alice' })).toBe(true);
    expect(t.issuer.reinstate({ spiffeId: WEB, author: 'alice' })).toBe(false);
    expect(codeOf(() => t.ask(pod))).toBe('ok');
  });

  // Whoever can move the clock of the issuer could otherwise keep a stolen SVID through its revocation.
  test('of an ID while the clock is ahead counts when it is right again', () => {
    const stolen = t.join();
    t.clock.nowMs += 2 * HOUR_MS;
    expect(revoke(WEB)).toEqual([]);
    t.clock.nowMs -= 2 * HOUR_MS;
    t.clock.pass(60_000); // the tick sees that its CRL is of the future
    expect(codeOf(() => t.renew(stolen))).toBe('ERR_ISSUER_REVOKED');
    expect(onCrl(t)).toEqual([stolen.serial]);
  });

  test('outlives a clock that jumps far ahead and comes back', () => {
    const stolen = t.join();
    revoke(stolen.serial);
    t.clock.nowMs += 30 * 24 * HOUR_MS;
    t.clock.pass(60_000);
    expect(codeOf(() => t.join(`${WEB}2`))).toBe('ok');
    t.clock.pass(60_000);
    t.clock.nowMs -= 30 * 24 * HOUR_MS;
    t.clock.pass(60_000);
    expect(onCrl(t)).toEqual([stolen.serial]);
    expect(codeOf(() => t.renew(stolen))).toBe('ERR_ISSUER_REVOKED');
  });

  test('after `rotate` while the clock is ahead counts when it is right again', () => {
    const old = t.join();
    t.issuer.rotate({ target: old.serial, author: 'alice' });
    t.renew(old);
    t.clock.nowMs += 2 * HOUR_MS;
    t.clock.pass(ROTATED_GRACE_MS);
    t.clock.nowMs -= 2 * HOUR_MS;
    t.clock.pass(60_000);
    expect(codeOf(() => t.renew(old))).toBe('ERR_ISSUER_REVOKED');
    expect(onCrl(t)).toEqual([old.serial]);
  });

  test('of the issuer itself does not stop it from getting another SVID', () => {
    const own = { kind: 'local', spiffeId: `spiffe://${TD}/sallyport/issuer`, detail: 'own' } as const;
    const { serial } = t.ask(own);
    expect(revoke(own.spiffeId)).toEqual([serial]);
    expect(codeOf(() => t.ask(own))).toBe('ok');
  });

  test('of an ID without SVIDs blocks it all the same', () => {
    expect(revoke(WEB)).toEqual([]);
    expect(t.issuer.trust().sequence).toBe(1);
    expect(codeOf(() => t.ask({ kind: 'local', spiffeId: WEB, detail: '' }))).toBe('ERR_ISSUER_FORBIDDEN');
  });

  test('serials leave the CRL some time after their end', () => {
    const { serial } = t.join();
    revoke(serial);
    t.clock.nowMs += HOUR_MS + 60_000;
    const other = t.join(`${WEB}2`);
    revoke(other.serial);
    expect(onCrl(t)).toEqual([serial, other.serial]); // clocks of peers may be behind
    t.clock.nowMs += 300_000;
    const third = t.join(`${WEB}3`);
    revoke(third.serial);
    expect(onCrl(t)).toEqual([other.serial, third.serial]);
    expect(crlNumbers(t)).toEqual(['04']);
  });
});

describe('rotate', () => {
  test('asks the holder, and the old serial ends a second after the replacement', async () => {
    const [one, two] = [t.join(), t.join()];
    expect(t.issuer.rotate({ target: one.serial, author: 'alice' })).toEqual([one.serial]);
    expect(t.issuer.trust().sequence).toBe(2);
    expect([one, two].map(({ serial }) => t.issuer.mustRenew(serial))).toEqual([true, false]);
    expect(onCrl(t)).toEqual([]);
    const again = await t.reopen();
    expect(again.issuer.mustRenew(one.serial)).toBe(true);
    const next = again.renew(one);
    expect([one, next].map(({ serial }) => again.issuer.mustRenew(serial))).toEqual([false, false]);
    again.clock.pass(ROTATED_GRACE_MS - 1);
    expect(onCrl(again)).toEqual([]);
    again.clock.pass(1);
    expect(onCrl(again)).toEqual([one.serial]);
    expect(again.issuer.trust().sequence).toBe(3);
    expect([...again.issuer.counters.revoked]).toEqual([['rotated', 1]]);
    expect(codeOf(() => again.renew(one))).toBe('ERR_ISSUER_REVOKED');
    expect(codeOf(() => again.renew(two))).toBe('ok');
  });

  test('whoever lost the answer may ask again meanwhile; a restart forgets nobody', async () => {
    const one = t.join();
    t.issuer.rotate({ target: one.serial, author: 'alice' });
    t.renew(one);
    const again = await t.reopen();
    expect(codeOf(() => again.renew(one))).toBe('ok');
    const later = await again.reopen();
    later.clock.pass(ROTATED_GRACE_MS);
    expect(onCrl(later)).toEqual([one.serial]);
    expect([...later.issuer.counters.revoked]).toEqual([['rotated', 1]]);
  });

  test('of an ID asks all its holders', () => {
    const serials = [t.join(), t.join()].map(({ serial }) => serial);
    t.join(`${WEB}2`);
    expect([...t.issuer.rotate({ target: WEB, author: 'alice' })].sort()).toEqual(serials.sort());
    expect(serials.map((serial) => t.issuer.mustRenew(serial))).toEqual([true, true]);
  });

  test('of an SVID of a socket ends with the next one of the socket', () => {
    const local = { kind: 'local', spiffeId: WEB, detail: 'socket' } as const;
    const { serial } = t.ask(local);
    t.issuer.rotate({ target: WEB, author: 'alice' });
    expect(t.issuer.mustRenew(serial)).toBe(true);
    t.ask({ ...local, spiffeId: `${WEB}2`, replaces: serial });
    expect(onCrl(t)).toEqual([]); // of another ID
    t.ask({ ...local, replaces: serial });
    t.clock.pass(ROTATED_GRACE_MS);
    expect(onCrl(t)).toEqual([serial]);
  });
});

describe('refused', () => {
  const rows: { name: string; ask: (t: TestIssuer) => unknown; code: string }[] = [
    ...['', 'web', 'ABCD', 'abc', 'g0', '0x01', 'ab'.repeat(21), 'spiffe://', 'spiffe://a b/c'].map(
      (target) => ({
        name: `a target \`${target}\``,
        ask: ({ issuer }: TestIssuer) => issuer.revoke({ target, reason: 'r', author: 'a' }),
        code: 'ERR_ISSUER_REQUEST',
      }),
    ),
    {
      name: 'an ID of another trust domain',
      ask: ({ issuer }) => issuer.revoke({ target: 'spiffe://other.example/a', reason: 'r', author: 'a' }),
      code: 'ERR_ISSUER_REQUEST',
    },
    {
      name: 'a trust domain',
      ask: ({ issuer }) => issuer.rotate({ target: `spiffe://${TD}`, author: 'a' }),
      code: 'ERR_ISSUER_REQUEST',
    },
    {
      name: 'a serial that was never issued',
      ask: ({ issuer }) => issuer.revoke({ target: '0102', reason: 'r', author: 'a' }),
      code: 'ERR_ISSUER_UNKNOWN',
    },
    {
      name: 'a serial that is revoked already',
      ask({ issuer, join }) {
        const { serial } = join();
        issuer.revoke({ target: serial, reason: 'r', author: 'a' });
        return issuer.rotate({ target: serial, author: 'a' });
      },
      code: 'ERR_ISSUER_UNKNOWN',
    },
    {
      name: 'rotating an ID that has nothing',
      ask: ({ issuer }) => issuer.rotate({ target: WEB, author: 'a' }),
      code: 'ERR_ISSUER_UNKNOWN',
    },
    {
      name: 'no reason',
      ask: ({ issuer }) => issuer.revoke({ target: WEB, reason: ' ', author: 'a' }),
      code: 'ERR_ISSUER_REQUEST',
    },
    {
      name: 'a novel as a reason',
      ask: ({ issuer }) => issuer.revoke({ target: WEB, reason: 'x'.repeat(501), author: 'a' }),
      code: 'ERR_ISSUER_REQUEST',
    },
    {
      name: 'a token for the issuer',
      ask: ({ issuer }) => tokenFor(issuer, `spiffe://${TD}/sallyport/issuer`),
      code: 'ERR_ISSUER_REQUEST',
    },
    {
      name: 'a token for no time',
      ask: ({ issuer }) => tokenFor(issuer, WEB, 0),
      code: 'ERR_ISSUER_REQUEST',
    },
    {
      name: 'a token for NaN',
      ask: ({ issuer }) => tokenFor(issuer, WEB, Number.NaN),
      code: 'ERR_ISSUER_REQUEST',
    },
    {
      name: 'a token for ever',
      ask: ({ issuer }) => tokenFor(issuer, WEB, 8 * 24 * HOUR_MS),
      code: 'ERR_ISSUER_REQUEST',
    },
    ...[['-web'], ['web.'], ['*.shop'], ['a'.repeat(64)], Array.from({ length: 33 }, () => 'web')].map(
      (dnsNames) => ({
        name: `a token with ${dnsNames.length} DNS names like ${dnsNames[0]}`,
        ask: ({ issuer }: TestIssuer) =>
          issuer.createJoinToken({ spiffeId: WEB, ttlMs: 60_000, author: 'a', dnsNames }),
        code: 'ERR_ISSUER_REQUEST',
      }),
    ),
    {
      name: 'the own trust domain as a foreign one',
      ask: ({ issuer }) => issuer.setFederated(new Map([[TD, []]])),
      code: 'ERR_ISSUER_REQUEST',
    },
    {
      name: 'a foreign bundle of something else',
      ask: ({ issuer }) => issuer.setFederated(new Map([['other.example', [Buffer.from('x')]]])),
      code: 'ERR_ISSUER_REQUEST',
    },
  ];
  test.each(rows)('$name', ({ ask, code }) => expect(codeOf(() => ask(t))).toBe(code));
});

describe('foreign bundles', () => {
  test('are published once per change, and kept', async () => {
    const foreign = await openTestIssuer({ trustDomain: 'other.example' });
    const bundles = new Map([['other.example', foreign.issuer.trust().rootsDer]]);
    t.issuer.setFederated(bundles);
    t.issuer.setFederated(new Map(bundles));
    expect(t.issuer.trust().sequence).toBe(2);
    const { issuer } = await t.reopen();
    expect(issuer.trust().federated).toEqual(bundles);
    issuer.setFederated(bundles);
    expect(issuer.trust().sequence).toBe(2);
    issuer.setFederated(new Map());
    expect(issuer.trust()).toMatchObject({ sequence: 3, federated: new Map() });
  });
});
