// The Workload API as a source of SVIDs, with our own server as the agent: the contract of all sources.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveWorkloadApi, type WorkloadApiServer } from '../../certs/workload-api/server.ts';
import { openWorkloadApiSource } from '../../certs/workload-api/svid-source.ts';
import { HeldFeed, updateOf } from '../unit/certs/workload-api/held-feed.ts';
import { svidSourceContract } from './svid-source.ts';

svidSourceContract({
  name: 'the Workload API',
  badFirstSet: 'waits',
  federates: true,
  async create() {
    const directory = await mkdtemp(join(tmpdir(), 'sallyport-contract-'));
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
        return openWorkloadApiSource({ socket: uri, trustDomain: 'example.org' });
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
