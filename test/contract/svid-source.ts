// What every SvidSource must do, whatever it reads from: one suite, run against each implementation.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, type IssuedSvid } from '../../certs/authority/authority.ts';
import type { IdentityState, SvidSource } from '../../certs/source.ts';
import { writePem } from '../../certs/x509/pem.ts';
import type { Diagnostic } from '../../core/errors.ts';
import { ID, said, verifierFor, withoutExtension } from '../unit/certs/make-certificate.ts';
import type { SourceHarness, TrustDelivery } from './harness.ts';

/** One set; the own trust domain is `example.org`. */
export interface Delivery extends TrustDelivery {
  readonly chainPem: string;
  /** PKCS#8. */
  readonly privateKeyPem: string;
}

export type SvidSourceHarness = SourceHarness<Delivery, SvidSource>;

/** What differs between the kinds of sources. */
export interface SvidSourceKind {
  readonly name: string;
  readonly create: () => Promise<SvidSourceHarness>;
  /** Whether `open` waits for a good first set, or throws ERR_IDENTITY_LOAD when it is bad. */
  readonly badFirstSet: 'throws' | 'waits';
  /** False where the bundles and lists of foreign trust domains come by another source. */
  readonly federates: boolean;
}

const OTHER = 'b.example';
const DAY_MS = 86_400_000;

let ca: Authority;
let other: Authority;

beforeAll(async () => {
  ca = await createAuthority({ trustDomain: 'example.org' });
  other = await createAuthority({ trustDomain: OTHER });
});

const delivery = (svid: IssuedSvid, extra: Partial<Delivery> = {}): Delivery => ({
  chainPem: svid.chainPem,
  privateKeyPem: svid.privateKeyPem ?? '',
  bundles: { 'example.org': ca.certificatePem },
  crls: {},
  ...extra,
});

/** The next state of `source` that `fits`. */
const nextState = (source: SvidSource, fits: (state: IdentityState) => boolean): Promise<IdentityState> =>
  new Promise((resolve) => {
    const stop = source.onChange((state) => {
      if (!fits(state)) return;
      stop();
      resolve(state);
    });
  });

/** The next problem of `source` that is an error with `code`. */
const nextProblem = (source: SvidSource, code: string): Promise<Diagnostic> =>
  new Promise((resolve) => {
    const stop = source.onProblem((problems) => {
      const found = problems.find((problem) => problem.code === code);
      if (found === undefined) return;
      stop();
      resolve(found);
    });
  });

const serialOf = (state: IdentityState | null): string =>
  new X509Certificate(state?.certificateChainPem ?? '').serialNumber.toLowerCase();

const holds =
  (svid: IssuedSvid) =>
  (state: IdentityState): boolean =>
    serialOf(state) === svid.serial;

interface BadSet {
  readonly name: string;
  readonly code: string;
  readonly make: (good: IssuedSvid) => Promise<Delivery>;
}

const BAD_SETS: readonly BadSet[] = [
  {
    name: 'a key of another certificate',
    code: 'ERR_KEY_MISMATCH',
    make: async (good) =>
      delivery(good, { privateKeyPem: (await ca.issue({ spiffeId: ID })).privateKeyPem ?? '' }),
  },
  {
    name: 'an SVID that expired before it arrived',
    code: 'ERR_IDENTITY_REFUSED',
    make: async () =>
      delivery(await ca.issue({ spiffeId: ID, nowMs: Date.now() - 2 * DAY_MS, ttlMs: DAY_MS })),
  },
  {
    name: 'an SVID that is not valid yet',
    code: 'ERR_IDENTITY_REFUSED',
    make: async () => delivery(await ca.issue({ spiffeId: ID, nowMs: Date.now() + DAY_MS, ttlMs: DAY_MS })),
  },
  {
    name: 'an SVID of another trust domain',
    code: 'ERR_IDENTITY_TRUST_DOMAIN',
    make: async () => delivery(await other.issue({ spiffeId: `spiffe://${OTHER}/ns/shop/sa/web` })),
  },
  {
    name: 'an SVID of a CA that the bundle lacks',
    code: 'ERR_IDENTITY_REFUSED',
    make: async () =>
      delivery(await (await createAuthority({ trustDomain: 'example.org' })).issue({ spiffeId: ID })),
  },
  {
    name: 'a certificate without SPIFFE ID',
    code: 'ERR_SVID_INVALID',
    make: async () => delivery(await ca.issue({ spiffeId: ID, adjust: withoutExtension('2.5.29.17') })),
  },
  {
    name: 'a leaf in the bundle',
    code: 'ERR_BUNDLE_CERTIFICATE',
    make: async (good) => delivery(good, { bundles: { 'example.org': good.chainPem } }),
  },
];

/** Opens what one test needs, to be closed after it. */
type Open = (first: Delivery) => Promise<Opened>;

interface Opened {
  readonly source: SvidSource;
  readonly harness: SvidSourceHarness;
}

/** Defines the suite for one kind of source. */
export function svidSourceContract(kind: SvidSourceKind): void {
  describe(`${kind.name} as a source of SVIDs`, () => {
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
    goodSets(open);
    trustAlone(open, kind);
    badForeign(open, kind);
    badSets(open, kind);
    ends(open);
  });
}

