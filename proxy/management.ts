// The status and admin addresses of one proxy: what probes, Prometheus and people on the machine can ask.
import type { Config } from '../core/config/config.ts';
import { ruleIds } from '../policy/table.ts';
import { readinessOf } from './readiness.ts';
import type { Exposition } from './record/metrics-render.ts';
import type { ProxyDeps, ProxyServer } from './server.ts';
import { type AdminSources, createAdminServer } from './status/admin-server.ts';
import { type LocalServer, listen } from './status/local-server.ts';
import { createStatusServer, type ReadinessProbe } from './status/status-server.ts';

/** What the two addresses answer with. */
export interface ManagementSources {
  readonly readiness: ReadinessProbe;
  readonly metrics: () => Promise<Exposition>;
  readonly admin: AdminSources;
}

/** Both servers, bound. */
export interface Management {
  readonly status: LocalServer;
  readonly admin: LocalServer;
  /** Answers from `sources` from now on. */
  serve(sources: ManagementSources): void;
  close(): Promise<void>;
}

/**
 * Binds both addresses, before there is a proxy: probes are answered from the start.
 * @throws ERR_LISTEN_FAILED
 */
export async function startManagement(
  config: Config,
  first: ManagementSources,
  defect: (error: unknown) => void,
): Promise<Management> {
  let sources = first;
  const statusServer = createStatusServer({
    readiness: () => sources.readiness(),
    metrics: () => sources.metrics(),
    defect,
  });
  const adminServer = createAdminServer({ sources: () => sources.admin, defect });
  const status = await listen(statusServer, { ...config.status.address, key: 'status.address' });
  const admin = await listen(adminServer, { ...config.admin.address, key: 'admin.address' }).catch(
    async (error) => {
      await status.close();
      throw error;
    },
  );
  return {
    status,
    admin,
    serve(next) {
      sources = next;
    },
    async close() {
      await Promise.all([status.close(), admin.close()]);
    },
  };
}

/** What a proxy that knows who it is says about itself. */
export const sourcesOf = (proxy: ProxyServer, deps: ProxyDeps): ManagementSources => ({
  readiness: () => readinessOf(proxy, deps),
  metrics: () => proxy.recorder.expose(),
  admin: adminSources(proxy, deps),
});

function adminSources(proxy: ProxyServer, deps: ProxyDeps): AdminSources {
  return {
    policy: () => {
      const { table, ...state } = deps.policy.current();
      return { mode: proxy.enforcement.mode, ...state, rules: ruleIds(table) };
    },
    connections: function* () {
      for (const { peer, state } of proxy.connections()) {
        yield {
          ...peer.record,
          listener: peer.record.listener.name,
          state,
          expiresAt: isoTime(peer.expiresAtMs),
        };
      }
    },
    flowTexts: () => proxy.recorder.flowTexts(),
    config: () => deps.config,
  };
}

const isoTime = (ms: number): string | null => (Number.isFinite(ms) ? new Date(ms).toISOString() : null);
