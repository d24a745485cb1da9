// `policy export` of generated policies and inventories: whoever is allowed at layer 7 passes the exported
// rules at layer 4, from wherever somebody with that identity may be.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ipInCidr, parseCidr, parseIp } from '../../core/ip.ts';
import { parseSpiffeId } from '../../core/spiffe-id.ts';
import type { InventoryWorkload } from '../../policy/export/inventory.ts';
import { networkPolicies } from '../../policy/export/network-policy.ts';
import { nftablesRules } from '../../policy/export/nftables.ts';
import { project } from '../../policy/export/projection.ts';
import type { Field, Matcher, Policy, PolicyOptions } from '../../policy/model.ts';
import { referenceEvaluate } from '../../policy/reference.ts';
import { selectPolicies } from '../../policy/select.ts';
import { connects, type NetworkSource } from './network-policy-evaluator.ts';
import { asked, isPossible, optionsOf, policies, WORKLOAD } from './policy-arbitraries.ts';

const RUNS = Number(process.env['SALLYPORT_EXPORT_RUNS'] ?? 600);
const SEED = Number(process.env['SALLYPORT_EXPORT_SEED'] ?? Date.now() & 0x7fffffff);
const PORT = 8443;
/** Before and at the moment when generated policies expire. */
const EXPORTED_MS = [999_998, 1_000_000];

const IPS = ['10.0.0.1', '10.0.0.200', '10.1.0.1', '192.168.0.1', '2001:db8::1', '2001:db8:1::2', '::1'];
const workload: fc.Arbitrary<InventoryWorkload> = fc.record({
  namespace: fc.constantFrom('shop', 'web', 'sh'),
  serviceAccount: fc.constantFrom('cart', 'web', 'web', null),
  labels: fc.constantFrom({}, { app: 'web' }, { app: 'cart' }, { app: 'web', 'pod-template-hash': '7' }),
  ips: fc.subarray(IPS, { maxLength: 3 }),
});
const inventories = fc.array(workload, { maxLength: 6 });
const selector = fc.constantFrom(null, null, { app: 'cart' }, { app: 'other' });

/** A DENY of callers for good is what takes sources away, and is seldom made by itself. */
const lastingDenies = fc.tuple(policies, fc.boolean()).map(([all, lasting]) =>
  all.map(
    (policy): Policy =>
      lasting && policy.action === 'DENY'
        ? {
            ...{ ...policy, expiresAtMs: null, dryRun: false },
            rules: policy.rules.map((rule) => ({ ...rule, to: null })),
          }
        : policy,
  ),
);

const exact = (value: string): Matcher => ({ kind: 'exact', value });
const prefix = (value: string): Matcher => ({ kind: 'prefix', value });
const ONE_FIELD: readonly (readonly [Field, fc.Arbitrary<Matcher>])[] = [
  [
    'principals',
    fc.constantFrom(
      ...['local/ns/shop/sa/web', 'cluster.local/ns/web/sa/web', 'other/ns/shop/sa/web', 'local/x'].map(
        exact,
      ),
      ...['local/ns/sh', 'local/ns/shop/', 'local/ns/shop/sa/w', 'local/', 'cluster.local/ns/web/sa/'].map(
        prefix,
      ),
    ),
  ],
  ['namespaces', fc.constantFrom(...['shop', 'web', 'sh'].map(exact), prefix('sh'), { kind: 'presence' })],
  ['serviceAccounts', fc.constantFrom(...['shop/web', 'web/web', 'shop/cart'].map(exact))],
];

/** Few rules about callers alone: nothing else lets a request in or hides a set that is too small. */
const plain: fc.Arbitrary<Policy> = fc
  .constantFrom(...ONE_FIELD)
  .chain(([field, value]) =>
    fc.record({
      condition: fc
        .tuple(fc.array(value, { minLength: 1, maxLength: 2 }), fc.array(value, { maxLength: 1 }))
        .map(([values, notValues]) => ({ field, name: `from.source.${field}`, values, notValues })),
      action: fc.constantFrom('ALLOW', 'ALLOW', 'DENY'),
      namespace: fc.constantFrom('shop', 'shop', 'istio-system'),
      expiresAtMs: fc.constantFrom(null, null, 1_000_000),
    }),
  )
  .map(({ condition, ...rest }) => ({
    ...rest,
    ...{
      name: '',
      selector: null,
      targetRefs: null,
      dryRun: false,
      emergency: null,
      denyStatus: null,
      owner: null,
    },
    rules: [{ id: '', from: [[condition]], to: null, when: [], at: { file: 'plain.yaml' } }],
    at: { file: 'plain.yaml' },
  }));
const plainPolicies = fc.array(plain, { minLength: 1, maxLength: 3 }).map((all) =>
  all.map(
    (policy, index): Policy => ({
      ...policy,
      name: `p${index}`,
      rules: policy.rules.map((rule) => ({
        ...rule,
        id: `ns[${policy.namespace}]-policy[p${index}]-rule[0]`,
      })),
    }),
  ),
);

