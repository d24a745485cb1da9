// The bundle of one foreign trust domain as a configuration names it, for `sallyport proxy` and for
// `sallyport certs serve`. What is not configured is not loaded.
import { openFileBundles } from '../certs/files/file-bundles.ts';
import { openBundleLater } from '../certs/late-bundle.ts';
import type { BundleSource } from '../certs/source.ts';
import type { Clock } from '../core/clock.ts';
import type { FederationConfig } from '../core/config/federation.ts';

/** What a source is opened with. */
export interface ForeignBundleDeps {
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * Opens the source of one foreign bundle. An endpoint or agent that is down keeps nobody from starting.
 * @throws ERR_IDENTITY_LOAD for a file, ERR_BUNDLE_ENDPOINT_CA for a CA file that cannot be used
 */
export async function openForeignBundles(
  config: FederationConfig,
  { clock, random }: ForeignBundleDeps,
): Promise<BundleSource> {
  const { trustDomain, file, endpoint, ca, cache, workloadApi } = config;
  if (file !== null) return openFileBundles({ bundleFiles: { [trustDomain]: file }, crlFiles: {}, clock });
  if (endpoint !== undefined) {
    const { openBundleEndpoint } = await import('../certs/federation/endpoint-source.ts');
    const files = { caFile: ca ?? undefined, cacheFile: cache ?? undefined };
    return openBundleEndpoint({ trustDomain, url: endpoint, ...files, clock, random });
  }
  if (workloadApi !== undefined) {
    const { openWorkloadApiBundles } = await import('../certs/workload-api/bundle-source.ts');
    return openBundleLater(trustDomain, (waiting) =>
      openWorkloadApiBundles({ socket: workloadApi, trustDomain, clock, random, ...waiting }),
    );
  }
  throw new Error('the configuration has one source of each foreign bundle');
}
