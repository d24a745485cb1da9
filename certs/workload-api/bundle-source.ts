// Bundles and CRLs from a SPIFFE Workload API, for one who verifies others and has no SVID from there.
// @see SPIFFE Workload API section 5.2.2
import { readForeignTrust } from '../read-trust.ts';
import type { BundleSource } from '../source.ts';
import type { TrustState } from '../verify.ts';
import { trustMaterial } from './material.ts';
import { readX509BundlesResponse } from './messages.ts';
import { openStreamSource, type WorkloadApiOptions } from './stream-source.ts';
import { trustContents } from './svid-source.ts';

/**
 * Resolves with the first good answer, however long that takes.
 * @throws ERR_WORKLOAD_API_ADDRESS, ERR_WORKLOAD_API_ABORTED
 */
export function openWorkloadApiBundles(options: WorkloadApiOptions): Promise<BundleSource> {
  const { trustDomain } = options;
  return openStreamSource<TrustState>(options, {
    name: 'FetchX509Bundles',
    read(message, { uri }, findings) {
      const material = trustMaterial(readX509BundlesResponse(message), { trustDomain, uri }, findings);
      if (material === null) return null;
      return {
        contents: trustContents(material),
        verify: (_generation, reader, found) => readForeignTrust(material, reader, found),
      };
    },
  });
}
