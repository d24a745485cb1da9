// What every BundleSource must do, whatever it reads from: one suite, run against each implementation.
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
import type { BundleSource } from '../../certs/source.ts';
import type { TrustState } from '../../certs/verify.ts';
import { writePem } from '../../certs/x509/pem.ts';
import type { Diagnostic } from '../../core/errors.ts';
import { said, verifierFor } from '../unit/certs/make-certificate.ts';
import type { SourceHarness, TrustDelivery } from './harness.ts';

/** The far side of one source; `b.example` is always among what it delivers. */
export type BundleSourceHarness = SourceHarness<TrustDelivery, BundleSource>;

/** What differs between the kinds of sources. */
export interface BundleSourceKind {
  readonly name: string;
  readonly create: () => Promise<BundleSourceHarness>;
  /** Whether `open` waits for a good first set, or throws ERR_IDENTITY_LOAD when it is bad. */
  readonly badFirstSet: 'throws' | 'waits';
  /** Whether it brings CRLs. */
  readonly revokes: boolean;
  /** Whether it brings the bundles of several trust domains. */
  readonly several: boolean;
}

const DOMAIN = 'b.example';
const PEER = `spiffe://${DOMAIN}/x`;
const BUNDLE_CERTIFICATES = 256;

let ca: Authority;
let next: Authority;
let own: Authority;

beforeAll(async () => {
  ca = await createAuthority({ trustDomain: DOMAIN });
  next = await createAuthority({ trustDomain: DOMAIN });
  own = await createAuthority({ trustDomain: 'example.org' });
});

const delivery = (pem: string, extra: Partial<TrustDelivery> = {}): TrustDelivery => ({
  bundles: { [DOMAIN]: pem },
  crls: {},
  ...extra,
});

const anchorsIn = (state: TrustState): number => state.bundles.get(DOMAIN)?.anchors.length ?? 0;

async function saidOf(state: TrustState | null, signer: Authority, spiffeId = PEER): Promise<string> {
  if (state === null) throw new Error('no state');
  const { chainDer } = await signer.issue({ spiffeId });
  return said(verifierFor(state).verify(chainDer, Date.now()));
}

const nextState = (source: BundleSource, fits: (state: TrustState) => boolean): Promise<TrustState> =>
  new Promise((resolve) => {
    const stop = source.onChange((state) => {
      if (!fits(state)) return;
      stop();
      resolve(state);
    });
  });

const nextProblem = (source: BundleSource, code: string): Promise<Diagnostic> =>
  new Promise((resolve) => {
    const stop = source.onProblem((problems) => {
      const found = problems.find((problem) => problem.code === code);
      if (found === undefined) return;
      stop();
      resolve(found);
    });
  });

const BAD_SETS: readonly { name: string; code: string; make: () => Promise<TrustDelivery> }[] = [
  {
    name: 'a leaf in the bundle',
    code: 'ERR_BUNDLE_CERTIFICATE',
    make: async () => delivery((await ca.issue({ spiffeId: PEER })).chainPem),
  },
  {
    name: 'a certificate that is cut short',
    code: 'ERR_CERTIFICATE_MALFORMED',
    make: async () => delivery(writePem('CERTIFICATE', ca.certificate.der.subarray(0, 200))),
  },
  {
    name: 'more certificates than a bundle has',
    code: 'ERR_BUNDLE_TOO_LARGE',
    make: async () => delivery(ca.certificatePem.repeat(BUNDLE_CERTIFICATES + 1)),
  },
];

interface Opened {
  readonly source: BundleSource;
  readonly harness: BundleSourceHarness;
}

/** Opens what one test needs, to be closed after it. */
type Open = (first: TrustDelivery) => Promise<Opened>;

/** Defines the suite for one kind of source. */
export function bundleSourceContract(kind: BundleSourceKind): void {
  describe(`${kind.name} as a source of bundles`, () => {
    const opened: Opened[] = [];
    const open: Open = async (first) => {
      const harness = await kind.create();
      const both = { source: await harness.open(first), harness };
      opened.push(both);
      return both;
    };
    afterEach(async () => {
      for (const { source, harness } of opened.splice(0)) {
        source.close();
        await harness.close();
      }
    });
    goodSets(open, kind);
    badSets(open, kind);
    ends(open);
  });
}

