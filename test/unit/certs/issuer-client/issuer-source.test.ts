// The life of an SVID from the issuer: the first one, renewals, restarts, and everything that goes wrong in
// between. The last good one stays.
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import { type IssuerSource, openIssuerSource } from '../../../../certs/issuer-client/issuer-source.ts';
import type { IssuerSourceOptions } from '../../../../certs/issuer-client/options.ts';
import { fingerprintOf } from '../../../../certs/x509/certificate.ts';
import { type Clock, systemClock } from '../../../../core/clock.ts';
import { ID } from '../make-certificate.ts';
import { crlPem, issueFor, ScriptedIssuer, svidJson, trustJson } from './scripted-issuer.ts';

const HOUR_MS = 3_600_000;
const OTHER_SECRET = `${'B'.repeat(42)}A`;

let dir: string;
let ca: Authority;
let issuer: ScriptedIssuer;
let aheadMs: number;
const sources: IssuerSource[] = [];
/** Every SVID that a source had since it was opened. */
const serials = new WeakMap<IssuerSource, Set<string>>();

/** The machine's clock, `aheadMs` ahead. */
const clock: Clock = { ...systemClock, now: () => Date.now() + aheadMs };

beforeEach(async () => {
  aheadMs = 0;
  dir = mkdtempSync(join(tmpdir(), 'sallyport-issuer-client-'));
  ca = await createAuthority({ trustDomain: 'example.org' });
  issuer = await ScriptedIssuer.start({ authority: ca });
  issuer.svid = async ({ csr }) => ({
    status: 200,
    body: svidJson(await issueFor(ca, csr, { ttlMs: HOUR_MS }), issuer.trust),
  });
});

afterEach(async () => {
  for (const source of sources.splice(0)) source.close();
  await issuer.stop();
  rmSync(dir, { recursive: true, force: true });
});

const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
const tokenOf = (authority: Authority, secret = 'A'.repeat(43)): string =>
  `${secret}.${fingerprintOf(authority.certificate.der)}`;
const joinToken = (authority = ca, secret?: string): string => file('token', tokenOf(authority, secret));

async function open(options: Partial<IssuerSourceOptions> = {}): Promise<IssuerSource> {
  const source = await openIssuerSource({
    address: { host: '127.0.0.1', port: issuer.port },
    trustDomain: 'example.org',
    stateDirectory: join(dir, 'state'),
    clock,
    ...options,
  });
  sources.push(source);
  const seen = new Set([serialOf(source)]);
  source.onChange(() => seen.add(serialOf(source)));
  serials.set(source, seen);
  return source;
}

const withToken = (): Promise<IssuerSource> => open({ joinTokenFile: joinToken() });
const withAccount = (): Promise<IssuerSource> =>
  open({ serviceAccountTokenFile: file('sa', 'sa-1\n'), bundleFile: file('ca.pem', ca.certificatePem) });

const serialOf = (source: IssuerSource): string =>
  new X509Certificate(source.current()?.certificateChainPem ?? '').serialNumber.toLowerCase();
const codesOf = (source: IssuerSource): string[] => source.problems().map(({ code }) => code);
const renewed = (source: IssuerSource, times = 2): Promise<void> =>
  expect.poll(() => serials.get(source)?.size).toBe(times);

