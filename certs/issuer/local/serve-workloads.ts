// The workloads of this machine that the configuration names: an SVID for each, and a Workload API socket
// that only its user can open.
import type { Clock } from '../../../core/clock.ts';
import { SallyportError } from '../../../core/errors.ts';
import type { IssuerConfig, WorkloadConfig } from '../../../core/issuer-config/config.ts';
import { serveWorkloadApi, type WorkloadApiServer } from '../../workload-api/server.ts';
import type { Issuer } from '../issuer.ts';
import { LocalSvid } from './local-svid.ts';
import { LocalWorkloadFeed } from './workload-feed.ts';

export interface LocalWorkloadsOptions {
  readonly issuer: Issuer;
  readonly config: Pick<IssuerConfig, 'workloads' | 'socketsDirectory'>;
  readonly clock: Clock;
  /** Of jitter: 0 to 1. */
  readonly random: () => number;
  readonly problem: (message: string, error: unknown) => void;
}

/** Sockets that are served. */
export interface LocalWorkloads {
  /** By whether the workload has an SVID now. */
  counts(): { readonly served: number; readonly without: number };
  close(): Promise<void>;
}

interface Served {
  readonly svid: LocalSvid;
  readonly feed: LocalWorkloadFeed;
  readonly server: WorkloadApiServer;
  tampered: boolean;
}

/** Serves every configured workload. @throws ERR_WORKLOAD_API_SOCKET */
export async function serveWorkloads(options: LocalWorkloadsOptions): Promise<LocalWorkloads> {
  const all: Served[] = [];
  const close = async (): Promise<void> => {
    for (const { svid, feed } of all) {
      svid.close();
      feed.close();
    }
    await Promise.all(all.map(({ server }) => server.close()));
  };
  try {
    for (const workload of options.config.workloads) all.push(await serveOne(workload, options));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    counts() {
      const served = all.filter(({ svid, tampered }) => !tampered && svid.current() !== null).length;
      return { served, without: all.length - served };
    },
    close,
  };
}

async function serveOne(workload: WorkloadConfig, options: LocalWorkloadsOptions): Promise<Served> {
  const { issuer, clock, random, problem, config } = options;
  const { id, socket, uid, gid, dnsNames, hint } = workload;
  const svid = new LocalSvid({
    ...{ issuer, clock, random, dnsNames },
    spiffeId: id,
    detail: `socket ${socket}`,
    problem: (error) => problem(`the workload on socket ${socket} has no new SVID`, error),
  });
  const feed = new LocalWorkloadFeed(issuer, svid, hint ?? '');
  const served: { tampered: boolean } = { tampered: false };
  const server = await serveWorkloadApi({
    directory: config.socketsDirectory,
    name: socket,
    uid,
    gid: gid ?? process.getegid?.() ?? 0,
    feed,
    clock,
    onTampered(diagnostic) {
      served.tampered = true;
      problem('a socket was tampered with', new SallyportError(diagnostic.code, diagnostic.message));
    },
  }).catch((error: unknown) => {
    svid.close();
    feed.close();
    throw error;
  });
  return Object.assign(served, { svid, feed, server });
}
