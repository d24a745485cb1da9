// Files as a source of SVIDs: the contract of all sources.
import { openFileSource } from '../../certs/files/file-source.ts';
import { type Delivery, svidSourceContract } from './svid-source.ts';
import { TrustFiles } from './trust-files.ts';

svidSourceContract({
  name: 'files',
  badFirstSet: 'throws',
  federates: false, // which trust domains have files is fixed by the configuration
  async create() {
    const files = await TrustFiles.create();
    const write = async (delivery: Delivery): Promise<void> => {
      await files.put('tls.crt', delivery.chainPem);
      await files.put('tls.key', delivery.privateKeyPem);
      await files.putTrust(delivery);
    };
    return {
      async open(first) {
        await write(first);
        return openFileSource({
          trustDomain: 'example.org',
          certificateFile: files.path('tls.crt'),
          keyFile: files.path('tls.key'),
          ...files.pathsOf(first),
          debounceMs: 20,
        });
      },
      deliver: write,
      breakOff: () => files.remove('tls.crt'),
      close: () => files.close(),
    };
  },
});