describe('the first SVID', () => {
  test('comes for a join token, over a connection known by its pin', async () => {
    const source = await withToken();
    expect(source.current()).toMatchObject({ generation: 1, spiffeId: { uri: ID } });
    expect(issuer.asked).toMatchObject([{ joinToken: tokenOf(ca), serial: null }]);
    expect(codesOf(source)).toEqual([]);
    const inMs = source.nextRenewalAtMs() - clock.now();
    expect(inMs).toBeGreaterThan(0.44 * HOUR_MS);
    expect(inMs).toBeLessThan(0.56 * HOUR_MS);
  });

  test('comes for a service-account token, over a connection known by the bundle', async () => {
    await withAccount();
    expect(issuer.asked).toMatchObject([{ serviceAccountToken: 'sa-1', serial: null }]);
  });

  test('waits for an issuer that is not there yet, and says so', async () => {
    await issuer.stop();
    const waits: string[] = [];
    const opening = open({
      joinTokenFile: joinToken(),
      onWaiting: (problems) => waits.push(...problems.map(({ code }) => code)),
    });
    await expect.poll(() => waits).toEqual(['ERR_ISSUER_CLIENT_UNREACHABLE']);
    await issuer.listen();
    expect((await opening).current()?.spiffeId.uri).toBe(ID);
  });

  test.each([
    { name: 'a token file that is not there', options: () => ({ joinTokenFile: join(dir, 'none') }) },
    { name: 'an empty token file', options: () => ({ joinTokenFile: file('token', ' \n') }) },
    { name: 'a token without a pin', options: () => ({ joinTokenFile: file('token', 'A'.repeat(43)) }) },
    {
      name: 'a token with a short secret',
      options: () => ({ joinTokenFile: file('token', tokenOf(ca, 'A'.repeat(42))) }),
    },
    {
      name: 'a token with a pin in capitals',
      options: () => ({ joinTokenFile: file('token', `${'A'.repeat(43)}.${'A'.repeat(64)}`) }),
    },
    { name: 'a token of 17 KB', options: () => ({ joinTokenFile: file('token', 'a'.repeat(17_000)) }) },
    {
      name: 'a bundle that is not there',
      options: () => ({ serviceAccountTokenFile: file('sa', 'x'), bundleFile: join(dir, 'none') }),
    },
    { name: 'no token at all', options: () => ({}), code: 'ERR_ISSUER_CLIENT_NO_ATTESTATION' },
    {
      name: 'a service-account token without a bundle',
      options: () => ({ serviceAccountTokenFile: file('sa', 'x') }),
      code: 'ERR_ISSUER_CLIENT_UNVERIFIED',
    },
    {
      name: 'a token of another issuer',
      options: () => ({ joinTokenFile: file('token', tokenOf(ca).replace(/.$/, '0').replace(/..$/, '12')) }),
      code: 'ERR_ISSUER_CLIENT_UNVERIFIED',
    },
  ])('does not come for $name', async ({ options, code = 'ERR_ISSUER_CLIENT_FILE' }) => {
    const stop = new AbortController();
    const opening = open({
      ...options(),
      signal: stop.signal,
      onWaiting: () => stop.abort(),
    });
    await expect(opening).rejects.toMatchObject({ code: 'ERR_ISSUER_CLIENT_WAIT', diagnostics: [{ code }] });
    expect(issuer.asked).toEqual([]);
    expect(issuer.received).toBe('');
  });

  test('is asked for once with a join token that is refused, and again with a new one', async () => {
    const good = issuer.svid;
    issuer.svid = () => ({ status: 401, body: { code: 'ERR_ISSUER_ATTESTATION', title: 'no' } });
    const waits: string[] = [];
    const opening = open({
      joinTokenFile: joinToken(),
      onWaiting: (problems) => waits.push(...problems.map(({ code }) => code)),
    });
    await expect.poll(() => waits).toContain('ERR_ISSUER_CLIENT_NO_ATTESTATION');
    expect(waits[0]).toBe('ERR_ISSUER_CLIENT_REFUSED');
    expect(issuer.asked).toHaveLength(1);
    issuer.svid = good;
    joinToken(ca, OTHER_SECRET);
    await opening;
    expect(issuer.asked).toHaveLength(2);
  });
});

describe('a restart', () => {
  test('goes on with what was kept, at once, without a token and with the issuer down', async () => {
    const first = await withToken();
    first.close();
    await issuer.stop();
    const startedMs = performance.now();
    const second = await open();
    expect(performance.now() - startedMs).toBeLessThan(100);
    expect(second.current()?.certificateChainPem).toBe(first.current()?.certificateChainPem);
    expect(second.current()?.generation).toBe(1);
    expect(second.nextRenewalAtMs()).toBe(first.nextRenewalAtMs());
    await issuer.listen();
    issuer.renew = true;
    await renewed(second); // by the SVID that was kept
    expect(issuer.asked.at(-1)).toMatchObject({ serial: serialOf(first) });
  });

  test('with an SVID that expired meanwhile needs another proof, and says which', async () => {
    (await withToken()).close();
    aheadMs = 2 * HOUR_MS;
    const stop = new AbortController();
    const opening = open({ joinTokenFile: joinToken(), signal: stop.signal, onWaiting: () => stop.abort() });
    await expect(opening).rejects.toMatchObject({
      diagnostics: [
        {
          code: 'ERR_ISSUER_CLIENT_NO_ATTESTATION',
          hint: expect.stringContaining('`sallyport certs token`'),
        },
      ],
    });
    expect(issuer.asked).toHaveLength(1);
  });
});

