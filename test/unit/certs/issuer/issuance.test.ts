// Issuance: who gets an SVID and what it says, who does not and what the audit log says, how often.
import { describe, expect, test } from 'vitest';
import type { Attestation } from '../../../../certs/issuer/issuer.ts';
import { IssuerError } from '../../../../certs/issuer/issuer-error.ts';
import { createTrustBundle } from '../../../../certs/trust-bundle.ts';
import { parseCertificate } from '../../../../certs/x509/certificate.ts';
import { parseCrl } from '../../../../certs/x509/crl.ts';
import { said, verifierFor } from '../make-certificate.ts';
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

/** The verdict of a peer that has what the issuer publishes. */
function verdict({ issuer, clock }: TestIssuer, chain: readonly Buffer[]): string {
  const { rootsDer, crlsDer } = issuer.trust();
  const state = {
    bundles: new Map([
      [
        TD,
        createTrustBundle(
          TD,
          rootsDer.map((der) => parseCertificate(der)),
        ),
      ],
    ]),
    crls: new Map([[TD, crlsDer.map(parseCrl)]]),
  };
  return said(verifierFor(state).verify(chain, clock.now()));
}

describe('an SVID is issued', () => {
  const rows: { name: string; attestation: Attestation; id: string; dns: string[] }[] = [
    {
      name: 'for a service account',
      attestation: { kind: 'kubernetes', namespace: 'shop', serviceAccount: 'web', pod: 'web-1' },
      id: WEB,
      dns: ['web.shop', 'web.shop.svc'],
    },
    {
      name: 'for the issuer itself',
      attestation: { kind: 'local', spiffeId: 'spiffe://example.org/sallyport/issuer', detail: 'own' },
      id: 'spiffe://example.org/sallyport/issuer',
      dns: ['issuer'],
    },
  ];
  test.each(rows)('$name', async ({ attestation, id, dns }) => {
    const test = await openTestIssuer();
    const issued = test.ask(attestation);
    const { extensions } = parseCertificate(issued.chainDer[0] ?? Buffer.alloc(0));
    expect(issued.spiffeId).toBe(id);
    expect(extensions.subjectAltName?.names.uris).toEqual([id]);
    expect(extensions.subjectAltName?.names.dnsNames).toEqual(dns);
    expect(verdict(test, issued.chainDer)).toBe('ok');
    expect(issued.notAfterMs).toBe(test.clock.now() + HOUR_MS);
    expect(issued.renewAtMs).toBe(test.clock.now() + HOUR_MS / 2);
  });

  test('for a join token, with its DNS names, which renewals keep', async () => {
    const test = await openTestIssuer();
    const dnsNames = ['shop.example.org'];
    const { token } = test.issuer.createJoinToken({ spiffeId: WEB, ttlMs: 60_000, author: 'test', dnsNames });
    const first = test.ask({ kind: 'join-token', token });
    test.clock.pass(HOUR_MS / 2);
    const second = test.renew(first);
    const { extensions } = parseCertificate(second.chainDer[0] ?? Buffer.alloc(0));
    expect(extensions.subjectAltName?.names.dnsNames).toEqual(dnsNames);
    expect(verdict(test, first.chainDer)).toBe('ok');
    expect(verdict(test, second.chainDer)).toBe('ok');
    expect([...test.issuer.issued({ spiffeId: WEB })].map((row) => row.attestation)).toEqual([
      'renewal',
      'join-token',
    ]);
    expect(fieldsOf(test.heard.at(-1))).toMatchObject({ event: 'issued', replaces: first.serial });
  });

  test('never beyond the end of the CA', async () => {
    const test = await openTestIssuer({ svidTtlMs: HOUR_MS, caTtlMs: 24 * HOUR_MS });
    test.clock.nowMs += 23.5 * HOUR_MS;
    const issued = test.join();
    expect(issued.notAfterMs).toBe(test.issuer.caStatus().authorities[0]?.notAfterMs);
    test.clock.nowMs += HOUR_MS;
    expect(codeOf(() => test.ask({ kind: 'local', spiffeId: WEB, detail: '' }))).toBe('ERR_ISSUER_CA');
  });

  test('with what metrics need', async () => {
    const test = await openTestIssuer();
    test.renew(test.join());
    const { issued, issuanceBuckets, auditLength, caNotAfterMs } = test.issuer.counters;
    expect([...issued]).toEqual([
      ['join-token', 1],
      ['renewal', 1],
    ]);
    expect(issuanceBuckets.reduce((a, b) => a + b)).toBe(2);
    expect(auditLength).toBe(test.heard.length);
    expect(caNotAfterMs).toBe(test.issuer.caStatus().authorities[0]?.notAfterMs);
  });
});

