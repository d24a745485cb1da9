// What the issuer tells of other trust domains, by what their sources have: the last good bundle stays.
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import { type Federation, followFederation } from '../../../../certs/issuer/federation.ts';
import type { Issuer } from '../../../../certs/issuer/issuer.ts';
import { SourceBase } from '../../../../certs/source-base.ts';
import { createTrustBundle } from '../../../../certs/trust-bundle.ts';
import type { TrustState } from '../../../../certs/verify.ts';
import type { Diagnostic } from '../../../../core/errors.ts';
import { openTestIssuer, TD } from './open-test-issuer.ts';

const PARTNER = 'b.example';
let partner: Authority;
let next: Authority;
beforeAll(async () => {
  partner = await createAuthority({ trustDomain: PARTNER });
  next = await createAuthority({ trustDomain: PARTNER });
});

/** A source that says what the test wants. */
class HeldBundles extends SourceBase<TrustState> {
  closed = false;

  tell(trustDomain: string, ...roots: readonly Authority[]): void {
    const bundle = createTrustBundle(
      trustDomain,
      roots.map(({ certificate }) => certificate),
    );
    this.publish({ bundles: new Map([[trustDomain, bundle]]), crls: new Map() });
  }

  complain(...problems: readonly Diagnostic[]): void {
    this.report(problems);
  }

  close(): void {
    this.closed = true;
  }
}

interface Followed {
  readonly federation: Federation;
  readonly found: readonly Diagnostic[][];
  readonly refused: readonly string[];
}

function follow(issuer: Issuer, sources: Readonly<Record<string, HeldBundles>>): Followed {
  const found: Diagnostic[][] = [];
  const refused: string[] = [];
  const federation = followFederation({
    issuer,
    bundles: Object.entries(sources).map(([trustDomain, source]) => ({ trustDomain, source })),
    found: (diagnostics) => found.push([...diagnostics]),
    problem: (_, error) => refused.push(String(error)),
  });
  onTestFinished(() => federation.close());
  return { federation, found, refused };
}

const told = (issuer: Issuer): unknown =>
  Object.fromEntries(
    [...issuer.trust().federated].map(([name, ders]) => [name, ders.map((der) => der.length)]),
  );
const sizes = (...roots: readonly Authority[]): number[] =>
  roots.map(({ certificate }) => certificate.der.length);

test('bundles come, change and go with their sources, once for each change', async () => {
  const { issuer } = await openTestIssuer();
  const [one, other] = [new HeldBundles(), new HeldBundles()];
  one.tell(PARTNER, partner);
  follow(issuer, { [PARTNER]: one, 'c.example': other });
  expect(told(issuer)).toEqual({ [PARTNER]: sizes(partner) });
  const { sequence } = issuer.trust();
  one.tell(PARTNER, partner, next);
  expect(told(issuer)).toEqual({ [PARTNER]: sizes(partner, next) });
  one.tell(PARTNER, partner, next);
  expect(issuer.trust().sequence).toBe(sequence + 1);
  one.tell(PARTNER);
  expect(told(issuer)).toEqual({});
});

test('what was told stays over a restart until its source has something', async () => {
  const t = await openTestIssuer();
  const source = new HeldBundles();
  source.tell(PARTNER, partner);
  follow(t.issuer, { [PARTNER]: source }).federation.close();
  const { issuer } = await t.reopen();
  const empty = new HeldBundles();
  follow(issuer, { [PARTNER]: empty });
  expect(told(issuer)).toEqual({ [PARTNER]: sizes(partner) });
  empty.tell(PARTNER, next);
  expect(issuer.trust().federated.get(PARTNER)?.[0]).toEqual(next.certificate.der);
});

test('a trust domain that is not configured any more is forgotten', async () => {
  const { issuer } = await openTestIssuer();
  issuer.setFederated(new Map([[PARTNER, [partner.certificate.der]]]));
  follow(issuer, {});
  expect(told(issuer)).toEqual({});
});

test('a source brings the bundle of its own trust domain only', async () => {
  const { issuer } = await openTestIssuer();
  const source = new HeldBundles();
  source.tell('c.example', partner);
  follow(issuer, { [PARTNER]: source });
  expect(told(issuer)).toEqual({});
});

test('a bundle of the own trust domain is refused, and nothing changes', async () => {
  const { issuer } = await openTestIssuer();
  const [own, good] = [new HeldBundles(), new HeldBundles()];
  own.tell(TD, partner);
  good.tell(PARTNER, partner);
  const { refused } = follow(issuer, { [TD]: own, [PARTNER]: good });
  expect(refused[0]).toContain('own trust domain');
  expect(told(issuer)).toEqual({});
});

test('what a source finds is told, at first and later, and is there to be asked for', async () => {
  const { issuer } = await openTestIssuer();
  const source = new HeldBundles();
  const fault = { severity: 'error', code: 'ERR_A', message: 'a' } as const;
  source.complain(fault);
  const { found, federation } = follow(issuer, { [PARTNER]: source });
  source.complain({ ...fault, code: 'ERR_B' });
  expect(found.map((list) => list.map(({ code }) => code))).toEqual([['ERR_A'], ['ERR_B']]);
  source.complain();
  expect(federation.problems()).toEqual([]);
  federation.close();
  expect(source.closed).toBe(true);
});
