// Bundles and CRLs of other trust domains from files: federation by hand, or by a tool that writes PEM.
import { type Clock, systemClock } from '../../core/clock.ts';
import { readForeignTrust } from '../read-trust.ts';
import type { BundleSource } from '../source.ts';
import type { TrustState } from '../verify.ts';
import { contentsKey, type FilesByDomain, readTrustFiles } from './read-limited.ts';
import { openWatchedSource } from './watched-source.ts';

/** Which files, by trust domain; paths as the process can open them. */
export interface FileBundlesOptions {
  readonly bundleFiles: FilesByDomain;
  /** PEM or DER. */
  readonly crlFiles: FilesByDomain;
  readonly clock?: Clock;
  /** Quiet time after the last file event, milliseconds. */
  readonly debounceMs?: number;
}

/**
 * Loads the files and watches them from then on.
 * @throws ERR_IDENTITY_LOAD with every finding when the first set cannot be used
 */
export function openFileBundles(options: FileBundlesOptions): Promise<BundleSource> {
  const { clock = systemClock, bundleFiles, crlFiles, debounceMs } = options;
  return openWatchedSource<TrustState>({
    what: 'bundle',
    paths: [...Object.values(bundleFiles), ...Object.values(crlFiles)],
    async read(findings) {
      const files = await readTrustFiles({ bundleFiles, crlFiles, own: null }, findings);
      return {
        contents: contentsKey([...files.bundles.values(), ...files.crls.values()]),
        verify: (_generation, before) => readForeignTrust(files, { nowMs: clock.now(), before }, findings),
      };
    },
    clock,
    debounceMs,
  });
}
