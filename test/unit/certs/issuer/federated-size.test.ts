// How much the issuer tells of other trust domains: what is too much is refused one by one, and what is not
// reaches every workload, beside a long revocation list.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Authority, createAuthority } from '../../../../certs/authority/authority.ts';
import { type FederatedBundles, fitBundles } from '../../../../certs/issuer/federated-size.ts';
import { followFederation } from '../../../../certs/issuer/federation.ts';
import { openIssuerListener } from '../../../../certs/issuer/http/open-listener.ts';
import type { Issuer } from '../../../../certs/issuer/issuer.ts';
import { serveWorkloads } from '../../../../certs/issuer/local/serve-workloads.ts';
import { IssuerTally } from '../../../../certs/issuer/metrics/tally.ts';
import { openIssuerSource } from '../../../../certs/issuer-client/issuer-source.ts';
import { FEDERATED_BYTES_MAX } from '../../../../certs/limits.ts';
import type { TrustState } from '../../../../certs/verify.ts';
import { openWorkloadApiSource } from '../../../../certs/workload-api/svid-source.ts';
import { systemClock } from '../../../../core/clock.ts';
import type { Diagnostic } from '../../../../core/errors.ts';
import { trust, withExtension } from '../make-certificate.ts';
import { ToldSource } from '../told-source.ts';
import { openTestIssuer, TD, temporaryFolder, tokenFor, WEB } from './open-test-issuer.ts';
import { revokeMany } from './revoke-many.ts';

const sized = (sizes: Readonly<Record<string, number>>): FederatedBundles =>
  new Map(
    Object.entries(sizes).map(([name, size]) => [name, size === 0 ? [] : [Buffer.alloc(size - name.length)]]),
  );
const sizesOf = (bundles: FederatedBundles): Readonly<Record<string, number>> =>
  Object.fromEntries([...bundles].map(([name, [der]]) => [name, (der?.length ?? 0) + name.length]));

const MAX = FEDERATED_BYTES_MAX;
interface Row {
  readonly name: string;
  readonly before?: Readonly<Record<string, number>>;
  readonly wanted: Readonly<Record<string, number>>;
  readonly expect: Readonly<Record<string, number>>;
  readonly refused?: readonly string[];
}
const ROWS: readonly Row[] = [
  { name: 'one at the limit', wanted: { a: MAX }, expect: { a: MAX } },
  { name: 'one above it', wanted: { a: MAX + 1 }, expect: {}, refused: ['a'] },
  { name: 'two at it', wanted: { a: MAX - 500, b: 500 }, expect: { a: MAX - 500, b: 500 } },
  {
    name: 'the later one above it',
    wanted: { a: MAX - 500, b: 501 },
    expect: { a: MAX - 500 },
    refused: ['b'],
  },
  {
    name: 'one that grows too much beside another',
    before: { a: 500, b: 500 },
    wanted: { a: MAX, b: 500 },
    expect: { a: 500, b: 500 },
    refused: ['a'],
  },
  {
    name: 'a smaller one after one that is refused',
    before: { b: 500 },
    wanted: { a: MAX, b: 500, c: 600 },
    expect: { b: 500, c: 600 },
    refused: ['a'],
  },
  {
    name: 'one that grows as another shrinks',
    before: { a: 500, b: MAX - 500 },
    wanted: { a: MAX - 500, b: 500 },
    expect: { a: MAX - 500, b: 500 },
  },
  {
    name: 'one that shrinks while there is too much',
    before: { a: MAX, b: MAX },
    wanted: { a: MAX - 1, b: MAX },
    expect: { a: MAX - 1, b: MAX },
  },
  {
    name: 'one that grows while there is too much',
    before: { a: MAX, b: MAX },
    wanted: { a: MAX, b: MAX + 1 },
    expect: { a: MAX, b: MAX },
    refused: ['b'],
  },
  {
    name: 'one that takes everything back',
    before: { a: MAX },
    wanted: { a: 0, b: MAX },
    expect: { b: MAX },
  },
  { name: 'one that is not configured any more', before: { a: MAX }, wanted: { b: MAX }, expect: { b: MAX } },
];
test.each(ROWS)('$name', ({ before = {}, wanted, expect: told, refused = [] }) => {
  const fitting = fitBundles(sized(wanted), sized(before));
  expect(sizesOf(fitting.bundles)).toEqual(told);
  expect(fitting.refused.map(({ trustDomain }) => trustDomain)).toEqual(refused);
});

/** A root of `bytes` bytes. */
async function largeRoot(trustDomain: string, bytes: number): Promise<Authority> {
  const padded = (size: number): Promise<Authority> =>
    createAuthority({
      trustDomain,
      adjust: withExtension(() => ({
        oid: '1.3.6.1.4.1.32473.1',
        critical: false,
        value: Buffer.alloc(size),
      })),
    });
  // A signature has a byte more or less by chance.
  for (let size = bytes - 1_000; ; ) {
    const authority = await padded(size);
    if (authority.certificate.der.length === bytes) return authority;
    size += bytes - authority.certificate.der.length;
  }
}