function goodSets(open: Open, kind: BundleSourceKind): void {
  test('the first set is there when the source is', async () => {
    const { source } = await open(delivery(ca.certificatePem));
    expect(await saidOf(source.current(), ca)).toBe('ok');
    expect(await saidOf(source.current(), next)).toMatch(/^untrusted-certificate/);
    expect(source.problems().filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  test('a new CA comes, and the old one goes', async () => {
    const { source, harness } = await open(delivery(ca.certificatePem));
    const before = source.current();
    const both = nextState(source, (state) => anchorsIn(state) === 2);
    await harness.deliver(delivery(ca.certificatePem + next.certificatePem));
    expect(await saidOf(await both, ca)).toBe('ok');
    expect(await saidOf(await both, next)).toBe('ok');
    const last = nextState(source, (state) => anchorsIn(state) === 1);
    await harness.deliver(delivery(next.certificatePem));
    expect(await saidOf(await last, ca)).toMatch(/^untrusted-certificate/);
    expect(source.current()).toBe(await last);
    expect(await saidOf(before, ca)).toBe('ok'); // the old state is untouched
  });

  if (kind.revokes)
    test('a revocation list takes effect', async () => {
      const peer = await ca.issue({ spiffeId: PEER });
      const withCrl = (serials: readonly string[], number: number): TrustDelivery =>
        delivery(ca.certificatePem, {
          crls: { [DOMAIN]: [ca.issueCrl({ revokedSerials: serials, number })] },
        });
      const { source, harness } = await open(withCrl([], 1));
      const revoked = nextState(source, ({ crls }) => crls.get(DOMAIN)?.[0]?.revoked.size === 1);
      await harness.deliver(withCrl([peer.serial], 2));
      const verdict = verifierFor(await revoked).verify(peer.chainDer, Date.now());
      expect(said(verdict)).toMatch(/^revoked-certificate/);
      expect(await saidOf(await revoked, ca)).toBe('ok');
    });

  if (kind.several)
    test('each trust domain has its own CAs only', async () => {
      const { source } = await open({
        bundles: { [DOMAIN]: ca.certificatePem, 'example.org': own.certificatePem },
        crls: {},
      });
      expect(await saidOf(source.current(), ca)).toBe('ok');
      expect(await saidOf(source.current(), own, 'spiffe://example.org/x')).toBe('ok');
      const claims = await createAuthority({ trustDomain: 'example.org' });
      expect(await saidOf(source.current(), claims, 'spiffe://example.org/x')).toMatch(
        /^untrusted-certificate/,
      );
      const state = source.current();
      expect([...(state?.bundles.keys() ?? [])].sort()).toEqual([DOMAIN, 'example.org']);
    });
}

function badSets(open: Open, kind: BundleSourceKind): void {
  test.each(BAD_SETS)('$name: the last good set stays, and the next good one is taken', async (row) => {
    const { source, harness } = await open(delivery(ca.certificatePem));
    const before = source.current();
    const refused = nextProblem(source, row.code);
    await harness.deliver(await row.make());
    const problem = await refused;
    expect(problem).toMatchObject({ severity: 'error' });
    expect(problem.hint).toBeTruthy();
    expect(source.current()?.bundles.get(DOMAIN)).toBe(before?.bundles.get(DOMAIN));
    const swapped = nextState(source, (state) => anchorsIn(state) === 1);
    await harness.deliver(delivery(next.certificatePem));
    expect(await saidOf(await swapped, next)).toBe('ok');
    await expect.poll(() => source.problems().filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  test.each(BAD_SETS)('$name, the first one: nobody gets it', async (row) => {
    const harness = await kind.create();
    const opening = harness.open(await row.make());
    if (kind.badFirstSet === 'throws') {
      await expect(opening).rejects.toMatchObject({ code: 'ERR_IDENTITY_LOAD' });
      return harness.close();
    }
    await harness.deliver(delivery(ca.certificatePem));
    const source = await opening;
    expect(await saidOf(source.current(), ca)).toBe('ok');
    source.close();
    await harness.close();
  });
}

function ends(open: Open): void {
  test('a far side that is gone leaves the last good set, and is come back to', async () => {
    const { source, harness } = await open(delivery(ca.certificatePem));
    const before = source.current();
    const told = new Promise((resolve) => source.onProblem(resolve));
    await harness.breakOff();
    await told;
    expect(source.current()).toBe(before);
    const swapped = nextState(source, (state) => anchorsIn(state) === 2);
    await harness.deliver(delivery(ca.certificatePem + next.certificatePem));
    const state = await swapped;
    expect(source.current()).toBe(state);
  });

  test('a closed source changes no more', async () => {
    const { source, harness } = await open(delivery(ca.certificatePem));
    const before = source.current();
    source.close();
    source.close();
    const other = await open(delivery(ca.certificatePem));
    const seen = nextState(other.source, (state) => anchorsIn(state) === 2);
    await harness.deliver(delivery(ca.certificatePem + next.certificatePem));
    await other.harness.deliver(delivery(ca.certificatePem + next.certificatePem));
    await seen;
    expect(source.current()).toBe(before);
  });
}
