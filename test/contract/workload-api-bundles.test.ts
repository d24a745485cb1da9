// The Workload API as a source of bundles, with our own server as the agent: the contract of all sources.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '../../certs/authority/authority.ts';
import { openWorkloadApiBundles } from '../../certs/workload-api/bundle-source.ts';
import type { WorkloadUpdate } from '../../certs/workload-api/feed.ts';
import { serveWorkloadApi, type WorkloadApiServer } from '../../certs/workload-api/server.ts';
import { dersOf, HeldFeed, issued } from '../unit/certs/workload-api/held-feed.ts';
import { bundleSourceContract, type TrustDelivery } from './bundle-source.ts';

bundleSourceContract({
  name: 'the Workload API',
  badFirstSet: 'waits',
  revokes: true,
  several: true,
  async create() {
    const directory = await mkdtemp(join(tmpdir(), 'sallyport-contract-'));
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
    const feed = new HeldFeed();
    let serving: Promise<WorkloadApiServer> | null = null;
    const serve = (): Promise<WorkloadApiServer> => {
      const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
      serving ??= serveWorkloadApi({ directory, name: 'web', uid, gid, feed });
      return serving;
    };
    return {
      async open(first) {
        feed.set(updateOf(first));
        const { uri } = await serve();
        return openWorkloadApiBundles({ socket: uri, trustDomain: 'example.org' });
      },
      async deliver(next) {
        await serve();
        feed.set(updateOf(next));
      },
      async breakOff() {
        await (await serving)?.close();
        serving = null;
      },
      async close() {
        await (await serving)?.close();
        await rm(directory, { recursive: true, force: true });
      },
    };
  },
});