describe('a renewal', () => {
  test('shows the SVID that it replaces, names its ID, and is of a new key', async () => {
    const source = await withToken();
    const [serial, before] = [serialOf(source), source.current()?.privateKeyPem];
    issuer.renew = true;
    issuer.publish();
    await renewed(source);
    expect(issuer.asked[1]?.serial).toBe(serial);
    expect(issuer.asked[1]?.joinToken).toBeUndefined();
    expect(Buffer.from(issuer.asked[1]?.csr ?? '', 'latin1').length).toBeGreaterThan(300);
    const state = source.current();
    const certified = new X509Certificate(state?.certificateChainPem ?? '').publicKey;
    expect(certified.equals(createPublicKey(state?.privateKeyPem ?? ''))).toBe(true);
    expect(state?.privateKeyPem).not.toBe(before);
  });

  test('happens within a second of the issuer’s wish', async () => {
    const source = await withToken();
    await expect.poll(() => issuer.polls.at(-1)).toContain('wait=25');
    issuer.renew = true;
    const startedMs = performance.now();
    issuer.publish();
    await renewed(source);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });

  test('happens once for a wish that never ends', async () => {
    const source = await withToken();
    issuer.renew = true;
    issuer.publish();
    await renewed(source);
    const seen = issuer.polls.length;
    issuer.cut(); // a new connection is told again
    await expect.poll(() => issuer.polls.length).toBeGreaterThan(seen + 1);
    expect(serials.get(source)?.size).toBe(2);
    issuer.publish();
    await renewed(source, 3);
  });

  test('happens by itself when it is due', async () => {
    const source = await withToken();
    aheadMs = 0.6 * HOUR_MS;
    issuer.publish(); // wakes the long poll; the time is looked at again
    await renewed(source);
  });

  const refusals: readonly { name: string; code: string; answer: (csr: string) => Promise<object> }[] = [
    {
      name: 'for another workload',
      code: 'ERR_ISSUER_CLIENT_ID',
      answer: async (csr) =>
        svidJson(
          await issueFor(ca, csr, { spiffeId: 'spiffe://example.org/ns/shop/sa/other' }),
          issuer.trust,
        ),
    },
    {
      name: 'that says one ID and certifies another',
      code: 'ERR_ISSUER_CLIENT_ID',
      answer: async (csr) =>
        svidJson(await issueFor(ca, csr), issuer.trust, { spiffeId: 'spiffe://example.org/x' }),
    },
    {
      name: 'with the trust of another trust domain',
      code: 'ERR_ISSUER_CLIENT_ID',
      answer: async (csr) =>
        svidJson(await issueFor(ca, csr), { ...issuer.trust, trustDomain: 'b.example', federated: {} }),
    },
    {
      name: 'for a key of somebody else',
      code: 'ERR_KEY_MISMATCH',
      answer: async () => svidJson(await ca.issue({ spiffeId: ID }), issuer.trust),
    },
    {
      name: 'that is valid tomorrow: the clocks differ',
      code: 'ERR_IDENTITY_REFUSED',
      answer: async (csr) =>
        svidJson(await issueFor(ca, csr, { nowMs: Date.now() + 24 * HOUR_MS }), issuer.trust),
    },
    {
      name: 'that is cut short',
      code: 'ERR_ISSUER_CLIENT_ANSWER',
      answer: async () => ({ spiffeId: ID }),
    },
  ];
  test.each(refusals)('$name is not taken: the last good one stays', async ({ code, answer }) => {
    const source = await withToken();
    const before = source.current();
    const kept = readFileSync(join(dir, 'state/svid.pem'), 'utf8');
    const good = issuer.svid;
    issuer.svid = async ({ csr }) => ({ status: 200, body: await answer(csr) });
    issuer.renew = true;
    issuer.publish();
    await expect.poll(() => codesOf(source)).toContain(code);
    expect(source.current()).toBe(before);
    expect(readFileSync(join(dir, 'state/svid.pem'), 'utf8')).toBe(kept);
    issuer.svid = good;
    await renewed(source);
    expect(codesOf(source)).toEqual([]);
  });

  test('waits as long as the issuer asks for', async () => {
    const source = await withToken();
    issuer.svid = () => ({ status: 429, body: {}, headers: { 'retry-after': '60' } });
    issuer.renew = true;
    issuer.publish();
    await expect.poll(() => codesOf(source)).toContain('ERR_ISSUER_CLIENT_BUSY');
    expect(source.nextRenewalAtMs() - clock.now()).toBeGreaterThan(55_000);
    expect(issuer.asked).toHaveLength(2);
  });

  test('of an expired SVID is a new attestation, with the service-account token of that moment', async () => {
    const source = await withAccount();
    file('sa', 'sa-2');
    aheadMs = 2 * HOUR_MS;
    issuer.svid = async ({ csr }) => ({
      status: 200,
      body: svidJson(await issueFor(ca, csr, { nowMs: clock.now() }), issuer.trust),
    });
    issuer.publish();
    await renewed(source);
    expect(issuer.asked[1]).toMatchObject({ serviceAccountToken: 'sa-2', serial: null });
  });

  test('of a revoked SVID is a new attestation too', async () => {
    const source = await withAccount();
    await expect.poll(() => issuer.polls.length).toBeGreaterThan(1);
    issuer.refuseCertificates = true;
    issuer.cut();
    const attested = (): unknown[] => issuer.asked.filter(({ serviceAccountToken }) => serviceAccountToken);
    await expect.poll(attested).toHaveLength(2);
    await renewed(source);
  });

  test('of a revoked SVID with nothing else says so, and trust still arrives', async () => {
    const source = await withToken();
    await expect.poll(() => issuer.polls.length).toBeGreaterThan(1);
    issuer.refuseCertificates = true;
    const revoked = ca.issueCrl({ revokedSerials: [serialOf(source)] });
    issuer.publish({ crl: crlPem(revoked) });
    issuer.cut();
    await expect.poll(() => codesOf(source)).toContain('ERR_ISSUER_CLIENT_REFUSED');
    expect(source.current()?.crls.get('example.org')?.[0]?.revoked.size).toBe(1);
    expect(codesOf(source)).toContain('LINT_IDENTITY_REVOKED');
  });
});

