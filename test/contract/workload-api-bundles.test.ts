// The Workload API as a source of bundles, with our own server as the agent: the contract of all sources.
import { createAuthority } from '../../certs/authority/authority.ts';
import { openWorkloadApiBundles } from '../../certs/workload-api/bundle-source.ts';
import type { WorkloadUpdate } from '../../certs/workload-api/feed.ts';
import { dersOf, issued } from '../unit/certs/workload-api/held-feed.ts';
import { agentHarness } from './agent-harness.ts';
import { bundleSourceContract } from './bundle-source.ts';
import type { TrustDelivery } from './harness.ts';

bundleSourceContract({
  name: 'the Workload API',
  badFirstSet: 'waits',
  revokes: true,
  several: true,
  async create() {
    const ca = await createAuthority({ trustDomain: 'agent.example' });
    const svid = await ca.issue({ spiffeId: 'spiffe://agent.example/web' });
    // Only with an identity of its own does a workload get bundles; the suite looks at those of others.
    const updateOf = ({ bundles, crls }: TrustDelivery): WorkloadUpdate => {
      const federated = new Map(Object.entries(bundles).map(([name, pem]) => [name, dersOf(pem)]));
      const [own] = issued(svid, ca).svids;
      const named = 'example.org';
      const owned = federated.get(named);
      if (own === undefined || owned === undefined)
        return issued(svid, ca, { federated, crls: Object.values(crls).flat() });
      federated.delete(named);
      const first = { ...own, spiffeId: `spiffe://${named}/web`, bundleDer: owned };
      return { svids: [first], federated, crls: Object.values(crls).flat() };
    };
    return agentHarness({
      updateOf,
      open: (socket) => openWorkloadApiBundles({ socket, trustDomain: 'example.org' }),
    });
  },
});