const made = fc
  .tuple(
    fc.oneof({ arbitrary: lastingDenies, weight: 1 }, { arbitrary: plainPolicies, weight: 3 }),
    fc.array(selector, { minLength: 8, maxLength: 8 }),
  )
  .map(([all, selectors]) =>
    all.map((policy, index): Policy => ({ ...policy, selector: selectors[index] ?? null })),
  );

interface Place {
  readonly source: NetworkSource;
  /** False: the inventory says that it is not at this address. */
  readonly isKnownAddress: boolean;
}

/** Where somebody of that ID may connect from, by what an export takes for granted. */
function placesOf(
  principal: string | null,
  ip: string,
  { localTrustDomain, trustDomainAliases }: PolicyOptions,
  inventory: readonly InventoryWorkload[],
): Place[] {
  const outside = { source: { namespace: null, labels: {}, ip }, isKnownAddress: true };
  if (principal === null) return [outside];
  const { trustDomain, namespace, serviceAccount } = parseSpiffeId(principal);
  const isOwn = [localTrustDomain, 'cluster.local', ...trustDomainAliases].includes(trustDomain);
  if (!isOwn || namespace === null || serviceAccount === null) return [outside];
  const there = inventory.filter((one) => one.namespace === namespace);
  const mine = there.filter((one) => one.serviceAccount === serviceAccount || one.serviceAccount === null);
  const places = mine.flatMap(({ labels, ips }): Place[] => {
    const isMachine = Object.keys(labels).length === 0 && ips.length > 0;
    if (isMachine) return ips.includes(ip) ? [outside] : [];
    const isKnownAddress = ips.length === 0 || ips.includes(ip);
    return [{ source: { namespace, labels, ip }, isKnownAddress }];
  });
  if (mine.some((one) => one.serviceAccount === serviceAccount)) return places;
  // Not listed: any pod of the namespace, which the inventory lists no address of if it lists the namespace.
  const isKnownAddress = there.length === 0;
  return [...places, { source: { namespace, labels: { app: 'unlisted' }, ip }, isKnownAddress }];
}

const isIn = (ip: string, block: string): boolean => {
  const [address, parsed] = [parseIp(ip), parseCidr(block)];
  return address !== null && parsed !== null && ipInCidr(address, parsed);
};

let [allowed, fenced, taken] = [0, 0, 0];

test(`an allowed request passes layer 4 (seed ${SEED}, ${RUNS} sets)`, { timeout: 0 }, () => {
  fc.assert(
    fc.property(
      made,
      optionsOf,
      inventories,
      fc.constantFrom(...EXPORTED_MS),
      fc.array(asked, { minLength: 20, maxLength: 40 }),
      (all, options, inventory, exportedMs, questions) => {
        const projection = project(all, options, exportedMs);
        taken += projection.left.filter((line) => line.includes('takes everything from')).length;
        const scope = { inventory, proxyPorts: [PORT], openPorts: [], namespaces: ['shop'] };
        const resources = networkPolicies(projection, options, scope).map(({ resource }) => resource);
        const own = project(selectPolicies(all, WORKLOAD, options), options, exportedMs);
        const rules = nftablesRules(own, inventory);
        const open = own.policies.length === 0 && options.defaultVerdict === 'allow-when-unselected';
        const target = { namespace: WORKLOAD.namespace, labels: WORKLOAD.labels, port: PORT };
        const stranger = { namespace: 'elsewhere', labels: {}, ip: '198.51.100.9' };
        if (!connects(resources, stranger, target)) fenced++;
        for (const question of questions) {
          const { connection, request, nowMs } = question;
          if (nowMs < exportedMs || !isPossible(question, options)) continue;
          const { verdict } = referenceEvaluate(all, WORKLOAD, options, connection, request, nowMs);
          if (verdict !== 'allow') continue;
          allowed++;
          const ip = connection.sourceIp ?? '203.0.113.9';
          for (const { source, isKnownAddress } of placesOf(connection.principal, ip, options, inventory)) {
            const told = JSON.stringify({ connection, source });
            expect(connects(resources, source, target), told).toBe(true);
            const passes = open || rules.some(({ from }) => from?.some((block) => isIn(ip, block)) ?? true);
            expect(passes || !isKnownAddress, `nftables: ${told}`).toBe(true);
          }
        }
      },
    ),
    { numRuns: RUNS, seed: SEED },
  );
  console.log(
    `${allowed} allowed requests; ${fenced} of ${RUNS} sets keep strangers out; ${taken} sources taken out`,
  );
  // Or nothing was shown.
  expect(allowed).toBeGreaterThan(RUNS);
  expect(fenced).toBeGreaterThan(RUNS / 20);
});