test('a bundle that would be too much is said, its last good one stays, and no other waits', async () => {
  const { issuer } = await openTestIssuer();
  const [small, large, other] = [
    await createAuthority({ trustDomain: 'b.example' }),
    await largeRoot('b.example', MAX),
    await createAuthority({ trustDomain: 'c.example' }),
  ];
  const [b, c] = [new ToldSource<TrustState>().tell(trust(small)), new ToldSource<TrustState>()];
  const found: (readonly Diagnostic[])[] = [];
  const federation = followFederation({
    issuer,
    bundles: [
      { trustDomain: 'b.example', source: b },
      { trustDomain: 'c.example', source: c },
    ],
    found: (diagnostics) => found.push(diagnostics),
    problem: (_message, error) => expect.unreachable(String(error)),
  });
  onTestFinished(() => federation.close());
  b.tell(trust(large));
  c.tell(trust(other));
  const told = issuer.trust().federated;
  expect([...told].map(([name, [der]]) => [name, der])).toEqual([
    ['b.example', small.certificate.der],
    ['c.example', other.certificate.der],
  ]);
  expect(found).toEqual([
    [
      {
        severity: 'error',
        code: 'ERR_FEDERATION_TOO_LARGE',
        message: `the bundle of \`b.example\` has ${MAX + 9} bytes in 1 certificates: all foreign bundles would have ${MAX + 9} bytes, more than ${MAX}; its last good one stays`,
        hint: expect.stringContaining('ask that partner to withdraw CAs'),
        trustDomain: 'b.example',
      },
    ],
  ]);
  expect(federation.problems()).toHaveLength(1);
  b.tell(trust(small));
  expect(federation.problems()).toEqual([]);
});

const LIMITS = {
  ...{ issuancesPerIdentity: 9, failuresPerAddress: 9, connections: 9, connectionsPerAddress: 9 },
  ...{ polls: 9, pollsPerAddress: 9 },
};
const REVOKED = 50_000;

describe(`as many bytes as fit, beside a CRL of ${REVOKED} serials`, () => {
  const PARTNERS = ['b.example', 'c.example'];

  async function atTheLimit(): Promise<Issuer> {
    const { issuer, ask } = await openTestIssuer(
      { clock: systemClock, onProblem: (error) => expect.unreachable(String(error)) },
      { prepare: (db) => revokeMany(db, REVOKED) },
    );
    const half = FEDERATED_BYTES_MAX / PARTNERS.length;
    const sources = await Promise.all(
      PARTNERS.map(async (trustDomain) => {
        const root = await largeRoot(trustDomain, half - trustDomain.length);
        return { trustDomain, source: new ToldSource<TrustState>().tell(trust(root)) };
      }),
    );
    const federation = followFederation({
      issuer,
      bundles: sources,
      found: (diagnostics) => expect.unreachable(JSON.stringify(diagnostics)),
      problem: (_message, error) => expect.unreachable(String(error)),
    });
    onTestFinished(() => federation.close());
    // So that the CRL is made anew.
    const { serial } = ask({ kind: 'local', spiffeId: `spiffe://${TD}/last`, detail: '' });
    issuer.revoke({ target: serial, reason: 'test', author: 'test' });
    return issuer;
  }

  function told(state: TrustState | null): unknown {
    const listed = state?.crls.get(TD)?.[0]?.revoked.size;
    return [[...(state?.bundles.keys() ?? [])].sort(), listed];
  }
  const EVERYTHING = [[...PARTNERS, TD].sort(), REVOKED + 1];

  test('reach a workload over the Workload API', async () => {
    const issuer = await atTheLimit();
    const socketsDirectory = temporaryFolder();
    const workload = {
      id: WEB,
      socket: 'web',
      uid: process.getuid?.() ?? 0,
      gid: undefined,
      dnsNames: [],
      hint: '',
    };
    const workloads = await serveWorkloads({
      issuer,
      config: { socketsDirectory, workloads: [workload] },
      clock: systemClock,
      random: Math.random,
      problem: (_message, error) => expect.unreachable(String(error)),
    });
    onTestFinished(() => workloads.close());
    const source = await openWorkloadApiSource({
      trustDomain: TD,
      socket: `unix://${join(socketsDirectory, 'web', 'api.sock')}`,
    });
    onTestFinished(() => source.close());
    expect(told(source.current())).toEqual(EVERYTHING);
  });

  test('reach a client of the issuer', async () => {
    const issuer = await atTheLimit();
    const listener = await openIssuerListener({
      issuer,
      config: {
        listen: { address: { host: '127.0.0.1', port: 0 }, dnsNames: [] },
        limits: LIMITS,
      },
      reviewer: null,
      clock: systemClock,
      random: Math.random,
      tally: new IssuerTally(),
      problem: (_message, error) => expect.unreachable(String(error)),
    });
    onTestFinished(() => listener.close(100));
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'token'), tokenFor(issuer), { mode: 0o600 });
    const source = await openIssuerSource({
      address: { host: '127.0.0.1', port: listener.port },
      trustDomain: TD,
      stateDirectory: join(folder, 'state'),
      joinTokenFile: join(folder, 'token'),
    });
    onTestFinished(() => source.close());
    expect(told(source.current())).toEqual(EVERYTHING);
  });
});