describe('an SVID is refused', () => {
  const joinToken = (token: string): Attestation => ({ kind: 'join-token', token });
  const renewal = (spiffeId: string, serial: string): Attestation => ({ kind: 'renewal', spiffeId, serial });
  const rows: {
    name: string;
    given: (test: TestIssuer) => Attestation;
    code: string;
    why: string;
    names: string | null;
  }[] = [
    {
      name: 'for a token that nobody made',
      given: () => joinToken(Buffer.alloc(32, 1).toString('base64url')),
      ...{ code: 'ERR_ISSUER_ATTESTATION', why: 'token-unknown', names: null },
    },
    {
      name: 'for no token',
      given: () => joinToken(''),
      ...{ code: 'ERR_ISSUER_ATTESTATION', why: 'token-malformed', names: null },
    },
    {
      name: 'for a token with a bit too much in its last character',
      given: (t) => joinToken(`${tokenFor(t.issuer).slice(0, 42)}_`),
      ...{ code: 'ERR_ISSUER_ATTESTATION', why: 'token-malformed', names: null },
    },
    {
      name: 'for a token with something behind its pin',
      given: (t) => joinToken(`${tokenFor(t.issuer)}0`),
      ...{ code: 'ERR_ISSUER_ATTESTATION', why: 'token-malformed', names: null },
    },
    {
      name: 'for a used token',
      given(t) {
        const token = tokenFor(t.issuer);
        t.ask(joinToken(token));
        return joinToken(token);
      },
      ...{ code: 'ERR_ISSUER_ATTESTATION', why: 'token-used', names: WEB },
    },
    {
      name: 'for an expired token',
      given(t) {
        const token = tokenFor(t.issuer, WEB, 1_000);
        t.clock.nowMs += 1_000;
        return joinToken(token);
      },
      ...{ code: 'ERR_ISSUER_ATTESTATION', why: 'token-expired', names: WEB },
    },
    {
      name: 'for a token that expired before the clock went back',
      given(t) {
        const token = tokenFor(t.issuer, WEB, 60_000);
        t.clock.pass(60_000);
        t.clock.nowMs -= 50_000;
        return joinToken(token);
      },
      ...{ code: 'ERR_ISSUER_ATTESTATION', why: 'token-expired', names: WEB },
    },
    {
      name: 'for a token from the future',
      given(t) {
        t.clock.nowMs += 600_000;
        const token = tokenFor(t.issuer);
        t.clock.nowMs -= 120_000;
        return joinToken(token);
      },
      ...{ code: 'ERR_ISSUER_ATTESTATION', why: 'token-clock', names: WEB },
    },
    {
      name: 'for a token of an ID that was revoked after it was made',
      given(t) {
        const token = tokenFor(t.issuer);
        t.issuer.revoke({ target: WEB, reason: 'stolen', author: 'test' });
        return joinToken(token);
      },
      ...{ code: 'ERR_ISSUER_ATTESTATION', why: 'token-cancelled', names: WEB },
    },
    {
      name: 'for a revoked ID in Kubernetes',
      given(t) {
        t.issuer.revoke({ target: WEB, reason: 'stolen', author: 'test' });
        return { kind: 'kubernetes', namespace: 'shop', serviceAccount: 'web', pod: null };
      },
      ...{ code: 'ERR_ISSUER_FORBIDDEN', why: 'blocked', names: WEB },
    },
    {
      name: 'for a revoked ID on a socket',
      given(t) {
        t.issuer.revoke({ target: WEB, reason: 'stolen', author: 'test' });
        return { kind: 'local', spiffeId: WEB, detail: 'socket' };
      },
      ...{ code: 'ERR_ISSUER_FORBIDDEN', why: 'blocked', names: WEB },
    },
    {
      name: 'for a service account whose name is a path',
      given: () => ({ kind: 'kubernetes', namespace: 'shop', serviceAccount: '../web', pod: null }),
      ...{ code: 'ERR_ISSUER_ATTESTATION', why: 'id-malformed', names: `spiffe://${TD}/ns/shop/sa/../web` },
    },
    {
      name: 'for a service account whose name goes on',
      given: () => ({ kind: 'kubernetes', namespace: 'shop', serviceAccount: 'web/admin', pod: null }),
      ...{ code: 'ERR_ISSUER_ATTESTATION', why: 'id-malformed', names: `${WEB}/admin` },
    },
    {
      name: 'for another trust domain',
      given: () => ({ kind: 'local', spiffeId: 'spiffe://other.example/a', detail: '' }),
      ...{ code: 'ERR_ISSUER_FORBIDDEN', why: 'id-foreign', names: 'spiffe://other.example/a' },
    },
    {
      name: 'for the trust domain itself',
      given: () => ({ kind: 'local', spiffeId: `spiffe://${TD}`, detail: '' }),
      ...{ code: 'ERR_ISSUER_FORBIDDEN', why: 'id-foreign', names: `spiffe://${TD}` },
    },
    {
      name: 'for a serial that was never issued',
      given: () => renewal(WEB, '01ab'),
      ...{ code: 'ERR_ISSUER_REVOKED', why: 'serial-unknown', names: WEB },
    },
    {
      name: 'for the serial of another',
      given: (t) => renewal(WEB, t.join('spiffe://example.org/other').serial),
      ...{ code: 'ERR_ISSUER_REVOKED', why: 'serial-of-another', names: WEB },
    },
    {
      name: 'for a revoked serial',
      given(t) {
        const { serial } = t.join();
        t.issuer.revoke({ target: serial, reason: 'lost', author: 'test' });
        return renewal(WEB, serial);
      },
      ...{ code: 'ERR_ISSUER_REVOKED', why: 'serial-revoked', names: WEB },
    },
    {
      name: 'for an expired serial',
      given(t) {
        const { serial } = t.join();
        t.clock.nowMs += HOUR_MS;
        return renewal(WEB, serial);
      },
      ...{ code: 'ERR_ISSUER_REVOKED', why: 'serial-expired', names: WEB },
    },
    {
      name: 'for a serial that a socket gave',
      given: (t) => renewal(WEB, t.ask({ kind: 'local', spiffeId: WEB, detail: 'socket' }).serial),
      ...{ code: 'ERR_ISSUER_REVOKED', why: 'serial-local', names: WEB },
    },
  ];
  test.each(rows)('$name', async ({ given, code, why, names }) => {
    const test = await openTestIssuer();
    const attestation = given(test);
    const before = [...test.issuer.issued()].length;
    expect(codeOf(() => test.ask(attestation))).toBe(code);
    expect(fieldsOf(test.heard.at(-1))).toMatchObject({ event: 'refused', code, why, spiffeId: names });
    expect([...test.issuer.issued()]).toHaveLength(before);
    expect([...test.issuer.counters.refused]).toEqual([[code, 1]]);
  });

  test('with one answer for unknown, used and expired tokens', async () => {
    const test = await openTestIssuer();
    const [used, expired] = [tokenFor(test.issuer), tokenFor(test.issuer, WEB, 1_000)];
    test.ask(joinToken(used));
    test.clock.nowMs += 1_000;
    const answers = [used, expired, 'A'.repeat(43), ''].map((token) => {
      try {
        test.ask(joinToken(token));
      } catch (error) {
        if (error instanceof IssuerError) return JSON.stringify({ ...error, message: error.message });
      }
      return 'issued';
    });
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('ERR_ISSUER_ATTESTATION');
  });

  test('when the request names another ID, and the token is not used up', async () => {
    const test = await openTestIssuer();
    const attestation = joinToken(tokenFor(test.issuer));
    const publicKey = parseCertificate(test.join().chainDer[0] ?? Buffer.alloc(0)).publicKey;
    const ask = (uri: string): unknown =>
      test.issuer.issue({ attestation, csr: { publicKey, uri }, from: '10.0.0.1' });
    expect(codeOf(() => ask(`${WEB}2`))).toBe('ERR_ISSUER_CSR');
    expect(fieldsOf(test.heard.at(-1))).toMatchObject({ why: 'csr-uri', spiffeId: WEB });
    expect(codeOf(() => ask(WEB))).toBe('ok');
  });
});

