// What `policy reach` says of generated policies against the reference evaluator on generated requests: no
// request may be allowed between two who, it says, do not reach each other.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Policy } from '../../policy/model.ts';
import { reachGraph } from '../../policy/reach/edges.ts';
import { inventoryNodes, NOBODY, OTHERS } from '../../policy/reach/nodes.ts';
import { referenceEvaluate } from '../../policy/reference.ts';
import { asked, isPossible, optionsOf, policies } from './policy-arbitraries.ts';

const RUNS = Number(process.env['SALLYPORT_REACH_RUNS'] ?? 100);
const SEED = Number(process.env['SALLYPORT_REACH_SEED'] ?? Date.now() & 0x7fffffff);
const NOW_MS = 1_000_000;

const ITEMS = [
  { namespace: 'shop', serviceAccount: 'cart', labels: { app: 'cart' }, port: null },
  { namespace: 'shop', serviceAccount: 'web', labels: {}, port: 8080 },
  { namespace: 'web', serviceAccount: 'web', labels: { app: 'cart' }, port: null },
];

const selecting = fc
  .tuple(policies, fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }))
  .map(([all, by]) =>
    all.map((one, i): Policy => (by[i] === true ? { ...one, selector: { app: 'cart' } } : one)),
  );

let [allowed, edges] = [0, 0];

test(`nobody gets through unseen (seed ${SEED}, ${RUNS} sets)`, { timeout: 0 }, () => {
  fc.assert(
    fc.property(
      selecting,
      optionsOf,
      fc.array(asked, { minLength: 20, maxLength: 40 }),
      (all, options, requests) => {
        const nodes = inventoryNodes(ITEMS, options);
        const graph = reachGraph(nodes, { policies: all, options, nowMs: NOW_MS });
        const pairs = new Set(graph.edges.map(({ from, to }) => `${from.name} ${to.name}`));
        edges += pairs.size;
        const own = [options.localTrustDomain, 'cluster.local', ...options.trustDomainAliases];
        for (const { connection, request } of requests.filter((one) =>
          isPossible({ ...one, nowMs: NOW_MS }, options),
        )) {
          const [trustDomain = '', ...path] = (connection.principal ?? '')
            .slice('spiffe://'.length)
            .split('/');
          const account = own.includes(trustDomain) ? `${path[1]}/${path[3]}` : '';
          const known = path.length === 4 && nodes.some(({ name }) => name === account);
          const caller = connection.principal === null ? NOBODY : known ? account : OTHERS;
          for (const { name, workload, port } of nodes) {
            if (workload === null || name === caller) continue;
            if (port !== null && connection.destinationPort !== port) continue;
            const { verdict } = referenceEvaluate(all, workload, options, connection, request, NOW_MS);
            if (verdict !== 'allow') continue;
            allowed++;
            expect(pairs, `${caller} ${name}: ${JSON.stringify(connection)}`).toContain(`${caller} ${name}`);
          }
        }
      },
    ),
    { numRuns: RUNS, seed: SEED },
  );
  console.log(`${allowed} allowed requests, ${edges} pairs`);
  expect(allowed).toBeGreaterThan(0);
});