function goodSets(open: Open): void {
  test('the first set is there when the source is', async () => {
    const svid = await (await ca.createIntermediate()).issue({ spiffeId: ID });
    const { source } = await open(delivery(svid));
    expect(source.current()).toMatchObject({
      generation: 1,
      spiffeId: { uri: ID },
      notAfterMs: svid.notAfterMs,
    });
    expect(serialOf(source.current())).toBe(svid.serial);
    expect(source.current()?.certificateChainPem).toBe(svid.chainPem);
    expect(source.current()?.trustAnchorsPem).toEqual([ca.certificatePem]);
    expect(source.problems().filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  test('certificate, key and bundle are swapped together', async () => {
    const first = await ca.issue({ spiffeId: ID });
    const { source, harness } = await open(delivery(first));
    const before = source.current();
    const root = await createAuthority({ trustDomain: 'example.org' });
    const next = await root.issue({ spiffeId: ID });
    const swapped = nextState(source, holds(next));
    await harness.deliver(delivery(next, { bundles: { 'example.org': root.certificatePem } }));
    const state = await swapped;
    expect(source.current()).toBe(state);
    expect(state.generation).toBeGreaterThan(before?.generation ?? 0);
    expect(state.trustAnchorsPem).toEqual([root.certificatePem]);
    expect(new X509Certificate(state.certificateChainPem).checkPrivateKey(keyOf(state))).toBe(true);
    expect(serialOf(before)).toBe(first.serial); // the old state is untouched
  });
}

function trustAlone(open: Open, kind: SvidSourceKind): void {
  test('a bundle alone may change', async () => {
    const svid = await ca.issue({ spiffeId: ID });
    const { source, harness } = await open(delivery(svid));
    const root = await createAuthority({ trustDomain: 'example.org' });
    const grown = nextState(source, ({ trustAnchorsPem }) => trustAnchorsPem.length === 2);
    await harness.deliver(
      delivery(svid, { bundles: { 'example.org': ca.certificatePem + root.certificatePem } }),
    );
    const state = await grown;
    const peer = await root.issue({ spiffeId: ID });
    expect(said(verifierFor(state).verify(peer.chainDer, Date.now()))).toBe('ok');
  });

  test('a revocation list takes effect', async () => {
    const svid = await ca.issue({ spiffeId: ID });
    const peer = await ca.issue({ spiffeId: ID });
    const { source, harness } = await open(
      delivery(svid, { crls: { 'example.org': [ca.issueCrl({ revokedSerials: [], number: 1 })] } }),
    );
    const first = source.current();
    if (first === null) throw new Error('no state');
    expect(said(verifierFor(first).verify(peer.chainDer, Date.now()))).toBe('ok');
    const crl = ca.issueCrl({ revokedSerials: [peer.serial], number: 2 });
    const revoked = nextState(source, ({ crls }) => crls.get('example.org')?.[0]?.revoked.size === 1);
    await harness.deliver(delivery(svid, { crls: { 'example.org': [crl] } }));
    expect(said(verifierFor(await revoked).verify(peer.chainDer, Date.now()))).toMatch(
      /^revoked-certificate/,
    );
  });

  if (kind.federates)
    test('a foreign bundle comes and goes', async () => {
      const svid = await ca.issue({ spiffeId: ID });
      const peer = await other.issue({ spiffeId: `spiffe://${OTHER}/x` });
      const { source, harness } = await open(delivery(svid));
      const [come, gone] = [true, false].map((there) =>
        nextState(source, ({ bundles }) => bundles.has(OTHER) === there),
      );
      await harness.deliver(
        delivery(svid, { bundles: { 'example.org': ca.certificatePem, [OTHER]: other.certificatePem } }),
      );
      const state = await come;
      if (state === undefined) throw new Error('no state');
      expect(said(verifierFor(state).verify(peer.chainDer, Date.now()))).toBe('ok');
      await harness.deliver(delivery(svid));
      const last = await gone;
      if (last === undefined) throw new Error('no state');
      expect(said(verifierFor(last).verify(peer.chainDer, Date.now()))).toMatch(/^wrong-trust-domain/);
    });
}

/** Foreign bundles that cannot be used, and what is said about them. */
const BAD_FOREIGN: readonly { name: string; code: string; pem: () => Promise<string> }[] = [
  {
    name: 'a foreign bundle that cannot be read',
    code: 'ERR_CERTIFICATE_MALFORMED',
    pem: async () => writePem('CERTIFICATE', other.certificate.der.subarray(0, 200)),
  },
  {
    name: 'a foreign bundle with a leaf in it',
    code: 'ERR_BUNDLE_CERTIFICATE',
    pem: async () => other.certificatePem + (await other.issue({ spiffeId: `spiffe://${OTHER}/x` })).chainPem,
  },
  {
    name: 'a foreign bundle of too many certificates',
    code: 'ERR_BUNDLE_TOO_LARGE',
    pem: async () => other.certificatePem.repeat(257),
  },
];

const withForeign = (svid: IssuedSvid, pem: string, more: Delivery['bundles'] = {}): Delivery =>
  delivery(svid, { bundles: { 'example.org': ca.certificatePem, [OTHER]: pem, ...more } });

function badForeign(open: Open, kind: SvidSourceKind): void {
  test.each(BAD_FOREIGN)('$name holds up nothing of the own, and the last good one stays', async (row) => {
    const { source, harness } = await open(
      withForeign(await ca.issue({ spiffeId: ID }), other.certificatePem),
    );
    const peer = await other.issue({ spiffeId: `spiffe://${OTHER}/x` });
    const root = await createAuthority({ trustDomain: 'example.org' });
    const next = await root.issue({ spiffeId: ID });
    const [swapped, told] = [nextState(source, holds(next)), nextProblem(source, row.code)];
    const own = { 'example.org': root.certificatePem };
    await harness.deliver(withForeign(next, await row.pem(), own));
    const state = await swapped;
    expect(await told).toMatchObject({ severity: 'error' });
    expect(source.problems().map(({ code }) => code)).toContain(row.code);
    expect(state.trustAnchorsPem).toEqual([root.certificatePem, other.certificatePem]);
    expect(said(verifierFor(state).verify(peer.chainDer, Date.now()))).toBe('ok');
    await harness.deliver(withForeign(next, other.certificatePem, own));
    await expect.poll(() => source.problems().filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  test.each(kind.federates ? BAD_FOREIGN : [])(
    '$name, the first one: nobody of it is accepted',
    async (row) => {
      const pem = await row.pem();
      const svid = await ca.issue({ spiffeId: ID });
      const third = await createAuthority({ trustDomain: 'c.example' });
      const { source } = await open(withForeign(svid, pem, { 'c.example': third.certificatePem }));
      const state = source.current();
      expect(source.problems().map(({ code }) => code)).toContain(row.code);
      expect([...(state?.bundles.keys() ?? [])].sort()).toEqual(['c.example', 'example.org']);
    },
  );

  if (kind.federates)
    test('a fault of the own set refuses foreign bundles with it', async () => {
      const { source, harness } = await open(delivery(await ca.issue({ spiffeId: ID })));
      const before = source.current();
      const next = withForeign(await ca.issue({ spiffeId: ID }), other.certificatePem);
      const told = nextProblem(source, 'ERR_BUNDLE_CERTIFICATE');
      await harness.deliver({ ...next, bundles: { ...next.bundles, 'example.org': next.chainPem } });
      await told;
      expect(source.current()).toBe(before);
    });
}

function badSets(open: Open, kind: SvidSourceKind): void {
  test.each(BAD_SETS)('$name: the last good set stays, and the next good one is taken', async (row) => {
    const good = await ca.issue({ spiffeId: ID });
    const { source, harness } = await open(delivery(good));
    const before = source.current();
    const refused = nextProblem(source, row.code);
    await harness.deliver(await row.make(good));
    const problem = await refused;
    expect(problem).toMatchObject({ severity: 'error' });
    expect(problem.hint).toBeTruthy();
    expect(source.current()).toBe(before);
    expect(source.problems().map(({ code }) => code)).toContain(row.code);
    const next = await ca.issue({ spiffeId: ID });
    const swapped = nextState(source, holds(next));
    await harness.deliver(delivery(next));
    await swapped;
    await expect.poll(() => source.problems().filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  test.each(BAD_SETS)('$name, the first one: nobody gets it', async (row) => {
    const bad = await row.make(await ca.issue({ spiffeId: ID }));
    const harness = await kind.create();
    const opening = harness.open(bad);
    if (kind.badFirstSet === 'throws') {
      await expect(opening).rejects.toMatchObject({ code: 'ERR_IDENTITY_LOAD' });
      return harness.close();
    }
    const good = await ca.issue({ spiffeId: ID });
    await harness.deliver(delivery(good));
    const source = await opening;
    expect(serialOf(source.current())).toBe(good.serial);
    source.close();
    await harness.close();
  });
}

function ends(open: Open): void {
  test('a far side that is gone leaves the last good set, and is come back to', async () => {
    const { source, harness } = await open(delivery(await ca.issue({ spiffeId: ID })));
    const before = source.current();
    const told = new Promise((resolve) => source.onProblem(resolve));
    await harness.breakOff();
    await told;
    expect(source.current()).toBe(before);
    const next = await ca.issue({ spiffeId: ID });
    const swapped = nextState(source, holds(next));
    await harness.deliver(delivery(next));
    expect(serialOf(await swapped)).toBe(next.serial);
  });

  test('a closed source changes no more', async () => {
    const { source, harness } = await open(delivery(await ca.issue({ spiffeId: ID })));
    const before = source.current();
    source.close();
    source.close();
    const other = await open(delivery(await ca.issue({ spiffeId: ID })));
    const next = await ca.issue({ spiffeId: ID });
    const seen = nextState(other.source, holds(next));
    await harness.deliver(delivery(next));
    await other.harness.deliver(delivery(next));
    await seen;
    expect(source.current()).toBe(before);
  });
}

const keyOf = (state: IdentityState): KeyObject => createPrivateKey(state.privateKeyPem);
