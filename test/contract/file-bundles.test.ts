// Files as a source of bundles: the contract of all sources.
import { openFileBundles } from '../../certs/files/file-bundles.ts';
import { bundleSourceContract } from './bundle-source.ts';
import { TrustFiles } from './trust-files.ts';

bundleSourceContract({
  name: 'files',
  badFirstSet: 'throws',
  revokes: true,
  several: true,
  async create() {
    const files = await TrustFiles.create();
    return {
      async open(first) {
        await files.putTrust(first);
        return openFileBundles({ ...files.pathsOf(first), debounceMs: 20 });
      },
      deliver: (next) => files.putTrust(next),
      breakOff: () => files.remove('b.example.pem'),
      close: () => files.close(),
    };
  },
});
