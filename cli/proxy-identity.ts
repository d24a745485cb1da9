// The identity of `sallyport proxy`, as its configuration says: one source of the SVID, any number of foreign
// bundles and revocation lists, joined. What is not configured is not loaded.
import { openFileBundles } from '../certs/files/file-bundles.ts';
import { openFileSource } from '../certs/files/file-source.ts';
import { joinSources } from '../certs/joined-source.ts';
import type { BundleSource, SvidSource } from '../certs/source.ts';
import type { Clock } from '../core/clock.ts';
import type { Config } from '../core/config/config.ts';
import type { Diagnostic } from '../core/errors.ts';
import { openForeignBundles } from './foreign-bundles.ts';

/** What sources are opened with. */
export interface IdentityDeps {
  readonly clock: Clock;
  readonly random: () => number;
  /** Told why there is no SVID yet, as often as that changes. */
  readonly onWaiting: (why: Diagnostic) => void;
}

/**
 * Opens every source; resolves when the first SVID is there, which may take as long as an agent likes.
 * @throws ERR_IDENTITY_LOAD for files that do not verify
 */
export async function openIdentity(config: Config, deps: IdentityDeps): Promise<SvidSource> {
  const { identity, policy } = config;
  const opened: (SvidSource | BundleSource)[] = [];
  const keep = async <S extends SvidSource | BundleSource>(opening: Promise<S>): Promise<S> => {
    const source = await opening;
    opened.push(source);
    return source;
  };
  try {
    const others: BundleSource[] = [];
    for (const one of identity.federation) others.push(await keep(openForeignBundles(one, deps)));
    if (Object.keys(identity.crls).length > 0)
      others.push(
        await keep(openFileBundles({ bundleFiles: {}, crlFiles: identity.crls, clock: deps.clock })),
      );
    const svid = await keep(openSvid(config, deps));
    const reserved = new Set([...policy.trustDomainAliases, 'cluster.local']);
    return joinSources({ svid, others, reserved });
  } catch (error) {
    for (const source of opened) source.close();
    throw error;
  }
}

async function openSvid({ identity }: Config, deps: IdentityDeps): Promise<SvidSource> {
  const { trustDomain, files, workloadApi, issuer } = identity;
  if (files !== undefined)
    return openFileSource({
      trustDomain,
      certificateFile: files.certificate,
      keyFile: files.key,
      bundleFiles: files.bundles,
      crlFiles: files.crls,
      clock: deps.clock,
    });
  if (workloadApi !== undefined) {
    const { openWorkloadApiSource } = await import('../certs/workload-api/svid-source.ts');
    return openWorkloadApiSource({ trustDomain, ...workloadApi, ...deps });
  }
  if (issuer !== undefined) {
    const { openIssuerSource } = await import('../certs/issuer-client/issuer-source.ts');
    return openIssuerSource({
      address: issuer.address,
      trustDomain,
      stateDirectory: issuer.state,
      bundleFile: issuer.bundle ?? undefined,
      joinTokenFile: issuer.joinTokenFile ?? undefined,
      serviceAccountTokenFile: issuer.serviceAccountTokenFile ?? undefined,
      clock: deps.clock,
      random: deps.random,
      onWaiting: (problems) => {
        for (const problem of problems) deps.onWaiting(problem);
      },
    });
  }
  throw new Error('the configuration has one source of the SVID');
}