describe('trust', () => {
  test('takes effect within a second: bundle, list and foreign bundle', async () => {
    const source = await withToken();
    await expect.poll(() => issuer.polls.at(-1)).toContain('wait=25');
    const next = await createAuthority({ trustDomain: 'example.org' });
    const other = await createAuthority({ trustDomain: 'b.example' });
    const startedMs = performance.now();
    issuer.publish({
      bundle: ca.certificatePem + next.certificatePem,
      crl: crlPem(ca.issueCrl({ revokedSerials: ['01'] })),
      federated: { 'b.example': other.certificatePem },
    });
    await expect.poll(() => source.current()?.bundles.has('b.example')).toBe(true);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect(source.current()?.trustAnchorsPem).toHaveLength(3);
    expect(source.current()?.crls.get('example.org')?.[0]?.revoked.has('01')).toBe(true);
    expect(source.material()?.sequence).toBe(2);
    expect(serials.get(source)?.size).toBe(1);
    expect(readFileSync(join(dir, 'state/bundle.pem'), 'utf8')).toContain(next.certificatePem);
  });

  test('with a foreign bundle that cannot be used keeps the last good one, over a restart too', async () => {
    const source = await withToken();
    const other = await createAuthority({ trustDomain: 'b.example' });
    issuer.publish({ federated: { 'b.example': other.certificatePem } });
    await expect.poll(() => source.current()?.bundles.has('b.example')).toBe(true);
    const broken = other.certificatePem.slice(0, -40);
    issuer.publish({ federated: { 'b.example': broken, 'c.example': broken } });
    await expect.poll(() => codesOf(source)).toEqual(['ERR_PEM_MALFORMED', 'ERR_PEM_MALFORMED']);
    expect(source.material()?.sequence).toBe(3);
    source.close();
    await issuer.stop();
    const restarted = await open();
    expect([...(restarted.current()?.bundles.keys() ?? [])]).toEqual(['example.org', 'b.example']);
    await issuer.listen();
    issuer.publish({ federated: { 'b.example': other.certificatePem } });
    await expect.poll(() => restarted.material()?.sequence).toBe(4);
    expect(codesOf(restarted)).toEqual([]);
  });

  test('that reaches an expired SVID takes effect too', async () => {
    const source = await withToken();
    aheadMs = 2 * HOUR_MS;
    issuer.publish({ crl: crlPem(ca.issueCrl({ revokedSerials: ['01'], ttlMs: 24 * HOUR_MS })) });
    await expect.poll(() => source.current()?.crls.size).toBe(1);
    // The trust is taken first, then the renewal that became due is tried.
    await expect.poll(() => codesOf(source)).toContain('ERR_ISSUER_CLIENT_NO_ATTESTATION');
  });

  test('of an issuer that was restored to an earlier sequence is followed', async () => {
    const source = await withToken();
    for (let i = 0; i < 5; i++) issuer.publish();
    await expect.poll(() => source.material()?.sequence).toBe(6);
    await issuer.stop();
    issuer.trust = trustJson(ca, 2, { crl: crlPem(ca.issueCrl({ revokedSerials: ['02'] })) });
    await issuer.listen();
    await expect.poll(() => source.material()?.sequence).toBe(2);
    issuer.publish({ crl: '' });
    await expect.poll(() => source.current()?.crls.size).toBe(0);
  });

  test('an issuer that restarts is no problem worth a word', async () => {
    const source = await withToken();
    await expect.poll(() => issuer.polls.at(-1)).toContain('wait=25');
    const told: unknown[] = [];
    source.onProblem((problems) => told.push(...problems));
    await issuer.stop();
    await issuer.listen();
    const seen = issuer.polls.length;
    await expect.poll(() => issuer.polls.length).toBeGreaterThan(seen + 1);
    expect(told).toEqual([]);
  });
});