describe('limits', () => {
  test('one identity gets so many, others are not disturbed, and it is written down once', async () => {
    const test = await openTestIssuer({ limits: { identity: { burst: 2, perSecond: 0.5 } } });
    const local = { kind: 'local', spiffeId: WEB, detail: '' } as const;
    test.ask(local);
    test.ask(local);
    const written = test.heard.length;
    for (let i = 0; i < 5; i++) expect(codeOf(() => test.ask(local))).toBe('ERR_ISSUER_RATE');
    expect(test.heard).toHaveLength(written + 1);
    expect(test.issuer.counters.refusalsNotAudited).toBe(4);
    expect(codeOf(() => test.ask({ ...local, spiffeId: `${WEB}2` }))).toBe('ok');
    expect(() => test.ask(local)).toThrow(expect.objectContaining({ retryAfterMs: 2_000 }));
    test.clock.pass(2_000);
    expect(codeOf(() => test.ask(local))).toBe('ok');
  });

  test('a limited token is not used up', async () => {
    const test = await openTestIssuer({ limits: { identity: { burst: 1, perSecond: 1 } } });
    const token = tokenFor(test.issuer);
    test.join();
    expect(codeOf(() => test.ask({ kind: 'join-token', token }))).toBe('ERR_ISSUER_RATE');
    test.clock.pass(1_000);
    expect(codeOf(() => test.ask({ kind: 'join-token', token }))).toBe('ok');
  });

  test('an address that fails too often is not listened to, its neighbours are', async () => {
    const test = await openTestIssuer({ limits: { address: { burst: 3, perSecond: 1 } } });
    const guess = (from: string): string =>
      codeOf(() => test.ask({ kind: 'join-token', token: 'A'.repeat(43) }, from));
    for (let i = 0; i < 3; i++) expect(guess('2001:db8::1')).toBe('ERR_ISSUER_ATTESTATION');
    const token = tokenFor(test.issuer);
    const written = test.heard.length;
    // The rest of its /64 is the same machine.
    expect(codeOf(() => test.ask({ kind: 'join-token', token }, '2001:db8::2'))).toBe('ERR_ISSUER_RATE');
    expect(codeOf(() => test.issuer.checkAddress('2001:db8::3'))).toBe('ERR_ISSUER_RATE');
    expect(test.heard).toHaveLength(written);
    expect(guess('2001:db8:0:1::1')).toBe('ERR_ISSUER_ATTESTATION');
    expect(codeOf(() => test.ask({ kind: 'join-token', token }, '10.0.0.9'))).toBe('ok');
    const failure = { kind: 'kubernetes', from: '10.0.0.9', why: 'not authenticated' } as const;
    test.issuer.attestationFailed({ ...failure, code: 'ERR_ISSUER_ATTESTATION' });
    expect(codeOf(() => test.issuer.checkAddress('10.0.0.9'))).toBe('ok');
  });

  test('what the API server refused is in the audit log, while there is room', async () => {
    const test = await openTestIssuer({ limits: { audit: { burst: 2, perSecond: 1 } } });
    const why = 'service account `other/web` is of a namespace\u001b[2J that is not listed';
    const failure = { kind: 'kubernetes', from: '10.0.0.9', why, code: 'ERR_ISSUER_FORBIDDEN' } as const;
    const before = test.heard.length;
    for (let i = 0; i < 5; i++) test.issuer.attestationFailed(failure);
    expect(test.heard).toHaveLength(before + 2);
    expect(fieldsOf(test.heard.at(-1))).toMatchObject({
      ...{ event: 'refused', attestation: 'kubernetes', from: '10.0.0.9', spiffeId: null },
      ...{ code: 'ERR_ISSUER_FORBIDDEN', why: why.replace('\u001b', '?') },
    });
    expect(test.issuer.counters.refusalsNotAudited).toBe(3);
  });
});
