// The status and admin addresses of one proxy: what probes, Prometheus and people on the machine can ask.
import { ruleIds } from '../policy/table.ts';
import { readinessOf } from './readiness.ts';
import type { ProxyDeps, ProxyServer } from './server.ts';
import { type AdminSources, createAdminServer } from './status/admin-server.ts';
import { type LocalServer, listen } from './status/local-server.ts';
import { createStatusServer } from './status/status-server.ts';

/** Both servers, bound. */
export interface Management {
  readonly status: LocalServer;
  readonly admin: LocalServer;
  close(): Promise<void>;
}

/** Binds both addresses. @throws ERR_LISTEN_FAILED */
export async function startManagement(proxy: ProxyServer, deps: ProxyDeps): Promise<Management> {
  const defect = (error: unknown): void => proxy.runtime.defect(error);
  const readiness = () => readinessOf(proxy, deps);
  const statusServer = createStatusServer({ readiness, metrics: () => proxy.recorder.expose(), defect });
  const adminServer = createAdminServer({ sources: adminSources(proxy, deps), defect });
  const status = await listen(statusServer, { ...deps.config.status.address, key: 'status.address' });
  const admin = await listen(adminServer, { ...deps.config.admin.address, key: 'admin.address' }).catch(
    async (error) => {
      await status.close();
      throw error;
    },
  );
  return {
    status,
    admin,
    async close() {
      await Promise.all([status.close(), admin.close()]);
    },
  };
}

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
