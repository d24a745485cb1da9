// Our own Workload API server as the far side of a source.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkloadUpdate } from '../../certs/workload-api/feed.ts';
import { serveWorkloadApi, type WorkloadApiServer } from '../../certs/workload-api/server.ts';
import { HeldFeed } from '../unit/certs/workload-api/held-feed.ts';
import type { SourceHarness, TrustDelivery } from './harness.ts';

/** What one kind of source makes of a delivery, and how it is opened. */
export interface AgentOptions<Delivered extends TrustDelivery, Source> {
  readonly updateOf: (delivered: Delivered) => WorkloadUpdate;
  readonly open: (socket: string) => Promise<Source>;
}

export async function agentHarness<Delivered extends TrustDelivery, Source>({
  updateOf,
  open,
}: AgentOptions<Delivered, Source>): Promise<SourceHarness<Delivered, Source>> {
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
      return open((await serve()).uri);
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
}
