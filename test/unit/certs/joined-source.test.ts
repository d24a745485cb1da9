// What federation adds to the own identity, and what it may never change.
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../certs/authority/authority.ts';
import { verifyIdentity } from '../../../certs/identity-material.ts';
import { joinSources } from '../../../certs/joined-source.ts';
import { Findings } from '../../../certs/read-files.ts';
import type { IdentityState } from '../../../certs/source.ts';
import type { TrustState } from '../../../certs/verify.ts';
import { parseCrl } from '../../../certs/x509/crl.ts';
import type { Diagnostic } from '../../../core/errors.ts';
import { ID, said, trust, verifierFor } from './make-certificate.ts';
import { ToldSource } from './told-source.ts';

let ca: Authority;
let other: Authority;
beforeAll(async () => {
  ca = await createAuthority({ trustDomain: 'example.org' });
  other = await createAuthority({ trustDomain: 'b.example' });
});

async function identity(spiffeId = ID, foreign: readonly Authority[] = []): Promise<IdentityState> {
  const svid = await ca.issue({ spiffeId });
  const content = (text: string) => ({ file: 'test', bytes: Buffer.from(text) });
  const bundles = new Map([ca, ...foreign].map((one) => [one.trustDomain, content(one.certificatePem)]));
  const material = {
    trustDomain: 'example.org',
    certificate: content(svid.chainPem),
    key: content(svid.privateKeyPem ?? ''),
    bundles,
    crls: new Map(),
  };
  const state = verifyIdentity(material, Date.now(), new Findings());
  if (state === null) throw new Error('the set does not verify');
  return { ...state, generation: 1 };
}

const NO_NAMES: ReadonlySet<string> = new Set();
const codes = (problems: readonly Diagnostic[]): readonly string[] => problems.map(({ code }) => code);

describe('joined sources', () => {
  test('a foreign bundle is added, and taken away', async () => {
    const svid = new ToldSource<IdentityState>().tell(await identity());
    const foreign = new ToldSource<TrustState>();
    const joined = joinSources({ svid, others: [foreign], reserved: NO_NAMES });
    const peer = await other.issue({ spiffeId: 'spiffe://b.example/x' });
    const verdict = (): string =>
      said(verifierFor(joined.current() as IdentityState).verify(peer.chainDer, Date.now()));
    expect(verdict()).toMatch(/^wrong-trust-domain/);
    foreign.tell(trust(other));
    expect(verdict()).toBe('ok');
    expect(joined.current()?.trustAnchorsPem).toEqual([ca.certificatePem, other.certificatePem]);
    expect(joined.current()?.generation).toBe(2);
    foreign.tell(trust());
    expect(verdict()).toMatch(/^wrong-trust-domain/);
  });

  test('nobody replaces the bundle of the own trust domain', async () => {
    const svid = new ToldSource<IdentityState>().tell(await identity());
    const rogue = await createAuthority({ trustDomain: 'example.org' });
    const foreign = new ToldSource<TrustState>().tell(trust(rogue, other));
    const joined = joinSources({ svid, others: [foreign], reserved: NO_NAMES });
    expect(joined.current()?.trustAnchorsPem).toEqual([ca.certificatePem, other.certificatePem]);
  });

  test('a fault says which foreign trust domain it is about, and none when it is the own one', async () => {
    const fault = { severity: 'error', code: 'ERR_A', message: 'a' } as const;
    const svid = new ToldSource<IdentityState>().tell(await identity());
    const foreign = new ToldSource<TrustState>();
    const joined = joinSources({ svid, others: [foreign], reserved: NO_NAMES });
    svid.complain(fault);
    foreign.complain({ ...fault, trustDomain: 'b.example' }, { ...fault, trustDomain: 'example.org' });
    expect(joined.problems()).toEqual([fault, { ...fault, trustDomain: 'b.example' }, fault]);
  });

  test('a name that stands for the own trust domain gets no bundle, whoever sends it', async () => {
    const svid = new ToldSource<IdentityState>().tell(await identity(ID, [other]));
    const joined = joinSources({ svid, others: [], reserved: new Set(['b.example', 'example.org']) });
    expect([...(joined.current()?.bundles.keys() ?? [])]).toEqual(['example.org']);
    expect(codes(joined.problems())).toEqual(['LINT_BUNDLE_RESERVED']);
  });

  test('what was configured replaces what an agent sent', async () => {
    const pinned = await createAuthority({ trustDomain: 'b.example' });
    const svid = new ToldSource<IdentityState>().tell(await identity(ID, [other]));
    const foreign = new ToldSource<TrustState>().tell(trust(pinned));
    const joined = joinSources({ svid, others: [foreign], reserved: NO_NAMES });
    expect(joined.current()?.trustAnchorsPem).toEqual([ca.certificatePem, pinned.certificatePem]);
  });

  test('revocation lists add up', async () => {
    const svid = new ToldSource<IdentityState>().tell(await identity());
    const peer = await ca.issue({ spiffeId: ID });
    const list = (revokedSerials: readonly string[]) => parseCrl(ca.issueCrl({ revokedSerials }));
    const lists = new ToldSource<TrustState>().tell({
      bundles: new Map(),
      crls: new Map([['example.org', [list([peer.serial])]]]),
    });
    const joined = joinSources({ svid, others: [lists], reserved: NO_NAMES });
    const state = joined.current() as IdentityState;
    expect(said(verifierFor(state).verify(peer.chainDer, Date.now()))).toMatch(/^revoked-certificate/);
  });

  test('an SVID of another ID is refused: the policies in force are of the first', async () => {
    const first = await identity();
    const svid = new ToldSource<IdentityState>().tell(first);
    const joined = joinSources({ svid, others: [], reserved: NO_NAMES });
    const told: Diagnostic[] = [];
    joined.onProblem((problems) => told.push(...problems));
    svid.tell(await identity('spiffe://example.org/ns/shop/sa/admin'));
    expect(joined.current()?.spiffeId.uri).toBe(ID);
    expect(joined.current()?.certificateChainPem).toBe(first.certificateChainPem);
    expect(codes(told)).toEqual(['ERR_IDENTITY_CHANGED']);
    const next = await identity();
    svid.tell(next);
    expect(joined.current()?.certificateChainPem).toBe(next.certificateChainPem);
    expect(joined.problems()).toEqual([]);
  });

  test('problems of every source are those of the whole, and all are closed together', async () => {
    const svid = new ToldSource<IdentityState>().tell(await identity());
    const foreign = new ToldSource<TrustState>();
    const joined = joinSources({ svid, others: [foreign], reserved: NO_NAMES });
    foreign.refuse('ERR_ONE');
    svid.refuse('ERR_TWO');
    expect(codes(joined.problems())).toEqual(['ERR_TWO', 'ERR_ONE']);
    joined.close();
    expect([svid.closed, foreign.closed]).toEqual([true, true]);
    const before = joined.current();
    foreign.tell(trust(other));
    expect(joined.current()).toBe(before);
  });

  test('without an SVID there is nothing', () => {
    const joined = joinSources({ svid: new ToldSource<IdentityState>(), others: [], reserved: NO_NAMES });
    expect(joined.current()).toBeNull();
  });
});