describe('an issuer whose CA is another after a while', () => {
  const renewCa = async (): Promise<Authority> => {
    await issuer.stop();
    const next = await createAuthority({ trustDomain: 'example.org' });
    const { port } = issuer;
    issuer = await ScriptedIssuer.start({ authority: next, port });
    return next;
  };

  test('is not believed: the SVID stays, and the problem says what to do', async () => {
    const source = await withToken();
    const before = source.current();
    await renewCa();
    await expect.poll(() => codesOf(source)).toContain('ERR_ISSUER_CLIENT_UNVERIFIED');
    expect(source.problems()[0]?.hint).toContain('a new join token of this issuer');
    expect(source.current()).toBe(before);
    expect(issuer.received).toBe('');
  });

  test('is believed with a new bundle', async () => {
    const bundleFile = file('ca.pem', ca.certificatePem);
    const source = await open({ joinTokenFile: joinToken(), bundleFile });
    const next = await renewCa();
    issuer.renew = true;
    file('ca.pem', next.certificatePem);
    await renewed(source);
    expect(source.current()?.trustAnchorsPem).toEqual([next.certificatePem]);
  });

  test('is believed with a new join token, once the renewal has failed', async () => {
    const source = await withToken();
    const next = await renewCa();
    aheadMs = 0.6 * HOUR_MS;
    issuer.svid = async ({ csr }) => ({
      status: 200,
      body: svidJson(await issueFor(next, csr, { nowMs: clock.now() }), issuer.trust),
    });
    joinToken(next, OTHER_SECRET);
    await renewed(source);
    expect(issuer.asked).toMatchObject([{ joinToken: tokenOf(next, OTHER_SECRET) }]);
  });
});

test('a state folder that cannot be written is a problem, and the SVID is used', async () => {
  const source = await open({ joinTokenFile: joinToken(), stateDirectory: join(joinToken(), 'state') });
  expect(source.current()?.spiffeId.uri).toBe(ID);
  await expect.poll(() => codesOf(source)).toEqual(['ERR_ISSUER_CLIENT_STATE']);
});
